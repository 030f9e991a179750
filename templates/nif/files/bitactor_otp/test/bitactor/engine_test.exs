defmodule BitActor.EngineTest do
  # The engine is one of the application's own processes.
  use ExUnit.Case, async: false

  alias BitActor.Engine

  setup do
    restart([])
    on_exit(fn -> restart([]) end)
  end

  # A fresh engine with these options in place of the application's.
  defp restart(options) do
    before = Application.get_env(:bitactor, Engine, [])
    Application.put_env(:bitactor, Engine, options)
    :ok = Supervisor.terminate_child(BitActor.Supervisor, Engine)
    {:ok, _} = Supervisor.restart_child(BitActor.Supervisor, Engine)
    Application.put_env(:bitactor, Engine, before)
    :ok
  end

  defp batch(destinations) do
    for {to, i} <- Enum.with_index(destinations, 1), into: <<>> do
      <<1, 0, 8::16-little, 0::32, 0::64, to::64-little, i::64-little, 0::64, i::64-little,
        0::128>>
    end
  end

  test "every destination is one native actor, whatever the partitions" do
    for partitions <- [1, 2, 4, 8] do
      restart(partitions: partitions, actors: 100)
      assert {:ok, 300} == Engine.dispatch(batch(for i <- 0..299, do: rem(i, 100)))

      for actor <- [0, 1, 2, 50, 99] do
        expected = {3, 3 * actor + 303, actor + 201}
        assert {:ok, expected} == Engine.actor(actor)
      end

      assert %{signals: 300, misrouted: 0} = Engine.info()
    end
  end

  test "signals of many callers are all handled" do
    tasks = for _ <- 1..20, do: Task.async(fn -> Engine.dispatch(batch(Enum.to_list(0..499))) end)
    assert List.duplicate({:ok, 500}, 20) == Task.await_many(tasks)
    assert {:ok, {20, _, _}} = Engine.actor(7)
    assert %{signals: 10_000} = Engine.info()
  end

  test "an empty batch is handled at once, a malformed one refused" do
    assert {:ok, 0} == Engine.dispatch(<<>>)
    assert_raise ArgumentError, fn -> Engine.dispatch("short") end
  end

  test "a partition with too much waiting refuses, and the others get nothing of it" do
    restart(partitions: 2, pending_max: 2)
    slow = Process.whereis(BitActor.Engine.Partition.name(1))
    :sys.suspend(slow)
    waiting = for _ <- 1..2, do: Task.async(fn -> Engine.dispatch(batch([1])) end)
    wait_until(fn -> Process.info(slow, :message_queue_len) == {:message_queue_len, 2} end)
    # again and again: what is refused must not keep its places
    for _ <- 1..3, do: assert({:error, :overloaded} == Engine.dispatch(batch([0, 1])))
    :sys.resume(slow)
    assert [{:ok, 1}, {:ok, 1}] == Task.await_many(waiting)
    assert {:ok, {0, 0, 0}} == Engine.actor(0)
    assert {:ok, 2} == Engine.dispatch(batch([0, 1]))
  end

  test "a batch whose caller gave up is not handled" do
    restart(partitions: 1)
    slow = Process.whereis(BitActor.Engine.Partition.name(0))
    :sys.suspend(slow)
    assert {:error, :timeout} == Engine.dispatch(batch([0]), 10)
    :sys.resume(slow)
    assert {:ok, 1} == Engine.dispatch(batch([0]))
    assert {:ok, {1, 1, 1}} == Engine.actor(0)
  end

  test "a partition that dies starts anew alone, and its callers learn it" do
    restart(partitions: 2)
    {:ok, 2} = Engine.dispatch(batch([0, 1]))
    name = BitActor.Engine.Partition.name(1)
    victim = Process.whereis(name)
    :sys.suspend(victim)
    task = Task.async(fn -> Engine.dispatch(batch([0, 1])) end)
    wait_until(fn -> Process.info(victim, :message_queue_len) == {:message_queue_len, 1} end)
    Process.exit(victim, :kill)
    assert {:error, {:partition, :killed}} == Task.await(task)
    wait_until(fn -> Process.whereis(name) not in [nil, victim] end)
    assert {:ok, {2, _, _}} = Engine.actor(0)
    assert {:ok, {0, 0, 0}} == Engine.actor(1)
    assert {:ok, 1} == Engine.dispatch(batch([1]))
  end

  test "settings out of range are refused" do
    for options <- [
          [partitions: 3],
          [partitions: 128],
          [actors: 0],
          [partitions: 1, actors: 1_048_577]
        ] do
      assert_raise ArgumentError, fn -> Engine.init(options) end
    end
  end

  test "metrics name only events that there are" do
    names = for event <- Engine.events(), do: event.name
    assert Enum.all?(Engine.metrics(), &(&1.event in names))
  end

  defp wait_until(condition, tries \\ 2_000) do
    cond do
      condition.() ->
        :ok

      tries == 0 ->
        flunk("what was waited for did not happen")

      true ->
        receive do
        after
          1 -> wait_until(condition, tries - 1)
        end
    end
  end
end
