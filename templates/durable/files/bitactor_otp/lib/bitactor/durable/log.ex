defmodule BitActor.Durable.Log do
  @moduledoc """
  An append-only file of binaries.

  A record is `<<size::32, crc32(size)::32, crc32(payload)::32, payload>>` behind a file
  header of eight bytes. The size has a checksum of its own, so that a flipped bit in
  it cannot pass for the end of the file.

  What holds:

    1. After `append/2` returned `:ok`, `open/1` returns the records: they were
       fsync'd.
    2. A tail that a crash left half written is cut off at `open/1`. It was never
       acknowledged.
    3. Damage anywhere before a whole record is an error and never silently
       skipped: `{:error, {:damaged, offset}}`. Damage to the very last record
       cannot be told from (2); a copy on another machine is the remedy.
    4. One process owns a log; it is not safe to share.
  """

  @header "BALOG\0\0\x01"
  @prefix_bytes 12
  @record_bytes_max 16 * 1024 * 1024

  @enforce_keys [:file, :path, :bytes]
  defstruct [:file, :path, :bytes]

  @type t :: %__MODULE__{file: :file.fd(), path: Path.t(), bytes: non_neg_integer}

  @doc "Opens the log at `path`, made where missing, and returns its records in order."
  @spec open(Path.t()) ::
          {:ok, t, [binary]} | {:error, File.posix() | :not_a_log | {:damaged, non_neg_integer}}
  def open(path) do
    with {:ok, content} <- content(path),
         {:ok, records, end_at} <- decode(content),
         {:ok, file} <- :file.open(path, [:read, :write, :raw, :binary]),
         {:ok, log} <- ready(%__MODULE__{file: file, path: path, bytes: end_at}) do
      {:ok, log, records}
    end
  end

  @doc "The records of the log at `path`, which is left as it is: safe beside the process that writes."
  @spec read(Path.t()) ::
          {:ok, [binary]} | {:error, File.posix() | :not_a_log | {:damaged, non_neg_integer}}
  def read(path) do
    with {:ok, content} <- content(path),
         {:ok, records, _end_at} <- decode(content),
         do: {:ok, records}
  end

  @doc """
  Appends records of at most 16 MiB each and returns when all are on the disk. After an error
  what is on the disk is not known: `rollback/1`, or open the log anew.
  """
  @spec append(t, [binary]) :: {:ok, t} | {:error, File.posix() | :too_large}
  def append(%__MODULE__{} = log, records) do
    if Enum.any?(records, &(byte_size(&1) > @record_bytes_max)) do
      {:error, :too_large}
    else
      bytes = Enum.map(records, &encode/1)

      with :ok <- :file.pwrite(log.file, log.bytes, bytes),
           :ok <- :file.datasync(log.file),
           do: {:ok, %{log | bytes: log.bytes + IO.iodata_length(bytes)}}
    end
  end

  @doc """
  Replaces all records at once: after a crash the log holds the old ones or the new, whole. The
  log that was given is closed.
  """
  @spec replace(t, [binary]) :: {:ok, t} | {:error, File.posix() | :too_large}
  def replace(%__MODULE__{} = log, records) do
    fresh_path = log.path <> ".new"

    with :ok <- removed(fresh_path),
         {:ok, fresh, []} <- open(fresh_path),
         {:ok, fresh} <- append(fresh, records),
         :ok <- File.rename(fresh_path, log.path),
         :ok <- BitActor.Durable.sync_folder(Path.dirname(log.path)) do
      _ = close(log)
      {:ok, %{fresh | path: log.path}}
    end
  end

  @doc "Makes sure that nothing of an `append/2` that failed is left, durably."
  @spec rollback(t) :: :ok | {:error, File.posix()}
  def rollback(log) do
    with {:ok, _log} <- ready(log), do: :ok
  end

  @doc "Empties the log, durably."
  @spec clear(t) :: {:ok, t} | {:error, File.posix()}
  def clear(log), do: ready(%{log | bytes: byte_size(@header)})

  @doc "Closes the file."
  @spec close(t) :: :ok | {:error, File.posix()}
  def close(log), do: :file.close(log.file)

  # What a crash in the middle of replace/2 left.
  defp removed(path) do
    case File.rm(path) do
      {:error, :enoent} -> :ok
      other -> other
    end
  end

  # Cuts the file at log.bytes, with a header, durably.
  defp ready(log) do
    with :ok <- :file.pwrite(log.file, 0, @header),
         {:ok, _} <- :file.position(log.file, log.bytes),
         :ok <- :file.truncate(log.file),
         :ok <- :file.sync(log.file),
         :ok <- BitActor.Durable.sync_folder(Path.dirname(log.path)),
         do: {:ok, log}
  end

  defp content(path) do
    case File.read(path) do
      {:error, :enoent} -> {:ok, ""}
      other -> other
    end
  end

  defp encode(record) do
    size = <<byte_size(record)::32>>
    [size, <<:erlang.crc32(size)::32, :erlang.crc32(record)::32>>, record]
  end

  # A file shorter than its header was cut by a crash while it was made.
  defp decode(content) when byte_size(content) < byte_size(@header) do
    if String.starts_with?(@header, content),
      do: {:ok, [], byte_size(@header)},
      else: {:error, :not_a_log}
  end

  defp decode(<<@header, rest::binary>>), do: records(rest, byte_size(@header), [])
  defp decode(_), do: {:error, :not_a_log}

  defp records("", at, records), do: {:ok, Enum.reverse(records), at}

  defp records(rest, at, records) do
    case record(rest) do
      {:ok, record} ->
        bytes = @prefix_bytes + byte_size(record)
        <<_::binary-size(bytes), rest::binary>> = rest
        records(rest, at + bytes, [:binary.copy(record) | records])

      :error ->
        if record_after?(rest, 1),
          do: {:error, {:damaged, at}},
          else: {:ok, Enum.reverse(records), at}
    end
  end

  defp record(<<size::32, size_crc::32, crc::32, rest::binary>>)
       when size <= @record_bytes_max and size <= byte_size(rest) do
    <<record::binary-size(size), _::binary>> = rest

    if :erlang.crc32(<<size::32>>) == size_crc and :erlang.crc32(record) == crc,
      do: {:ok, record},
      else: :error
  end

  defp record(_), do: :error

  # Whether a whole record begins at any later byte. Empty records are common in no
  # log of ours and are the easiest to find by chance, so they do not count.
  defp record_after?(bytes, at) when at + @prefix_bytes >= byte_size(bytes), do: false

  defp record_after?(bytes, at) do
    <<_::binary-size(at), rest::binary>> = bytes

    case rest do
      <<size::32, size_crc::32, _::binary>> when size > 0 and size <= byte_size(rest) ->
        (:erlang.crc32(<<size::32>>) == size_crc and match?({:ok, _}, record(rest))) or
          record_after?(bytes, at + 1)

      _ ->
        record_after?(bytes, at + 1)
    end
  end
end
