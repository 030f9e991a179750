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

  A supervisor below this one that is killed leaves its children to die after it, under names that
  its successor needs. OTP would count each try to start against the intensity, thousands in a
  second; here a start that meets such a name waits for the process that has it.
  """
  use Supervisor

  @linger_ms 5_000

  @doc "Starts the tree. `:children` stands in for `BitActor.Catalogue.children/0` in tests."
  @spec start_link(keyword) :: Supervisor.on_start()
  def start_link(options \\ []) do
    Supervisor.start_link(__MODULE__, options, name: Keyword.get(options, :name, __MODULE__))
  end

  @impl true
  def init(options) do
    children = Keyword.get_lazy(options, :children, &BitActor.Catalogue.children/0)

    Supervisor.init(
      Enum.map(children, &patient/1),
      strategy: :rest_for_one,
      max_restarts: setting(options, :max_restarts, 20),
      max_seconds: setting(options, :max_seconds, 60)
    )
  end

  @doc false
  @spec start_child({module, atom, [term]}) :: Supervisor.on_start_child()
  def start_child(start), do: start_child(start, System.monotonic_time(:millisecond) + @linger_ms)

  defp start_child({module, function, arguments} = start, deadline) do
    with {:error, reason} = error <- apply(module, function, arguments) do
      case holder(reason) do
        nil -> error
        pid -> if gone?(pid, deadline), do: start_child(start, deadline), else: error
      end
    end
  end

  defp patient(child) do
    spec = Supervisor.child_spec(child, [])
    {module, _function, _arguments} = spec.start

    %{modules: [module]}
    |> Map.merge(spec)
    |> Map.put(:start, {__MODULE__, :start_child, [spec.start]})
  end

  # Who has the name that a start, or a start below it, ran into.
  defp holder({:already_started, pid}) when is_pid(pid), do: pid
  defp holder({:shutdown, reason}), do: holder(reason)
  defp holder({:failed_to_start_child, _id, reason}), do: holder(reason)
  defp holder(_other), do: nil

  defp gone?(pid, deadline) do
    monitor = Process.monitor(pid)

    receive do
      {:DOWN, ^monitor, :process, ^pid, _reason} -> true
    after
      max(deadline - System.monotonic_time(:millisecond), 0) ->
        Process.demonitor(monitor, [:flush])
        false
    end
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
  catch
    # it ended while it was looked at
    :exit, _reason -> []
  end

  defp setting(options, name, default) do
    Keyword.get(options, name, Application.get_env(:bitactor, name, default))
  end
end
