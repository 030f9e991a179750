defmodule BitActor.Metrics.DefinitionTest do
  use ExUnit.Case, async: true

  alias BitActor.Metrics.Definition

  doctest Definition

  @counter %{name: "bitactor_x_total", type: :counter, help: "X."}
  @histogram %{name: "bitactor_x_seconds", type: :histogram, help: "X.", buckets: [0.1, 1]}

  test "what a source may say" do
    for extra <- [
          %{},
          %{labels: [:a, {:b, [:x, "y"]}]},
          %{event: [:bitactor, :x], measurement: :count},
          %{event: [:bitactor, :x], measurement: fn %{count: count} -> count end},
          %{event: [:bitactor, :x], measurement: fn _, %{size: size} -> size end},
          %{read: {__MODULE__, :x, []}},
          %{max_series: 3}
        ] do
      assert {:ok, %Definition{name: "bitactor_x_total"}} =
               Definition.new(Map.merge(@counter, extra))
    end

    assert {:ok, %Definition{scale: 1, bounds: {1, 5}}} =
             Definition.new(%{@histogram | name: "bitactor_x_bytes", buckets: [1, 5]})

    # Seconds are kept as billionths.
    assert {:ok, %Definition{scale: 1_000_000_000, bounds: {100_000_000, 1_000_000_000}}} =
             Definition.new(@histogram)
  end

  test "what is refused, and why" do
    for {map, extra, problem} <- [
          {@counter, %{name: "bitactor_x"}, "ends in _total"},
          {@counter, %{type: :gauge}, "only a counter's"},
          {@counter, %{type: :summary}, "no such type"},
          {@counter, %{name: "BitActor_total"}, "lower case"},
          {@counter, %{name: "bitactor_total\n"}, "lower case"},
          {@counter, %{help: ""}, "help is missing"},
          {@counter, %{labels: [:pid]}, "label pid has no bound"},
          {@counter, %{labels: [{:key, ["a"]}]}, "label key has no bound"},
          {@counter, %{labels: [:a, :a]}, "named twice"},
          {@counter, %{labels: ["a"]}, "labels are atoms"},
          {@counter, %{labels: [:le]}, "labels are atoms"},
          {@counter, %{labels: [:"a-b"]}, "labels are atoms"},
          {@counter, %{event: [:a]}, "malformed"},
          {@counter, %{event: "a", measurement: :count}, "malformed"},
          {@counter, %{read: :x}, "malformed"},
          {@counter, %{read: {A, :b, []}, event: [:a]}, "exclude each other"},
          {@counter, %{unit: :second}, "no such unit"},
          {@counter, %{buckets: [1]}, "only histograms"},
          {@histogram, %{buckets: []}, "buckets are missing"},
          {@histogram, %{buckets: [1, 0.5]}, "buckets rise"},
          {@histogram, %{buckets: [1, 1]}, "buckets rise"},
          {@histogram, %{buckets: ["1"]}, "buckets are numbers"},
          {@histogram, %{read: {A, :b, []}}, "cannot be read"},
          {@histogram, %{name: "bitactor_x_count"}, "belongs to histograms"}
        ] do
      assert {:error, text} = Definition.new(Map.merge(map, extra))
      assert {extra, text =~ problem} == {extra, true}
    end

    assert {:error, _} = Definition.new(%{})
  end
end
