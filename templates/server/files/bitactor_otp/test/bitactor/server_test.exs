defmodule BitActor.ServerTest do
  # drains the node and changes settings
  use ExUnit.Case, async: false
  doctest BitActor.Server

  alias BitActor.{Server, Signal, Telemetry, Worker, Workers}
  alias BitActor.Worker.State

  defmodule Slow do
    @moduledoc false
    @behaviour Worker.Handler
    def init(_key), do: 0

    def handle(%Signal{kind: 90}, data) do
      receive do
      after
        50 -> {data + 1, data + 1}
      end
    end

    def handle(%Signal{kind: 99}, _data), do: raise("poison")
    def handle(_signal, data), do: {data + 1, data + 1}
  end

  setup do
    key = {:server_test, System.unique_integer([:positive])}
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
  defp now_ms, do: System.monotonic_time(:millisecond)

  defp results, do: Map.new(Server.results(), fn {%{result: name}, count} -> {name, count} end)

  test "the worker of a key is started by its first signal", %{key: key} do
    assert Workers.lookup(key) == :error
    assert Server.dispatch(key, signal()) == {:ok, 1}
    assert Server.dispatch(key, signal()) == {:ok, 2}
    assert {:ok, _pid} = Workers.lookup(key)
  end

  test "a killed worker's next signal finds its state", %{key: key} do
    for n <- 1..100 do
      {:ok, ^n} = Server.dispatch(key, signal())
      {:ok, pid} = Workers.lookup(key)
      # few enough within a minute that the worker does not have to wait
      if rem(n, 40) == 0, do: Process.exit(pid, :kill)
    end
  end

  test "bytes of the core's layout are a signal, anything else an error", %{key: key} do
    {:ok, bytes} = Signal.encode(signal())
    assert Server.dispatch_bytes(key, bytes) == {:ok, 1}
    assert Server.dispatch_bytes(key, "no signal") == {:error, {:invalid, :length}}
  end

  test "a time that is over is an error and nothing is applied", %{key: key} do
    assert Server.dispatch(key, signal(), deadline: now_ms() - 1) == {:error, :timeout}
    assert Server.dispatch(key, signal(), deadline: now_ms() + 5_000) == {:ok, 1}

    set(:handler, Slow)
    slow = {key, :slow}
    on_exit(fn -> Workers.forget(slow) end)
    {:ok, _} = Server.dispatch(slow, signal())
    # the first keeps the worker for 50 ms, the second's time is over by then
    first = Task.async(fn -> Server.dispatch(slow, signal(90)) end)
    busy(slow)
    assert Server.dispatch(slow, signal(), timeout: 10) == {:error, :timeout}
    assert Task.await(first) == {:ok, 2}
    assert {:ok, %State{sequence: 2}} = Worker.state(slow)
  end

  defp busy(key) do
    {:ok, pid} = Workers.lookup(key)

    if match?({:status, :waiting}, Process.info(pid, :status)) and in_flight?(key),
      do: :ok,
      else: busy(key)
  end

  defp in_flight?(key) do
    {_pid, mailbox, _max} = Worker.Directory.lookup(key)
    :atomics.get(mailbox, 1) == 1
  end

  test "a full mailbox is an error at once", %{key: key} do
    set(:handler, Slow)
    set(:mailbox_max, 2)
    {:ok, 1} = Server.dispatch(key, signal())
    calls = for _ <- 1..20, do: Task.async(fn -> Server.dispatch(key, signal(90)) end)
    answers = Task.await_many(calls)
    assert {:error, :overloaded} in answers
    assert Enum.count(answers, &match?({:ok, _}, &1)) >= 2
    assert Server.dispatch(key, signal()) == {:ok, Enum.count(answers, &match?({:ok, _}, &1)) + 2}
  end

  test "a repeated request is answered once more and applied once", %{key: key} do
    assert Server.dispatch(key, signal(), idempotency_key: "r1") == {:ok, 1}
    assert Server.dispatch(key, signal(), idempotency_key: "r1") == {:ok, 1}
    assert Server.dispatch(key, signal(), idempotency_key: "r2") == {:ok, 2}
  end

  test "a poison signal is an error for its sender and for nobody else", %{key: key} do
    set(:handler, Slow)
    {:ok, 1} = Server.dispatch(key, signal())
    assert Server.dispatch(key, signal(99)) == {:error, :crashed}
    assert await_ok(key) == {:ok, 2}
  end

  defp await_ok(key, left \\ 200) do
    case Server.dispatch(key, signal()) do
      {:error, reason} when reason in [:unavailable, :restarting, :crashed] and left > 0 ->
        receive do
        after
          5 -> await_ok(key, left - 1)
        end

      answer ->
        answer
    end
  end

  test "a batch goes to its workers in order; what is refused is named", %{key: key} do
    set(:mailbox_max, 100)
    keys = for n <- 1..10, do: {key, n}
    on_exit(fn -> Enum.each(keys, &Workers.forget/1) end)
    pairs = for n <- 1..50, k <- keys, do: {k, %Signal{kind: 64, sequence: n}}
    flood = for n <- 1..101, do: {key, %Signal{kind: 64, sequence: n}}

    assert Server.cast_many(pairs ++ flood) == {500, [{key, :overloaded, 101}]}
    assert Workers.flush(now_ms() + 5_000) == :ok

    one = for n <- 1..50, do: {%Signal{kind: 64, sequence: n}, nil}

    for k <- keys do
      assert Worker.state(k) == {:ok, State.replay(State.new(Worker.Tally, k), one)}
    end

    answers = Server.call_many(pairs ++ flood)
    assert answers[key] == {:error, :overloaded}
    for k <- keys, do: assert(answers[k] == {:ok, Enum.to_list(51..100)})
    assert map_size(answers) == 11
    assert Server.call_many([]) == %{}
  end

  test "a batch's answer that does not come is a timeout, the others are there", %{key: key} do
    set(:handler, Slow)
    other = {key, :other}
    on_exit(fn -> Workers.forget(other) end)
    pairs = [{key, signal(90)}, {other, signal()}]
    answers = Server.call_many(pairs, timeout: 20)
    assert answers == %{key => {:error, :timeout}, other => {:ok, [1]}}
  end

  test "a key of another node goes there, and nowhere if it can't be reached", %{key: key} do
    on_exit(fn -> Server.set_members([]) end)
    assert Server.owner(key) == node()
    :ok = Server.set_members([:"nowhere@127.0.0.1"])
    assert Server.members_count() == 1
    assert Server.owner(key) == :"nowhere@127.0.0.1"
    assert {:error, :unreachable} = Server.dispatch(key, signal(), timeout: 2_000)
    assert Workers.lookup(key) == :error

    # the other side serves whatever its own ring says
    assert Server.dispatch_here(key, signal(), nil, 1_000) == {:ok, 1}

    :ok = Server.set_members([node(), :"nowhere@127.0.0.1"])
    mine = Enum.find(1..1_000, &(Server.owner({key, &1}) == node()))
    on_exit(fn -> Workers.forget({key, mine}) end)
    assert Server.dispatch({key, mine}, signal()) == {:ok, 1}
  end

  test "what is under way is counted, and a killed caller's is not for ever", %{key: key} do
    set(:handler, Slow)
    on_exit(fn -> Server.set_members([]) end)
    {:ok, 1} = Server.dispatch(key, signal())
    assert Server.in_flight() == 0
    call = Task.async(fn -> Server.dispatch(key, signal(90)) end)
    busy(key)
    assert Server.in_flight() == 1
    {:ok, 2} = Task.await(call)

    # as left by a caller that was killed, and as made by one that waits
    {dead, monitor} = spawn_monitor(fn -> :ok end)
    assert_receive {:DOWN, ^monitor, :process, ^dead, _reason}
    for pid <- [dead, self()], do: :ets.insert(BitActor.Server.Remote, {{:test, pid}, pid})
    assert Server.in_flight() == 1
    assert :ets.lookup(BitActor.Server.Remote, {:test, dead}) == []
    :ets.delete(BitActor.Server.Remote, {:test, self()})
    assert Server.in_flight() == 0
  end

  test "the ring and the counts outlive the server's process", %{key: key} do
    on_exit(fn -> Server.set_members([]) end)
    :ok = Server.set_members([node()])
    before = results()
    {:ok, 1} = Server.dispatch(key, signal())
    pid = Process.whereis(Server)
    Process.exit(pid, :kill)
    await_new(pid)
    assert Server.members_count() == 1
    assert results()["ok"] == before["ok"] + 1
  end

  defp await_new(pid, left \\ 200) do
    if Process.whereis(Server) in [nil, pid] and left > 0 do
      receive do
      after
        5 -> await_new(pid, left - 1)
      end
    end
  end

  test "every result is counted", %{key: key} do
    before = results()
    {:ok, _} = Server.dispatch(key, signal())
    {:error, :timeout} = Server.dispatch(key, signal(), deadline: now_ms() - 1)
    assert results() == %{before | "ok" => before["ok"] + 1, "timeout" => before["timeout"] + 1}
  end

  test "durations are sampled", %{key: key} do
    test = self()
    id = {__MODULE__, key}
    tell = fn _name, measurements, metadata, _ -> send(test, {measurements, metadata}) end
    :ok = Telemetry.attach(id, [:bitactor, :server, :dispatch], tell, nil)
    on_exit(fn -> Telemetry.detach(id) end)
    for _ <- 1..5_000, do: {:ok, _} = Server.dispatch(key, signal())
    assert_received {%{duration: duration}, %{result: :ok}} when duration > 0
  end

  test "a trace context makes a span", %{key: key} do
    test = self()
    id = {__MODULE__, :span, key}

    tell = fn _name, _m, metadata, _ ->
      send(test, {metadata, Telemetry.current_traceparent()})
    end

    :ok = Telemetry.attach(id, [:bitactor, :server, :request, :stop], tell, nil)
    on_exit(fn -> Telemetry.detach(id) end)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    traceparent = "00-#{trace}-00f067aa0ba902b7-01"
    assert Server.dispatch(key, signal(), traceparent: traceparent) == {:ok, 1}
    assert_received {%{result: :ok, kind: 64}, _current}
  end

  test "a stopping node answers what it took and refuses the rest", %{key: key} do
    set(:handler, Slow)
    {:ok, 1} = Server.dispatch(key, signal())
    calls = for _ <- 1..5, do: Task.async(fn -> Server.dispatch(key, signal(90)) end)
    await_waiting(key, 5)
    on_exit(fn -> {:ok, _} = Application.ensure_all_started(:bitactor) end)
    :ok = Application.stop(:bitactor)
    assert Enum.sort(Task.await_many(calls)) == for(n <- 2..6, do: {:ok, n})
    assert Server.dispatch(key, signal()) == {:error, :draining}
    assert Server.cast_many([{key, signal()}]) == {0, [{key, :draining, 1}]}
    assert Server.call_many([{key, signal()}]) == %{key => {:error, :draining}}
  end

  defp await_waiting(key, count) do
    {_pid, mailbox, _max} = Worker.Directory.lookup(key)
    if :atomics.get(mailbox, 1) < count, do: await_waiting(key, count)
  end

  test "every child killed in turn, the system is ready again within a second", %{key: key} do
    children =
      for {0, id, _type, _pid} <- BitActor.Supervisor.tree(),
          id != BitActor.Telemetry.Handlers,
          do: id

    for id <- children do
      pid = child(id)
      Process.exit(pid, :kill)
      started = now_ms()
      await_child(id, pid)
      assert {:ok, _} = await_ok(key)
      assert now_ms() - started < 1_000, "#{inspect(id)} took #{now_ms() - started} ms"
    end
  end

  defp child(id) do
    Enum.find_value(BitActor.Supervisor.tree(), fn {depth, name, _type, pid} ->
      if depth == 0 and name == id, do: pid
    end)
  end

  defp await_child(id, pid, left \\ 400) do
    if child(id) in [nil, pid] do
      if left == 0, do: flunk("#{inspect(id)} never came back")

      receive do
      after
        5 -> await_child(id, pid, left - 1)
      end
    end
  end
end
