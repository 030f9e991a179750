defmodule BitActor.Health.Memory do
  @moduledoc """
  Memory against the limit of the container: not ready above `memory_max` (0.9) of it, so that
  load goes elsewhere before the kernel kills the node.

  Read are the files of cgroup version 2 or 1 under `cgroup` (`/sys/fs/cgroup`), both under
  `config :bitactor, BitActor.Health.Memory`. Page cache that the kernel can drop at once
  (`inactive_file`) does not count, as in Kubernetes' working set. Without a limit, or without
  cgroups, the check is always good.
  """

  # What version 1 says for "no limit" is the largest multiple of the page size in 63 bits.
  @unlimited 0x7FFF_FFFF_0000_0000

  # How many processes recover/0 collects: those with the largest heaps.
  @collect 20

  @doc "The health check."
  @spec healthy() :: :ok | {:error, String.t()}
  def healthy do
    share = setting(:memory_max, 0.9)

    case usage(setting(:cgroup, "/sys/fs/cgroup")) do
      {used, limit} when used > share * limit ->
        {:error, "#{div(100 * used, limit)} % of #{div(limit, 1_048_576)} MiB are in use"}

      _ ->
        :ok
    end
  end

  defp setting(key, default) do
    :bitactor |> Application.get_env(__MODULE__, []) |> Keyword.get(key, default)
  end

  @doc "Bytes in use and their limit, or nil where there is no limit."
  @spec usage(Path.t()) :: {used :: non_neg_integer(), limit :: pos_integer()} | nil
  def usage(root) do
    version1 = Path.join(root, "memory")

    with nil <- read(root, "memory.max", "memory.current", "inactive_file") do
      read(version1, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    end
  end

  defp read(folder, limit_file, used_file, cache) do
    with limit when is_integer(limit) and limit > 0 and limit < @unlimited <-
           number(folder, limit_file),
         used when is_integer(used) <- number(folder, used_file) do
      {max(used - droppable(folder, cache), 0), limit}
    else
      _ -> nil
    end
  end

  defp number(folder, file) do
    with {:ok, text} <- File.read(Path.join(folder, file)),
         {number, _} <- Integer.parse(text) do
      number
    else
      # No such file, or "max".
      _ -> nil
    end
  end

  defp droppable(folder, name) do
    with {:ok, text} <- File.read(Path.join(folder, "memory.stat")),
         [_, bytes] <- Regex.run(~r/^#{name} (\d+)$/m, text) do
      String.to_integer(bytes)
    else
      _ -> 0
    end
  end

  @doc """
  What helps when memory is short: collects the garbage of the processes with the largest
  heaps. The node stays as it is, only slower for a moment.
  """
  @spec recover() :: :ok
  def recover do
    sized = for pid <- Process.list(), size = size(pid), do: {size, pid}

    sized
    |> Enum.sort(:desc)
    |> Enum.take(@collect)
    |> Enum.each(fn {_, pid} -> :erlang.garbage_collect(pid) end)
  end

  defp size(pid) do
    case Process.info(pid, :total_heap_size) do
      {:total_heap_size, words} -> words
      nil -> nil
    end
  end
end
