defmodule BitActor.SupervisorTest do
  use ExUnit.Case, async: true

  defp child(name) do
    %{id: name, start: {Agent, :start_link, [fn -> name end, [name: name]]}, shutdown: 100}
  end

  defp start(names, options \\ []) do
    options = [name: :"tree_#{System.unique_integer([:positive])}"] ++ options
    children = Enum.map(names, &child/1)
    start_supervised!({BitActor.Supervisor, [children: children] ++ options})
  end

  defp names(prefix), do: for(n <- 1..3, do: :"#{prefix}_#{n}")

  defp await(condition, left \\ 200) do
    cond do
      condition.() ->
        :ok

      left == 0 ->
        flunk("not within a second")

      true ->
        Process.send_after(self(), :again, 5)
        assert_receive :again
        await(condition, left - 1)
    end
  end

  test "a child that dies takes those after it along, never those before" do
    [a, b, c] = names(:rest)
    start([a, b, c])
    [pa, pb, pc] = Enum.map([a, b, c], &Process.whereis/1)
    Process.exit(pb, :kill)

    await(fn -> Process.whereis(c) not in [nil, pc] end)
    assert Process.whereis(a) == pa
    assert Process.whereis(b) != pb
  end

  test "the intensity is the one that was set" do
    [a | _] = names(:intensity)
    supervisor = start([a], max_restarts: 2, max_seconds: 60)
    monitor = Process.monitor(supervisor)

    for _ <- 1..2 do
      pid = Process.whereis(a)
      Process.exit(pid, :kill)
      await(fn -> Process.whereis(a) not in [nil, pid] end)
    end

    Process.exit(Process.whereis(a), :kill)
    assert_receive {:DOWN, ^monitor, :process, _pid, :shutdown}
  end

  # A supervisor whose child takes its time to die and keeps its name meanwhile.
  defmodule Below do
    use Supervisor
    def start_link(name), do: Supervisor.start_link(__MODULE__, name)

    def init(name),
      do: Supervisor.init([{BitActor.SupervisorTest.Slow, name}], strategy: :one_for_one)
  end

  defmodule Slow do
    use GenServer
    def start_link(name), do: GenServer.start_link(__MODULE__, nil, name: name)

    def init(nil) do
      Process.flag(:trap_exit, true)
      {:ok, nil}
    end

    def terminate(_reason, _state), do: Process.sleep(50)
  end

  test "a killed supervisor comes back although its children die after it" do
    name = :below_slow

    supervisor =
      start_supervised!({BitActor.Supervisor, children: [{Below, name}], name: :tree_slow})

    slow = Process.whereis(name)
    [{0, Below, :supervisor, below}, _slow] = BitActor.Supervisor.tree(supervisor)
    Process.exit(below, :kill)
    await(fn -> Process.whereis(name) not in [nil, slow] end)
    assert Process.alive?(supervisor)
  end

  test "the tree is told in the order of its start" do
    [a, b, c] = names(:tree)
    supervisor = start([a, b, c])

    assert [{0, ^a, :worker, _}, {0, ^b, :worker, _}, {0, ^c, :worker, _}] =
             BitActor.Supervisor.tree(supervisor)
  end

  test "the running tree has the children of the blocks" do
    ids = for {0, id, _type, _pid} <- BitActor.Supervisor.tree(), do: id

    specs = Enum.map(BitActor.Catalogue.children(), &Supervisor.child_spec(&1, []))
    assert ids == Enum.map(specs, & &1.id)
  end
end
