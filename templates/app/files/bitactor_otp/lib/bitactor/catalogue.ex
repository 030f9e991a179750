defmodule BitActor.Catalogue do
  @moduledoc """
  What the blocks of this project contribute, for those who serve, start or count it.

  `BitActor.Blocks` names every block, so nothing that a block holds may name `BitActor.Blocks`:
  it would close a cycle through the whole project. Modules ask here; which module answers is
  the application's setting `:blocks`, so tests can put a catalogue of their own in its place.
  """

  @type check :: {name :: atom, (() -> :ok | {:error, String.t()})}
  @type route :: {method :: String.t(), path :: String.t(), (term -> term)}

  @doc "The children of `BitActor.Supervisor`, in the order in which they start."
  @spec children() :: [Supervisor.child_spec() | {module, term} | module]
  def children, do: blocks().children()

  @doc "The health checks: each answers within a second."
  @spec health_checks() :: [check]
  def health_checks, do: blocks().health_checks()

  @doc "The modules whose `events/0` make up the event catalogue."
  @spec event_sources() :: [module]
  def event_sources, do: blocks().event_sources()

  @doc "The modules whose `metrics/0` make up the metric catalogue."
  @spec metric_sources() :: [module]
  def metric_sources, do: blocks().metric_sources()

  @doc "The routes of the HTTP listener."
  @spec routes() :: [route]
  def routes, do: blocks().routes()

  defp blocks, do: Application.fetch_env!(:bitactor, :blocks)
end
