defmodule BitActor.Analytics.Recorder do
  @moduledoc """
  A DDSketch that many processes fill at once, read as the sketch of what came since the last
  reading.

  Invariants: `record/2` takes no lock and sends no message; every recorded value is in
  exactly one reading.
  """

  alias BitActor.Analytics.Sketch

  @enforce_keys [:counters, :seen]
  defstruct [:counters, :seen]

  @typedoc "`seen`: the counts of all buckets at the last reading."
  @type t :: %__MODULE__{
          counters: :counters.counters_ref(),
          seen: %{optional(pos_integer()) => pos_integer()}
        }

  @doc "An empty recorder."
  @spec new() :: t()
  def new,
    do: %__MODULE__{counters: :counters.new(Sketch.buckets(), [:write_concurrency]), seen: %{}}

  @doc "Counts a value, in nanoseconds."
  @spec record(:counters.counters_ref(), number()) :: :ok
  def record(counters, value), do: :counters.add(counters, Sketch.bucket(value), 1)

  @doc "What was recorded since the last reading. Only the owner of the recorder reads."
  @spec read(t()) :: {Sketch.t(), t()}
  def read(%__MODULE__{counters: counters, seen: seen} = recorder) do
    now =
      for bucket <- 1..Sketch.buckets(),
          (count = :counters.get(counters, bucket)) > 0,
          into: %{} do
        {bucket, count}
      end

    sketch =
      for {bucket, count} <- now, (new = count - Map.get(seen, bucket, 0)) > 0, into: %{} do
        {bucket, new}
      end

    {sketch, %{recorder | seen: now}}
  end
end
