defmodule BitActor.Worker do
  @moduledoc """
  One actor: a process that owns the state of one key.

  Invariants

  1. What was acknowledged is in the store: a signal is applied, appended, then answered.
  2. After a crash the state is that of the last acknowledged signal, or of the one after it
     when the crash came between the append and the answer.
  3. At most `:mailbox_max` signals wait or are in work. The sender counts them in before it
     sends, so a full mailbox costs the worker nothing: the sender gets `{:error, :overloaded}`.
  4. A worker that crashes again and again does not wear its supervisor out: after
     three crashes within a minute it starts, waits (100 ms, doubling up to 10 s) and answers
     `{:error, :restarting}` meanwhile.

  Settings (application `:bitactor`), read when a worker starts: `:handler`, `:mailbox_max`
  (1,000 signals), `:snapshot_every` (32 signals), `:idle_ms` (60,000: then the process
  hibernates), `:worker_heap_words_max` (4,000,000: a worker that needs more is killed).
  """
  use GenServer, restart: :transient, shutdown: 5_000

  alias BitActor.{Signal, Telemetry}
  alias BitActor.Worker.{Counters, Directory, Request, State}

  @restart [:bitactor, :worker, :restart]
  @cooling [:bitactor, :worker, :cooling]
  @store_failed [:bitactor, :worker, :store_failed]
  @crashes_max 3
  @cooling_ms_min 100
  @cooling_ms_max 10_000

  @enforce_keys [:fixed]
  defstruct [:fixed, :state, :settled, :put?, :tick, :tick_sequence]

  # What changes with every signal is the state alone, so that little is copied.
  @typep t :: %__MODULE__{
           fixed: %{
             key: term,
             mailbox: :atomics.atomics_ref(),
             store: module,
             counters: Counters.t(),
             snapshot_every: pos_integer,
             idle_ms: pos_integer
           },
           # nil while cooling down
           state: State.t() | nil,
           # the sequence of the last snapshot or of the last look at the state's size
           settled: non_neg_integer | nil,
           # whether the store takes the state whole
           put?: boolean | nil,
           tick: reference | nil,
           tick_sequence: integer | nil
         }

  @typedoc "Monotonic time in native units after which nobody waits for the answer."
  @type deadline :: integer | :infinity
  @type failure ::
          :overloaded
          | :timeout
          | :restarting
          | :crashed
          | :not_started
          | {:store, reason :: term}

  @doc "The event catalogue of this module."
  @spec events() :: [map]
  def events do
    [
      %{
        name: @restart,
        measurements: [:duration, :replayed, :crashes],
        metadata: [:key],
        help: "A worker came back after a crash; duration (native units) of reading its state."
      },
      %{
        name: @cooling,
        measurements: [:milliseconds, :crashes],
        metadata: [:key],
        help: "A worker that crashed too often waits before it works again."
      },
      %{
        name: @store_failed,
        measurements: [:count],
        metadata: [:key, :operation],
        help: "The store refused; the signal was not acknowledged."
      }
    ]
  end

  @doc "Starts the worker of `key`. Use `BitActor.Workers.ensure/1`, which supervises it."
  @spec start_link(key: term) :: GenServer.on_start()
  def start_link(key: key) do
    mailbox = {:atomics.new(1, signed: true), setting(:mailbox_max, 1_000)}
    name = Directory.via(key, mailbox)
    heap = %{size: setting(:worker_heap_words_max, 4_000_000), kill: true, error_logger: true}
    options = [name: name, spawn_opt: [max_heap_size: heap]]

    # A caller may have started the key's worker in the moment in which its supervisor restarts
    # it. That is no failed restart, which would be tried again at once and without end.
    case GenServer.start_link(__MODULE__, {key, mailbox}, options) do
      {:error, {:already_started, _pid}} -> :ignore
      started -> started
    end
  end

  @doc """
  Sends a signal to a running worker and waits for the answer.

  `timeout_ms` bounds the wait only: the worker may still apply the signal. With `deadline/1`
  it does not once the time is over.
  """
  @spec call(term, Signal.t(), timeout_ms :: timeout) :: {:ok, reply :: term} | {:error, failure}
  def call(key, %Signal{} = signal, timeout_ms \\ 5_000),
    do: call(key, signal, nil, :infinity, timeout_ms)

  @doc "The same with an idempotency key (`nil`: none) and a deadline."
  @spec call(term, Signal.t(), term, deadline, timeout) :: {:ok, term} | {:error, failure}
  def call(key, signal, idempotency_key, deadline, timeout_ms) do
    case Directory.lookup(key) do
      {pid, mailbox, max} ->
        if admit(mailbox, 1, max),
          do: Request.call(pid, {:signal, signal, idempotency_key, deadline}, timeout_ms),
          else: {:error, :overloaded}

      nil ->
        {:error, :not_started}
    end
  end

  @doc """
  Hands signals to a running worker, in order, and does not wait. All are taken or none.
  `:ok` means that they are in the mailbox; only an answer means that they are in the store.
  """
  @spec cast(term, [Signal.t()]) :: :ok | {:error, :overloaded | :not_started}
  def cast(key, signals) when is_list(signals) do
    case Directory.lookup(key) do
      {pid, mailbox, max} ->
        if admit(mailbox, length(signals), max),
          do: GenServer.cast(pid, {:signals, signals}),
          else: {:error, :overloaded}

      nil ->
        {:error, :not_started}
    end
  end

  @doc "The same, and one answer for all: the replies in order, once all are in the store."
  @spec call_many(term, [Signal.t()], deadline, timeout_ms :: timeout) ::
          {:ok, [reply :: term]} | {:error, failure}
  def call_many(key, signals, deadline \\ :infinity, timeout_ms \\ 5_000) when is_list(signals) do
    case Directory.lookup(key) do
      {pid, mailbox, max} ->
        if admit(mailbox, length(signals), max),
          do: Request.call(pid, {:many, signals, deadline}, timeout_ms),
          else: {:error, :overloaded}

      nil ->
        {:error, :not_started}
    end
  end

  @doc "The same without waiting: `BitActor.Worker.Request.collect/3` gets the answer under `key`."
  @spec request_many(term, [Signal.t()], deadline, Request.t()) ::
          {:ok, Request.t()} | {:error, :overloaded | :not_started}
  def request_many(key, signals, deadline, requests) when is_list(signals) do
    case Directory.lookup(key) do
      {pid, mailbox, max} ->
        if admit(mailbox, length(signals), max),
          do: {:ok, Request.send(pid, {:many, signals, deadline}, key, requests)},
          else: {:error, :overloaded}

      nil ->
        {:error, :not_started}
    end
  end

  @doc "The store in use."
  @spec store() :: module
  def store, do: setting(:worker_store, BitActor.Worker.Store.Tables)

  @doc "The actor's state, for tests and diagnosis."
  @spec state(term, timeout) :: {:ok, State.t()} | {:error, failure}
  def state(key, timeout_ms \\ 5_000) do
    case Directory.lookup(key) do
      {pid, _mailbox, _max} -> Request.call(pid, :state, timeout_ms)
      nil -> {:error, :not_started}
    end
  end

  # The counter is the sender's promise of a message: counted back by the worker once the
  # signal is done with. A worker that dies takes its counter along.
  defp admit(mailbox, count, max) do
    if :atomics.add_get(mailbox, 1, count) <= max do
      true
    else
      :atomics.sub(mailbox, 1, count)
      Counters.add(:shed, count)
      false
    end
  end

  @impl true
  def init({key, mailbox}) do
    :ok = Directory.enter(key, self(), mailbox)

    worker = %__MODULE__{
      fixed: %{
        key: key,
        mailbox: elem(mailbox, 0),
        store: store(),
        counters: Counters.reference(),
        snapshot_every: setting(:snapshot_every, 32),
        idle_ms: setting(:idle_ms, 60_000)
      }
    }

    # The parent tells one incarnation's crash from a restart of the tree above it.
    case Directory.incarnation(key, hd(Process.get(:"$ancestors"))) do
      crashes when crashes > @crashes_max -> {:ok, cool(worker, crashes)}
      crashes -> {:ok, worker, {:continue, {:load, crashes}}}
    end
  end

  @impl true
  def handle_continue({:load, crashes}, worker), do: {:noreply, load(worker, crashes)}

  @impl true
  def handle_call({:signal, _signal, _key, _deadline}, _from, %{state: nil} = worker),
    do: {:reply, {:error, :restarting}, done(worker, 1)}

  def handle_call({:signal, signal, idempotency_key, deadline}, _from, worker) do
    if late?(deadline) do
      Counters.add(:late, 1)
      {:reply, {:error, :timeout}, done(worker, 1)}
    else
      {answer, worker} = one(worker, signal, idempotency_key)
      {:reply, answer, done(worker, 1)}
    end
  end

  def handle_call({:many, signals, _deadline}, _from, %{state: nil} = worker),
    do: {:reply, {:error, :restarting}, done(worker, length(signals))}

  def handle_call({:many, signals, deadline}, _from, worker) do
    if late?(deadline) do
      Counters.add(:late, length(signals))
      {:reply, {:error, :timeout}, done(worker, length(signals))}
    else
      {answer, worker} = many(worker, signals)
      {:reply, answer, done(worker, length(signals))}
    end
  end

  def handle_call(:state, _from, %{state: nil} = worker),
    do: {:reply, {:error, :restarting}, worker}

  def handle_call(:state, _from, worker), do: {:reply, {:ok, worker.state}, worker}
  def handle_call(:flush, _from, worker), do: {:reply, :ok, worker}
  def handle_call(_unknown, _from, worker), do: {:reply, {:error, :unknown_request}, worker}

  @impl true
  def handle_cast({:signals, signals}, %{state: nil} = worker) do
    Counters.add(:lost, length(signals))
    {:noreply, done(worker, length(signals))}
  end

  def handle_cast({:signals, signals}, worker) do
    {answer, worker} = many(worker, signals)
    if match?({:error, _reason}, answer), do: Counters.add(:lost, length(signals))
    {:noreply, done(worker, length(signals))}
  end

  def handle_cast(_unknown, worker), do: {:noreply, worker}

  @impl true
  def handle_info(:tick, %{state: %State{sequence: sequence}, tick_sequence: sequence} = worker),
    do: {:noreply, %__MODULE__{worker | tick: nil}, :hibernate}

  def handle_info(:tick, worker), do: {:noreply, arm(worker)}
  def handle_info({:load, crashes}, worker), do: {:noreply, load(worker, crashes)}

  # A process that sends past call/3 and cast/2 was never admitted: its message is dropped.
  def handle_info(_foreign, worker) do
    Counters.add(:foreign, 1)
    {:noreply, worker}
  end

  @impl true
  def code_change(_old_version, %__MODULE__{state: nil} = worker, _extra), do: {:ok, worker}

  # The state goes the way of a snapshot: what the new code can't read is not run on.
  def code_change(_old_version, %__MODULE__{state: state} = worker, _extra) do
    case State.restore(state.handler, State.snapshot(state)) do
      {:ok, state} -> {:ok, %__MODULE__{worker | state: state}}
      {:error, reason} -> {:error, reason}
    end
  end

  # OTP 25 and later ask for the map; Elixir knows the callback from 1.17 on.
  if Version.match?(System.version(), ">= 1.17.0"), do: @impl(true)

  @doc false
  @spec format_status(map) :: map
  def format_status(status) do
    Map.new(status, fn
      {:state, %__MODULE__{state: nil} = worker} ->
        {:state, %{key: worker.fixed.key, cooling: true}}

      {:state, %__MODULE__{} = w} ->
        {:state, Map.put(State.format(w.state), :key, w.fixed.key)}

      {:message, _message} ->
        {:message, :hidden}

      {:log, _log} ->
        {:log, []}

      other ->
        other
    end)
  end

  # A state that the store takes whole is put; else what was applied is appended to the log.
  defp keep(%__MODULE__{put?: true, fixed: fixed}, state, _items),
    do: fixed.store.put(fixed.key, state.sequence, state)

  defp keep(%__MODULE__{fixed: fixed}, state, items),
    do: fixed.store.append(fixed.key, state.sequence, items)

  @spec one(t, Signal.t(), term) :: {{:ok, term} | {:error, failure}, t}
  defp one(worker, signal, idempotency_key) do
    case State.apply(worker.state, signal, idempotency_key) do
      {:ok, reply, state} ->
        case keep(worker, state, [{signal, idempotency_key}]) do
          :ok -> {{:ok, reply}, kept(worker, state, 1)}
          {:error, reason} -> {store_failed(worker, :append, reason), worker}
        end

      {:seen, reply} ->
        Counters.add(:repeated, 1)
        {{:ok, reply}, worker}
    end
  end

  @spec many(t, [Signal.t()]) :: {{:ok, [term]} | {:error, failure}, t}
  defp many(worker, []), do: {{:ok, []}, worker}

  defp many(worker, signals) do
    {replies, state} =
      Enum.map_reduce(signals, worker.state, fn signal, state ->
        {:ok, reply, state} = State.apply(state, signal)
        {reply, state}
      end)

    items = Enum.map(signals, &{&1, nil})

    case keep(worker, state, items) do
      :ok -> {{:ok, replies}, kept(worker, state, length(signals))}
      {:error, reason} -> {store_failed(worker, :append, reason), worker}
    end
  end

  defp kept(%__MODULE__{fixed: fixed, settled: settled} = worker, state, count) do
    :ok = Counters.add(fixed.counters, :handled, count)
    worker = %__MODULE__{worker | state: state}
    if state.sequence - settled < fixed.snapshot_every, do: worker, else: settle(worker)
  end

  # Every so many signals: is the state still small enough to be put, and if not (or not any
  # more), a snapshot. A refused one loses nothing: the log stays, the next signal tries again.
  defp settle(%__MODULE__{put?: was_put?, state: state} = worker) do
    case %__MODULE__{worker | put?: small?(worker)} do
      %__MODULE__{put?: true} = worker when was_put? ->
        %__MODULE__{worker | settled: state.sequence}

      worker ->
        snapshot(worker)
    end
  end

  defp snapshot(%__MODULE__{fixed: fixed, state: state} = worker) do
    case fixed.store.snapshot(fixed.key, state.sequence, State.snapshot(state)) do
      :ok ->
        %__MODULE__{worker | settled: state.sequence}

      {:error, reason} ->
        {:error, _} = store_failed(worker, :snapshot, reason)
        worker
    end
  end

  defp small?(%__MODULE__{fixed: %{store: store}, state: state}) do
    function_exported?(store, :put, 3) and map_size(state.seen) == 0 and
      :erts_debug.flat_size(state.data) <= store.put_words_max()
  end

  defp store_failed(worker, operation, reason) do
    Telemetry.execute(@store_failed, %{count: 1}, %{key: worker.fixed.key, operation: operation})
    {:error, {:store, reason}}
  end

  defp load(worker, crashes) do
    started = System.monotonic_time()

    case read(worker) do
      {:ok, state, replayed} ->
        if crashes > 0 do
          measurements = %{
            duration: System.monotonic_time() - started,
            replayed: replayed,
            crashes: crashes
          }

          Counters.add(:restarts, 1)
          Telemetry.execute(@restart, measurements, %{key: worker.fixed.key})
        end

        worker = %__MODULE__{worker | state: state, settled: state.sequence - replayed}
        arm(%__MODULE__{worker | put?: replayed == 0 and small?(worker)})

      # Never on with an empty state: that would lose what was acknowledged.
      {:error, reason} ->
        {:error, _} = store_failed(worker, :load, reason)
        cool(worker, max(crashes, @crashes_max) + 1)
    end
  end

  defp read(%__MODULE__{fixed: %{store: store, key: key}}) do
    with {:ok, snapshot, log} <- store.load(key),
         {:ok, restored} <- restore(key, snapshot) do
      state = State.replay(restored, Enum.flat_map(log, fn {_sequence, items} -> items end))
      {:ok, state, state.sequence - restored.sequence}
    end
  end

  defp restore(key, nil), do: {:ok, State.new(handler(), key)}
  defp restore(_key, {_sequence, binary}), do: State.restore(handler(), binary)

  defp cool(worker, crashes) do
    doublings = min(crashes - @crashes_max - 1, 10)
    milliseconds = min(@cooling_ms_min * Integer.pow(2, doublings), @cooling_ms_max)
    _timer = Process.send_after(self(), {:load, crashes}, milliseconds)
    measurements = %{milliseconds: milliseconds, crashes: crashes}
    Telemetry.execute(@cooling, measurements, %{key: worker.fixed.key})
    worker
  end

  defp done(%__MODULE__{tick: nil, state: %State{}} = worker, count),
    do: done(arm(worker), count)

  defp done(worker, count) do
    :atomics.sub(worker.fixed.mailbox, 1, count)
    worker
  end

  # A tick each idle period sees whether anything was applied in between: cheaper than a
  # timeout armed and cancelled with every signal.
  defp arm(%__MODULE__{fixed: fixed, state: state} = worker) do
    tick = Process.send_after(self(), :tick, fixed.idle_ms)
    %__MODULE__{worker | tick: tick, tick_sequence: state.sequence}
  end

  defp late?(:infinity), do: false
  defp late?(deadline), do: System.monotonic_time() > deadline

  defp handler, do: setting(:handler, BitActor.Worker.Tally)
  defp setting(name, default), do: Application.get_env(:bitactor, name, default)
end
