defmodule BitActor.PerformanceTest do
  # Restarts the engine and changes the application's settings.
  use ExUnit.Case, async: false

  import ExUnit.CaptureIO

  alias BitActor.Performance
  alias BitActor.Performance.Workload

  # The registry counts a worker that has ended until it hears of it.
  defp alive, do: Enum.count(BitActor.Worker.Directory.pids(), &Process.alive?/1)

  defp candidate(fields \\ []) do
    Map.merge(
      %{name: "a setting", before: 1, after: 2, apply: fn _ -> :ok end, work: fn -> :ok end},
      Map.new(fields)
    )
  end

  describe "a verdict" do
    test "needs a gain beyond the noise of both" do
      steady = for i <- 1..21, do: {1_000 + i, 500 + i}
      assert %{verdict: :faster, gain: gain, low: low} = Performance.verdict(candidate(), steady)
      assert gain > 1.9 and low > 1.9

      slower = for i <- 1..21, do: {500 + i, 1_000 + i}
      assert %{verdict: :slower} = Performance.verdict(candidate(), slower)

      # one run in three is ten times as fast
      noisy = for i <- 1..21, do: if(rem(i, 3) == 0, do: {1_000, 100}, else: {1_000, 1_000 + i})
      assert %{verdict: :undecided} = Performance.verdict(candidate(), noisy)

      # half of the runs are twice as fast, and the median happens to be one of them
      torn = for i <- 1..21, do: if(rem(i, 2) == 1, do: {1_000, 500}, else: {1_000, 1_050})
      assert %{verdict: :undecided, gain: 2.0} = Performance.verdict(candidate(), torn)

      little = for i <- 1..21, do: {1_030 + i, 1_000 + i}
      assert %{verdict: :undecided, low: low} = Performance.verdict(candidate(), little)
      assert low > 1
    end

    test "is the same machine's at half its speed" do
      pairs = for i <- 1..21, do: {(1_000 + i) * rem(i, 5), (500 + i) * rem(i, 5)}
      pairs = Enum.reject(pairs, &(&1 == {0, 0}))
      assert %{verdict: :faster} = Performance.verdict(candidate(), pairs)
    end
  end

  describe "a comparison" do
    test "lets both values take turns and sets the one from before again" do
      test = self()
      applied = candidate(apply: fn value -> send(test, {:applied, value}) && :ok end)
      Performance.compare(applied, 8)
      values = flush([])
      assert List.last(values) == 1
      assert Enum.count(values, &(&1 == 2)) == 9
      assert Enum.count(values, &(&1 == 1)) == 10
    end

    test "sets it again also when the work fails" do
      test = self()

      failing =
        candidate(
          work: fn -> raise "broken" end,
          apply: fn value -> send(test, {:applied, value}) && :ok end
        )

      assert_raise RuntimeError, fn -> Performance.compare(failing, 7) end
      assert List.last(flush([])) == 1
    end

    test "finds a difference that is there" do
      spin =
        candidate(
          apply: &Process.put(:spin, &1),
          work: fn -> spin(div(2_000_000, Process.get(:spin))) end,
          after: 8
        )

      assert %{verdict: :faster} = Performance.compare(spin, 15)
    end
  end

  defp spin(0), do: :ok
  defp spin(n), do: spin(n - 1)

  defp flush(values) do
    receive do
      {:applied, value} -> flush([value | values])
    after
      0 -> Enum.reverse(values)
    end
  end

  test "each candidate can be applied, and taken back" do
    workers = alive()
    partitions = Workload.partitions()
    every = Application.get_env(:bitactor, :snapshot_every)
    fullsweep = :erlang.system_info(:fullsweep_after)

    for candidate <- Performance.candidates() do
      assert :ok == candidate.apply.(candidate.after)
      assert :ok == candidate.work.()
      assert :ok == candidate.apply.(candidate.before)
    end

    assert partitions == Workload.partitions()
    assert fullsweep == :erlang.system_info(:fullsweep_after)
    assert Application.get_env(:bitactor, :snapshot_every, 32) == (every || 32)

    if every,
      do: Application.put_env(:bitactor, :snapshot_every, every),
      else: Application.delete_env(:bitactor, :snapshot_every)

    assert workers == alive()
  end

  @tag :slow
  test "profiles say where the time goes" do
    assert capture_io(fn -> Mix.Tasks.Bitactor.Profile.run(["--seconds", "1"]) end) =~
             "BitActor.Worker"

    text =
      capture_io(fn ->
        Mix.Tasks.Bitactor.Profile.run(["batches", "--tool", "msacc", "--seconds", "1"])
      end)

    assert text =~ "emulator"

    for wrong <- [["other"], ["--tool", "other"], ["--seconds", "0"]] do
      assert_raise Mix.Error, fn -> Mix.Tasks.Bitactor.Profile.run(wrong) end
    end
  end

  @tag :slow
  test "tuning prints before and after and changes nothing" do
    text = capture_io(fn -> Mix.Tasks.Bitactor.Tune.run(["--rounds", "7"]) end)
    assert text =~ ~r/partitions: \d -> \d: \d+\.\d+ -> \d+\.\d+ ms, .* (faster|slower|undecided)/
    assert text =~ ~r/(proposed:|no change proposed)/
    assert_raise Mix.Error, fn -> Mix.Tasks.Bitactor.Tune.run(["--rounds", "6"]) end
  end
end
