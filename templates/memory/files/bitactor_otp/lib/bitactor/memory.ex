defmodule BitActor.Memory do
  @moduledoc """
  Keeps the system inside the memory that it was given.

  Every `:interval_ms` it looks at the cgroup's limit. Above `:pressure` of it, the
  processes that hold the most binaries are collected (`BitActor.Memory.Binaries`), not
  more often than every `:collect_every_ms`; above `:unready` the node is not ready, so
  that load goes elsewhere before the kernel kills it. Without a limit there is no
  pressure.

  At its start it opens the payload pools of the configuration; `pool/1` finds them from
  any process, without a message. Their blocks belong to whoever put something in, until
  it is given back; they survive restarts of this process as long as their sizes are the
  same.

  Configuration, `config :bitactor, BitActor.Memory`:

    * `:fullsweep_after` - minor collections between two full ones of each process
      started from then on (20; OTP's own default is 65,535: old binaries then stay long)
    * `:pools` - `[name: [blocks: count, block_bytes: size]]`
      (`[payloads: [blocks: 1024, block_bytes: 4096]]`)
    * `:interval_ms` (5,000), `:collect_every_ms` (30,000), `:collect_count` (10)
    * `:pressure` (0.8) and `:unready` (0.9), shares of the limit
    * `:usage` - a function in place of `BitActor.Memory.Cgroup.usage/0`, for tests
  """
  use GenServer

  alias BitActor.Memory.{Binaries, Cgroup}

  @pools {__MODULE__, :pools}
  @seen {__MODULE__, :seen}
  # places of what was last seen: the limit (0: none), bytes used, bytes from which on
  # the node is not ready
  @limit 1
  @used 2
  @unready 3

  defstruct usage: &Cgroup.usage/0,
            interval_ms: 5_000,
            collect_every_ms: 30_000,
            collect_count: 10,
            pressure: 0.8,
            unready: 0.9,
            fullsweep_after: 20,
            pools: [payloads: [blocks: 1024, block_bytes: 4096]],
            collected_at: nil

  @doc "Starts the watch. Options go before those of the configuration."
  @spec start_link(keyword) :: GenServer.on_start()
  def start_link(options \\ []) do
    {name, options} = Keyword.pop(options, :name, __MODULE__)
    settings = Keyword.merge(Application.get_env(:bitactor, __MODULE__, []), options)
    GenServer.start_link(__MODULE__, settings, name: name)
  end

  @doc "The pool of that name, for `BitActor.Core.pool_put/2` and its kin."
  @spec pool(atom) :: {:ok, BitActor.Core.pool()} | :error
  def pool(name) do
    case :persistent_term.get(@pools, %{}) do
      %{^name => {pool, _sizes}} -> {:ok, pool}
      _ -> :error
    end
  end

  @doc "The limit and what is used of it, as last seen."
  @spec usage() :: {:ok, Cgroup.usage()} | :unlimited
  def usage do
    case {seen(@limit), seen(@used)} do
      {0, _} -> :unlimited
      {limit, used} -> {:ok, %{limit: limit, used: used}}
    end
  end

  @doc "Health check: the system is below the `:unready` share of its limit."
  @spec healthy() :: :ok | {:error, String.t()}
  def healthy do
    case usage() do
      {:ok, %{limit: limit, used: used}} ->
        if used < seen(@unready),
          do: :ok,
          else: {:error, "#{round(used * 100 / limit)} % of the memory limit is used"}

      :unlimited ->
        :ok
    end
  end

  @doc "Collects the processes with the most binaries now and tells what they let go."
  @spec collect(pos_integer) :: [Binaries.found()]
  def collect(count \\ 10), do: Binaries.collect(count)

  @impl true
  def init(settings) do
    state = struct!(__MODULE__, settings)
    _before = :erlang.system_flag(:fullsweep_after, state.fullsweep_after)

    case open_pools(state.pools) do
      {:ok, pools} ->
        :persistent_term.put(@pools, pools)
        {:ok, look(state), {:continue, :wait}}

      {:error, reason} ->
        {:stop, reason}
    end
  end

  @impl true
  def handle_continue(:wait, state) do
    _timer = Process.send_after(self(), :look, state.interval_ms)
    {:noreply, state}
  end

  @impl true
  def handle_info(:look, state), do: {:noreply, look(state), {:continue, :wait}}
  def handle_info(_, state), do: {:noreply, state}

  # A pool that is there and works is kept: its blocks are in use.
  defp open_pools(wanted) do
    before = :persistent_term.get(@pools, %{})

    Enum.reduce_while(wanted, {:ok, %{}}, fn {name, sizes}, {:ok, pools} ->
      case open_pool(Map.get(before, name), sizes) do
        {:ok, pool} -> {:cont, {:ok, Map.put(pools, name, {pool, sizes})}}
        {:error, reason} -> {:halt, {:error, {:pool, name, reason}}}
      end
    end)
  end

  # Pools of the fallback are processes and end with the one that opened them.
  defp open_pool({pool, sizes}, sizes) when is_reference(pool), do: {:ok, pool}
  defp open_pool(_, sizes), do: BitActor.Core.pool_open(sizes[:blocks], sizes[:block_bytes])

  defp look(state) do
    case state.usage.() do
      {:ok, usage} ->
        see(usage.limit, usage.used, round(usage.limit * state.unready))
        relieve(state, usage)

      :unlimited ->
        see(0, 0, 0)
        state
    end
  end

  defp relieve(state, usage) do
    now = System.monotonic_time(:millisecond)
    due? = state.collected_at == nil or now - state.collected_at >= state.collect_every_ms

    if usage.used > usage.limit * state.pressure and due? do
      freed = state.collect_count |> Binaries.collect() |> Enum.map(& &1.freed) |> Enum.sum()

      BitActor.Telemetry.execute(
        [:bitactor, :memory, :pressure],
        %{count: 1, used: usage.used, limit: usage.limit, freed: max(freed, 0)},
        %{}
      )

      %{state | collected_at: now}
    else
      state
    end
  end

  # Atomics, made once: a persistent_term that changes would make every process be scanned.
  defp see(limit, used, unready) do
    numbers = :persistent_term.get(@seen, nil) || :atomics.new(3, [])
    :persistent_term.put(@seen, numbers)
    :atomics.put(numbers, @used, used)
    :atomics.put(numbers, @unready, unready)
    :atomics.put(numbers, @limit, limit)
  end

  defp seen(place) do
    case :persistent_term.get(@seen, nil) do
      nil -> 0
      numbers -> :atomics.get(numbers, place)
    end
  end

  @doc "The event catalogue of this module."
  @spec events() :: [map]
  def events do
    [
      %{
        name: [:bitactor, :memory, :pressure],
        measurements: [:count, :used, :limit, :freed],
        metadata: [],
        help: "Memory was short; the processes with the most binaries were collected."
      }
    ]
  end

  @doc "The metrics of this module."
  @spec metrics() :: [map]
  def metrics do
    [
      %{
        name: "bitactor_memory_pressure_total",
        type: :counter,
        help: "Times that memory was short and binaries were collected.",
        labels: [],
        event: [:bitactor, :memory, :pressure],
        measurement: :count
      },
      gauge(
        "bitactor_memory_limit_bytes",
        "The limit of the cgroup; 0: there is none.",
        {:seen_gauge, [@limit]}
      ),
      gauge(
        "bitactor_memory_used_bytes",
        "Of the limit, without page cache; 0 without a limit.",
        {:seen_gauge, [@used]}
      ),
      gauge(
        "bitactor_pool_capacity_bytes",
        "Bytes of the blocks of a payload pool.",
        {:pool_gauge, [:capacity]},
        [:pool]
      ),
      gauge("bitactor_pool_used_bytes", "Bytes of the blocks in use.", {:pool_gauge, [:used]}, [
        :pool
      ]),
      %{
        name: "bitactor_pool_exhausted_total",
        type: :counter,
        help: "Payloads refused because no block was free.",
        labels: [:pool],
        read: {__MODULE__, :pool_gauge, [:exhausted]}
      }
    ]
  end

  defp gauge(name, help, {function, arguments}, labels \\ []) do
    %{
      name: name,
      type: :gauge,
      help: help,
      labels: labels,
      read: {__MODULE__, function, arguments}
    }
  end

  @doc false
  @spec seen_gauge(1..3) :: non_neg_integer
  def seen_gauge(place), do: seen(place)

  @doc false
  @spec pool_gauge(:capacity | :used | :exhausted) :: [{%{pool: atom}, non_neg_integer}]
  def pool_gauge(what) do
    for {name, {pool, _sizes}} <- :persistent_term.get(@pools, %{}) do
      {%{pool: name}, pool_number(what, BitActor.Core.pool_info(pool))}
    end
  end

  defp pool_number(:capacity, info), do: info.blocks * info.block_bytes
  defp pool_number(:used, info), do: info.in_use * info.block_bytes
  defp pool_number(:exhausted, info), do: info.exhausted
end
