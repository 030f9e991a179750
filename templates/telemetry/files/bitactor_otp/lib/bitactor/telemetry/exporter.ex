defmodule BitActor.Telemetry.Exporter do
  @moduledoc """
  Sends finished spans to an OpenTelemetry collector by OTLP/HTTP with JSON bodies
  (https://opentelemetry.io/docs/specs/otlp/), in batches.

  Runs only where `config :bitactor, otlp_endpoint: "http://host:4318"` is set; without it
  `export/1` does nothing.

  Invariants:

    1. `export/1` never waits for the collector or for this process: it puts the span into a
       table, or counts it as dropped when `queue_max` spans wait already.
    2. Every span that was exported is in the end counted exactly once: as sent, dropped
       (queue full, given up after `attempts_max` tries, or lost with a killed exporter) or
       rejected by the collector.
    3. A failing collector is asked again after a growing, randomised pause.

  Options of `start_link/1`, each also under `config :bitactor, BitActor.Telemetry.Exporter`:
  `endpoint`, `queue_max` (2,048 spans), `batch_max` (512 spans), `interval_ms` (5,000),
  `timeout_ms` (10,000, one request), `attempts_max` (5), `backoff_ms` (1,000, doubled each
  time). The first three defaults are those of OpenTelemetry's batch span processor.
  """

  use GenServer

  alias BitActor.Telemetry.OTLP

  require Logger

  @profile :bitactor_otlp
  @counts [sent: 1, dropped: 2, rejected: 3, queued: 4]
  @queue_length Keyword.fetch!(@counts, :queued)
  @dropped Keyword.fetch!(@counts, :dropped)
  @sent Keyword.fetch!(@counts, :sent)
  @rejected Keyword.fetch!(@counts, :rejected)

  # Statuses after which the specification allows another try ("OTLP/HTTP Response").
  @retryable [429, 502, 503, 504]

  @typedoc "Spans since this node started; `queued` is how many wait now."
  @type counts :: %{
          sent: non_neg_integer(),
          dropped: non_neg_integer(),
          rejected: non_neg_integer(),
          queued: non_neg_integer()
        }

  @doc "Starts the exporter; `:ignore` where no endpoint is configured."
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(options) do
    options = Keyword.merge(Application.get_env(:bitactor, __MODULE__, []), options)
    endpoint = options[:endpoint] || Application.get_env(:bitactor, :otlp_endpoint)

    if endpoint in [nil, ""] do
      :ignore
    else
      GenServer.start_link(__MODULE__, Keyword.put(options, :endpoint, endpoint), name: __MODULE__)
    end
  end

  @doc false
  def child_spec(options) do
    %{id: __MODULE__, start: {__MODULE__, :start_link, [options]}, shutdown: 5_000}
  end

  @doc "Says whether spans are wanted: a cheap test before the work of building one."
  @spec running?() :: boolean()
  def running?, do: :persistent_term.get(__MODULE__, nil) != nil

  @doc "Queues a finished span, or counts it as dropped. Never blocks, never raises."
  @spec export(BitActor.Telemetry.Span.t()) :: :ok
  def export(span) do
    case :persistent_term.get(__MODULE__, nil) do
      nil -> :ok
      {table, queue_max} -> enqueue(span, table, queue_max, counters())
    end
  end

  defp enqueue(span, table, queue_max, counters) do
    if :atomics.add_get(counters, @queue_length, 1) > queue_max do
      discard(counters, 1)
    else
      :ets.insert(table, {:erlang.unique_integer([:monotonic]), span})
    end

    :ok
  rescue
    # The table went with the exporter; its successor starts with an empty one.
    ArgumentError -> discard(counters, 1)
  end

  defp discard(counters, spans) do
    :atomics.sub(counters, @queue_length, spans)
    :atomics.add(counters, @dropped, spans)
  end

  @doc "What became of the spans so far."
  @spec counts() :: counts()
  def counts do
    counters = counters()

    Map.new(@counts, fn {name, index} ->
      {name, if(counters, do: :atomics.get(counters, index), else: 0)}
    end)
  end

  @doc false
  def count(name), do: Map.fetch!(counts(), name)

  @doc "Metrics of the exporter."
  @spec metrics() :: [map()]
  def metrics do
    for {name, type, help} <- [
          {:sent, :counter, "Spans the collector took."},
          {:dropped, :counter, "Spans lost: queue full, or collector down for too long."},
          {:rejected, :counter, "Spans the collector refused."},
          {:queued, :gauge, "Spans waiting for the next batch."}
        ] do
      suffix = if type == :counter, do: "_total", else: ""

      %{
        name: "bitactor_spans_#{name}#{suffix}",
        type: type,
        help: help,
        labels: [],
        read: {__MODULE__, :count, [name]}
      }
    end
  end

  # Made before the first exporter starts and kept, so that totals survive its restarts.
  defp counters, do: :persistent_term.get({__MODULE__, :counters}, nil)

  defp make_counters do
    if counters() == nil do
      new = :atomics.new(length(@counts), signed: true)
      :persistent_term.put({__MODULE__, :counters}, new)
    end
  end

  @doc "Sends what is queued now; returns when the collector answered or one try failed."
  @spec flush(timeout()) :: :ok
  def flush(timeout \\ 15_000), do: GenServer.call(__MODULE__, :flush, timeout)

  @impl true
  def init(options) do
    Process.flag(:trap_exit, true)

    with {:error, reason} when not (is_tuple(reason) and elem(reason, 0) == :already_started) <-
           :inets.start(:httpc, profile: @profile) do
      {:stop, reason}
    else
      _ -> {:ok, options |> state() |> publish()}
    end
  end

  defp state(options) do
    %{
      url: OTLP.url(options[:endpoint]),
      queue_max: Keyword.get(options, :queue_max, 2_048),
      batch_max: Keyword.get(options, :batch_max, 512),
      interval: Keyword.get(options, :interval_ms, 5_000),
      timeout: Keyword.get(options, :timeout_ms, 10_000),
      attempts_max: Keyword.get(options, :attempts_max, 5),
      backoff: Keyword.get(options, :backoff_ms, 1_000),
      resource: OTLP.resource(),
      batch: [],
      attempts: 0,
      table: nil,
      timer: nil
    }
  end

  defp publish(state) do
    table = :ets.new(__MODULE__, [:ordered_set, :public, write_concurrency: true])
    make_counters()
    discard(counters(), :atomics.get(counters(), @queue_length))
    :persistent_term.put(__MODULE__, {table, state.queue_max})
    schedule(%{state | table: table}, state.interval)
  end

  @impl true
  def handle_call(:flush, _from, state), do: {:reply, :ok, send_round(state)}

  @impl true
  def handle_info(:send, state), do: {:noreply, send_round(state)}
  def handle_info(_, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, state) do
    :persistent_term.erase(__MODULE__)
    last = send_batches(%{state | timeout: min(state.timeout, 3_000), attempts_max: 1})
    :atomics.sub(counters(), @queue_length, :ets.info(last.table, :size))
    :atomics.add(counters(), @dropped, :ets.info(last.table, :size))
  end

  defp send_round(state) do
    state = send_batches(state)
    pause = if state.batch == [], do: state.interval, else: pause(state)
    schedule(state, pause)
  end

  defp schedule(state, pause) do
    _ = state.timer && Process.cancel_timer(state.timer)
    %{state | timer: Process.send_after(self(), :send, pause)}
  end

  # Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
  defp pause(%{backoff: backoff, attempts: attempts}) do
    :rand.uniform(backoff * Integer.pow(2, min(attempts, 8)))
  end

  # Sends until the queue is empty or a batch stays unsent; that batch is kept for later.
  defp send_batches(state) do
    case fill(state) do
      %{batch: []} = state ->
        state

      state ->
        case post(state) do
          :retry when state.attempts + 1 < state.attempts_max ->
            %{state | attempts: state.attempts + 1}

          result ->
            settle(result, length(state.batch))
            send_batches(%{state | batch: [], attempts: 0})
        end
    end
  end

  defp fill(%{batch: []} = state), do: %{state | batch: take(state.table, state.batch_max, [])}
  defp fill(state), do: state

  defp take(_, 0, taken), do: Enum.reverse(taken)

  defp take(table, left, taken) do
    case :ets.first(table) do
      :"$end_of_table" ->
        Enum.reverse(taken)

      key ->
        [{_, span}] = :ets.take(table, key)
        take(table, left - 1, [span | taken])
    end
  end

  defp settle({:ok, rejected}, spans) do
    rejected = min(rejected, spans)
    :atomics.sub(counters(), @queue_length, spans)
    :atomics.add(counters(), @rejected, rejected)
    :atomics.add(counters(), @sent, spans - rejected)
  end

  defp settle(:refused, spans), do: settle({:ok, spans}, spans)
  defp settle(:retry, spans), do: discard(counters(), spans)

  @spec post(map()) :: {:ok, rejected :: non_neg_integer()} | :refused | :retry
  defp post(state) do
    body = OTLP.encode(state.batch, state.resource)
    request = {state.url, [], ~c"application/json", body}

    limits =
      [timeout: state.timeout, connect_timeout: min(state.timeout, 3_000)] ++ tls(state.url)

    case :httpc.request(:post, request, limits, [body_format: :binary], @profile) do
      {:ok, {{_, status, _}, _, answer}} when status in 200..299 ->
        {:ok, OTLP.rejected(answer)}

      {:ok, {{_, status, _}, _, _}} when status in @retryable ->
        :retry

      {:ok, {{_, status, _}, _, _}} ->
        Logger.warning("OTLP collector refused #{length(state.batch)} spans: status #{status}")
        :refused

      {:error, _} ->
        :retry
    end
  end

  # httpc does not verify by default; the system's roots are what OTP 25 offers.
  defp tls(~c"https:" ++ _) do
    [
      ssl: [
        verify: :verify_peer,
        cacerts: :public_key.cacerts_get(),
        depth: 4,
        customize_hostname_check: [match_fun: :public_key.pkix_verify_hostname_match_fun(:https)]
      ]
    ]
  end

  defp tls(_), do: []
end
