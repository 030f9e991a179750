defmodule BitActor.Server do
  @moduledoc """
  The way in: a signal for a key goes to the key's worker, and an answer or an error comes back.

  There is no process on the way: `dispatch/3` runs in its caller, so nobody queues behind
  anybody but at the worker itself. The process of this name keeps the ring of nodes and
  registers the drain.

  Invariants

  1. A signal is applied at most once by a call; with an `:idempotency_key`, at most once by
     all calls with that key that the worker still remembers (its last 128).
  2. `{:ok, reply}` means applied and stored. `{:error, :timeout}` and `{:error, :crashed}` leave
     it open whether it was applied: repeat with the same idempotency key to find out. Every
     other error means that it was not applied.
  3. Nothing is raised for what comes from outside, and no atom is made of it.

  ## Errors

  | error | meaning |
  | --- | --- |
  | `:overloaded` | the mailbox, or the node, is full: come back later |
  | `:timeout` | no answer within the time |
  | `:draining` | the node does not take requests |
  | `:restarting` | the worker crashed too often and waits |
  | `:crashed` | the worker died with the signal |
  | `:unavailable` | the worker can't be started at the moment |
  | `:unreachable` | the node that owns the key does not answer |
  | `{:store, reason}` | the store refused |
  | `{:invalid, reason}` | the bytes are no signal |

  ## Several nodes

  Without members every key is served here. The setting `:members` at the start, or
  `set_members/1` later, gives each key to one of some nodes
  (`BitActor.Ring`). The state of a key that moves is what its new node's store has of it: change
  the members only with a store that the nodes share.
  """
  use GenServer

  alias BitActor.{Ring, Signal, Telemetry, Worker, Workers}
  alias BitActor.Worker.Request

  @route __MODULE__.Route
  @remote __MODULE__.Remote
  @dispatch [:bitactor, :server, :dispatch]
  @request [:bitactor, :server, :request]
  @sample_every 64
  @timeout_ms 5_000
  @results [:ok, :overloaded, :timeout, :draining, :error]

  @typedoc """
  `:timeout` in milliseconds or `:deadline`, a monotonic time in milliseconds: a worker whose turn
  comes later does not apply the signal. Without either the caller waits 5 s, and the worker
  applies what its caller no longer waits for. `:idempotency_key`, any term but `nil`;
  `:traceparent`, a W3C trace context. `admitted: true`: this node took the request before it
  closed and waits for it, so it is sent on although new ones are refused.
  """
  @type option ::
          {:timeout, pos_integer}
          | {:deadline, integer}
          | {:idempotency_key, term}
          | {:traceparent, String.t()}
          | {:admitted, boolean}
  @type failure ::
          Worker.failure() | :draining | :unavailable | :unreachable | {:invalid, term}

  @doc "The event catalogue of this module."
  @spec events() :: [map]
  def events do
    [
      %{
        name: @dispatch,
        measurements: [:duration],
        metadata: [:result],
        help: "One dispatch in 64: its duration in native time units and its result."
      },
      %{
        name: @request ++ [:start],
        measurements: [:monotonic_time, :system_time],
        metadata: [:kind],
        help: "A request that came with a trace context begins."
      },
      %{
        name: @request ++ [:stop],
        measurements: [:duration, :monotonic_time],
        metadata: [:kind, :result],
        help: "A request that came with a trace context is answered."
      }
    ]
  end

  @doc "The metrics of this module."
  @spec metrics() :: [map]
  def metrics do
    [
      %{
        name: "bitactor_signals_total",
        type: :counter,
        help: "Signals dispatched, by result: ok, overloaded, timeout, draining or error.",
        labels: [:result],
        read: {__MODULE__, :results, []}
      },
      %{
        name: "bitactor_signal_duration_seconds",
        type: :histogram,
        help: "Time from dispatch to answer, of one signal in 64.",
        labels: [],
        event: @dispatch,
        measurement: :duration,
        unit: {:native, :second},
        buckets: [0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]
      },
      %{
        name: "bitactor_signals_in_flight",
        type: :gauge,
        help:
          "Signals taken and not answered: those of the workers here and those sent to other nodes.",
        labels: [],
        read: {__MODULE__, :in_flight, []}
      },
      %{
        name: "bitactor_ring_members",
        type: :gauge,
        help: "Nodes that share the keys; 0 when this node serves them all.",
        labels: [],
        read: {__MODULE__, :members_count, []}
      }
    ]
  end

  @doc "Signals dispatched since the node started, by result, for the metrics."
  @spec results() :: [{%{result: String.t()}, non_neg_integer}]
  def results do
    {counters, _ring} = :persistent_term.get(@route)

    for {result, index} <- Enum.with_index(@results, 1),
        do: {%{result: Atom.to_string(result)}, :counters.get(counters, index)}
  end

  @doc "Signals taken and not answered, here and on their way to other nodes."
  @spec in_flight() :: non_neg_integer
  def in_flight do
    # a caller that was killed leaves its row
    {here, gone} = Enum.split_with(:ets.tab2list(@remote), fn {_, pid} -> Process.alive?(pid) end)
    Enum.each(gone, fn {request, _pid} -> :ets.delete(@remote, request) end)
    Workers.load(:in_flight) + length(here)
  end

  @doc false
  @spec start_link(term) :: GenServer.on_start()
  def start_link(_options) do
    # The table belongs to the supervisor, which calls this: requests under way to other nodes
    # do not end with this process.
    if :ets.whereis(@remote) == :undefined do
      @remote = :ets.new(@remote, [:set, :named_table, :public, write_concurrency: true])
    end

    GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  end

  @doc """
  Sends a signal to the actor of `key`, starting it if need be, and waits for its reply.

      iex> BitActor.Server.dispatch({:doctest, self()}, BitActor.Signal.new(64, "tick"))
      {:ok, 1}
  """
  @spec dispatch(key :: term, Signal.t(), [option]) :: {:ok, reply :: term} | {:error, failure}
  def dispatch(key, signal, options \\ [])

  # The short way: no clock is read.
  def dispatch(key, %Signal{} = signal, []), do: take(key, signal, nil, :infinity, @timeout_ms)

  def dispatch(key, %Signal{} = signal, options) do
    {deadline, timeout_ms} = times(options, System.monotonic_time())
    idempotency_key = Keyword.get(options, :idempotency_key)
    take = if Keyword.get(options, :admitted, false), do: &sent/5, else: &take/5

    case Keyword.get(options, :traceparent) do
      nil ->
        take.(key, signal, idempotency_key, deadline, timeout_ms)

      traceparent ->
        traced(traceparent, signal, fn ->
          take.(key, signal, idempotency_key, deadline, timeout_ms)
        end)
    end
  end

  @doc "The same for a signal as the C core encodes it."
  @spec dispatch_bytes(key :: term, binary, [option]) :: {:ok, term} | {:error, failure}
  def dispatch_bytes(key, bytes, options \\ []) do
    case Signal.decode(bytes) do
      {:ok, signal} -> dispatch(key, signal, options)
      {:error, reason} -> {:error, {:invalid, reason}}
    end
  end

  @doc """
  Hands over many signals for keys that this node serves and does not wait: how many were taken,
  and what was not, key by key. Of one key all are taken or none, in the order of the list; a
  key's signals of one batch must fit its mailbox.
  """
  @spec cast_many([{key :: term, Signal.t()}]) ::
          {taken :: non_neg_integer, refused :: [{key :: term, failure, non_neg_integer}]}
  def cast_many(pairs) when is_list(pairs) do
    if BitActor.accepting?() do
      Enum.reduce(grouped(pairs), {0, []}, fn {key, signals}, {taken, refused} ->
        case started(key, &Worker.cast(&1, signals)) do
          :ok -> {taken + length(signals), refused}
          {:error, reason} -> {taken, [{key, reason, length(signals)} | refused]}
        end
      end)
    else
      {0, for({key, signals} <- grouped(pairs), do: {key, :draining, length(signals)})}
    end
  end

  @doc """
  Many signals for keys that this node serves, and one answer for each key: the replies in order,
  all of them stored. The workers work side by side. Takes `:timeout` and `:deadline`.
  """
  @spec call_many([{key :: term, Signal.t()}], [option]) ::
          %{(key :: term) => {:ok, [reply :: term]} | {:error, failure}}
  def call_many(pairs, options \\ []) when is_list(pairs) do
    groups = grouped(pairs)

    if BitActor.accepting?() do
      {deadline, timeout_ms} = times(options, System.monotonic_time())

      {requests, answers} =
        Enum.reduce(groups, {Request.new(), %{}}, fn {key, signals}, {requests, answers} ->
          case started(key, &Worker.request_many(&1, signals, deadline, requests)) do
            {:ok, requests} -> {requests, answers}
            {:error, reason} -> {requests, Map.put(answers, key, {:error, reason})}
          end
        end)

      Request.collect(requests, answers, System.monotonic_time(:millisecond) + timeout_ms)
    else
      Map.new(groups, fn {key, _signals} -> {key, {:error, :draining}} end)
    end
  end

  @doc """
  Shares the keys among nodes, this one or not among them; `[]`: this node serves them all.
  Every node must be told the same members.
  """
  @spec set_members([node]) :: :ok
  def set_members(nodes) when is_list(nodes), do: GenServer.call(__MODULE__, {:members, nodes})

  @doc "The node that serves `key`."
  @spec owner(key :: term) :: node
  def owner(key) do
    case :persistent_term.get(@route) do
      {_counters, nil} -> node()
      {_counters, ring} -> Ring.owner(ring, key)
    end
  end

  @doc "How many nodes share the keys, for the metrics; 0: this one serves them all."
  @spec members_count() :: non_neg_integer
  def members_count do
    case :persistent_term.get(@route) do
      {_counters, nil} -> 0
      {_counters, ring} -> length(Ring.members(ring))
    end
  end

  @doc false
  # What another node calls: the key is served here whatever this node's ring says, so that two
  # nodes with different members never send a signal back and forth.
  @spec dispatch_here(term, Signal.t(), term, pos_integer) :: {:ok, term} | {:error, failure}
  def dispatch_here(key, signal, idempotency_key, timeout_ms) do
    if BitActor.accepting?() do
      {deadline, timeout_ms} = times([timeout: timeout_ms], System.monotonic_time())
      here(key, signal, idempotency_key, deadline, timeout_ms)
    else
      {:error, :draining}
    end
  end

  @impl true
  def init(nil) do
    with nil <- :persistent_term.get(@route, nil) do
      counters = :counters.new(length(@results), [:write_concurrency])
      ring = ring(Application.get_env(:bitactor, :members, []))
      :persistent_term.put(@route, {counters, ring})
    end

    :ok = BitActor.on_drain(:server, &Workers.flush/1)
    {:ok, nil}
  end

  @impl true
  def handle_call({:members, nodes}, _from, state) do
    {counters, _ring} = :persistent_term.get(@route)
    :persistent_term.put(@route, {counters, ring(nodes)})
    {:reply, :ok, state}
  end

  def handle_call(_unknown, _from, state), do: {:reply, {:error, :unknown_request}, state}

  @impl true
  def handle_cast(_unknown, state), do: {:noreply, state}

  @impl true
  def handle_info(_foreign, state), do: {:noreply, state}

  # A hash of a unique integer chooses one in 64: cheaper than a clock, even over all callers.
  defp take(key, signal, idempotency_key, deadline, timeout_ms) do
    if :erlang.phash2(:erlang.unique_integer(), @sample_every) == 0 do
      started = System.monotonic_time()
      answer = taken(key, signal, idempotency_key, deadline, timeout_ms)
      measurements = %{duration: System.monotonic_time() - started}
      Telemetry.execute(@dispatch, measurements, %{result: result(answer)})
      answer
    else
      taken(key, signal, idempotency_key, deadline, timeout_ms)
    end
  end

  defp taken(key, signal, idempotency_key, deadline, timeout_ms) do
    if BitActor.accepting?(),
      do: sent(key, signal, idempotency_key, deadline, timeout_ms),
      else: refused()
  end

  defp sent(key, signal, idempotency_key, deadline, timeout_ms) do
    {counters, ring} = :persistent_term.get(@route)
    answer = route(ring, key, signal, idempotency_key, deadline, timeout_ms)
    :counters.add(counters, index(result(answer)), 1)
    answer
  end

  defp ring([]), do: nil
  defp ring(nodes), do: Ring.new(nodes)

  defp route(nil, key, signal, idempotency_key, deadline, timeout_ms),
    do: here(key, signal, idempotency_key, deadline, timeout_ms)

  defp route(ring, key, signal, idempotency_key, deadline, timeout_ms) do
    case Ring.owner(ring, key) do
      owner when owner == node() -> here(key, signal, idempotency_key, deadline, timeout_ms)
      owner -> there(owner, key, signal, idempotency_key, timeout_ms)
    end
  end

  defp here(_key, _signal, _idempotency_key, _deadline, 0), do: {:error, :timeout}

  defp here(key, signal, idempotency_key, deadline, timeout_ms) do
    case Worker.call(key, signal, idempotency_key, deadline, timeout_ms) do
      {:error, :not_started} ->
        started(key, &Worker.call(&1, signal, idempotency_key, deadline, timeout_ms))

      answer ->
        answer
    end
  end

  # Clocks of two nodes have nothing to do with one another: the time left travels.
  defp there(owner, key, signal, idempotency_key, timeout_ms) do
    arguments = [key, signal, idempotency_key, timeout_ms]
    request = make_ref()
    true = :ets.insert(@remote, {request, self()})

    try do
      :erpc.call(owner, __MODULE__, :dispatch_here, arguments, timeout_ms)
    catch
      :error, {:erpc, :timeout} -> {:error, :timeout}
      :error, {:erpc, :noconnection} -> {:error, :unreachable}
      _kind, _reason -> {:error, :crashed}
    after
      :ets.delete(@remote, request)
    end
  end

  # The worker may die between the look and the call: one more try, then it is the caller's turn.
  defp started(key, fun) do
    case fun.(key) do
      {:error, :not_started} ->
        with {:ok, _pid} <- Workers.ensure(key),
             {:error, :not_started} <- fun.(key),
             do: {:error, :unavailable}

      answer ->
        answer
    end
  end

  defp grouped(pairs) do
    pairs
    |> Enum.reduce(%{}, fn {key, %Signal{} = signal}, groups ->
      case groups do
        %{^key => signals} -> %{groups | key => [signal | signals]}
        %{} -> Map.put(groups, key, [signal])
      end
    end)
    |> Enum.map(fn {key, signals} -> {key, Enum.reverse(signals)} end)
  end

  defp times(options, now) do
    case Keyword.fetch(options, :deadline) do
      {:ok, deadline_ms} ->
        deadline = System.convert_time_unit(deadline_ms, :millisecond, :native)
        left_ms = System.convert_time_unit(deadline - now, :native, :millisecond)
        {deadline, max(left_ms, 0)}

      :error ->
        timeout_ms = Keyword.get(options, :timeout, @timeout_ms)
        {now + System.convert_time_unit(timeout_ms, :millisecond, :native), timeout_ms}
    end
  end

  defp traced(traceparent, signal, fun) do
    Telemetry.with_traceparent(traceparent, fn ->
      Telemetry.span(@request, %{kind: signal.kind}, fn ->
        answer = fun.()
        {answer, %{kind: signal.kind, result: result(answer)}}
      end)
    end)
  end

  defp refused do
    case :persistent_term.get(@route, nil) do
      {counters, _ring} -> :counters.add(counters, index(:draining), 1)
      nil -> :ok
    end

    {:error, :draining}
  end

  defp result({:ok, _reply}), do: :ok
  defp result({:error, reason}) when reason in [:overloaded, :timeout, :draining], do: reason
  defp result({:error, _reason}), do: :error

  for {result, index} <- Enum.with_index(@results, 1) do
    defp index(unquote(result)), do: unquote(index)
  end
end
