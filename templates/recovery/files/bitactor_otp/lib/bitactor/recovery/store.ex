defmodule BitActor.Recovery.Store do
  @moduledoc """
  The workers' store on disk.

  Keys are spread over four partitions by their hash. Each is a process
  (`BitActor.Recovery.Partition`) with a log of its own and its content in two tables, so reading costs no
  disk access. What many workers append at once shares an fsync. `append/3` and `snapshot/3` return when it is
  on the disk.

  Where the application has a `:cipher` (`BitActor.Security.Vault`), each record is encrypted,
  and bound to its partition.
  """
  @behaviour BitActor.Worker.Store

  alias BitActor.Recovery.Partition

  # Part of the format: another number would look for keys where they are not.
  @partitions 4

  @doc "The children: one for each partition. Options: `:folder`, `:prefix` of the names."
  @spec children(keyword) :: [Supervisor.child_spec()]
  def children(options) do
    for number <- 0..(@partitions - 1) do
      Supervisor.child_spec({Partition, Keyword.put(options, :number, number)}, id: number)
    end
  end

  @impl true
  def append(key, sequence, items), do: Partition.write(at(key), {:append, key, sequence, items})

  @impl true
  def snapshot(key, sequence, binary),
    do: Partition.write(at(key), {:snapshot, key, sequence, binary})

  @impl true
  def delete(key), do: Partition.write(at(key), {:delete, key})

  @impl true
  def load(key), do: Partition.load(at(key), key)

  @doc "Bytes of all logs; 0 for those that are not running."
  @spec log_bytes() :: non_neg_integer
  def log_bytes,
    do: Enum.sum(for n <- 0..(@partitions - 1), do: Partition.log_bytes(Partition.name(n)))

  defp at(key), do: Partition.name(:erlang.phash2(key, @partitions))
end
