defmodule BitActor.Durable do
  @moduledoc """
  Files whose content survives a crash of the process, of the VM and of the machine.

  `replace/2` replaces a whole file; `BitActor.Durable.Log` appends to one. Both
  return only after the bytes, and the name they are found under, were given to
  the disk with fsync. What the disk itself does with an fsync is beyond them.
  """

  @doc """
  Returns the folder `name` of the data folder, which it makes where needed.

  The data folder is `:data_dir` of the application. Where that is not set, as in
  development, it is a folder of this VM's own below the temporary one.
  """
  @spec folder(String.t()) :: Path.t()
  def folder(name) do
    root =
      Application.get_env(:bitactor, :data_dir) ||
        Path.join(System.tmp_dir!(), "bitactor-#{System.pid()}")

    path = Path.join(root, name)
    File.mkdir_p!(path)
    path
  end

  @doc """
  Replaces the content of the file at `path`: after a crash it holds the old content or
  the new, never a mix, and after `:ok` the new. The folder must exist.
  """
  @spec replace(Path.t(), iodata) :: :ok | {:error, File.posix()}
  def replace(path, content) do
    fresh = path <> ".new"

    with :ok <- write_and_sync(fresh, content),
         :ok <- File.rename(fresh, path),
         do: sync_folder(Path.dirname(path))
  end

  @doc """
  Reads a term that was written to a file by `:erlang.term_to_binary/1`.

  Records may hold atoms that no code names, as a node that owned a claim, and what was
  acknowledged has to be read after a restart, when those atoms are not made yet. They are
  made, but only while fewer than `atoms_max` atoms are in use, half of what the VM
  can have where none is given: files can't fill the atom table, whatever is in them.
  """
  @spec decode(binary, non_neg_integer) :: {:ok, term} | {:error, :unreadable | :too_many_atoms}
  def decode(binary, atoms_max \\ div(:erlang.system_info(:atom_limit), 2)) do
    with :error <- known(binary) do
      if :erlang.system_info(:atom_count) < atoms_max,
        do: {:ok, :erlang.binary_to_term(binary)},
        else: {:error, :too_many_atoms}
    end
  rescue
    ArgumentError -> {:error, :unreadable}
  end

  defp known(binary) do
    {:ok, :erlang.binary_to_term(binary, [:safe])}
  rescue
    ArgumentError -> :error
  end

  @doc "Makes the names in a folder durable: what was created, renamed or removed there."
  @spec sync_folder(Path.t()) :: :ok | {:error, File.posix()}
  def sync_folder(path) do
    with {:ok, folder} <- :file.open(path, [:read, :raw, :directory]) do
      synced = :file.sync(folder)
      :ok = :file.close(folder)
      synced
    end
  end

  defp write_and_sync(path, content) do
    with {:ok, file} <- :file.open(path, [:write, :raw, :binary]) do
      written =
        with :ok <- :file.write(file, content),
             do: :file.sync(file)

      closed = :file.close(file)
      if written == :ok, do: closed, else: written
    end
  end
end
