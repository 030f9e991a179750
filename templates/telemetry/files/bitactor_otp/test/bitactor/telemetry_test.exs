defmodule BitActor.TelemetryTest do
  # The handler table belongs to the node: ids and events here are made for each test.
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  alias BitActor.Telemetry

  doctest Telemetry

  setup_all do
    Logger.put_module_level(Telemetry, :error)
    on_exit(fn -> Logger.delete_module_level(Telemetry) end)
  end

  setup do
    event = [:bitactor, :test, :"event#{System.unique_integer([:positive])}"]
    {:ok, event: event, id: make_ref()}
  end

  defp relay(name, measurements, metadata, to), do: send(to, {name, measurements, metadata})

  test "handlers get the event, in order, until detached", %{event: event, id: id} do
    test = self()
    assert Telemetry.execute(event, %{count: 1}) == :ok
    assert Telemetry.attach(id, event, &relay/4, test) == :ok
    second = fn _, _, _, :second -> send(test, :second) end
    assert Telemetry.attach({id, 2}, event, second, :second) == :ok
    assert Telemetry.handlers(event) == [id, {id, 2}]

    assert Telemetry.execute(event, %{count: 1}, %{a: 2}) == :ok

    assert {:messages, [{^event, %{count: 1}, %{a: 2}}, :second]} =
             Process.info(self(), :messages)

    assert Telemetry.detach(id) == :ok
    assert Telemetry.detach(id) == {:error, :not_found}
    assert Telemetry.handlers(event) == [{id, 2}]
    assert Telemetry.detach({id, 2}) == :ok
    assert Telemetry.handlers(event) == []
  end

  test "an id is taken once, for all its events", %{event: event, id: id} do
    assert Telemetry.attach_many(id, [event, event ++ [:b]], &relay/4, self()) == :ok
    assert Telemetry.attach(id, event ++ [:c], &relay/4, self()) == {:error, :already_exists}
    Telemetry.execute(event ++ [:b], %{n: 1})
    assert_received {_, %{n: 1}, %{}}
    assert Telemetry.detach(id) == :ok
    assert Telemetry.handlers(event ++ [:b]) == []
  end

  test "a handler that raises is detached and logged once; the others go on",
       %{event: event, id: id} do
    failures = [:bitactor, :telemetry, :handler_failed]
    Telemetry.attach({id, :failures}, failures, &relay/4, self())
    on_exit(fn -> Telemetry.detach({id, :failures}) end)

    broken = fn _, _, _, _ -> exit(:broken_on_purpose) end

    log =
      capture_log(fn ->
        Telemetry.attach({id, :broken}, event, broken, nil)
        Telemetry.attach({id, :good}, event, &relay/4, self())

        1..50
        |> Enum.map(fn _ -> Task.async(fn -> Telemetry.execute(event, %{count: 1}) end) end)
        |> Task.await_many()
        |> Enum.each(fn answer -> assert answer == :ok end)
      end)

    assert Telemetry.handlers(event) == [{id, :good}]
    assert length(String.split(log, "broken_on_purpose")) == 2

    for _ <- 1..50, do: assert_received({^event, %{count: 1}, %{}})
    assert_received {^failures, %{count: 1}, %{event: ^event, kind: :exit}}
    refute_received {^failures, _, %{event: ^event}}
    Telemetry.detach({id, :good})
  end

  test "concurrent changes lose nothing", %{event: event, id: id} do
    1..40
    |> Enum.map(fn n ->
      Task.async(fn -> Telemetry.attach({id, n}, event, &relay/4, self()) end)
    end)
    |> Task.await_many()

    assert length(Telemetry.handlers(event)) == 40
    1..40 |> Enum.map(&Task.async(fn -> Telemetry.detach({id, &1}) end)) |> Task.await_many()
    assert Telemetry.handlers(event) == []
  end

  test "a span tells its start and its stop with the duration", %{event: event, id: id} do
    names = for what <- [:start, :stop, :exception], do: event ++ [what]
    Telemetry.attach_many(id, names, &relay/4, self())

    assert Telemetry.span(event, %{a: 1}, fn -> {:result, %{b: 2}} end) == :result
    start = event ++ [:start]
    stop = event ++ [:stop]
    assert_received {^start, %{monotonic_time: from, system_time: _}, %{a: 1}}
    assert_received {^stop, %{duration: duration, monotonic_time: till}, %{b: 2}}
    assert duration == till - from and duration >= 0

    catch_throw(Telemetry.span(event, %{a: 1}, fn -> throw(:out) end))
    exception = event ++ [:exception]

    assert_received {^exception, %{duration: _},
                     %{a: 1, kind: :throw, reason: :out, stacktrace: _}}

    assert Telemetry.current_traceparent() == nil
    Telemetry.detach(id)
  end

  test "every event of the catalogue says what it is" do
    for event <- Telemetry.catalogue() do
      assert [:bitactor | rest] = event.name
      assert rest != [] and Enum.all?(rest, &is_atom/1)
      assert Enum.all?(event.measurements ++ event.metadata, &is_atom/1)
      assert String.ends_with?(event.help, ".")
    end

    names = Enum.map(Telemetry.catalogue(), & &1.name)
    assert names == Enum.uniq(names)
    assert [:bitactor, :telemetry, :handler_failed] in names
  end
end
