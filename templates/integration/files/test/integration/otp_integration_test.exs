defmodule BitActor.OtpIntegrationTest do
  # Three nodes, each an operating system process: see BitActor.ThreeNodes. Times are what the
  # project promises on a small, busy machine; the measured ones are printed.
  use ExUnit.Case, async: false

  import BitActor.ThreeNodes

  alias BitActor.Consensus

  @moduletag :integration
  @moduletag timeout: 180_000

  unless Consensus.ra?() or System.get_env("BITACTOR_REQUIRE_RA") == "1" do
    @moduletag skip: "the application ra is not on the code path"
  end

  setup context do
    assert Consensus.ra?(), "BITACTOR_REQUIRE_RA is set, and the application ra is not there"
    plan = %{plan() | flags: Map.get(context, :flags, [])}
    nodes = start_all(plan, [1, 2, 3])
    leader = await("a leader", 10_000, fn -> leader_of(nodes) end)
    %{plan: plan, nodes: nodes, leader: leader, others: List.delete(nodes, leader)}
  end

  test "nodes join, agree on one leader and hold the same state", %{nodes: nodes} do
    for node <- nodes do
      assert {:ok, :ok} = put(node, "from-#{node.n}", node.n)
      assert await("links", 5_000, fn -> length(call(node, Node, :list, [])) == 2 end)
    end

    for node <- nodes, other <- nodes do
      assert {:ok, {:value, n}} = read(node, "from-#{other.n}")
      assert n == other.n
      assert await("a copy", 5_000, fn -> local(node, "from-#{other.n}") == {:value, other.n} end)
    end

    statuses = Enum.map(nodes, &status/1)
    assert [_] = Enum.uniq(for s <- statuses, do: s.leader)
    assert [_] = Enum.filter(statuses, &(&1.role == :leader))
    assert Enum.all?(statuses, &(&1.mode == :ra and length(&1.voters_up) == 3))
    for node <- nodes, do: assert(:ok = call(node, Consensus, :healthy, []))
  end

  test "a killed leader is replaced within a second; it comes back without an election",
       context do
    %{plan: plan, leader: leader, others: [survivor, third]} = context
    {:ok, :ok} = put(survivor, "before", 1)
    old_term = status(leader).term
    started = now()
    kill(leader)
    new = await("a new leader", 5_000, fn -> other_leader([survivor, third], leader) end)
    took = now() - started
    assert {:ok, :ok} = put(survivor, "after", 2)
    written = now() - started
    report("leader killed", new_leader_ms: took, next_write_ms: written)
    assert took <= 1_000
    assert {:ok, {:value, 1}} = read(survivor, "before")

    # The figures of a voter are up to a second old.
    term = await("the new term", 5_000, fn -> agreed_term([survivor, third], old_term) end)
    back = start(plan, leader.n)
    assert await("its copy", 10_000, fn -> local(back, "after") == {:value, 2} end)
    # It asks before it stands for election, so a healthy cluster is not disturbed.
    assert await("the term", 5_000, fn -> status(back).term == term end)
    assert status(new).role == :leader
  end

  test "a frozen leader is replaced within five seconds and cannot write when it wakes",
       context do
    %{leader: leader, others: [survivor, third]} = context
    {:ok, :ok} = put(survivor, "before", 1)
    started = now()
    freeze(leader)

    # Sent while the others still follow it: it waits for the election, not for the one that is silent.
    during = Task.async(fn -> put(survivor, "during", 1, timeout: 8_000) end)
    _ = await("a new leader", 10_000, fn -> other_leader([survivor, third], leader) end)
    took = now() - started
    assert {:ok, :ok} = Task.await(during, 12_000)
    assert {:ok, :ok} = put(survivor, "after", 2)
    report("leader frozen", new_leader_ms: took, next_write_ms: now() - started)
    assert took <= 5_000

    thaw(leader)
    # What it may still believe to lead, it commits only through the one that does.
    assert {:ok, {:value, 2}} = read(leader, "after")
    assert {:ok, {:error, {:conflict, {:value, 2}}}} = cas(leader, "after", :absent, 3)
    assert await("one leader", 5_000, fn -> status(leader).role == :follower end)
  end

  # As it is for a leader that froze before the detector had its third heartbeat.
  @tag flags: ~w(-aten detection_threshold 2.0)
  test "a frozen leader that ra's failure detector never suspects is replaced, too", context do
    %{leader: leader, others: [survivor, third]} = context
    started = now()
    freeze(leader)
    _ = await("a new leader", 10_000, fn -> other_leader([survivor, third], leader) end)
    took = now() - started
    report("leader frozen, unsuspected", new_leader_ms: took)
    assert took <= 5_000
    assert {:ok, :ok} = put(survivor, "after", 2)
  end

  test "the side without a majority cannot write, can read, and catches up", context do
    %{leader: leader, others: [one, two] = majority} = context
    {:ok, :ok} = put(leader, "before", 1)
    for other <- majority, do: cut(leader, other)

    assert {:error, :timeout} = put(leader, "minority", 1, timeout: 2_000)
    assert {:value, 1} = local(leader, "before")
    assert {:error, _} = call(leader, Consensus, :healthy, [])
    assert {:error, :timeout} = read(leader, "before", timeout: 1_000)

    _ = await("a new leader", 10_000, fn -> other_leader(majority, leader) end)
    assert {:ok, :ok} = put(one, "majority", 2)
    for other <- majority, do: heal(leader, other)

    for node <- [leader, one, two] do
      assert await("catching up", 15_000, fn -> local(node, "majority") == {:value, 2} end)
    end

    # What the minority was asked for is applied on all nodes or on none.
    assert {:ok, found} = read(one, "minority")
    assert found in [:absent, {:value, 1}]
    for node <- [leader, two], do: assert({:ok, ^found} = read(node, "minority"))
    assert await("one leader", 5_000, fn -> length(leaders(context.nodes)) == 1 end)
  end

  test "a leader that leaves hands over first", %{leader: leader, others: [one, two]} do
    started = now()
    stop(leader)
    new = leader_of([one, two])
    report("leader left", stop_ms: now() - started)
    assert new, "no leader right after the old one stopped"
    assert {:ok, :ok} = put(one, "after", 1, timeout: 1_000)
  end

  test "a rolling restart loses no write and fails none", %{plan: plan, nodes: nodes} do
    writer = writer(nodes)

    nodes =
      for node <- nodes do
        assert :ok = call(node, Consensus, :await_safe_to_stop, [20_000], 30_000)
        drop(writer, node)
        stop(node)
        back = start(plan, node.n)
        assert await("ready", 10_000, fn -> call(back, Consensus, :healthy, []) == :ok end)
        add(writer, back)
        back
      end

    {acknowledged, failed} = finish(writer)
    report("rolling restart", writes: length(acknowledged), failed: length(failed))
    assert failed == []
    assert length(acknowledged) > 10
    assert_all_there(hd(nodes), acknowledged, failed)
  end

  # BITACTOR_CRASH_ROUNDS: more of them where there is time.
  @tag timeout: :infinity
  test "kill -9 of all three at any moment loses no acknowledged write", context do
    rounds = String.to_integer(System.get_env("BITACTOR_CRASH_ROUNDS", "3"))

    {nodes, acknowledged, unknown} =
      Enum.reduce(1..rounds, {context.nodes, [], []}, fn round, {nodes, acknowledged, unknown} ->
        writer = writer(nodes, "r#{round}")
        await_writes(writer, :rand.uniform(60))
        Enum.each(nodes, &kill/1)
        {more, failed} = finish(writer)
        nodes = start_all(context.plan, [1, 2, 3])
        _ = await("a leader", 10_000, fn -> leader_of(nodes) end)
        {nodes, acknowledged ++ more, unknown ++ failed}
      end)

    report("all killed", rounds: rounds, acknowledged: length(acknowledged))
    assert_all_there(hd(nodes), acknowledged, unknown)
  end

  test "a voter that lost its disk is brought up to date", context do
    %{plan: plan, others: [lost, other]} = context
    # Written once and before all else: more follows than the log keeps, so this is in a
    # snapshot only.
    {:ok, :ok} = put(other, "first", 1)
    for _ <- 1..10, do: fill(other, 500)
    kill(lost)
    File.rm_rf!(Path.join(plan.folder, "n#{lost.n}"))
    {:ok, :ok} = put(other, "last", 1)
    back = start(plan, lost.n)
    assert await("its copy", 20_000, fn -> local(back, "last") == {:value, 1} end)
    assert local(back, "first") == {:value, 1}
    assert local(back, "fill-250") == {:value, 250}
  end

  # One process writes, one command after the other, to each node in turn.
  defp writer(nodes, prefix \\ "w") do
    parent = self()

    spawn_link(fn ->
      write(%{parent: parent, nodes: nodes, prefix: prefix, n: 0, ok: [], failed: []})
    end)
  end

  defp write(state) do
    receive do
      {:drop, node, from} ->
        send(from, :dropped)
        write(%{state | nodes: List.delete(state.nodes, node)})

      {:add, node} ->
        write(%{state | nodes: [node | state.nodes]})

      :finish ->
        send(state.parent, {:written, self(), state.ok, state.failed})
    after
      0 -> write_one(state)
    end
  end

  defp write_one(%{n: n} = state) do
    key = "#{state.prefix}-#{n}"
    send(state.parent, {:wrote, self()})

    # A key is written once: applied twice, or by two, it would be a conflict.
    answer =
      try do
        cas(Enum.at(state.nodes, rem(n, length(state.nodes))), key, :absent, n)
      catch
        :exit, reason -> {:error, reason}
      end

    if answer == {:ok, :ok},
      do: write(%{state | n: n + 1, ok: [{key, n} | state.ok]}),
      else: write(%{state | n: n + 1, failed: [{key, n, answer} | state.failed]})
  end

  defp await_writes(writer, count) do
    for _ <- 1..count, do: assert_receive({:wrote, ^writer}, 10_000)
  end

  defp drop(writer, node) do
    send(writer, {:drop, node, self()})
    assert_receive :dropped, 10_000
  end

  defp add(writer, node), do: send(writer, {:add, node})

  defp finish(writer) do
    send(writer, :finish)
    assert_receive {:written, ^writer, acknowledged, failed}, 60_000
    {acknowledged, failed}
  end

  # Every acknowledged write is there, and nothing that nobody wrote.
  defp assert_all_there(node, acknowledged, unknown) do
    for {key, value} <- acknowledged, do: assert({:ok, {:value, ^value}} = read(node, key))
    {:ok, keys} = call(node, Consensus, :read, [:keys])
    known = for({key, _} <- acknowledged, do: key) ++ for {key, _, _} <- unknown, do: key
    assert keys -- known == []
  end

  defp fill(node, count) do
    1..count
    |> Task.async_stream(&put(node, "fill-#{&1}", &1), max_concurrency: 64, timeout: 20_000)
    |> Enum.each(fn {:ok, answer} -> assert answer == {:ok, :ok} end)
  end

  defp put(node, key, value, options \\ []) do
    call(node, Consensus, :command, [{:put, key, value}, options])
  end

  defp cas(node, key, expected, value) do
    call(node, Consensus, :command, [{:compare_and_put, key, expected, value}])
  end

  defp read(node, key, options \\ []), do: call(node, Consensus, :read, [{:get, key}, options])

  defp local(node, key) do
    {:ok, value} = read(node, key, consistency: :local)
    value
  end

  defp status(node), do: call(node, Consensus, :status, [])

  # The one among nodes that all of them call leader.
  defp leader_of(nodes) do
    case Enum.uniq(for node <- nodes, do: call(node, Consensus, :leader, [])) do
      [leader] when leader != nil -> Enum.find(nodes, &(&1.node == leader))
      _ -> nil
    end
  end

  defp agreed_term(nodes, old) do
    case Enum.uniq(for node <- nodes, do: status(node).term) do
      [term] when term > old -> term
      _ -> nil
    end
  end

  defp leaders(nodes), do: Enum.filter(nodes, &(status(&1).role == :leader))

  defp other_leader(nodes, old) do
    case leader_of(nodes) do
      nil -> nil
      new -> if new.node != old.node, do: new
    end
  end

  defp now, do: System.monotonic_time(:millisecond)
  defp report(what, figures), do: IO.puts("integration: #{what}: #{inspect(figures)}")
end
