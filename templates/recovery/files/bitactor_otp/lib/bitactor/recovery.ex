defmodule BitActor.Recovery do
  @moduledoc """
  What a node has after it went down.

  Two means, for two kinds of state:

    * `BitActor.Recovery.Store` keeps the state of workers on disk, behind
      `BitActor.Worker.Store`. It is used where the setting `:worker_durability` is `:disk`
      (`BITACTOR_WORKER_DURABILITY`). The default, `:memory`, is faster by an fsync for each signal, and
      workers then survive their own crashes but not that of the node.
    * `BitActor.Recovery.Restarter` runs a process that may fail for as long as something it
      depends on is down, with growing pauses, without wearing out the supervisor above.
  """
  use Supervisor

  alias BitActor.Recovery.Store

  @doc "Starts the store where it is wanted, and makes it the workers'."
  @spec start_link(keyword) :: Supervisor.on_start()
  def start_link(options), do: Supervisor.start_link(__MODULE__, options, name: __MODULE__)

  @impl true
  def init(_options) do
    case Application.get_env(:bitactor, :worker_durability, :memory) do
      :disk ->
        Application.put_env(:bitactor, :worker_store, Store)
        Supervisor.init(Store.children([]), strategy: :one_for_one)

      :memory ->
        Supervisor.init([], strategy: :one_for_one)
    end
  end

  @doc """
  A child spec for `child`, restarted by `BitActor.Recovery.Restarter` after `policy`
  (`BitActor.Recovery.Policy`).
  """
  @spec restarted(Supervisor.child_spec() | {module, term} | module, keyword) ::
          Supervisor.child_spec()
  def restarted(child, policy \\ []) do
    child = Supervisor.child_spec(child, [])

    %{
      id: child.id,
      start: {BitActor.Recovery.Restarter, :start_link, [child, policy]},
      type: :supervisor
    }
  end

  @doc "The event catalogue of this block."
  @spec events() :: [map]
  def events do
    [
      %{
        name: [:bitactor, :recovery, :restored],
        measurements: [:count, :keys, :records, :duration],
        metadata: [:partition, :result],
        help:
          "A partition of the store read its log; result is ok or error, duration in native units."
      },
      %{
        name: [:bitactor, :recovery, :restart],
        measurements: [:count, :delay_ms, :failures],
        metadata: [:child, :decision],
        help: "A child failed; decision is restart, after delay_ms, or give_up."
      }
    ]
  end

  @doc "The metrics of this block."
  @spec metrics() :: [map]
  def metrics do
    [
      %{
        name: "bitactor_recovery_restores_total",
        type: :counter,
        help: "Logs read at the start of a partition of the durable store.",
        labels: [:result],
        event: [:bitactor, :recovery, :restored],
        measurement: :count
      },
      %{
        name: "bitactor_recovery_restarts_total",
        type: :counter,
        help: "Failures of children with a restart policy, by decision.",
        labels: [:decision],
        event: [:bitactor, :recovery, :restart],
        measurement: :count
      },
      %{
        name: "bitactor_recovery_log_bytes",
        type: :gauge,
        help: "Size of the logs of the durable store.",
        labels: [],
        read: {Store, :log_bytes, []}
      }
    ]
  end
end
