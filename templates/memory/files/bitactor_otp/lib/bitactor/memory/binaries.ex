defmodule BitActor.Memory.Binaries do
  @moduledoc """
  Finds processes that keep large binaries alive only because they did not collect
  their garbage: a process that passes binaries on and allocates little itself is the
  usual cause (Erlang's Efficiency Guide, "Constructing and Matching Binaries").
  """

  @type found :: %{pid: pid, name: atom | nil, bytes: non_neg_integer, freed: integer}

  @doc """
  The `count` processes that refer to the most bytes of binaries outside their heaps.
  Bytes that two processes refer to count for both.
  """
  @spec largest(pos_integer) :: [{pid, bytes :: non_neg_integer}]
  def largest(count) do
    Process.list()
    |> Enum.map(&{&1, bytes(&1)})
    |> Enum.filter(fn {_pid, bytes} -> bytes > 0 end)
    |> Enum.sort_by(&elem(&1, 1), :desc)
    |> Enum.take(count)
  end

  @doc """
  Collects the garbage of the `count` processes with the most binaries and tells what
  each let go, the most first. It costs each of them one full collection.
  """
  @spec collect(pos_integer) :: [found]
  def collect(count) do
    found =
      for {pid, before} <- largest(count) do
        _alive = :erlang.garbage_collect(pid)
        %{pid: pid, name: name(pid), bytes: before, freed: before - bytes(pid)}
      end

    Enum.sort_by(found, & &1.freed, :desc)
  end

  defp bytes(pid) do
    case Process.info(pid, :binary) do
      {:binary, binaries} ->
        binaries |> Enum.uniq_by(&elem(&1, 0)) |> Enum.reduce(0, &(elem(&1, 1) + &2))

      nil ->
        0
    end
  end

  defp name(pid) do
    case Process.info(pid, :registered_name) do
      {:registered_name, name} when is_atom(name) -> name
      _ -> nil
    end
  end
end
