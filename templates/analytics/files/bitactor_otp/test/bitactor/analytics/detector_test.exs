defmodule BitActor.Analytics.DetectorTest do
  use ExUnit.Case, async: true

  alias BitActor.Analytics.Detector

  setup do
    :rand.seed(:exsss, ExUnit.configuration()[:seed])
    :ok
  end

  defp verdicts(values, options \\ []) do
    {verdicts, _} =
      Enum.map_reduce(values, Detector.new(options), fn value, detector ->
        Detector.next(detector, value)
      end)

    Enum.map(verdicts, fn
      {:begins, _} -> :begins
      other -> other
    end)
  end

  defp normal(count, mean \\ 1_000, deviation \\ 100) do
    for _ <- 1..count, do: mean + deviation * :rand.normal()
  end

  defp false_alarms(values, options) do
    verdicts = verdicts(values, options)

    {Enum.count(verdicts, &(&1 == :outlier)) / length(verdicts),
     Enum.count(verdicts, &(&1 == :begins))}
  end

  # The rates that the documentation states: outliers under 2 in 1,000, no anomaly. 2,000
  # values here; with the tag `slow`, 200,000.
  for {count, tags} <- [{2_000, []}, {200_000, [slow: true]}] do
    for {tag, value} <- tags, do: @tag([{tag, value}])

    test "false alarms in #{count} values" do
      count = unquote(count)
      {outliers, anomalies} = false_alarms(normal(count), [])
      assert anomalies == 0
      assert outliers < if(count > 100_000, do: 0.002, else: 0.006)

      lognormal = for value <- normal(count, 3, 0.5), do: :math.exp(value)
      {outliers, anomalies} = false_alarms(lognormal, scale: :log)
      assert anomalies == 0
      assert outliers < if(count > 100_000, do: 0.002, else: 0.006)
    end
  end

  test "a shift of eight deviations is found with the third value, in either direction" do
    for _ <- 1..50, shift <- [-800, 800] do
      verdicts = verdicts(normal(100) ++ normal(3, 1_000 + shift))
      # Or earlier: the value before the shift may have been an outlier by chance.
      assert :begins in Enum.take(verdicts, -3)
    end
  end

  test "an anomaly says what, against what, and how far" do
    detector =
      Enum.reduce(1..60, Detector.new(), fn n, d -> elem(Detector.next(d, 100 + rem(n, 3)), 1) end)

    {_, detector} = Detector.next(detector, 500)
    {_, detector} = Detector.next(detector, 500)
    assert {{:begins, anomaly}, _} = Detector.next(detector, 600)
    assert %{value: 600, usual: 101.0, score: score} = anomaly
    assert score > 100
  end

  test "one or two outliers are no anomaly, and it ends with three ordinary values" do
    spike = normal(60) ++ [5_000, 5_000] ++ normal(20)
    refute :begins in verdicts(spike)
    scattered = normal(60) ++ [5_000, 5_000, 1_000, 5_000, 1_000, 5_000, 1_000, 5_000]
    refute :begins in verdicts(scattered)

    verdicts = verdicts(normal(60) ++ List.duplicate(5_000, 5) ++ normal(3))
    assert Enum.count(verdicts, &(&1 == :begins)) == 1
    assert List.last(verdicts) == :ends
  end

  test "a lasting change becomes the usual" do
    verdicts = verdicts(normal(120) ++ normal(200, 5_000, 100))
    assert Enum.count(verdicts, &(&1 == :begins)) == 1
    assert Enum.count(verdicts, &(&1 == :ends)) == 1
  end

  test "a series that stands still, and one of zeroes" do
    assert Enum.uniq(verdicts(List.duplicate(7, 100) ++ [7.1, 7.1, 7.1])) == [:ordinary]
    assert :begins in verdicts(List.duplicate(7, 100) ++ [9, 9, 9])
    assert Enum.uniq(verdicts(List.duplicate(0, 300), scale: :log)) == [:ordinary]
  end

  test "no verdict without a basis" do
    assert Enum.uniq(verdicts(List.duplicate(1, 15) ++ List.duplicate(1_000, 14))) == [:ordinary]
  end
end
