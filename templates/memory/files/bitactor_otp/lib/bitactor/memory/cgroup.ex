defmodule BitActor.Memory.Cgroup do
  @moduledoc """
  What the kernel lets this system use: the memory controller of cgroup v2, read from
  its files (https://docs.kernel.org/admin-guide/cgroup-v2.html, "Memory").

  The limit is the smallest `memory.max` from the process's own group up to the root:
  each of them holds. Usage is `memory.current` of the group with that limit less its
  `inactive_file`, the page cache that the kernel takes back before it kills; kubelet
  calls that the working set.
  """

  @type usage :: %{limit: pos_integer, used: non_neg_integer}

  @doc """
  The limit and what is used of it, in bytes; `:unlimited` where no group has a limit,
  there is no cgroup v2, or its files cannot be read.
  """
  @spec usage(root :: Path.t(), own :: Path.t()) :: {:ok, usage} | :unlimited
  def usage(root \\ "/sys/fs/cgroup", own \\ "/proc/self/cgroup") do
    limits =
      for folder <- folders(root, own),
          {:ok, limit} <- [number(Path.join(folder, "memory.max"))] do
        {limit, folder}
      end

    with [_ | _] <- limits,
         {limit, folder} = Enum.min(limits),
         {:ok, current} <- number(Path.join(folder, "memory.current")) do
      {:ok, %{limit: limit, used: max(current - inactive_file(folder), 0)}}
    else
      _ -> :unlimited
    end
  end

  # In a container the file may name a path outside: its own root is then the group.
  defp folders(root, own) do
    case File.read(own) do
      {:ok, "0::/" <> path} -> path |> String.trim() |> Path.split() |> up(root)
      _ -> [root]
    end
  end

  defp up(parts, root) do
    for length <- length(parts)..0//-1, do: Path.join([root | Enum.take(parts, length)])
  end

  # "max" and a file that is not there are no number.
  defp number(path) do
    with {:ok, text} <- File.read(path),
         {number, rest} when number > 0 and rest in ["", "\n"] <- Integer.parse(text) do
      {:ok, number}
    else
      _ -> :error
    end
  end

  defp inactive_file(folder) do
    with {:ok, text} <- File.read(Path.join(folder, "memory.stat")),
         [_, number] <- Regex.run(~r/^inactive_file (\d+)$/m, text) do
      String.to_integer(number)
    else
      _ -> 0
    end
  end
end
