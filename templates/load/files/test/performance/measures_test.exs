defmodule BitActor.Load.MeasuresTest do
  # What the load test counts and times with: a figure is worth what its measure is.
  use ExUnit.Case, async: true

  alias BitActor.{Core, Signal}
  alias BitActor.Load.Measures

  test "quantiles are values of the list, by the nearest rank" do
    assert Measures.quantiles([7]) == %{p50: 7, p99: 7, p999: 7, max: 7}
    values = Enum.shuffle(1..1_000)
    assert Measures.quantiles(values) == %{p50: 500, p99: 990, p999: 999, max: 1_000}
    assert Measures.spread([3, 1, 2]) == %{median: 2, min: 1, max: 3, runs: 3}
  end

  test "each call is timed, and its time is in nanoseconds" do
    test = self()
    times = Measures.times(3, fn i -> send(test, {:call, i}) && pause(5) end)
    assert for(_ <- 1..3, do: assert_receive({:call, i}) && i) == [1, 2, 3]
    assert Enum.all?(times, &(&1 in 4_000_000..4_000_000_000))
    assert {ns, :result} = Measures.time(fn -> pause(5) && :result end)
    assert ns in 4_000_000..4_000_000_000
  end

  test "what is compared takes turns" do
    test = self()
    work = fn name -> fn -> send(test, name) end end
    rounds = Measures.interleaved(2, a: work.(:a), b: work.(:b))
    assert rounds == %{a: [:a, :a], b: [:b, :b]}
    assert for(_ <- 1..4, do: assert_receive(name when is_atom(name)) && name) == [:a, :b, :a, :b]
  end

  test "an open loop makes every call, and a caller that is late counts its delay" do
    {times, failed} =
      Measures.open_loop(200, 1, 2, fn
        7 -> {:error, :no}
        i when i in [1, 2] -> pause(300) && {:ok, i}
        i -> {:ok, i}
      end)

    assert length(times) == 200
    assert failed == [{:error, :no}]
    # calls came all the time while both callers were held up for 300 ms: half a hundred of
    # them waited, not the two that were slow alone
    assert Enum.count(times, &(&1 > 50_000_000)) > 20
  end

  test "a batch is signals of the core, spread over the actors" do
    batch = Measures.batch(100, 10)
    assert byte_size(batch) == 6_400

    signals =
      for <<bytes::binary-64 <- batch>> do
        assert {:ok, signal} = Signal.decode(bytes)
        signal
      end

    assert Enum.uniq(for signal <- signals, do: signal.kind) == [1]

    assert signals |> Enum.map(& &1.destination) |> Enum.uniq() |> Enum.sort() ==
             Enum.to_list(0..9)

    {:ok, core} = Core.open(actors: 10)
    assert Core.process(core, batch) == {:ok, 100}
  end

  defp pause(milliseconds) do
    receive do
    after
      milliseconds -> :ok
    end
  end
end
