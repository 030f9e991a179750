defmodule BitActor.Engine do
  @moduledoc """
  Native actors behind OTP: one process with a core of its own for each partition.

  `dispatch/2` splits a batch of signals by the low bits of their destinations, sends
  each partition its part as one message and waits for all. Destination `d` is the
  native actor `d`, in partition `rem(d, partitions)`. Signals of one destination are
  handled in the order in which one caller dispatched them.

  Configuration, `config :bitactor, BitActor.Engine`:

    * `:actors` - native actors in all partitions together (16,384)
    * `:partitions` - a power of two up to 64 (as many as schedulers, rounded down)
    * `:pending_max` - batches that may wait at one partition (64); above it a dispatch
      is answered with `{:error, :overloaded}` and nothing is sent

  A partition that fails starts anew with empty actors, alone; its callers get
  `{:error, {:partition, reason}}`. State that must survive belongs to `BitActor.Worker`.
  """
  use Supervisor

  import Bitwise

  alias BitActor.Engine.Partition

  @key __MODULE__
  @actors_max 1_048_576

  @doc "Starts the partitions. Options are those of the configuration, and go before it."
  @spec start_link(keyword) :: Supervisor.on_start()
  def start_link(options \\ []) do
    Supervisor.start_link(__MODULE__, options, name: __MODULE__)
  end

  @impl true
  def init(options) do
    settings = Keyword.merge(Application.get_env(:bitactor, __MODULE__, []), options)
    partitions = Keyword.get_lazy(settings, :partitions, &default_partitions/0)
    actors = Keyword.get(settings, :actors, 16_384)

    unless partitions in [1, 2, 4, 8, 16, 32, 64] and actors in 1..(@actors_max * partitions) do
      raise ArgumentError, "BitActor.Engine: #{inspect(settings)}"
    end

    pending = :atomics.new(partitions, signed: true)

    :persistent_term.put(@key, %{
      names: List.to_tuple(Enum.map(0..(partitions - 1), &Partition.name/1)),
      pending: pending,
      pending_max: Keyword.get(settings, :pending_max, 64),
      shift: shift(partitions)
    })

    children =
      for index <- 0..(partitions - 1) do
        core = [actors: ceil(actors / partitions), shift: shift(partitions)]
        {Partition, index: index, pending: pending, core: core}
      end

    Supervisor.init(children, strategy: :one_for_one, max_restarts: 10, max_seconds: 10)
  end

  @doc """
  Handles a batch; `{:ok, signals}`. On `{:error, :timeout}` and `{:error, {:partition, _}}`
  some partitions may have handled their part.
  """
  @spec dispatch(BitActor.Core.batch(), timeout_ms :: non_neg_integer) ::
          {:ok, non_neg_integer}
          | {:error, :overloaded | :timeout | :stopped | {:partition, term}}
  def dispatch(batch, timeout_ms \\ 5_000) do
    case :persistent_term.get(@key, nil) do
      nil -> {:error, :stopped}
      engine -> dispatch(engine, batch, timeout_ms)
    end
  end

  defp dispatch(engine, batch, timeout_ms) do
    started = System.monotonic_time()
    deadline = System.monotonic_time(:millisecond) + timeout_ms
    split = BitActor.Core.split(batch, tuple_size(engine.names))

    parts =
      for {part, index} <- Enum.with_index(Tuple.to_list(split)), part != <<>>, do: {part, index}

    if reserve(engine, parts, []) do
      answer = parts |> send_all(engine, deadline) |> gather(deadline, {:ok, 0})
      report(answer, started)
      answer
    else
      BitActor.Telemetry.execute(
        [:bitactor, :engine, :refused],
        %{signals: div(byte_size(batch), 64)},
        %{}
      )

      {:error, :overloaded}
    end
  end

  # Takes a place in the queue of each partition, or none.
  defp reserve(_engine, [], _taken), do: true

  defp reserve(engine, [{_, index} | rest], taken) do
    if :atomics.add_get(engine.pending, index + 1, 1) <= engine.pending_max do
      reserve(engine, rest, [index | taken])
    else
      Enum.each([index | taken], &:atomics.sub(engine.pending, &1 + 1, 1))
      false
    end
  end

  defp send_all(parts, engine, deadline) do
    for {part, index} <- parts do
      :gen_server.send_request(elem(engine.names, index), {:batch, part, deadline})
    end
  end

  # All answers are awaited, also after an error: late ones would stay in the mailbox.
  defp gather([], _deadline, answer), do: answer

  defp gather([request | rest], deadline, answer) do
    timeout = max(deadline - System.monotonic_time(:millisecond), 0)
    gather(rest, deadline, combine(answer, :gen_server.receive_response(request, timeout)))
  end

  defp combine({:ok, sum}, {:reply, {:ok, handled}}), do: {:ok, sum + handled}
  defp combine({:ok, _}, {:reply, {:error, reason}}), do: {:error, reason}
  defp combine({:ok, _}, :timeout), do: {:error, :timeout}
  defp combine({:ok, _}, {:error, {reason, _server}}), do: {:error, {:partition, reason}}
  defp combine(error, _response), do: error

  defp report({:ok, signals}, started) do
    duration = System.monotonic_time() - started

    BitActor.Telemetry.execute(
      [:bitactor, :engine, :batch],
      %{signals: signals, duration: duration},
      %{}
    )
  end

  defp report({:error, _}, _started) do
    BitActor.Telemetry.execute([:bitactor, :engine, :failed], %{count: 1}, %{})
  end

  @doc "What the native actor of a destination holds."
  @spec actor(non_neg_integer) :: {:ok, BitActor.Core.actor()} | {:error, :range}
  def actor(destination) do
    %{names: names, shift: shift} = :persistent_term.get(@key)
    index = destination &&& tuple_size(names) - 1
    GenServer.call(elem(names, index), {:actor, destination >>> shift})
  end

  @doc "The counters of all partitions together."
  @spec info() :: BitActor.Core.counters()
  def info do
    :persistent_term.get(@key).names
    |> Tuple.to_list()
    |> Enum.map(&GenServer.call(&1, :info))
    |> Enum.reduce(&Map.merge(&1, &2, fn _, a, b -> a + b end))
  end

  @doc "The event catalogue of this module."
  @spec events() :: [map]
  def events do
    [
      %{
        name: [:bitactor, :engine, :batch],
        measurements: [:signals, :duration],
        metadata: [],
        help:
          "A batch was handled; duration in native time units, from dispatch to the last answer."
      },
      %{
        name: [:bitactor, :engine, :refused],
        measurements: [:signals],
        metadata: [],
        help: "A batch was refused: a partition had too many waiting."
      },
      %{
        name: [:bitactor, :engine, :failed],
        measurements: [:count],
        metadata: [],
        help: "A batch was not wholly handled: a timeout or a failed partition."
      }
    ]
  end

  @doc "The metrics of this module."
  @spec metrics() :: [map]
  def metrics do
    [
      %{
        name: "bitactor_engine_signals_total",
        type: :counter,
        help: "Signals handled by native actors.",
        labels: [],
        event: [:bitactor, :engine, :batch],
        measurement: :signals
      },
      %{
        name: "bitactor_engine_batch_seconds",
        type: :histogram,
        help: "Time from the dispatch of a batch to the last answer.",
        labels: [],
        event: [:bitactor, :engine, :batch],
        measurement: :duration,
        unit: {:native, :second},
        buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]
      },
      %{
        name: "bitactor_engine_refused_signals_total",
        type: :counter,
        help: "Signals of batches that were refused because a partition had too many waiting.",
        labels: [],
        event: [:bitactor, :engine, :refused],
        measurement: :signals
      },
      %{
        name: "bitactor_engine_failed_total",
        type: :counter,
        help: "Batches that were not wholly handled.",
        labels: [],
        event: [:bitactor, :engine, :failed],
        measurement: :count
      }
    ]
  end

  defp shift(partitions), do: partitions |> :math.log2() |> round()

  defp default_partitions, do: 1 <<< min(trunc(:math.log2(System.schedulers_online())), 6)
end
