defmodule BitActor.HTTPTest do
  # Each test has a listener of its own, on a free port of loopback.
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  alias BitActor.{HTTP, Telemetry}

  setup_all do
    Logger.put_module_level(HTTP.Connection, :error)
    Logger.put_module_level(HTTP.Listener, :error)

    on_exit(fn ->
      Logger.delete_module_level(HTTP.Connection)
      Logger.delete_module_level(HTTP.Listener)
    end)
  end

  defp listen(options \\ []) do
    name = :"http_test_#{System.unique_integer([:positive])}"
    test = self()

    routes = [
      {"GET", "/hello",
       fn request -> {200, [], "hello " <> Map.get(request.query, "name", "")} end},
      {"POST", "/echo",
       fn request -> {201, [{"x-peer", inspect(request.peer)}], request.body} end},
      {"GET", "/raise", fn _ -> raise "handler failed" end},
      {"GET", "/split", fn request -> {200, [{"x", request.query["v"]}], ""} end},
      {"GET", "/trace", fn _ -> {200, [], Telemetry.current_traceparent()} end},
      {"GET", "/wait", fn _ -> wait(test) end},
      {"GET", "/stream",
       fn _ -> {:stream, [{"content-type", "text/plain"}], &stream(&1, test)} end}
    ]

    defaults = [name: name, port: 0, ip: {127, 0, 0, 1}, routes: routes]
    start_supervised!({HTTP, Keyword.merge(defaults, options)}, id: name)
    {name, HTTP.port(name)}
  end

  defp wait(test) do
    send(test, {:waiting, self()})

    receive do
      :go_on -> {200, [], "waited"}
    end
  end

  defp stream(send, test) do
    send(test, {:streaming, self(), send.("one")})

    receive do
      :go_on -> send(test, {:sent, send.(["two", ""])})
    end
  end

  defp connect(port) do
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false])
    socket
  end

  # Sends `text` and reads until the other side closes.
  defp exchange(port, text) do
    socket = connect(port)
    :ok = :gen_tcp.send(socket, text)
    read_all(socket, "")
  end

  defp read_all(socket, read) do
    case :gen_tcp.recv(socket, 0, 10_000) do
      {:ok, data} -> read_all(socket, read <> data)
      {:error, :closed} -> read
    end
  end

  # Reads one response with a content-length.
  defp read_one(socket, read \\ "") do
    with [head, body] <- String.split(read, "\r\n\r\n", parts: 2),
         [_, length] <- Regex.run(~r/content-length: (\d+)/, head),
         true <- byte_size(body) >= String.to_integer(length) do
      {head, body}
    else
      _ ->
        {:ok, data} = :gen_tcp.recv(socket, 0, 10_000)
        read_one(socket, read <> data)
    end
  end

  defp get(path, headers \\ "connection: close\r\n"),
    do: "GET #{path} HTTP/1.1\r\nhost: h\r\n#{headers}\r\n"

  defp status(response) do
    assert <<"HTTP/1.1 ", status::binary-size(3), " ", _::binary>> = response
    String.to_integer(status)
  end

  test "GET, HEAD, POST with a body" do
    {_, port} = listen()
    assert exchange(port, get("/hello?name=you")) =~ ~r/^HTTP\/1.1 200 OK\r\n.*hello you$/s
    head = exchange(port, "HEAD /hello HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
    assert head =~ "content-length: 6" and String.ends_with?(head, "\r\n\r\n")
    post = "POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody"

    assert exchange(port, post) =~
             ~r/^HTTP\/1.1 201 Created\r\n.*x-peer: \{\{127, 0, 0, 1\}.*\r\n\r\nbody$/s
  end

  test "several requests on one connection, also sent at once" do
    {_, port} = listen(requests_max: 4)
    socket = connect(port)
    :ok = :gen_tcp.send(socket, get("/hello?name=1", ""))
    assert {_, "hello 1"} = read_one(socket)

    :ok =
      :gen_tcp.send(socket, [
        get("/hello?name=2", ""),
        get("/hello?name=3", ""),
        get("/hello?name=4", "")
      ])

    rest = read_all(socket, "")

    assert [_, "2", "3", "4" <> _] =
             String.split(rest, ~r/hello (?=\d)/) |> Enum.map(&String.first/1)

    # requests_max: the fourth is the last, and says so.
    assert length(String.split(rest, "connection: close")) == 2
  end

  test "HTTP/1.0 is answered and closed" do
    {_, port} = listen()
    assert exchange(port, "GET /hello HTTP/1.0\r\n\r\n") =~ "connection: close"
  end

  test "404, 405 with Allow, 400, 413, 414, 431, 505, 411, 417" do
    {_, port} = listen(body_max: 10, head_max: 1_000, request_line_max: 100)
    assert status(exchange(port, get("/nothing"))) == 404

    other = exchange(port, "DELETE /hello HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
    assert status(other) == 405
    assert other =~ "allow: GET, HEAD\r\n"

    for {text, expected} <- [
          {"nonsense\r\n\r\n", 400},
          {<<0x16, 0x03, 0x01, 0, 5, 1, 2, 3, "\r\n\r\n">>, 400},
          {"POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 11\r\n\r\n01234567890", 413},
          {"GET /#{String.duplicate("a", 200)} HTTP/1.1\r\n", 414},
          {get("/hello", "x: #{String.duplicate("a", 2_000)}\r\n"), 431},
          {get("/hello", String.duplicate("x: a\r\n", 80)), 431},
          {"GET / HTTP/3.0\r\nhost: h\r\n\r\n", 505},
          {"POST /echo HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n", 411},
          {"POST /echo HTTP/1.1\r\nhost: h\r\nexpect: x\r\ncontent-length: 1\r\n\r\n", 417}
        ] do
      answer = exchange(port, text)
      assert {text, status(answer)} == {text, expected}
      assert answer =~ "connection: close"
    end
  end

  test "a client that is told 413 reads the answer although it sends on" do
    {_, port} = listen(body_max: 10)
    body = String.duplicate("x", 200_000)
    text = "POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 200000\r\n\r\n" <> body
    for _ <- 1..20, do: assert(status(exchange(port, text)) == 413)
  end

  test "100-continue" do
    {_, port} = listen()
    socket = connect(port)

    head =
      "POST /echo HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\nconnection: close\r\n\r\n"

    :ok = :gen_tcp.send(socket, head)
    assert {:ok, "HTTP/1.1 100 Continue\r\n\r\n"} = :gen_tcp.recv(socket, 0, 5_000)
    :ok = :gen_tcp.send(socket, "ok")
    assert status(read_all(socket, "")) == 201
  end

  test "a handler that raises is 500, logged, and not told to the client" do
    {_, port} = listen()

    log =
      capture_log(fn ->
        answer = exchange(port, get("/raise"))
        assert status(answer) == 500
        refute answer =~ "handler failed"
        assert status(exchange(port, get("/split?v=a%0d%0ab"))) == 500
      end)

    assert log =~ "handler failed"
    assert status(exchange(port, get("/hello"))) == 200
  end

  test "the traceparent of a request is the parent inside" do
    {_, port} = listen()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    answer =
      exchange(
        port,
        get("/trace", "traceparent: 00-#{trace}-00f067aa0ba902b7-01\r\nconnection: close\r\n")
      )

    assert answer =~ ~r/00-#{trace}-[0-9a-f]{16}-01$/
    refute answer =~ "00f067aa0ba902b7"
  end

  test "events carry route, method and status; unknown paths are one route" do
    {_, port} = listen()
    id = make_ref()
    test = self()
    stop = [:bitactor, :http, :request, :stop]
    Telemetry.attach(id, stop, fn _, times, metadata, _ -> send(test, {times, metadata}) end, nil)
    on_exit(fn -> Telemetry.detach(id) end)

    exchange(port, get("/hello?name=x"))
    assert_receive {%{duration: _}, %{route: "/hello", method: "GET", status: 200}}
    exchange(port, get("/#{id |> inspect() |> URI.encode()}"))
    assert_receive {_, %{route: "unmatched", status: 404}}
    capture_log(fn -> exchange(port, get("/raise")) end)
    assert_receive {_, %{route: "/raise", status: 500, error: error}}
    assert error =~ "handler failed"
  end

  test "slow and silent clients are closed in time, and do not keep others out" do
    {name, port} = listen(connections_max: 3, head_timeout_ms: 200, body_timeout_ms: 200)
    silent = connect(port)
    slow_head = connect(port)
    :ok = :gen_tcp.send(slow_head, "GET /hello HT")
    slow_body = connect(port)

    :ok =
      :gen_tcp.send(slow_body, "POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nab")

    eventually(fn -> HTTP.connections(name) == 3 end)

    # All taken: told so at once, not left waiting.
    assert exchange(port, get("/hello")) =~ ~r/^HTTP\/1.1 503 .*retry-after: 1/s

    assert read_all(silent, "") == ""
    assert status(read_all(slow_head, "")) == 408
    assert status(read_all(slow_body, "")) == 408
    eventually(fn -> HTTP.connections(name) < 3 end)
    assert status(exchange(port, get("/hello"))) == 200
  end

  test "a head that drips does not move its deadline" do
    {_, port} = listen(head_timeout_ms: 300)
    socket = connect(port)
    {microseconds, answer} = :timer.tc(fn -> drip(socket, String.graphemes(get("/hello"))) end)
    assert answer == :closed or status(answer) == 408
    assert microseconds < 3_000_000
  end

  # One byte each 20 ms, until the other side answers or closes.
  defp drip(socket, [byte | bytes]) do
    _ = :gen_tcp.send(socket, byte)

    case :gen_tcp.recv(socket, 0, 20) do
      {:error, :timeout} -> drip(socket, bytes ++ [byte])
      {:ok, answer} -> answer
      {:error, _} -> :closed
    end
  end

  test "an idle connection is closed" do
    {_, port} = listen(idle_timeout_ms: 100)
    socket = connect(port)
    :ok = :gen_tcp.send(socket, get("/hello", ""))
    assert {_, "hello "} = read_one(socket)
    assert {:error, :closed} = :gen_tcp.recv(socket, 0, 5_000)
  end

  test "a stream is sent piece by piece, and ends when the client is gone" do
    {_, port} = listen()
    socket = connect(port)
    :ok = :gen_tcp.send(socket, get("/stream", ""))
    assert_receive {:streaming, pid, :ok}, 5_000
    send(pid, :go_on)
    answer = read_all(socket, "")
    assert answer =~ ~r/transfer-encoding: chunked.*\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/s

    gone = connect(port)
    :ok = :gen_tcp.send(gone, get("/stream", ""))
    assert_receive {:streaming, pid, :ok}, 5_000
    monitor = Process.monitor(pid)
    :gen_tcp.close(gone)
    send(pid, :go_on)
    assert_receive {:DOWN, ^monitor, :process, ^pid, :normal}, 5_000
  end

  test "streams are bounded apart from requests" do
    {_, port} = listen(streams_max: 1)
    first = connect(port)
    :ok = :gen_tcp.send(first, get("/stream", ""))
    assert_receive {:streaming, pid, :ok}, 5_000
    assert status(exchange(port, get("/stream"))) == 503
    assert status(exchange(port, get("/hello"))) == 200
    send(pid, :go_on)
    read_all(first, "")
  end

  test "draining waits for requests in work" do
    {name, port} = listen()
    now = fn -> System.monotonic_time(:millisecond) end
    assert HTTP.drain(now.(), name) == :ok

    socket = connect(port)
    :ok = :gen_tcp.send(socket, get("/wait"))
    assert_receive {:waiting, pid}, 5_000
    assert HTTP.drain(now.() + 50, name) == {:error, {:requests, 1}}
    drain = Task.async(fn -> HTTP.drain(now.() + 10_000, name) end)
    send(pid, :go_on)
    assert Task.await(drain) == :ok
    assert status(read_all(socket, "")) == 200
  end

  test "a handler that is killed leaves no trace in the count" do
    {name, port} = listen()
    socket = connect(port)
    :ok = :gen_tcp.send(socket, get("/wait"))
    assert_receive {:waiting, pid}, 5_000
    Process.exit(pid, :kill)
    assert read_all(socket, "") == ""
    assert HTTP.drain(System.monotonic_time(:millisecond) + 5_000, name) == :ok
  end

  test "connections outlive the listener, and the listener comes back on the same port" do
    {name, port} = listen()
    # A free port would change at the restart; this one was given.
    stop_supervised!(name)
    {name, ^port} = listen(port: port)
    socket = connect(port)
    :ok = :gen_tcp.send(socket, get("/hello", ""))
    assert {_, "hello "} = read_one(socket)

    [{_, listener, _, _}] =
      for {HTTP.Listener, _, _, _} = child <- Supervisor.which_children(name), do: child

    monitor = Process.monitor(listener)
    Process.exit(listener, :kill)
    assert_receive {:DOWN, ^monitor, :process, _, :killed}
    Supervisor.which_children(name)

    :ok = :gen_tcp.send(socket, get("/hello", ""))
    assert {_, "hello "} = read_one(socket)
    assert status(exchange(port, get("/hello"))) == 200
  end

  test "a port that is taken is an error that names it" do
    {_, port} = listen()
    Process.flag(:trap_exit, true)
    options = [name: :http_test_taken, port: port, ip: {127, 0, 0, 1}, routes: []]
    log = capture_log(fn -> assert {:error, _} = HTTP.start_link(options) end)
    assert log =~ "127.0.0.1:#{port}: address already in use"
  end

  test "without a listener there is no port" do
    assert HTTP.port(:http_test_none) == nil
  end

  test "the node of the tests takes a free port, of loopback alone" do
    port = HTTP.port()
    assert is_integer(port) and port != 9568
    assert {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, [])
    :gen_tcp.close(socket)
    assert {:error, _refused} = :gen_tcp.connect({127, 0, 0, 2}, port, [], 5_000)
  end

  defp eventually(condition, tries \\ 500) do
    cond do
      condition.() -> :ok
      tries == 0 -> flunk("still not so after #{500 * 10} ms")
      true -> receive(do: (:never -> :ok), after: (10 -> eventually(condition, tries - 1)))
    end
  end
end
