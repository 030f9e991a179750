defmodule BitActor.Metrics do
  @moduledoc """
  The metrics of the node, in the Prometheus text format under `/metrics`.

  Metrics are data: modules of other blocks list theirs in `metrics/0`
  (`BitActor.Metrics.Definition` says how). Those with an event are fed by
  `BitActor.Telemetry`, those with a function are read at the scrape, and the rest is fed by
  `increment/3`, `set/3` and `observe/3`.

  Invariants:

    1. Feeding a metric takes no lock, sends no message and never raises: an unknown name or
       a value that is no number is ignored and counted in
       `bitactor_metrics_invalid_total`.
    2. The number of time series is bounded by the definitions, not by what happens.
    3. A scrape ends within `read_timeout_ms` (500) and the time of writing the text, whatever
       the functions it calls do; what did not answer is left out and counted in
       `bitactor_metrics_read_failures_total`.
    4. A definition that is not valid, or a name that is taken, is logged and left out
       (`problems/0`); the node starts all the same.

  Totals start at 0 with this process.
  """

  use GenServer

  alias BitActor.Metrics.{Definition, Series, Text}
  alias BitActor.Telemetry

  require Logger

  @read_timeout_ms 500
  @invalid "bitactor_metrics_invalid_total"
  @read_failures "bitactor_metrics_read_failures_total"

  @doc "The metrics of this module."
  @spec metrics() :: [map()]
  def metrics do
    [
      %{
        name: @invalid,
        type: :counter,
        help: "Values that were no numbers, or for metrics that nobody defined."
      },
      %{
        name: @read_failures,
        type: :counter,
        help: "Reads at a scrape that failed or took too long, by metric.",
        labels: [:metric],
        max_series: 1_000
      },
      %{
        name: "bitactor_metrics_series_dropped_total",
        type: :counter,
        help: "Updates counted as other because a metric had too many label values.",
        read: {__MODULE__, :dropped, []}
      },
      %{
        name: "bitactor_metrics_series",
        type: :gauge,
        help: "Time series that are kept between scrapes.",
        read: {__MODULE__, :series, []}
      }
    ]
  end

  @doc "Starts the process that owns the series. `sources` stands in for the catalogue's in tests."
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(options) do
    GenServer.start_link(__MODULE__, options, name: Keyword.get(options, :name, __MODULE__))
  end

  @doc "Adds `by` to a counter."
  @spec increment(String.t(), number(), map()) :: :ok
  def increment(name, by \\ 1, labels \\ %{}), do: feed(name, by, labels)

  @doc "Sets a gauge."
  @spec set(String.t(), number(), map()) :: :ok
  def set(name, value, labels \\ %{}), do: feed(name, value, labels)

  @doc "Puts a value into a histogram, in the metric's unit."
  @spec observe(String.t(), number(), map()) :: :ok
  def observe(name, value, labels \\ %{}), do: feed(name, value, labels)

  defp feed(name, value, labels) when is_number(value) do
    case :persistent_term.get(__MODULE__, nil) do
      %{^name => metric} -> Series.update(metric, value, labels)
      nil -> :ok
      metrics -> invalid(metrics)
    end
  end

  defp feed(_, _, _) do
    case :persistent_term.get(__MODULE__, nil) do
      nil -> :ok
      metrics -> invalid(metrics)
    end
  end

  defp invalid(%{@invalid => metric}), do: Series.update(metric, 1, %{})
  defp invalid(_), do: :ok

  @doc "Definitions that were left out, each with what is wrong."
  @spec problems() :: [String.t()]
  def problems, do: GenServer.call(__MODULE__, :problems)

  @doc "All metrics with their samples as of now, sorted by name."
  @spec collect() :: [{Definition.t(), [Text.sample()]}]
  def collect do
    metrics = :persistent_term.get(__MODULE__, %{})

    {polled, kept} = Enum.split_with(metrics, fn {_, metric} -> metric.definition.read != nil end)

    answers = polled |> Enum.map(&elem(&1, 1)) |> read_all()
    families = for {_, metric} <- kept, do: {metric.definition, Series.read(metric)}
    Enum.sort_by(families ++ answers, fn {definition, _} -> definition.name end)
  end

  @doc """
  The sum of all series of a counter or gauge, as of now; nil where there is none of that
  name, or its reading fails. It runs in the caller's process.
  """
  @spec total(String.t()) :: number() | nil
  def total(name) do
    case :persistent_term.get(__MODULE__, %{}) do
      %{^name => %{definition: %{read: nil, type: type}} = metric} when type != :histogram ->
        sum_samples(Series.read(metric))

      %{^name => %{definition: %{read: {_, _, _}} = definition}} ->
        with {:ok, samples} <- read(definition), do: sum_samples(samples), else: (_ -> nil)

      _ ->
        nil
    end
  end

  defp sum_samples(samples), do: samples |> Enum.map(&elem(&1, 1)) |> Enum.sum()

  # One process for each read, all at once: the slowest decides, and none can hang the scrape.
  defp read_all(metrics) do
    readers =
      for %{definition: definition} <- metrics do
        {pid, monitor} = spawn_monitor(fn -> exit({:read, read(definition)}) end)
        {definition, pid, monitor}
      end

    deadline = System.monotonic_time(:millisecond) + @read_timeout_ms
    for reader <- readers, do: {elem(reader, 0), answer(reader, deadline)}
  end

  defp answer({definition, pid, monitor}, deadline) do
    receive do
      {:DOWN, ^monitor, :process, ^pid, {:read, {:ok, samples}}} -> samples
      {:DOWN, ^monitor, :process, ^pid, _} -> failed(definition)
    after
      max(deadline - System.monotonic_time(:millisecond), 0) ->
        Process.demonitor(monitor, [:flush])
        Process.exit(pid, :kill)
        failed(definition)
    end
  end

  defp failed(definition) do
    increment(@read_failures, 1, %{metric: definition.name})
    []
  end

  defp read(%{read: {module, function, arguments}} = definition) do
    case apply(module, function, arguments) do
      number when is_number(number) -> {:ok, [{[], number}]}
      samples when is_list(samples) -> {:ok, bounded(definition, samples)}
    end
  catch
    _, _ -> :error
  end

  defp bounded(definition, samples) do
    samples
    |> Enum.map(fn {labels, number} when is_number(number) ->
      {Enum.map(definition.labels, fn name -> to_string(Map.get(labels, name, "")) end), number}
    end)
    |> Enum.uniq_by(&elem(&1, 0))
    |> Enum.take(definition.max_series)
  end

  @doc "Answers GET /metrics."
  @spec scrape(BitActor.HTTP.Request.t()) :: {200, [{String.t(), String.t()}], iodata()}
  def scrape(_request), do: {200, [{"content-type", Text.content_type()}], Text.encode(collect())}

  @doc false
  def dropped, do: sum(&Series.overflow/1)

  @doc false
  def series, do: sum(&Series.count/1)

  defp sum(of) do
    metrics = Map.values(:persistent_term.get(__MODULE__, %{}))
    Enum.sum(for %{definition: %{read: nil}} = metric <- metrics, do: of.(metric))
  end

  @impl true
  def init(options) do
    sources = Keyword.get_lazy(options, :sources, &BitActor.Catalogue.metric_sources/0)
    table = Series.table()
    {definitions, problems} = define(Enum.flat_map(sources, fn source -> source.metrics() end))
    for problem <- problems, do: Logger.error("metric left out: #{problem}")

    metrics = Map.new(definitions, fn one -> {one.name, Series.new(one, table)} end)
    :persistent_term.put(__MODULE__, metrics)
    attach(Map.values(metrics))
    {:ok, problems}
  end

  defp define(maps) do
    Enum.reduce(maps, {[], []}, fn map, {good, bad} ->
      case Definition.new(map) do
        {:error, problem} ->
          {good, bad ++ [problem]}

        {:ok, one} ->
          if taken?(good, one), do: {good, bad ++ [twice(one)]}, else: {[one | good], bad}
      end
    end)
  end

  # A histogram's lines have suffixes, which another metric's name could be.
  defp taken?(definitions, one),
    do: Enum.any?(definitions, fn other -> other.name == one.name end)

  defp twice(one), do: "#{one.name}: defined twice"

  defp attach(metrics) do
    metrics
    |> Enum.group_by(& &1.definition.event)
    |> Map.delete(nil)
    |> Enum.each(fn {event, fed} ->
      # The one of a former life of this process feeds a table that is gone.
      _ = Telemetry.detach({__MODULE__, event})
      :ok = Telemetry.attach({__MODULE__, event}, event, &__MODULE__.handle_event/4, fed)
    end)
  end

  @doc false
  def handle_event(_, measurements, metadata, metrics) do
    feed_all(metrics, measurements, metadata)
  end

  defp feed_all([], _, _), do: :ok

  defp feed_all([metric | metrics], measurements, metadata) do
    case measured(metric.definition.measurement, measurements, metadata) do
      value when is_number(value) -> Series.update(metric, value, metadata)
      _ -> feed(@invalid, 1, %{})
    end

    feed_all(metrics, measurements, metadata)
  end

  defp measured(key, measurements, _) when is_atom(key), do: Map.get(measurements, key)

  defp measured(fun, measurements, metadata) do
    if is_function(fun, 1), do: fun.(measurements), else: fun.(measurements, metadata)
  rescue
    # A handler that raises is detached for good; the caller counts this one as invalid.
    _ -> nil
  end

  @impl true
  def handle_call(:problems, _from, problems), do: {:reply, problems, problems}
end
