defmodule BitActor.Metrics.SeriesTest do
  use ExUnit.Case, async: true

  alias BitActor.Metrics.{Definition, Series}

  defp metric(map) do
    {:ok, definition} = Definition.new(Map.merge(%{help: "X."}, map))
    Series.new(definition, Series.table())
  end

  defp counter(labels, extra \\ %{}) do
    metric(Map.merge(%{name: "bitactor_x_total", type: :counter, labels: labels}, extra))
  end

  test "8 writers of 100,000 each: nothing is lost, with labels and without" do
    plain = counter([])
    labelled = counter([:result])

    1..8
    |> Enum.map(fn writer ->
      Task.async(fn ->
        for _ <- 1..100_000, do: Series.update(plain, 1, %{})
        for _ <- 1..10_000, do: Series.update(labelled, 2, %{result: :ok})
        Series.update(labelled, 1, %{result: writer})
      end)
    end)
    |> Task.await_many(60_000)

    assert Series.read(plain) == [{[], 800_000}]
    samples = Map.new(Series.read(labelled))
    assert samples[["ok"]] == 160_000
    for writer <- 1..8, do: assert(samples[["#{writer}"]] == 1)
  end

  test "a counter only rises, a gauge is what was set" do
    counter = counter([])
    for value <- [5, -3, 0, 2.6], do: Series.update(counter, value, %{})
    assert Series.read(counter) == [{[], 8}]

    gauge = metric(%{name: "bitactor_x", type: :gauge, labels: [:a]})
    for value <- [5, -3], do: Series.update(gauge, value, %{a: "x"})
    assert Series.read(gauge) == [{["x"], -3}]
  end

  test "a value on a bucket's bound is in it; sums of seconds keep their fractions" do
    histogram = metric(%{name: "bitactor_x_seconds", type: :histogram, buckets: [0.1, 0.5, 1]})
    for value <- [0.05, 0.1, 0.100000001, 0.5, 1, 7], do: Series.update(histogram, value, %{})
    assert [{[], {[2, 2, 1, 1], sum}}] = Series.read(histogram)
    assert_in_delta sum, 8.750000001, 1.0e-12
  end

  test "metrics that share a table and label values stay apart" do
    table = Series.table()

    [counter, histogram] =
      for map <- [
            %{name: "bitactor_x_total", type: :counter, help: "X.", labels: [:a]},
            %{
              name: "bitactor_x_bytes",
              type: :histogram,
              help: "X.",
              labels: [:a],
              buckets: [1, 10]
            }
          ] do
        {:ok, definition} = Definition.new(map)
        Series.new(definition, table)
      end

    Series.update(counter, 3, %{a: :v})
    Series.update(histogram, 5, %{a: :v})
    assert Series.read(counter) == [{["v"], 3}]
    assert Series.read(histogram) == [{["v"], {[0, 1, 0], 5}}]
  end

  test "native time is converted at the reading" do
    histogram =
      metric(%{
        name: "bitactor_x_seconds",
        type: :histogram,
        buckets: [1, 2],
        unit: {:native, :second}
      })

    second = System.convert_time_unit(1, :second, :native)
    Series.update(histogram, second, %{})
    Series.update(histogram, second + 1, %{})
    assert [{[], {[1, 1, 0], sum}}] = Series.read(histogram)
    assert_in_delta sum, 2.0, 1.0e-6
  end

  test "the number of series is bounded; what has no room is other" do
    metric = counter([:a], %{max_series: 3})
    for n <- 1..100, do: Series.update(metric, 1, %{a: "v#{n}"})

    assert Enum.sort(Series.read(metric)) == [
             {["other"], 97},
             {["v1"], 1},
             {["v2"], 1},
             {["v3"], 1}
           ]

    assert Series.overflow(metric) == 97
    assert Series.count(metric) == 4

    atoms = counter([:a], %{max_series: 3})
    for n <- 1..100, do: Series.update(atoms, 1, %{a: n})
    assert Series.count(atoms) == 4
    assert :ets.info(atoms.table, :size) <= 4 * 3 + 4
  end

  test "values outside an allow-list are other" do
    metric = counter([{:result, [:ok, :error]}])

    for result <- [:ok, "ok", :error, :unheard_of],
        do: Series.update(metric, 1, %{result: result})

    assert Enum.sort(Series.read(metric)) == [{["error"], 1}, {["ok"], 2}, {["other"], 1}]
  end

  test "an atom and its text are one series; terms are never inspected" do
    metric = counter([:a])
    values = [:x, "x", 1, "1", self(), {:x}, <<0xFF>>, String.duplicate("a", 129)]
    for value <- values, do: Series.update(metric, 1, %{a: value})
    Series.update(metric, 1, %{b: 1})
    assert Enum.sort(Series.read(metric)) == [{[""], 1}, {["1"], 2}, {["other"], 4}, {["x"], 2}]
  end

  test "many processes that bring the same new values make one series" do
    metric = counter([:a])

    1..50
    |> Enum.map(fn _ -> Task.async(fn -> Series.update(metric, 1, %{a: :new}) end) end)
    |> Task.await_many()

    assert Series.read(metric) == [{["new"], 50}]
  end
end
