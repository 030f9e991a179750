defmodule BitActor.Consensus.MachineTest do
  use ExUnit.Case, async: true

  alias BitActor.Consensus.Machine

  defp run(state, index, command, id \\ nil) do
    id = id || <<index::64>>
    {state, reply, _effects} = Machine.apply(index, Machine.envelope(id, command), state)
    {state, reply}
  end

  test "a map: put, get, delete, compare and put" do
    {s, :ok} = run(Machine.new(), 1, {:put, "a", 1})
    assert Machine.query({:get, "a"}, s) == {:value, 1}
    assert Machine.query({:get, "b"}, s) == :absent

    assert {s, {:error, {:conflict, {:value, 1}}}} =
             run(s, 2, {:compare_and_put, "a", :absent, 2})

    assert {s, :ok} = run(s, 3, {:compare_and_put, "a", {:value, 1}, 2})
    assert {s, :ok} = run(s, 4, {:compare_and_put, "b", :absent, nil})
    assert Machine.query(:keys, s) == ["a", "b"]
    assert {s, :ok} = run(s, 5, {:delete, "a"})
    assert Machine.query({:get, "a"}, s) == :absent
    assert Machine.query({:get, "b"}, s) == {:value, nil}
    assert Machine.query(:size, s) == 1
  end

  test "a name has one owner, and its token grows with each change of owner" do
    {s, {:ok, 1}} = run(Machine.new(), 1, {:claim, "job", :a})
    assert {s, {:ok, 1}} = run(s, 2, {:claim, "job", :a})
    assert {s, {:error, {:taken, :a}}} = run(s, 3, {:claim, "job", :b})
    assert {s, {:error, :not_owner}} = run(s, 4, {:release, "job", :b})
    assert {s, :ok} = run(s, 5, {:release, "job", :a})
    assert {s, {:ok, 6}} = run(s, 6, {:claim, "job", :b})
    assert Machine.query({:owner, "job"}, s) == {:owner, :b, 6}
    assert {s, {:ok, 7}} = run(s, 7, {:claim, "also", :b})
    assert {s, {:ok, ["also", "job"]}} = run(s, 8, {:evict, :b})
    assert Machine.query({:owner, "job"}, s) == :absent
  end

  test "a request that comes again is answered as before and applied once" do
    {s, :ok} = run(Machine.new(), 1, {:compare_and_put, "a", :absent, 1}, "id")
    {s, :ok} = run(s, 2, {:put, "a", 2}, "other")
    assert {s, :ok} = run(s, 3, {:compare_and_put, "a", :absent, 1}, "id")
    assert Machine.query({:get, "a"}, s) == {:value, 2}
  end

  test "the replies that are kept are bounded" do
    state =
      Enum.reduce(1..5_000, Machine.new(), fn i, s -> elem(run(s, i, {:put, "k", i}), 0) end)

    assert byte_size(Machine.dump(state)) < 300_000
    # The first request is forgotten, so it is applied again; a recent one is not.
    {state, :ok} = run(state, 5_001, {:put, "k", 1}, <<1::64>>)
    assert Machine.query({:get, "k"}, state) == {:value, 1}
    {state, :ok} = run(state, 5_002, {:put, "k", 0}, <<4_999::64>>)
    assert Machine.query({:get, "k"}, state) == {:value, 1}
  end

  test "what is not known is answered and changes nothing but the count" do
    s = Machine.new()
    assert {s1, {:error, :unknown_command}} = run(s, 1, {:explode, "a"})
    assert Machine.query(:size, s1) == 0
    assert {_, {:error, :unknown_version}, _} = Machine.apply(1, {3, "id", {:put, "a", 1}}, s)
    assert {:error, :unknown_query} = Machine.query({:explode, 1}, s)
  end

  test "a log of the version before is read" do
    # As version 1 wrote it: {1, command} and a snapshot without replies and claims.
    log = Base.decode64!("g2gCYQFoA3cDcHV0bQAAAAFhbQAAAANvbGQ=")
    snapshot = Base.decode64!("g3QAAAADdwd2ZXJzaW9uYQF3BGRhdGF0AAAAAW0AAAABYmEHdwdhcHBsaWVkYQM=")

    assert {:ok, state} = Machine.load(snapshot)
    assert Machine.query({:get, "b"}, state) == {:value, 7}
    {state, :ok, []} = Machine.apply(4, :erlang.binary_to_term(log, [:safe]), state)
    assert Machine.query({:get, "a"}, state) == {:value, "old"}
    assert {:ok, ^state} = Machine.load(Machine.dump(state))
    assert {:error, :unreadable} = Machine.load("nonsense")
    assert {:error, :unreadable} = Machine.load(:erlang.term_to_binary(%{version: 3}))
  end

  # Each round makes a log of its own from the seed of this run.
  test "the same log gives the same state on every replica, with a snapshot anywhere" do
    for round <- 1..100 do
      :rand.seed(:exsss, {round, ExUnit.configuration()[:seed], 7})
      log = Enum.with_index(for(_ <- 1..80, do: random_entry()), 1)
      {whole, replies} = replay(log, Machine.new())
      assert {^whole, ^replies} = replay(log, Machine.new())

      {before, rest} = Enum.split(log, :rand.uniform(80))
      {at, first} = replay(before, Machine.new())
      {:ok, restored} = Machine.load(Machine.dump(at))
      assert {^whole, later} = replay(rest, restored), "round #{round}"
      assert first ++ later == replies
    end
  end

  test "a delivery that comes twice changes neither state nor reply" do
    for round <- 1..100 do
      :rand.seed(:exsss, {round, ExUnit.configuration()[:seed], 8})
      entries = for n <- 1..40, do: {2, <<n::32>>, random_command()}
      twice = Enum.flat_map(entries, fn e -> if :rand.uniform(3) == 1, do: [e, e], else: [e] end)
      {once, replies} = replay_numbered(entries)
      {again, more} = replay_numbered(twice)
      # Tokens are positions in the log, which the copies move.
      assert Machine.query(:keys, once) == Machine.query(:keys, again)
      assert once.data == again.data
      assert Enum.dedup(Enum.map(more, &kind/1)) == Enum.dedup(Enum.map(replies, &kind/1))
    end
  end

  test "nothing in it looks at the clock, at chance or at the node" do
    source = File.read!(Path.expand("../../../lib/bitactor/consensus/machine.ex", __DIR__))

    for word <- ["System.", ":rand", "node()", "Node.", "DateTime", ":os.", "self()", ":crypto"] do
      refute source =~ word
    end
  end

  defp kind({:ok, _token}), do: :ok
  defp kind(reply), do: reply

  defp replay(numbered, state) do
    {state, replies} =
      Enum.reduce(numbered, {state, []}, fn {entry, index}, {state, replies} ->
        {state, reply, _} = Machine.apply(index, entry, state)
        {state, [reply | replies]}
      end)

    {state, Enum.reverse(replies)}
  end

  defp replay_numbered(entries), do: replay(Enum.with_index(entries, 1), Machine.new())

  defp random_entry do
    case :rand.uniform(10) do
      1 -> {1, random_command()}
      _ -> {2, <<:rand.uniform(60)>>, random_command()}
    end
  end

  defp random_command do
    key = Enum.random(["a", "b", "c"])
    owner = Enum.random([:x, :y])

    Enum.random([
      {:put, key, :rand.uniform(5)},
      {:delete, key},
      {:compare_and_put, key, Enum.random([:absent, {:value, :rand.uniform(5)}]), 9},
      {:claim, key, owner},
      {:release, key, owner},
      {:evict, owner}
    ])
  end
end
