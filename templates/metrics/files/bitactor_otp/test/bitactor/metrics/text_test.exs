defmodule BitActor.Metrics.TextTest do
  use ExUnit.Case, async: true

  alias BitActor.Metrics.{Definition, Text}

  doctest Text

  defp encode(map, samples) do
    {:ok, definition} = Definition.new(Map.merge(%{help: "X."}, map))
    IO.iodata_to_binary(Text.encode([{definition, samples}]))
  end

  test "counters and gauges, sorted, escaped" do
    counter = %{name: "bitactor_x_total", type: :counter, labels: [:a, :b], help: "Say \"\\\n."}

    assert encode(counter, [{["2", ""], 5}, {["1", "q\"b\\s\nn"], 1.5}]) == """
           # HELP bitactor_x_total Say "\\\\\\n.
           # TYPE bitactor_x_total counter
           bitactor_x_total{a="1",b="q\\"b\\\\s\\nn"} 1.5
           bitactor_x_total{a="2",b=""} 5
           """

    assert encode(%{name: "bitactor_x", type: :gauge}, [{[], -1}]) =~ ~r/gauge\nbitactor_x -1\n$/
    assert encode(counter, []) == ""
  end

  test "a histogram's buckets add up" do
    histogram = %{name: "bitactor_x_seconds", type: :histogram, labels: [:a], buckets: [0.001, 1]}

    assert encode(histogram, [{["v"], {[2, 3, 4], 9.25}}]) == """
           # HELP bitactor_x_seconds X.
           # TYPE bitactor_x_seconds histogram
           bitactor_x_seconds_bucket{a="v",le="0.001"} 2
           bitactor_x_seconds_bucket{a="v",le="1"} 5
           bitactor_x_seconds_bucket{a="v",le="+Inf"} 9
           bitactor_x_seconds_sum{a="v"} 9.25
           bitactor_x_seconds_count{a="v"} 9
           """
  end
end
