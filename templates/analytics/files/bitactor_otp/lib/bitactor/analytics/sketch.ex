defmodule BitActor.Analytics.Sketch do
  @moduledoc """
  Quantiles of a stream in fixed memory: DDSketch.

  Masson, Rim, Lee: "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error
  Guarantees", PVLDB 12(12), 2019 (https://arxiv.org/abs/1908.10693). A value x is counted in
  the bucket ceil(log_gamma x), gamma = (1 + a) / (1 - a); a bucket i stands for
  2 gamma^i / (gamma + 1), which is within the share a of every value in it.

  Here a = 0.01, and values run from 1,000 to 10^11 (nanoseconds: 1 us to 100 s) in
  #{923} buckets. What lies below or above is counted in the first or the last one.

  Invariants, for values inside the range:

    1. `quantile/2` is within 1 % of the value that has that rank.
    2. Merging sketches gives the sketch of all their values.

  A sketch is a map from buckets to counts; `BitActor.Analytics.Recorder` keeps the same
  buckets where many processes can count at once.
  """

  @accuracy 0.01
  @gamma (1 + @accuracy) / (1 - @accuracy)
  @log_gamma :math.log(@gamma)
  @lowest 1_000
  @highest 100_000_000_000
  @offset ceil(:math.log(@lowest) / @log_gamma) - 1
  @buckets ceil(:math.log(@highest) / @log_gamma) - @offset

  @type t :: %{optional(bucket()) => pos_integer()}
  @type bucket :: pos_integer()

  @doc "How many buckets there are."
  @spec buckets() :: pos_integer()
  def buckets, do: @buckets

  @doc "The largest error of a quantile, as a share of it."
  @spec accuracy() :: float()
  def accuracy, do: @accuracy

  @doc "The bucket of a value, from 1 to `buckets/0`."
  @spec bucket(number()) :: bucket()
  def bucket(value) when value <= @lowest, do: 1
  def bucket(value) when value >= @highest, do: @buckets
  def bucket(value), do: ceil(:math.log(value) / @log_gamma) - @offset

  @doc "The value that a bucket stands for."
  @spec value(bucket()) :: float()
  def value(bucket), do: 2 * :math.pow(@gamma, bucket + @offset) / (@gamma + 1)

  @doc "The sketch of some values."
  @spec new(Enumerable.t()) :: t()
  def new(values \\ []),
    do: Enum.reduce(values, %{}, fn value, sketch -> insert(sketch, value) end)

  @doc "Counts one more value."
  @spec insert(t(), number()) :: t()
  def insert(sketch, value), do: Map.update(sketch, bucket(value), 1, &(&1 + 1))

  @doc "The sketch of the values of both."
  @spec merge(t(), t()) :: t()
  def merge(one, other), do: Map.merge(one, other, fn _, left, right -> left + right end)

  @doc "How many values were counted."
  @spec count(t()) :: non_neg_integer()
  def count(sketch), do: sketch |> Map.values() |> Enum.sum()

  @doc """
  The values of rank floor(q (n - 1)) for each q in `shares` (0 to 1, rising); nil for each
  when nothing was counted.

      iex> sketch = BitActor.Analytics.Sketch.new(1_000_000..2_000_000//1_000)
      iex> [median] = BitActor.Analytics.Sketch.quantiles(sketch, [0.5])
      iex> abs(median - 1_500_000) <= 15_000
      true
  """
  @spec quantiles(t(), [float()]) :: [float() | nil]
  def quantiles(sketch, shares) when sketch == %{}, do: Enum.map(shares, fn _ -> nil end)

  def quantiles(sketch, shares) do
    last = count(sketch) - 1
    walk(Enum.sort(sketch), Enum.map(shares, fn share -> trunc(share * last) end), 0)
  end

  defp walk(_, [], _), do: []

  defp walk([{bucket, count} | _] = buckets, [rank | ranks], below) when rank < below + count do
    [value(bucket) | walk(buckets, ranks, below)]
  end

  defp walk([{_, count} | buckets], ranks, below), do: walk(buckets, ranks, below + count)
end
