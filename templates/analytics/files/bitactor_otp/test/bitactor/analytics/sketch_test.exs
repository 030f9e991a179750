defmodule BitActor.Analytics.SketchTest do
  use ExUnit.Case, async: true

  alias BitActor.Analytics.{Recorder, Sketch}

  doctest Sketch

  @shares [0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0]

  setup do
    :rand.seed(:exsss, ExUnit.configuration()[:seed])
    :ok
  end

  # Values of several shapes, all inside the sketch's range.
  defp values(shape, count) do
    for _ <- 1..count, do: min(max(draw(shape), 1_001), 99_000_000_000)
  end

  defp draw(:uniform), do: :rand.uniform(1_000_000)
  defp draw(:lognormal), do: :math.exp(12 + 2 * :rand.normal())
  defp draw(:pareto), do: 10_000 / :math.pow(:rand.uniform(), 1.5)
  defp draw(:two_heaps), do: if(:rand.uniform(2) == 1, do: 5_000, else: 5_000_000_000)

  test "every quantile is within 1 % of the value of its rank" do
    for shape <- [:uniform, :lognormal, :pareto, :two_heaps], count <- [1, 2, 10, 5_000] do
      values = Enum.sort(values(shape, count))
      sketch = Sketch.new(values)
      assert Sketch.count(sketch) == count

      for {share, estimate} <- Enum.zip(@shares, Sketch.quantiles(sketch, @shares)) do
        exact = Enum.at(values, trunc(share * (count - 1)))
        assert abs(estimate - exact) <= Sketch.accuracy() * exact * 1.000001
      end
    end
  end

  test "bounds: every value is in a bucket that stands for it" do
    for exponent <- 3..10, mantissa <- [1.0000001, 1.5, 3.3, 9.9999] do
      value = mantissa * :math.pow(10, exponent)
      bucket = Sketch.bucket(value)
      assert bucket in 1..Sketch.buckets()
      assert abs(Sketch.value(bucket) - value) <= Sketch.accuracy() * value * 1.000001
    end

    assert Sketch.bucket(-5) == 1
    assert Sketch.bucket(0) == 1
    assert Sketch.bucket(1.0e15) == Sketch.buckets()
  end

  test "merging is the sketch of all values" do
    [one, other] = for shape <- [:uniform, :lognormal], do: values(shape, 1_000)
    merged = Sketch.merge(Sketch.new(one), Sketch.new(other))
    assert merged == Sketch.new(one ++ other)
  end

  test "nothing counted, no quantiles" do
    assert Sketch.quantiles(Sketch.new(), [0.5, 0.9]) == [nil, nil]
  end

  test "a reading has what came since the one before" do
    recorder = Recorder.new()

    recorder =
      Enum.reduce(1..3, recorder, fn count, recorder ->
        for _ <- 1..count, do: Recorder.record(recorder.counters, 5_000)
        {sketch, recorder} = Recorder.read(recorder)
        assert sketch == Sketch.new(List.duplicate(5_000, count))
        recorder
      end)

    assert {sketch, _} = Recorder.read(recorder)
    assert sketch == %{}
  end

  test "a recorder gives each value once, also while many record" do
    recorder = Recorder.new()

    writers =
      for _ <- 1..4 do
        Task.async(fn ->
          for n <- 1..20_000, do: Recorder.record(recorder.counters, n * 1_000)
        end)
      end

    {early, recorder} = Recorder.read(recorder)
    Task.await_many(writers, 30_000)
    {late, recorder} = Recorder.read(recorder)
    assert Sketch.count(early) + Sketch.count(late) == 80_000

    one = Sketch.new(Enum.map(1..20_000, &(&1 * 1_000)))

    assert Sketch.merge(early, late) ==
             Map.new(one, fn {bucket, count} -> {bucket, 4 * count} end)

    assert {sketch, _} = Recorder.read(recorder)
    assert sketch == %{}
  end
end
