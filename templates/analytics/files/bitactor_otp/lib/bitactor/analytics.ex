defmodule BitActor.Analytics do
  @moduledoc """
  What happens now: each second one point with rates, latency quantiles and the state of the
  VM, kept for `history` (120) points, sent to whoever subscribes, and searched for anomalies.
  `/analytics` shows it.

  Quantiles are those of the last 10 s, by `BitActor.Analytics.Sketch`; anomalies are found by
  `BitActor.Analytics.Detector`.

  Series of a point (a value is nil where nothing happened):

  | name | unit | meaning |
  | --- | --- | --- |
  | `signals_per_second`, `requests_per_second` | 1/s | signals dispatched, HTTP requests handled |
  | `p50_ms`, `p99_ms`, `p999_ms` | ms | latency of signals; of HTTP requests where no server block is |
  | `run_queue` | processes | that wait for a scheduler |
  | `processes`, `memory_mib` | 1, MiB | of the VM |

  Invariants:

    1. An event costs its emitter one counter; this process reads them.
    2. A subscriber that does not keep up loses points, not this process its time: messages
       are small references to one text.
    3. With this process dead, events cost what they cost and go nowhere.
  """

  use GenServer

  alias BitActor.Analytics.{Detector, Recorder, Sketch}
  alias BitActor.{JSON, Metrics, Telemetry}

  require Logger

  @anomaly [:bitactor, :analytics, :anomaly]
  @signals [:bitactor, :server, :dispatch]
  @requests [:bitactor, :http, :request, :stop]
  @quantile_points 10

  # What the page itself causes is not what one wants to see on it.
  @own_routes ["/analytics", "/analytics/events", "/analytics/data"]

  @watched [
    signals_per_second: :linear,
    requests_per_second: :linear,
    p99_ms: :log,
    run_queue: :linear
  ]

  @type point :: %{atom() => number() | nil}

  @doc "The events of this module."
  @spec events() :: [map()]
  def events do
    [
      %{
        name: @anomaly,
        measurements: [:count, :value, :usual, :score],
        metadata: [:series],
        help: "A series left its usual range."
      }
    ]
  end

  @doc "The metrics of this module."
  @spec metrics() :: [map()]
  def metrics do
    [
      %{
        name: "bitactor_anomalies_total",
        type: :counter,
        help: "Anomalies found, by series.",
        labels: [{:series, Keyword.keys(@watched)}],
        event: @anomaly,
        measurement: :count
      },
      %{
        name: "bitactor_analytics_subscribers",
        type: :gauge,
        help: "Live pages that are open.",
        labels: [],
        read: {__MODULE__, :subscribers, []}
      }
    ]
  end

  @doc "Starts the process. Options: `interval_ms` (1,000), `history`, `sources` (for tests)."
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(options), do: GenServer.start_link(__MODULE__, options, name: __MODULE__)

  @doc """
  Sends the caller `{BitActor.Analytics, text}` for each point from now on, until it ends; the
  text is JSON. Returns the points so far, oldest first, as JSON texts.
  """
  @spec subscribe() :: [String.t()]
  def subscribe, do: GenServer.call(__MODULE__, :subscribe)

  @doc "The points so far as JSON texts, oldest first."
  @spec history() :: [String.t()]
  def history, do: GenServer.call(__MODULE__, :history)

  @doc "How many subscribe."
  @spec subscribers() :: non_neg_integer()
  def subscribers, do: GenServer.call(__MODULE__, :subscribers)

  @impl true
  def init(options) do
    configured = Application.get_env(:bitactor, __MODULE__, [])

    setting = fn key, default ->
      Keyword.get(options, key, Keyword.get(configured, key, default))
    end

    recorders = %{signals: Recorder.new(), requests: Recorder.new()}

    for {name, event} <- [signals: @signals, requests: @requests] do
      # The handler of a former life counts where nobody reads.
      _ = Telemetry.detach({__MODULE__, name})
      counters = recorders[name].counters
      :ok = Telemetry.attach({__MODULE__, name}, event, &__MODULE__.handle_event/4, counters)
    end

    state = %{
      interval: setting.(:interval_ms, 1_000),
      keep: setting.(:history, 120),
      sources: setting.(:sources, &__MODULE__.sources/0),
      recorders: recorders,
      recent: %{signals: [], requests: []},
      totals: nil,
      detectors: Map.new(@watched, fn {name, scale} -> {name, Detector.new(scale: scale)} end),
      points: :queue.new(),
      anomalies: [],
      subscribers: %{}
    }

    Process.send_after(self(), :tick, state.interval)
    {:ok, state}
  end

  @doc false
  def handle_event(_, %{duration: duration}, metadata, counters) do
    if Map.get(metadata, :route) not in @own_routes do
      Recorder.record(counters, System.convert_time_unit(duration, :native, :nanosecond))
    end
  end

  @doc "What is read at each point: totals that only rise, and levels."
  @spec sources() :: %{totals: map(), levels: map()}
  def sources do
    %{
      totals: %{
        signals: Metrics.total("bitactor_signals_total"),
        requests: Metrics.total("bitactor_http_requests_total")
      },
      levels: %{
        run_queue: :erlang.statistics(:total_run_queue_lengths),
        processes: :erlang.system_info(:process_count),
        memory_mib: Float.round(:erlang.memory(:total) / 1_048_576, 1)
      }
    }
  end

  @impl true
  def handle_call(:subscribe, {pid, _}, state) do
    subscribers = Map.put_new_lazy(state.subscribers, pid, fn -> Process.monitor(pid) end)
    {:reply, :queue.to_list(state.points), %{state | subscribers: subscribers}}
  end

  def handle_call(:history, _, state), do: {:reply, :queue.to_list(state.points), state}
  def handle_call(:subscribers, _, state), do: {:reply, map_size(state.subscribers), state}

  @impl true
  def handle_info(:tick, state) do
    Process.send_after(self(), :tick, state.interval)
    {:noreply, tick(state)}
  end

  def handle_info({:DOWN, _, :process, pid, _}, state) do
    {:noreply, %{state | subscribers: Map.delete(state.subscribers, pid)}}
  end

  def handle_info(_, state), do: {:noreply, state}

  defp tick(state) do
    now = System.monotonic_time()
    %{totals: totals, levels: levels} = state.sources.()
    state = read_recorders(state)

    point =
      levels
      |> Map.merge(rates(state.totals, totals, now))
      |> Map.merge(latencies(state.recent))

    %{state | totals: {now, totals}} |> detect(point) |> publish(point)
  end

  defp read_recorders(state) do
    Enum.reduce(state.recorders, state, fn {name, recorder}, state ->
      {sketch, recorder} = Recorder.read(recorder)
      recent = Enum.take([sketch | state.recent[name]], @quantile_points)

      state
      |> put_in([:recorders, name], recorder)
      |> put_in([:recent, name], recent)
    end)
  end

  defp rates(nil, _, _), do: %{signals_per_second: nil, requests_per_second: nil}

  defp rates({then, before}, totals, now) do
    seconds = System.convert_time_unit(now - then, :native, :microsecond) / 1_000_000

    %{
      signals_per_second: rate(before.signals, totals.signals, seconds),
      requests_per_second: rate(before.requests, totals.requests, seconds)
    }
  end

  # A total that fell began anew: what it shows now came since then.
  defp rate(before, now, seconds) when is_number(before) and is_number(now) do
    Float.round(if(now >= before, do: now - before, else: now) / seconds, 1)
  end

  defp rate(_, _, _), do: nil

  defp latencies(recent) do
    signals = Enum.reduce(recent.signals, %{}, &Sketch.merge/2)

    sketch =
      if signals == %{}, do: Enum.reduce(recent.requests, %{}, &Sketch.merge/2), else: signals

    [p50, p99, p999] = Sketch.quantiles(sketch, [0.5, 0.99, 0.999])
    %{p50_ms: milliseconds(p50), p99_ms: milliseconds(p99), p999_ms: milliseconds(p999)}
  end

  defp milliseconds(nil), do: nil
  defp milliseconds(nanoseconds), do: Float.round(nanoseconds / 1_000_000, 4)

  defp detect(state, point) do
    Enum.reduce(@watched, state, fn {name, _}, state ->
      case point[name] do
        nil -> state
        value -> judge(state, name, Detector.next(state.detectors[name], value))
      end
    end)
  end

  defp judge(state, name, {verdict, detector}) do
    state = put_in(state, [:detectors, name], detector)

    case verdict do
      {:begins, anomaly} ->
        Logger.notice("anomaly: #{name} is #{anomaly.value}, usually about #{anomaly.usual}")
        Telemetry.execute(@anomaly, Map.put(anomaly, :count, 1), %{series: name})
        found = Map.merge(anomaly, %{series: name, since: System.system_time(:millisecond)})
        %{state | anomalies: [found | state.anomalies]}

      :ends ->
        %{state | anomalies: Enum.reject(state.anomalies, &(&1.series == name))}

      _ ->
        state
    end
  end

  defp publish(state, point) do
    text =
      JSON.encode!(%{
        time: System.system_time(:millisecond),
        series: point,
        anomalies: state.anomalies
      })

    for {pid, _} <- state.subscribers, do: send(pid, {__MODULE__, text})
    points = :queue.in(text, state.points)
    points = if :queue.len(points) > state.keep, do: :queue.drop(points), else: points
    %{state | points: points}
  end
end
