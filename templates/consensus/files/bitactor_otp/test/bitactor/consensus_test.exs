defmodule BitActor.ConsensusTest do
  # The application's own log, which in these tests is the local one: `mix test` runs on a
  # node without a name. The tests over several nodes are the integration tests.
  use ExUnit.Case, async: false

  alias BitActor.Consensus
  alias BitActor.Consensus.{Local, Ra, Remote}

  describe "which implementation runs" do
    test "follows the configuration and what is there" do
      three = [:a@h, :b@h, :c@h]
      #        role,     mode,   voters, ra?,   alive?, expected
      for {role, mode, voters, ra?, alive?, expected} <- [
            {:voter, :auto, [:a@h], true, true, Ra},
            {:voter, :auto, [:a@h], false, true, Local},
            {:voter, :auto, [:a@h], true, false, Local},
            {:voter, :local, [:a@h], true, true, Local},
            {:voter, :ra, [:a@h], true, true, Ra},
            {:voter, :ra, [:a@h], false, true, :error},
            {:voter, :ra, [:a@h], true, false, :error},
            {:voter, :auto, three, true, true, Ra},
            {:voter, :auto, three, false, true, :error},
            {:voter, :auto, three, true, false, :error},
            {:voter, :local, three, false, true, :error},
            {:voter, :local, three, true, true, :error},
            {:gateway, :auto, three, false, true, Remote}
          ] do
        chosen = Consensus.choose(role, mode, voters, ra?, alive?)
        message = inspect({role, mode, voters, ra?, alive?, chosen})

        if expected == :error,
          do: assert({:error, _} = chosen, message),
          else: assert({:ok, ^expected, _} = chosen, message)
      end
    end

    test "says so" do
      assert {:ok, Local, why} = Consensus.choose(:voter, :auto, [:a@h], false, true)
      assert why =~ "nothing is replicated: the application ra is not there"
      assert {:error, why} = Consensus.choose(:voter, :auto, [:a@h, :b@h, :c@h], false, true)
      assert why =~ "3 voters need ra"
    end

    test "several voters without ra do not start" do
      Process.flag(:trap_exit, true)
      voters = [:"a@127.0.0.1", :"b@127.0.0.1", :"c@127.0.0.1"]
      assert {:error, {:consensus, why}} = Consensus.start_link(voters: voters)
      assert why =~ "voters need ra"
      # The one that runs is not disturbed.
      assert :ok = Consensus.healthy()
    end
  end

  test "a command is committed and read back" do
    key = "consensus-test-#{System.unique_integer([:positive])}"
    assert {:ok, :ok} = Consensus.command({:put, key, %{a: 1}})
    assert {:ok, {:value, %{a: 1}}} = Consensus.read({:get, key})
    assert {:ok, {:value, %{a: 1}}} = Consensus.read({:get, key}, consistency: :local)
    assert {:ok, :ok} = Consensus.command({:delete, key}, timeout: 1_000)
    assert {:ok, :absent} = Consensus.read({:get, key})
  end

  test "the same request id is applied once" do
    key = "consensus-test-#{System.unique_integer([:positive])}"
    id = :crypto.strong_rand_bytes(8)
    command = {:compare_and_put, key, :absent, 1}
    assert {:ok, :ok} = Consensus.command(command, request_id: id)
    assert {:ok, :ok} = Consensus.command(command, request_id: id)
    assert {:ok, {:error, {:conflict, _}}} = Consensus.command(command)
  end

  test "keys and commands are bounded" do
    assert {:error, :bad_key} = Consensus.command({:put, :atom, 1})
    assert {:error, :bad_key} = Consensus.command({:put, :binary.copy("k", 256), 1})
    assert {:error, :bad_key} = Consensus.command(:put)
    assert {:error, :too_large} = Consensus.command({:put, "k", :binary.copy("v", 1_048_576)})
  end

  test "status, health and figures" do
    assert %{mode: :local, role: :leader, voters: [_], voters_up: [_]} = Consensus.status()
    assert Consensus.leader() == node()
    assert :ok = Consensus.healthy()
    assert :ok = Consensus.await_safe_to_stop(100)

    for metric <- Consensus.metrics(), match?(%{read: _}, metric) do
      {module, function, arguments} = metric.read
      assert is_number(apply(module, function, arguments)), metric.name
    end

    assert Consensus.figure(:is_leader) == 1
    assert Consensus.figure(:quorum) == 1
  end

  test "a killed log comes back with what it had" do
    key = "consensus-test-#{System.unique_integer([:positive])}"
    assert {:ok, :ok} = Consensus.command({:put, key, 1})
    monitor = Process.monitor(Local)
    Process.exit(Process.whereis(Local), :kill)
    assert_receive {:DOWN, ^monitor, _, _, _}
    assert {:ok, {:value, 1}} = eventually(fn -> Consensus.read({:get, key}) end)
  end

  test "a command tells how long it took" do
    id = {__MODULE__, self()}
    event = [:bitactor, :consensus, :command]
    forward = fn _, measurements, metadata, to -> send(to, {measurements, metadata}) end
    :ok = BitActor.Telemetry.attach(id, event, forward, self())
    on_exit(fn -> BitActor.Telemetry.detach(id) end)
    {:ok, :ok} = Consensus.command({:put, "consensus-test", 1})
    assert_receive {%{count: 1, duration: duration}, %{result: :ok}}
    assert duration > 0
  end

  defp eventually(ask, tries \\ 100) do
    case ask.() do
      {:ok, _} = answer ->
        answer

      _ when tries > 0 ->
        receive do
        after
          20 -> eventually(ask, tries - 1)
        end
    end
  end
end
