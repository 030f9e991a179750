defmodule BitActor.ClusterTest do
  use ExUnit.Case, async: true

  alias BitActor.Cluster

  test "the static list and the voters are wanted, this node is not" do
    options = [voters: [:b@h, node()], peers: [:a@h, :b@h], discovery: :static]
    assert Cluster.wanted(options) == [:a@h, :b@h]
    assert Cluster.wanted([]) == []
  end

  test "DNS gives one node for each address, under this node's base name" do
    [base | _] = String.split(Atom.to_string(node()), "@")
    resolve = fn "voters.example" -> [{10, 0, 0, 2}, {10, 0, 0, 1}] end
    options = [discovery: :dns, dns_name: "voters.example", resolve: resolve, peers: [:no@h]]
    assert Cluster.wanted(options) == [:"#{base}@10.0.0.1", :"#{base}@10.0.0.2"]
    assert Cluster.wanted(Keyword.put(options, :resolve, fn _ -> [] end)) == []
  end

  test "those that are missing are dialled, and one that hangs holds up nobody" do
    parent = self()

    connect = fn node ->
      send(parent, {:dialled, node, self()})
      if node == :hangs@h, do: Process.sleep(:infinity)
    end

    {:ok, cluster} =
      Cluster.start_link(
        name: :cluster_test,
        voters: [],
        peers: [:hangs@h, :b@h],
        connect: connect
      )

    # A node without a name dials nobody by itself.
    send(cluster, :dial)
    assert_receive {:dialled, :hangs@h, hanging}
    assert_receive {:dialled, :b@h, _}
    send(cluster, :dial)
    assert_receive {:dialled, :b@h, _}, 2_000
    refute_received {:dialled, :hangs@h, _}
    Process.exit(hanging, :kill)
    send(cluster, :dial)
    assert_receive {:dialled, :hangs@h, again}, 2_000
    Process.exit(again, :kill)
  end

  test "changes are told" do
    id = {__MODULE__, self()}
    forward = fn _, _, metadata, to -> send(to, metadata) end
    :ok = BitActor.Telemetry.attach(id, [:bitactor, :cluster, :node], forward, self())
    on_exit(fn -> BitActor.Telemetry.detach(id) end)
    {:ok, cluster} = Cluster.start_link(name: :cluster_test_told)
    send(cluster, {:nodedown, :x@h, %{}})
    assert_receive %{node: :x@h, change: :down}
    send(cluster, {:nodeup, :x@h, %{}})
    assert_receive %{node: :x@h, change: :up}
  end
end
