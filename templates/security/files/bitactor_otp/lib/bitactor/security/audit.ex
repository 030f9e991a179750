defmodule BitActor.Security.Audit do
  @moduledoc """
  The audit log: who tried what, and what came of it.

  Append-only, one record for each entry in the checksummed log of `BitActor.Durable.Log`, on the
  disk before the action goes on. Every entry holds the hash of the one before, so changing,
  removing, inserting or moving one breaks the chain at that place: `verify/2` finds it.

  Cutting entries off the end leaves a chain that is whole. For that, the newest hash (`head/1`)
  is to be kept elsewhere: it is part of every log line that this block writes, and `verify/2`
  takes it as `expected`. Where there is a key file, the hash is keyed (HMAC), and one who can
  write the file but has no key can't make a new chain either.

  An entry has fixed fields; free text from a request is not among them, so no secret
  gets in by that way.
  """
  use GenServer

  alias BitActor.Durable

  @genesis <<0::256>>

  @type entry :: %{
          sequence: pos_integer,
          time: String.t(),
          who: String.t(),
          action: String.t(),
          result: String.t(),
          from: String.t()
        }
  @type head :: {sequence :: non_neg_integer, hash :: <<_::256>>}

  @doc "Starts the log of the folder. Options: `:folder`, `:name`, `:key` (nil or a function that returns it)."
  @spec start_link(keyword) :: GenServer.on_start()
  def start_link(options) do
    GenServer.start_link(__MODULE__, options, name: Keyword.get(options, :name, __MODULE__))
  end

  @doc "Writes an entry and returns the new head once it is on the disk."
  @spec record(GenServer.server(), String.t(), atom, atom, String.t()) ::
          {:ok, head} | {:error, term}
  def record(server \\ __MODULE__, who, action, result, from) do
    GenServer.call(server, {:record, who, action, result, from})
  catch
    # Who called decides what an action without a record is worth.
    :exit, reason -> {:error, reason}
  end

  @doc "How many entries there are, and the hash of the last."
  @spec head(GenServer.server()) :: head
  def head(server \\ __MODULE__), do: GenServer.call(server, :head)

  @doc """
  Checks the chain of the log in `folder`. With `expected`, a head that was noted earlier, also
  that nothing up to it was cut off.
  """
  @spec verify(Path.t(), key: (() -> binary) | nil, expected: head | nil) ::
          {:ok, head} | {:error, {:broken, sequence :: pos_integer} | :cut | term}
  def verify(folder, options \\ []) do
    with {:ok, records} <- Durable.Log.read(path(folder)),
         {:ok, heads} <- chain(records, options[:key]) do
      {sequence, hash} = options[:expected] || {0, @genesis}

      cond do
        Enum.at(Enum.reverse(heads), sequence) == hash -> {:ok, {length(heads) - 1, hd(heads)}}
        sequence >= length(heads) -> {:error, :cut}
        true -> {:error, {:broken, sequence}}
      end
    end
  end

  @doc "The entries, oldest first."
  @spec entries(Path.t()) :: {:ok, [entry]} | {:error, term}
  def entries(folder) do
    with {:ok, records} <- Durable.Log.read(path(folder)),
         do: {:ok, Enum.map(records, fn record -> elem(decode(record), 0) end)}
  end

  @impl true
  def init(options) do
    folder = Keyword.get_lazy(options, :folder, fn -> Durable.folder("audit") end)
    key = options[:key]

    # A log that was tampered with, or written under another key, is not written on.
    with {:ok, log, records} <- Durable.Log.open(path(folder)),
         {:ok, [hash | _] = heads} <- chain(records, key) do
      {:ok, %{log: log, key: key, sequence: length(heads) - 1, hash: hash}}
    else
      {:error, reason} -> {:stop, {:audit_log, folder, reason}}
    end
  end

  @impl true
  def handle_call({:record, who, action, result, from}, _caller, state) do
    entry = %{
      sequence: state.sequence + 1,
      time: DateTime.to_iso8601(DateTime.utc_now()),
      who: who,
      action: Atom.to_string(action),
      result: Atom.to_string(result),
      from: from
    }

    body = :erlang.term_to_binary(entry, [:deterministic])
    hash = hash(state.key, state.hash, body)

    case Durable.Log.append(state.log, [hash <> body]) do
      {:ok, log} ->
        state = %{state | log: log, sequence: entry.sequence, hash: hash}
        {:reply, {:ok, {state.sequence, hash}}, state}

      {:error, reason} ->
        {:stop, {:audit_log, reason}, {:error, reason}, state}
    end
  end

  def handle_call(:head, _caller, state), do: {:reply, {state.sequence, state.hash}, state}

  @impl true
  def format_status(_reason, [_dictionary, state]), do: Map.take(state, [:sequence, :hash])

  # All hashes, the newest first and the genesis last.
  defp chain(records, key) do
    records
    |> Enum.with_index(1)
    |> Enum.reduce_while({:ok, [@genesis]}, fn {record, number}, {:ok, [previous | _] = heads} ->
      case decode(record) do
        {%{sequence: ^number}, hash, body} ->
          if :crypto.hash_equals(hash(key, previous, body), hash),
            do: {:cont, {:ok, [hash | heads]}},
            else: {:halt, {:error, {:broken, number}}}

        _ ->
          {:halt, {:error, {:broken, number}}}
      end
    end)
  end

  defp decode(<<hash::binary-32, body::binary>>) do
    {:erlang.binary_to_term(body, [:safe]), hash, body}
  rescue
    ArgumentError -> :error
  end

  defp decode(_), do: :error

  defp hash(nil, previous, body), do: :crypto.hash(:sha256, [previous, body])
  defp hash(key, previous, body), do: :crypto.mac(:hmac, :sha256, key.(), [previous, body])

  defp path(folder), do: Path.join(folder, "log")
end
