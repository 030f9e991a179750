defmodule BitActor.Telemetry.Supervisor do
  @moduledoc """
  Keeps the span exporter running, apart from the rest of the system.

  The top supervisor restarts what stands behind a child that dies; an exporter that crashes
  is no reason for that. So it has a supervisor of its own, and when that gives up (5 restarts
  in 60 s) it ends as `:shutdown`, which for a transient child is an ordinary end: the node
  goes on without traces.
  """

  use Supervisor, restart: :transient

  @doc "Starts the exporter where an endpoint is configured."
  @spec start_link(keyword()) :: Supervisor.on_start()
  def start_link(options), do: Supervisor.start_link(__MODULE__, options, name: __MODULE__)

  @impl true
  def init(options) do
    children = [{BitActor.Telemetry.Exporter, options}]
    Supervisor.init(children, strategy: :one_for_one, max_restarts: 5, max_seconds: 60)
  end
end
