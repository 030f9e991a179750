defmodule BitActor.WorkerTest do
  # changes settings that every worker reads at its start
  use ExUnit.Case, async: false

  alias BitActor.{Signal, Telemetry, Worker, Workers}
  alias BitActor.Worker.{Counters, Directory, State}

  defmodule Scripted do
    @moduledoc false
    @behaviour Worker.Handler
    def init(_key), do: 0
    def handle(%Signal{kind: 99}, _data), do: raise("poison")
    def handle(%Signal{kind: 98}, data), do: {Enum.to_list(1..50_000_000) |> length(), data}

    def handle(%Signal{kind: 97, payload: name}, data) do
      send(:erlang.binary_to_existing_atom(name), {:at_work, self()})

      receive do
        :go_on -> {data + 1, data + 1}
      end
    end

    def handle(_signal, data), do: {data + 1, data + 1}
  end

  defmodule Remembering do
    @moduledoc false
    @behaviour Worker.Handler
    def init(_key), do: []
    def handle(%Signal{sequence: n}, data), do: {n, [n | data]}
  end

  defmodule Refusing do
    @moduledoc false
    @behaviour Worker.Store
    def append(_key, _sequence, _items), do: answer(:append)
    def snapshot(_key, _sequence, _binary), do: answer(:snapshot)
    def load(_key), do: with(:ok <- answer(:load), do: {:ok, nil, []})
    def delete(_key), do: :ok

    defp answer(operation) do
      if operation in :persistent_term.get(__MODULE__, []), do: {:error, :full}, else: :ok
    end
  end

  setup do
    key = {:worker_test, System.unique_integer([:positive])}
    on_exit(fn -> Workers.forget(key) end)
    {:ok, key: key}
  end

  defp set(name, value) do
    saved = Application.fetch_env(:bitactor, name)
    Application.put_env(:bitactor, name, value)

    on_exit(fn ->
      case saved do
        {:ok, value} -> Application.put_env(:bitactor, name, value)
        :error -> Application.delete_env(:bitactor, name)
      end
    end)
  end

  defp signal(kind \\ 64, payload \\ "x"), do: %Signal{kind: kind, payload: payload}

  defp kill(key) do
    {:ok, pid} = Workers.lookup(key)
    monitor = Process.monitor(pid)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^monitor, :process, ^pid, :killed}, 1_000
    await(fn -> match?({:ok, new} when new != pid, Workers.lookup(key)) end)
    pid
  end

  defp await(condition, left \\ 400) do
    cond do
      condition.() ->
        :ok

      left == 0 ->
        flunk("not within the time")

      true ->
        receive do
        after
          5 -> await(condition, left - 1)
        end
    end
  end

  test "the store in memory gives back what it took, in order, but for what a snapshot holds",
       %{key: key} do
    store = Worker.Store.Tables
    batch = for n <- 1..3, do: {:item, n}
    :ok = store.append(key, 1, batch)
    :ok = store.append(key, 4, [{:item, 4}])
    assert store.load(key) == {:ok, nil, [{1, batch}, {4, [{:item, 4}]}]}
    :ok = store.snapshot(key, 4, "bytes")
    :ok = store.append(key, 5, [{:item, 5}])
    assert store.load(key) == {:ok, {4, "bytes"}, [{5, [{:item, 5}]}]}
  end

  test "a worker is one process a key, whoever starts it", %{key: key} do
    assert {:ok, pid} = Workers.ensure(key)

    others = for _ <- 1..50, do: Task.async(fn -> Workers.ensure(key) end)
    assert Enum.uniq(Task.await_many(others)) == [{:ok, pid}]
    assert Worker.call(key, signal()) == {:ok, 1}
    assert Worker.call({:no_such, key}, signal()) == {:error, :not_started}
  end

  test "signals of one sender are applied in their order", %{key: key} do
    {:ok, _} = Workers.ensure(key)
    signals = for n <- 1..100, do: %Signal{kind: 64, sequence: n}
    assert Worker.cast(key, Enum.take(signals, 50)) == :ok
    assert {:ok, replies} = Worker.call_many(key, Enum.drop(signals, 50))
    assert replies == Enum.to_list(51..100)

    {:ok, state} = Worker.state(key)
    assert state == State.replay(State.new(Worker.Tally, key), Enum.map(signals, &{&1, nil}))
  end

  # Tally's state is small and put whole; Remembering's outgrows that and goes to the log.
  for handler <- [Worker.Tally, Remembering] do
    test "after a kill the state is the one that was acknowledged (#{inspect(handler)})",
         %{key: key} do
      set(:handler, unquote(handler))
      {:ok, _} = Workers.ensure(key)

      # after 31 a log, after 32 exactly a snapshot, after 77 snapshots and a log
      for count <- [31, 1, 45] do
        for n <- 1..count//1, do: {:ok, _} = Worker.call(key, %Signal{kind: 64, sequence: n})
        {:ok, before} = Worker.state(key)
        kill(key)
        await(fn -> match?({:ok, _}, Worker.state(key)) end)
        assert Worker.state(key) == {:ok, before}
      end
    end
  end

  test "a restart is counted and told", %{key: key} do
    test = self()
    handler = fn name, measurements, metadata, _ -> send(test, {name, measurements, metadata}) end
    :ok = Telemetry.attach({__MODULE__, key}, [:bitactor, :worker, :restart], handler, nil)
    on_exit(fn -> Telemetry.detach({__MODULE__, key}) end)

    {:ok, _} = Workers.ensure(key)
    {:ok, 1} = Worker.call(key, signal())
    before = Counters.get(:restarts)
    kill(key)
    assert_receive {_, %{replayed: 0, crashes: 1, duration: d}, %{key: ^key}} when d > 0, 1_000
    assert Counters.get(:restarts) == before + 1
  end

  test "an idempotency key holds across a crash", %{key: key} do
    {:ok, _} = Workers.ensure(key)
    assert Worker.call(key, signal(), "request-1", :infinity, 1_000) == {:ok, 1}
    assert Worker.call(key, signal(), "request-1", :infinity, 1_000) == {:ok, 1}
    kill(key)
    assert Worker.call(key, signal(), "request-1", :infinity, 1_000) == {:ok, 1}
    assert Worker.call(key, signal(), "request-2", :infinity, 1_000) == {:ok, 2}
  end

  test "a signal whose deadline is over is not applied", %{key: key} do
    {:ok, _} = Workers.ensure(key)
    over = System.monotonic_time() - 1
    assert Worker.call(key, signal(), nil, over, 1_000) == {:error, :timeout}
    assert Worker.call_many(key, [signal()], over) == {:error, :timeout}
    assert {:ok, %State{sequence: 0}} = Worker.state(key)
  end

  test "a signal that makes the handler raise is not acknowledged, logged or replayed",
       %{key: key} do
    set(:handler, Scripted)
    {:ok, pid} = Workers.ensure(key)
    {:ok, 1} = Worker.call(key, signal())
    assert Worker.call(key, signal(99)) == {:error, :crashed}
    await(fn -> match?({:ok, new} when new != pid, Workers.lookup(key)) end)
    assert Worker.call(key, signal()) == {:ok, 2}
  end

  test "a worker that keeps crashing waits, and leaves its neighbours alone", %{key: key} do
    set(:handler, Scripted)
    neighbours = for n <- 1..999, do: {key, n}
    on_exit(fn -> Enum.each(neighbours, &Workers.forget/1) end)
    pids = for k <- neighbours, do: elem(Workers.ensure(k), 1)
    {:ok, _} = Workers.ensure(key)
    {:ok, 1} = Worker.call(key, signal())

    restarts = Counters.get(:restarts)
    await(fn -> Worker.call(key, signal(99)) == {:error, :restarting} end, 2_000)
    assert (Counters.get(:restarts) - restarts) in 2..5
    assert for(k <- neighbours, do: elem(Workers.lookup(k), 1)) == pids

    # it comes back by itself, with what was acknowledged
    await(fn -> Worker.call(key, signal()) == {:ok, 2} end, 2_000)
  end

  test "a full mailbox refuses at the sender, and what it took is done", %{key: key} do
    set(:handler, Scripted)
    set(:mailbox_max, 10)
    name = :worker_test_flood
    Process.register(self(), name)
    {:ok, pid} = Workers.ensure(key)
    first = Task.async(fn -> Worker.call(key, signal(97, Atom.to_string(name))) end)
    assert_receive {:at_work, ^pid}, 1_000

    shed = Counters.get(:shed)
    answers = for _ <- 1..100_000, do: Worker.cast(key, [signal()])
    assert Enum.count(answers, &(&1 == :ok)) == 9
    assert Counters.get(:shed) == shed + 99_991
    assert {:message_queue_len, 9} = Process.info(pid, :message_queue_len)
    assert {:memory, bytes} = Process.info(pid, :memory)
    assert bytes < 200_000
    assert %{longest: 10} = Directory.load()

    send(pid, :go_on)
    assert Task.await(first) == {:ok, 1}
    assert Worker.call(key, signal()) == {:ok, 11}
    assert %{in_flight: 0} = Directory.load()
  end

  test "messages past the protocol are dropped and counted", %{key: key} do
    {:ok, pid} = Workers.ensure(key)
    foreign = Counters.get(:foreign)
    for n <- 1..100_000, do: send(pid, {:flood, n})
    assert Worker.call(key, signal(), 10_000) == {:ok, 1}
    assert Counters.get(:foreign) == foreign + 100_000
    assert Workers.lookup(key) == {:ok, pid}
    assert GenServer.call(pid, :nonsense) == {:error, :unknown_request}
  end

  test "a worker that needs too much memory is killed and comes back", %{key: key} do
    set(:handler, Scripted)
    set(:worker_heap_words_max, 100_000)
    {:ok, pid} = Workers.ensure(key)
    {:ok, 1} = Worker.call(key, signal())
    assert Worker.call(key, signal(98), 60_000) == {:error, :crashed}
    await(fn -> match?({:ok, new} when new != pid, Workers.lookup(key)) end)
    assert Worker.call(key, signal()) == {:ok, 2}
  end

  test "an idle worker hibernates, and the next signal finds it", %{key: key} do
    set(:idle_ms, 20)
    {:ok, pid} = Workers.ensure(key)
    {:ok, 1} = Worker.call(key, signal())
    hibernated = {:current_function, {:erlang, :hibernate, 3}}
    await(fn -> Process.info(pid, :current_function) == hibernated end)
    assert Worker.call(key, signal()) == {:ok, 2}
    await(fn -> Process.info(pid, :current_function) == hibernated end)
  end

  test "a store that refuses: nothing is acknowledged, nothing is lost", %{key: key} do
    set(:worker_store, Refusing)
    on_exit(fn -> :persistent_term.erase(Refusing) end)
    {:ok, _} = Workers.ensure(key)
    {:ok, 1} = Worker.call(key, signal())

    :persistent_term.put(Refusing, [:append])
    assert Worker.call(key, signal()) == {:error, {:store, :full}}
    assert Worker.call_many(key, [signal()]) == {:error, {:store, :full}}
    assert {:ok, %State{sequence: 1}} = Worker.state(key)

    # a refused snapshot is tried again with the next signal
    :persistent_term.put(Refusing, [:snapshot])
    {:ok, _} = Worker.call_many(key, List.duplicate(signal(), 40))
    assert {:ok, 42} = Worker.call(key, signal())

    # a worker that can't read its state never works on an empty one
    :persistent_term.put(Refusing, [:load])
    kill(key)
    assert Worker.call(key, signal()) == {:error, :restarting}
    :persistent_term.put(Refusing, [])
    await(fn -> match?({:ok, _}, Worker.call(key, signal())) end)
  end

  test "a stopped worker's state comes back, a forgotten one's does not", %{key: key} do
    {:ok, _} = Workers.ensure(key)
    {:ok, 1} = Worker.call(key, signal())
    :ok = Workers.stop(key)
    assert Workers.lookup(key) == :error
    {:ok, _} = Workers.ensure(key)
    assert Worker.call(key, signal()) == {:ok, 2}
    :ok = Workers.forget(key)
    {:ok, _} = Workers.ensure(key)
    assert Worker.call(key, signal()) == {:ok, 1}
  end

  test "an upgrade keeps the state", %{key: key} do
    {:ok, pid} = Workers.ensure(key)
    {:ok, 1} = Worker.call(key, signal(), "request", :infinity, 1_000)
    {:ok, before} = Worker.state(key)
    :ok = :sys.suspend(pid)
    :ok = :sys.change_code(pid, Worker, "0.0.9", [])
    :ok = :sys.resume(pid)
    assert Worker.state(key) == {:ok, before}
  end

  test "neither the status nor a crash report shows what an actor holds", %{key: key} do
    {:ok, pid} = Workers.ensure(key)
    {:ok, _} = Worker.call(key, signal(64, "secret payload"), "secret key", :infinity, 1_000)
    status = inspect(:sys.get_status(pid), limit: :infinity, printable_limit: :infinity)
    refute status =~ "secret"
    assert status =~ "payload_bytes: 14"
  end

  test "flush waits for what was sent before it", %{key: key} do
    {:ok, _} = Workers.ensure(key)
    :ok = Worker.cast(key, List.duplicate(signal(), 500))
    assert Workers.flush(System.monotonic_time(:millisecond) + 5_000) == :ok
    assert {:ok, %State{sequence: 500}} = Worker.state(key)

    {:ok, pid} = Workers.lookup(key)
    :ok = :sys.suspend(pid)
    assert Workers.flush(System.monotonic_time(:millisecond) + 20) == {:error, :timeout}
    :ok = :sys.resume(pid)
  end

  test "a node takes only so many workers", %{key: key} do
    sizes = Supervisor.which_children(BitActor.Workers.Partitions)
    assert length(sizes) == System.schedulers_online()

    for {_id, pid, :supervisor, _modules} <- sizes do
      assert :sys.get_state(pid).max_children >= div(1_000_000, length(sizes))
      assert :sys.get_state(pid).max_restarts == 1_000
    end

    assert {:ok, _} = Workers.ensure(key)
    assert Workers.count() >= 1
  end

  test "every metric can be read, every event is named once" do
    for %{name: name, read: {module, function, arguments}} <- Workers.metrics() do
      assert is_integer(apply(module, function, arguments)), name
    end

    names = Enum.map(Worker.events(), & &1.name)
    assert Enum.uniq(names) == names
  end
end
