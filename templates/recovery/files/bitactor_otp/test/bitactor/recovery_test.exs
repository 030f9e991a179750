defmodule BitActor.RecoveryTest do
  use ExUnit.Case, async: true

  alias BitActor.Recovery
  alias BitActor.Recovery.{Policy, Restarter}

  describe "the policy" do
    test "the pause doubles up to its longest" do
      policy = Policy.new(delay_ms_min: 100, delay_ms_max: 1_000)
      assert delays(policy, 7, 0.0) == [100, 200, 400, 800, 1_000, 1_000, 1_000]
      assert delays(policy, 4, 1.0) == [50, 100, 200, 400]
    end

    test "pauses stay within their bounds, whatever the number of failures and the chance" do
      for seed <- 1..200 do
        :rand.seed(:exsss, {seed, ExUnit.configuration()[:seed], 3})
        shortest = :rand.uniform(1_000)
        longest = shortest + :rand.uniform(100_000)
        policy = Policy.new(delay_ms_min: shortest, delay_ms_max: longest)

        Enum.reduce(1..50, policy, fn _, policy ->
          {:restart, delay_ms, policy} = Policy.failed(policy, 0, :rand.uniform())
          assert delay_ms >= div(shortest, 2) and delay_ms <= longest
          policy
        end)
      end
    end

    test "a calm time starts anew, too many failures are given up" do
      policy = Policy.new(delay_ms_min: 100, calm_ms: 1_000, failures_max: 2)
      {:restart, 100, policy} = Policy.failed(policy, 0, 0.0)
      {:restart, 200, policy} = Policy.failed(policy, 999, 0.0)
      assert {:restart, 100, calm} = Policy.failed(policy, 1_000, 0.0)
      assert calm.failures == 1
      assert {:give_up, _} = Policy.failed(policy, 999, 0.0)
    end

    defp delays(policy, count, chance) do
      {delays, _} =
        Enum.map_reduce(1..count, policy, fn _, policy ->
          {:restart, delay_ms, policy} = Policy.failed(policy, 0, chance)
          {delay_ms, policy}
        end)

      delays
    end
  end

  defmodule Fragile do
    @moduledoc false
    use GenServer
    def start_link({parent, behaviour}), do: GenServer.start_link(__MODULE__, {parent, behaviour})

    @impl true
    def init({parent, behaviour}) do
      send(parent, {:started, self()})
      if behaviour == :refuses, do: {:stop, :refused}, else: {:ok, parent}
    end

    @impl true
    def handle_info(:crash, parent), do: {:stop, :crashed, parent}
  end

  test "a child that crashes comes back, and the supervisor above does not notice" do
    policy = [delay_ms_min: 1, delay_ms_max: 5]
    child = Recovery.restarted({Fragile, {self(), :runs}}, policy)
    # Less than the crashes that follow.
    {:ok, supervisor} = Supervisor.start_link([child], strategy: :one_for_one, max_restarts: 1)
    [{_, restarter, :supervisor, _}] = Supervisor.which_children(supervisor)

    for _ <- 1..20 do
      assert_receive {:started, pid}, 1_000
      send(pid, :crash)
    end

    assert_receive {:started, pid}, 1_000
    assert [{_, ^restarter, _, _}] = Supervisor.which_children(supervisor)
    assert Restarter.child(restarter) == pid

    # It stops its child when it is stopped.
    monitor = Process.monitor(pid)
    :ok = Supervisor.stop(supervisor)
    assert_receive {:DOWN, ^monitor, _, _, :shutdown}
  end

  test "a start that fails is tried again, until the policy gives up" do
    Process.flag(:trap_exit, true)
    id = {__MODULE__, self()}
    forward = fn _, measured, metadata, to -> send(to, {measured, metadata}) end
    :ok = BitActor.Telemetry.attach(id, [:bitactor, :recovery, :restart], forward, self())
    on_exit(fn -> BitActor.Telemetry.detach(id) end)

    child = Supervisor.child_spec({Fragile, {self(), :refuses}}, id: :fragile_refuses)
    {:ok, restarter} = Restarter.start_link(child, delay_ms_min: 1, failures_max: 3)
    for _ <- 1..4, do: assert_receive({:started, _}, 1_000)
    assert_receive {:EXIT, ^restarter, :refused}, 1_000
    refute_received {:started, _}

    told = for _ <- 1..4, do: receive(do: ({_, %{child: :fragile_refuses} = m} -> m.decision))
    assert told == [:restart, :restart, :restart, :give_up]
  end

  test "the store is the workers' only where it is asked for" do
    assert [] = Supervisor.which_children(Recovery)
    assert BitActor.Worker.store() == BitActor.Worker.Store.Tables

    for metric <- Recovery.metrics(), match?(%{read: _}, metric) do
      {module, function, arguments} = metric.read
      assert apply(module, function, arguments) == 0
    end
  end
end
