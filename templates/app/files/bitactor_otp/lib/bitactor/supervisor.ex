defmodule BitActor.Supervisor do
  @moduledoc """
  The top supervisor.

  Its children are those of `BitActor.Catalogue.children/0`, in their order: what a child needs
  starts before it. The strategy is `:rest_for_one`: when a child dies, those after it, which
  hold references into it, start anew with it, and those before it keep running.

  | order | child | when it dies |
  | --- | --- | --- |
  | 5 | the tables with the workers' state | everything starts anew, state is lost (on stable storage: kept) |
  | 10, 20 | metrics, telemetry | everything after starts anew; the workers' state is read back |
  | 25 to 35 | security, consensus, recovery | registry and workers start anew |
  | 40 | the registry | the workers start anew on their next signal |
  | 50 | a `PartitionSupervisor` of `DynamicSupervisor`s, one_for_one: one worker each key | |
  | 60 | the server | what follows it starts anew; no worker is touched |
  | 70 to 90 | memory, scaling, analytics, HTTP, health | only what follows |

  The intensity is explicit (`:max_restarts` in `:max_seconds`, the application's settings):
  OTP's own 3 restarts in 5 s would end the node on a short burst.
  """
  use Supervisor

  @doc "Starts the tree. `:children` stands in for `BitActor.Catalogue.children/0` in tests."
  @spec start_link(keyword) :: Supervisor.on_start()
  def start_link(options \\ []) do
    Supervisor.start_link(__MODULE__, options, name: Keyword.get(options, :name, __MODULE__))
  end

  @impl true
  def init(options) do
    Supervisor.init(
      Keyword.get_lazy(options, :children, &BitActor.Catalogue.children/0),
      strategy: :rest_for_one,
      max_restarts: setting(options, :max_restarts, 20),
      max_seconds: setting(options, :max_seconds, 60)
    )
  end

  @doc """
  The tree as data, depth first: `{depth, id, type, pid}`, for documents and diagnosis.
  Supervisors with more than 1,000 children are named, not walked.
  """
  @spec tree(Supervisor.supervisor()) :: [{non_neg_integer, term, :worker | :supervisor, pid}]
  def tree(supervisor \\ __MODULE__), do: walk(supervisor, 0)

  defp walk(supervisor, depth) do
    for {id, pid, type, _modules} <- Enum.reverse(Supervisor.which_children(supervisor)),
        is_pid(pid),
        node <- [{depth, id, type, pid} | below(type, pid, depth + 1)],
        do: node
  end

  defp below(:worker, _pid, _depth), do: []

  defp below(:supervisor, pid, depth) do
    if Supervisor.count_children(pid).active > 1_000, do: [], else: walk(pid, depth)
  end

  defp setting(options, name, default) do
    Keyword.get(options, name, Application.get_env(:bitactor, name, default))
  end
end
