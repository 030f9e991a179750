defmodule BitActor.Telemetry.ExporterTest do
  # The exporter is one per node.
  use ExUnit.Case, async: false

  import ExUnit.CaptureLog

  alias BitActor.{JSON, Telemetry}
  alias BitActor.Telemetry.{Exporter, OTLP, Span}

  doctest OTLP

  defmodule Collector do
    @moduledoc false
    # A collector on loopback: tells `owner` each request, answers what `answers` says in
    # turn (status and body; the last one stays), or nothing at all for :hang.
    def start(owner, answers) do
      {:ok, listener} =
        :gen_tcp.listen(0, [:binary, packet: :http_bin, active: false, ip: {127, 0, 0, 1}])

      {:ok, port} = :inet.port(listener)
      {spawn_link(fn -> accept(listener, owner, answers) end), "http://127.0.0.1:#{port}"}
    end

    defp accept(listener, owner, answers) do
      {:ok, socket} = :gen_tcp.accept(listener)
      accept(listener, owner, serve(socket, owner, answers))
    end

    defp serve(socket, owner, answers) do
      case request(socket, %{}) do
        {:ok, request} ->
          send(owner, {:collector, request})
          serve(socket, owner, answer(socket, answers))

        :closed ->
          answers
      end
    end

    defp answer(_, [:hang | _]), do: Process.sleep(:infinity)
    defp answer(socket, [{status, body}]), do: reply(socket, status, body) && [{status, body}]
    defp answer(socket, [{status, body} | rest]), do: reply(socket, status, body) && rest

    defp reply(socket, status, body) do
      head = "HTTP/1.1 #{status} X\r\ncontent-length: #{byte_size(body)}\r\n\r\n"
      :ok = :gen_tcp.send(socket, [head, body])
    end

    defp request(socket, fields) do
      case :gen_tcp.recv(socket, 0) do
        {:ok, {:http_request, method, {:abs_path, path}, _}} ->
          request(socket, %{method: method, path: path})

        {:ok, {:http_header, _, name, _, value}} ->
          request(socket, Map.put(fields, String.downcase(to_string(name)), value))

        {:ok, :http_eoh} ->
          :ok = :inet.setopts(socket, packet: :raw)
          {:ok, body} = :gen_tcp.recv(socket, String.to_integer(fields["content-length"]))
          :ok = :inet.setopts(socket, packet: :http_bin)
          {:ok, Map.put(fields, :body, body)}

        {:error, :closed} ->
          :closed
      end
    end
  end

  setup_all do
    Logger.put_module_level(Exporter, :warning)
    on_exit(fn -> Logger.delete_module_level(Exporter) end)
  end

  defp start(answers, options \\ []) do
    {_, endpoint} = Collector.start(self(), answers)
    before = Exporter.counts()
    options = Keyword.merge([endpoint: endpoint, interval_ms: 60_000, backoff_ms: 1], options)
    start_supervised!({Exporter, options})
    before
  end

  # The counts since `before`; they are totals of the node.
  defp since(before) do
    counts = Map.new(Exporter.counts(), fn {name, count} -> {name, count - before[name]} end)
    %{counts | queued: Exporter.count(:queued)}
  end

  defp spans(body) do
    assert {:ok, %{"resourceSpans" => [%{"resource" => resource, "scopeSpans" => [scope]}]}} =
             JSON.decode(body)

    {resource, scope["spans"]}
  end

  defp emit(count),
    do: for(_ <- 1..count, do: Telemetry.span([:bitactor, :test], %{}, fn -> {:ok, %{}} end))

  test "without an endpoint nothing runs" do
    assert Exporter.start_link([]) == :ignore
    refute Exporter.running?()
    before = Exporter.counts()
    emit(1)
    assert Exporter.counts() == before
  end

  test "the collector gets valid spans with the right parents" do
    before = start([{200, "{}"}])
    remote = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    Telemetry.with_traceparent(remote, fn ->
      Telemetry.span([:bitactor, :outer], %{key: "k", api_token: "s3cr3t"}, fn ->
        catch_error(Telemetry.span([:bitactor, :inner], %{}, fn -> raise "inner failed" end))
        {:ok, %{count: 3, share: 0.5, big: 2 ** 70, on: true, list: [1], bad: <<0xFF>>}}
      end)
    end)

    Exporter.flush()
    assert_receive {:collector, request}
    assert %{"content-type" => "application/json", method: :POST, path: "/v1/traces"} = request
    refute request.body =~ "s3cr3t"

    {resource, [inner, outer]} = spans(request.body)

    assert %{"key" => "service.name", "value" => %{"stringValue" => "bitactor"}} in resource[
             "attributes"
           ]

    assert outer["name"] == "bitactor.outer"
    assert outer["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert outer["parentSpanId"] == "00f067aa0ba902b7"
    assert outer["spanId"] =~ ~r/^[0-9a-f]{16}$/
    assert outer["status"] == %{"code" => 0}

    assert String.to_integer(outer["endTimeUnixNano"]) >=
             String.to_integer(outer["startTimeUnixNano"])

    values =
      Map.new(outer["attributes"], fn %{"key" => key, "value" => value} -> {key, value} end)

    assert values["key"] == %{"stringValue" => "k"}
    assert values["count"] == %{"intValue" => "3"}
    assert values["share"] == %{"doubleValue" => 0.5}
    assert values["big"] == %{"stringValue" => "#{2 ** 70}"}
    assert values["on"] == %{"boolValue" => true}
    assert values["list"] == %{"stringValue" => "[1]"}
    assert values["bad"] == %{"stringValue" => "\uFFFD"}

    assert inner["parentSpanId"] == outer["spanId"]
    assert inner["traceId"] == outer["traceId"]
    assert inner["status"]["code"] == 2
    assert inner["status"]["message"] =~ "inner failed"
    assert since(before) == %{sent: 2, dropped: 0, rejected: 0, queued: 0}
  end

  test "spans of a trace that is not sampled stay here" do
    before = start([{200, "{}"}])
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
    Telemetry.with_traceparent(parent, fn -> emit(1) end)
    Exporter.flush()
    assert since(before) == %{sent: 0, dropped: 0, rejected: 0, queued: 0}
    refute_received {:collector, _}
  end

  test "batches hold at most batch_max spans" do
    before = start([{200, ""}], batch_max: 10)
    emit(25)
    Exporter.flush()

    sizes =
      for _ <- 1..3,
          do: assert_receive({:collector, %{body: body}}) && length(elem(spans(body), 1))

    assert sizes == [10, 10, 5]
    assert since(before).sent == 25
  end

  test "a collector that is down slows nobody; spans over the limit are counted" do
    {:ok, closed} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
    {:ok, port} = :inet.port(closed)
    :ok = :gen_tcp.close(closed)
    before = start([], endpoint: "http://127.0.0.1:#{port}", queue_max: 100, attempts_max: 2)

    emit(150)
    assert since(before) == %{sent: 0, dropped: 50, rejected: 0, queued: 100}
    Exporter.flush()
    assert since(before) == %{sent: 0, dropped: 50, rejected: 0, queued: 100}
    Exporter.flush()
    assert since(before) == %{sent: 0, dropped: 150, rejected: 0, queued: 0}
  end

  test "while the collector hangs, spans cost what they always cost" do
    before = start([:hang], queue_max: 50, timeout_ms: 60_000)
    emit(1)
    send(Exporter, :send)
    assert_receive {:collector, _}

    {hanging, _} = :timer.tc(fn -> emit(2_000) end)
    assert since(before).dropped >= 1_950
    # A blocked caller would take the 60 s of the request; this is 1 ms a span.
    assert hanging < 2_000_000

    monitor = Process.monitor(Exporter)
    Process.exit(Process.whereis(Exporter), :kill)
    assert_receive {:DOWN, ^monitor, :process, _, :killed}
    stop_supervised!(Exporter)
    assert since(before) == %{sent: 0, dropped: 2_001, rejected: 0, queued: 0}
  end

  test "503 is tried again and delivered; 400 is not; partial success is counted" do
    before =
      start([{503, ""}, {200, ""}, {400, ""}, {200, ~s({"partialSuccess":{"rejectedSpans":"2"}})}])

    emit(1)
    Exporter.flush()
    assert since(before).queued == 1
    Exporter.flush()
    assert since(before) == %{sent: 1, dropped: 0, rejected: 0, queued: 0}

    emit(3)
    assert capture_log(fn -> Exporter.flush() end) =~ "refused 3 spans: status 400"
    assert since(before) == %{sent: 1, dropped: 0, rejected: 3, queued: 0}

    emit(5)
    Exporter.flush()
    assert since(before) == %{sent: 4, dropped: 0, rejected: 5, queued: 0}
  end

  test "the timer sends by itself, and stopping sends the rest" do
    before = start([{200, ""}], interval_ms: 10)
    emit(1)
    assert_receive {:collector, _}, 5_000
    stop_supervised!(Exporter)

    start([{200, ""}])
    emit(2)
    stop_supervised!(Exporter)
    assert_receive {:collector, %{body: body}}, 5_000
    assert length(elem(spans(body), 1)) == 2
    assert since(before) == %{sent: 3, dropped: 0, rejected: 0, queued: 0}
    refute Exporter.running?()
  end

  test "an export that meets no table is a drop, not an error" do
    before = start([{200, ""}])
    gone = :persistent_term.get(Exporter)
    stop_supervised!(Exporter)
    :persistent_term.put(Exporter, gone)
    assert Exporter.export(%Span{trace_id: "t", span_id: "s", sampled: true}) == :ok
    assert since(before).dropped == 1
    :persistent_term.erase(Exporter)
  end
end

defmodule BitActor.Telemetry.SupervisorTest do
  use ExUnit.Case, async: false

  alias BitActor.Telemetry.{Exporter, Supervisor}

  test "an exporter that keeps crashing ends as :shutdown, which restarts nothing" do
    Process.flag(:trap_exit, true)
    assert %{restart: :transient} = Supervisor.child_spec([])
    options = [endpoint: "http://127.0.0.1:9"]
    {:ok, pid} = :supervisor.start_link(Supervisor, options)

    for _ <- 1..6, do: crash(pid)
    assert_receive {:EXIT, ^pid, :shutdown}, 5_000
    :persistent_term.erase(Exporter)
  end

  # Kills the exporter and waits until its successor, or the end of the supervisor, is there.
  defp crash(supervisor) do
    exporter = Process.whereis(Exporter)
    monitor = Process.monitor(exporter)
    Process.exit(exporter, :kill)
    assert_receive {:DOWN, ^monitor, :process, _, :killed}
    settled(supervisor)
  end

  # A supervisor answers when it has dealt with the exit before.
  defp settled(supervisor) do
    :supervisor.which_children(supervisor)
  catch
    :exit, _ -> :gone
  end
end
