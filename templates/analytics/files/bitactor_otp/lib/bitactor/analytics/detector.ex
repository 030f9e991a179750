defmodule BitActor.Analytics.Detector do
  @moduledoc """
  Finds values that do not fit what came before: the modified z-score.

  Iglewicz, Hoaglin: "How to Detect and Handle Outliers", ASQC Quality Press, 1993, chapter
  3.3: a value is an outlier when 0.6745 |x - median| / MAD exceeds 3.5, MAD being the median
  of the absolute deviations from the median. Median and MAD are those of the last
  `window` (120) values before it, and up to half of these may be outliers themselves without
  moving the verdict much.

  One outlier is no news; an anomaly begins with `begins` (3) in a row and ends with as many
  ordinary values. While it lasts its values join the window, so that a lasting change is the
  new normal after about half a window.

  False alarms, of independent values, 200,000 each (`detector_test.exs`): with a normal
  distribution fewer than 2 values in 1,000 are outliers and no anomaly begins; with a
  log-normal one, judged by its logarithms (`scale: :log`), the same.

  A series that hardly moves would make everything an outlier: a MAD below `floor` (0.02) of the
  median's amount, or below 10^-9, counts as that much. Fewer than `warm_up` (30) values are no
  basis for a verdict. Pure: values go in, verdicts come out.
  """

  @enforce_keys [:options]
  defstruct [:options, values: [], streak: 0, anomaly: nil]

  @type t :: %__MODULE__{
          options: map(),
          values: [float()],
          streak: non_neg_integer(),
          anomaly: anomaly() | nil
        }

  @typedoc "`score` is signed: above the median is positive. `usual` is the median."
  @type anomaly :: %{value: number(), usual: number(), score: float()}

  @consistency 0.6745

  @doc "A detector; options: `window`, `warm_up`, `begins`, `threshold`, `floor`, `scale`."
  @spec new(keyword()) :: t()
  def new(options \\ []) do
    defaults = %{window: 120, warm_up: 30, begins: 3, threshold: 3.5, floor: 0.02, scale: :linear}
    %__MODULE__{options: Map.merge(defaults, Map.new(options))}
  end

  @doc """
  Takes the next value. `{:begins, anomaly}` and `:ends` are said once for an anomaly, else
  `:ordinary` or `:outlier`.
  """
  @spec next(t(), number()) :: {:ordinary | :outlier | {:begins, anomaly()} | :ends, t()}
  def next(%__MODULE__{options: options} = detector, value) do
    scaled = scale(value, options.scale)
    score = if length(detector.values) >= options.warm_up, do: score(detector, scaled)
    detector = %{detector | values: Enum.take([scaled | detector.values], options.window)}
    judge(detector, value, score)
  end

  defp scale(value, :linear), do: value / 1
  defp scale(value, :log), do: :math.log(max(value, 1.0e-9))

  defp judge(detector, _, nil), do: {:ordinary, detector}

  defp judge(%{options: options, anomaly: anomaly} = detector, value, {score, usual}) do
    outlier? = abs(score) > options.threshold
    # The streak counts what speaks against the present state.
    streak = if outlier? == (anomaly == nil), do: detector.streak + 1, else: 0
    plain = if outlier?, do: :outlier, else: :ordinary

    cond do
      streak < options.begins ->
        {plain, %{detector | streak: streak}}

      anomaly == nil ->
        anomaly = %{value: value, usual: unscale(usual, options.scale), score: score}
        {{:begins, anomaly}, %{detector | streak: 0, anomaly: anomaly}}

      true ->
        {:ends, %{detector | streak: 0, anomaly: nil}}
    end
  end

  defp unscale(value, :linear), do: value
  defp unscale(value, :log), do: :math.exp(value)

  @doc "The modified z-score of a (scaled) value against the window, with the window's median."
  @spec score(t(), float()) :: {float(), float()}
  def score(%__MODULE__{values: values, options: options}, value) do
    median = median(values)
    deviation = values |> Enum.map(fn one -> abs(one - median) end) |> median()
    least = Enum.max([options.floor * size(median, options.scale) * @consistency, 1.0e-9])
    {@consistency * (value - median) / max(deviation, least), median}
  end

  # On a logarithmic scale a share is a distance already.
  defp size(median, :linear), do: abs(median)
  defp size(_, :log), do: 1.0

  defp median(values) do
    sorted = Enum.sort(values)
    count = length(sorted)
    middle = Enum.slice(sorted, div(count - 1, 2), 2 - rem(count, 2))
    Enum.sum(middle) / length(middle)
  end
end
