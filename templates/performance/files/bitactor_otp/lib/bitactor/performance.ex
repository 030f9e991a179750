defmodule BitActor.Performance do
  @moduledoc """
  Says whether a setting is worth changing, from one run that measures both values.

  The two values take turns, each pair of rounds gives a ratio of their times, and the
  verdict goes by the 95 % confidence interval of the median ratio (order statistics; W.
  Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2). So a machine
  whose speed drifts does not decide, and what cannot be told apart is not proposed.

  Nothing here changes a setting for good: what a candidate applied is taken back, and
  the configuration file stays as it is. `mix bitactor.tune` prints the proposals.
  """

  alias BitActor.Performance.Workload

  @rounds_min 7
  @gain_min 1.05

  @typedoc """
  A value to try in place of the one in use. `apply` sets a value, for the next run of the
  workload.
  """
  @type candidate :: %{
          name: String.t(),
          before: term,
          after: term,
          apply: (term -> :ok),
          work: (() -> :ok)
        }

  @typedoc "`gain` is time before over time after: above 1 the new value is faster."
  @type verdict :: %{
          name: String.t(),
          before: term,
          after: term,
          before_ns: pos_integer,
          after_ns: pos_integer,
          gain: float,
          low: float,
          high: float,
          verdict: :faster | :slower | :undecided
        }

  @doc "The settings that `mix bitactor.tune` tries by itself."
  @spec candidates() :: [candidate]
  def candidates do
    snapshot_every = Application.get_env(:bitactor, :snapshot_every, 32)
    fullsweep = elem(:erlang.system_info(:fullsweep_after), 1)
    partitions = Workload.partitions()

    for(every <- [8, 32, 128], every != snapshot_every, do: snapshot(snapshot_every, every)) ++
      for(count <- [1, 2, 4, 8], count != partitions, do: engine(partitions, count)) ++
      for(n <- [0, 20, 65_535], n != fullsweep, do: sweep(fullsweep, n))
  end

  defp snapshot(now, every) do
    %{
      name: "config :bitactor, snapshot_every",
      before: now,
      after: every,
      apply: &Application.put_env(:bitactor, :snapshot_every, &1),
      work: &Workload.fresh_calls/0
    }
  end

  defp engine(now, count) do
    %{
      name: "config :bitactor, BitActor.Engine, partitions",
      before: now,
      after: count,
      apply: &Workload.restart_engine/1,
      work: &Workload.batches/0
    }
  end

  defp sweep(now, n) do
    %{
      name: "config :bitactor, BitActor.Memory, fullsweep_after",
      before: now,
      after: n,
      apply: fn n ->
        _before = :erlang.system_flag(:fullsweep_after, n)
        :ok
      end,
      work: &Workload.fresh_calls/0
    }
  end

  @doc """
  Measures both values of a candidate in turn, `rounds` times (at least #{@rounds_min}), and sets
  the one from before again, whatever happens.
  """
  @spec compare(candidate, pos_integer) :: verdict
  def compare(candidate, rounds) when rounds >= @rounds_min do
    Enum.each([candidate.after, candidate.before], &once(candidate, &1))

    pairs =
      for round <- 1..rounds do
        # who goes first alternates: what one run leaves behind meets both
        if rem(round, 2) == 0 do
          before = once(candidate, candidate.before)
          {before, once(candidate, candidate.after)}
        else
          later = once(candidate, candidate.after)
          {once(candidate, candidate.before), later}
        end
      end

    verdict(candidate, pairs)
  after
    candidate.apply.(candidate.before)
  end

  defp once(candidate, value) do
    candidate.apply.(value)
    started = System.monotonic_time()
    candidate.work.()
    max(System.convert_time_unit(System.monotonic_time() - started, :native, :nanosecond), 1)
  end

  @doc "The verdict of pairs of times, before and after."
  @spec verdict(candidate, [{pos_integer, pos_integer}]) :: verdict
  def verdict(candidate, pairs) do
    ratios = pairs |> Enum.map(fn {before, later} -> before / later end) |> Enum.sort()
    {low, high} = interval(ratios)

    verdict =
      cond do
        low > 1 and median(ratios) >= @gain_min -> :faster
        high < 1 -> :slower
        true -> :undecided
      end

    %{
      name: candidate.name,
      before: candidate.before,
      after: candidate.after,
      before_ns: pairs |> Enum.map(&elem(&1, 0)) |> Enum.sort() |> median(),
      after_ns: pairs |> Enum.map(&elem(&1, 1)) |> Enum.sort() |> median(),
      gain: median(ratios),
      low: low,
      high: high,
      verdict: verdict
    }
  end

  defp median(sorted), do: Enum.at(sorted, div(length(sorted), 2))

  defp interval(sorted) do
    count = length(sorted)
    half = 1.96 * :math.sqrt(count) / 2
    low = max(floor(count / 2 - half), 0)
    high = min(ceil(count / 2 + half), count - 1)
    {Enum.at(sorted, low), Enum.at(sorted, high)}
  end
end
