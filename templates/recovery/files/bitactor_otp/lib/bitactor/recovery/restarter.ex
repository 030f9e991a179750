defmodule BitActor.Recovery.Restarter do
  @moduledoc """
  Runs one child and starts it again after `BitActor.Recovery.Policy`.

  To the supervisor above, this process is the child: it stays while the child comes
  and goes, also when its start fails. It ends, with the child's reason, only when the
  policy gives up; then the supervisor decides.
  """
  use GenServer

  alias BitActor.Recovery.Policy
  alias BitActor.Telemetry

  require Logger

  @doc "Starts the process, and the child in it."
  @spec start_link(Supervisor.child_spec(), keyword) :: GenServer.on_start()
  def start_link(child, policy), do: GenServer.start_link(__MODULE__, {child, policy})

  @doc "The child's pid, or nil while it is not running."
  @spec child(GenServer.server()) :: pid | nil
  def child(restarter), do: GenServer.call(restarter, :child)

  @impl true
  def init({child, policy}) do
    Process.flag(:trap_exit, true)
    state = %{child: child, policy: Policy.new(policy), pid: nil, started_ms: now()}
    {:ok, state, {:continue, :start}}
  end

  @impl true
  def handle_continue(:start, state), do: start(state)

  @impl true
  def handle_call(:child, _from, state), do: {:reply, state.pid, state}

  @impl true
  def handle_info({:EXIT, pid, reason}, %{pid: pid} = state) do
    failed(%{state | pid: nil}, now() - state.started_ms, reason)
  end

  # The supervisor above, or the start of a child that links before it fails.
  def handle_info({:EXIT, _other, _reason}, state), do: {:noreply, state}
  def handle_info(:start, state), do: start(state)
  def handle_info(_message, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, %{pid: nil}), do: :ok

  def terminate(_reason, %{pid: pid, child: child}) do
    monitor = Process.monitor(pid)
    Process.exit(pid, :shutdown)

    receive do
      {:DOWN, ^monitor, :process, ^pid, _} -> :ok
    after
      shutdown_ms(child) -> Process.exit(pid, :kill)
    end
  end

  defp start(%{child: %{start: {module, function, arguments}}} = state) do
    case apply(module, function, arguments) do
      {:ok, pid} -> {:noreply, %{state | pid: pid, started_ms: now()}}
      {:ok, pid, _info} -> {:noreply, %{state | pid: pid, started_ms: now()}}
      {:error, reason} -> failed(state, 0, reason)
    end
  catch
    kind, reason -> failed(state, 0, {kind, reason})
  end

  defp failed(state, ran_ms, reason) do
    case Policy.failed(state.policy, ran_ms, :rand.uniform()) do
      {:restart, delay_ms, policy} ->
        # The reason may hold what the child worked on, so it is not in the line.
        Logger.warning("#{inspect(state.child.id)} failed, starts again in #{delay_ms} ms")
        told(state, :restart, delay_ms, policy)
        Process.send_after(self(), :start, delay_ms)
        {:noreply, %{state | policy: policy}}

      {:give_up, policy} ->
        Logger.error("#{inspect(state.child.id)} failed #{policy.failures} times, given up")
        told(state, :give_up, 0, policy)
        {:stop, reason, %{state | policy: policy}}
    end
  end

  defp told(state, decision, delay_ms, policy) do
    measured = %{count: 1, delay_ms: delay_ms, failures: policy.failures}
    metadata = %{child: state.child.id, decision: decision}
    Telemetry.execute([:bitactor, :recovery, :restart], measured, metadata)
  end

  defp shutdown_ms(child) do
    case Map.get(child, :shutdown, 5_000) do
      :brutal_kill -> 0
      other -> other
    end
  end

  defp now, do: System.monotonic_time(:millisecond)
end
