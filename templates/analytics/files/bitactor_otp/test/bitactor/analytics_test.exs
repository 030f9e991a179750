defmodule BitActor.AnalyticsTest do
  # The process is one per node.
  use ExUnit.Case, async: false

  alias BitActor.{Analytics, JSON, Telemetry}
  alias BitActor.Analytics.Page

  # The node's own process makes way and comes back afterwards.
  defp start(options) do
    :ok = Supervisor.terminate_child(BitActor.Supervisor, Analytics)
    start_supervised!({Analytics, Keyword.merge([interval_ms: 600_000], options)})
    on_exit(fn -> {:ok, _} = Supervisor.restart_child(BitActor.Supervisor, Analytics) end)
  end

  defp point do
    send(Analytics, :tick)
    assert_receive {Analytics, text}, 5_000

    assert {:ok, %{"time" => time, "series" => series, "anomalies" => anomalies}} =
             JSON.decode(text)

    assert is_integer(time)
    {series, anomalies}
  end

  test "a point has rates, quantiles and levels" do
    levels = %{run_queue: 2, processes: 3, memory_mib: 4.5}
    start(sources: fn -> %{totals: %{signals: nil, requests: 5}, levels: levels} end)
    assert Analytics.subscribe() == []

    assert {%{
              "run_queue" => 2,
              "memory_mib" => 4.5,
              "p50_ms" => nil,
              "requests_per_second" => nil
            }, []} = point()

    for n <- 1..100 do
      duration = System.convert_time_unit(n, :millisecond, :native)
      Telemetry.execute([:bitactor, :server, :dispatch], %{duration: duration}, %{result: :ok})
    end

    assert {series, []} = point()
    assert_in_delta series["p50_ms"], 50, 0.6
    assert_in_delta series["p99_ms"], 99, 1.1
    assert series["signals_per_second"] == nil
    assert series["requests_per_second"] == 0.0
    assert length(Analytics.history()) == 2
  end

  test "rates follow the totals, also over a restart of what counts" do
    {:ok, total} = Agent.start_link(fn -> 0 end)
    read = fn -> %{totals: %{signals: Agent.get(total, & &1), requests: 0}, levels: %{}} end
    start(sources: read)
    Analytics.subscribe()
    point()
    Agent.update(total, fn _ -> 1_000_000 end)
    assert {%{"signals_per_second" => rate}, _} = point()
    assert rate > 1_000
    Agent.update(total, fn _ -> 5 end)
    assert {%{"signals_per_second" => rate}, _} = point()
    assert rate > 0
  end

  test "the page's own requests are not what it shows" do
    start(sources: fn -> %{totals: %{signals: 0, requests: 0}, levels: %{}} end)
    Analytics.subscribe()
    event = [:bitactor, :http, :request, :stop]
    Telemetry.execute(event, %{duration: 1_000_000}, %{route: "/analytics/events", status: 200})
    assert {%{"p50_ms" => nil}, _} = point()
    Telemetry.execute(event, %{duration: 1_000_000}, %{route: "/livez", status: 200})
    assert {%{"p50_ms" => latency}, _} = point()
    assert is_float(latency)
  end

  test "an anomaly is in the points while it lasts, and an event once" do
    {:ok, queue} = Agent.start_link(fn -> 10 end)

    start(
      history: 5,
      sources: fn ->
        %{totals: %{signals: nil, requests: nil}, levels: %{run_queue: Agent.get(queue, & &1)}}
      end
    )

    test = self()
    id = make_ref()
    event = [:bitactor, :analytics, :anomaly]

    Telemetry.attach(
      id,
      event,
      fn _, m, metadata, _ -> send(test, {:anomaly, m, metadata}) end,
      nil
    )

    on_exit(fn -> Telemetry.detach(id) end)

    Analytics.subscribe()
    for _ <- 1..40, do: point()
    Agent.update(queue, fn _ -> 900 end)
    [_, _, {_, [anomaly]}] = for _ <- 1..3, do: point()

    assert %{"series" => "run_queue", "value" => 900, "usual" => 10.0, "score" => _, "since" => _} =
             anomaly

    assert_received {:anomaly, %{count: 1, value: 900}, %{series: :run_queue}}

    Agent.update(queue, fn _ -> 10 end)
    [_, _, {_, anomalies}] = for _ <- 1..3, do: point()
    assert anomalies == []
    refute_received {:anomaly, _, _}
    assert length(Analytics.history()) == 5
  end

  test "subscribers come and go" do
    start([])
    Analytics.subscribe()
    Analytics.subscribe()
    task = Task.async(fn -> Analytics.subscribe() && Analytics.subscribers() end)
    assert Task.await(task) == 2
    # The exit of the task is dealt with before the next question or soon after it.
    assert eventually(fn -> Analytics.subscribers() == 1 end)
  end

  defp eventually(condition, tries \\ 500) do
    condition.() or
      (tries > 0 and
         receive(do: (:never -> false), after: (10 -> eventually(condition, tries - 1))))
  end

  defp request(path) do
    {:ok, socket} =
      :gen_tcp.connect({127, 0, 0, 1}, BitActor.HTTP.port(), [:binary, active: false])

    :ok = :gen_tcp.send(socket, "GET #{path} HTTP/1.0\r\n\r\n")
    socket
  end

  # Reads until `pattern` was there.
  defp read(socket, pattern, read \\ "") do
    if read =~ pattern do
      read
    else
      {:ok, data} = :gen_tcp.recv(socket, 0, 5_000)
      read(socket, pattern, read <> data)
    end
  end

  test "the stream: the points so far, then each new one" do
    start([])
    Analytics.subscribe()
    point()
    socket = request("/analytics/events")
    text = read(socket, ~r/event: history\ndata: \[\{.*\}\]\n\n/)
    assert text =~ "content-type: text/event-stream\r\n"
    assert text =~ "\r\n\r\nretry: 2000\n"
    assert eventually(fn -> Analytics.subscribers() == 2 end)
    point()
    assert read(socket, ~r/event: point\ndata: \{"/)
    :gen_tcp.close(socket)
  end

  test "a stream ends with the process, so that the browser comes back" do
    start([])
    socket = request("/analytics/events")
    read(socket, ~r/event: history/)
    stop_supervised!(Analytics)
    assert {:error, :closed} = drain(socket)
    assert {503, _, _} = Page.events(nil)
  end

  defp drain(socket) do
    with {:ok, _} <- :gen_tcp.recv(socket, 0, 5_000), do: drain(socket)
  end

  test "a reader that is late gets the newest point" do
    start([])
    {:stream, _, stream} = Page.events(nil)
    test = self()

    pid =
      spawn_link(fn ->
        stream.(fn data ->
          send(test, {:sent, IO.iodata_to_binary(data)})
          receive(do: (:next -> :ok))
        end)
      end)

    assert_receive {:sent, "retry: 2000\nevent: history" <> _}, 5_000
    for text <- ["1", "2", "3"], do: send(pid, {Analytics, text})
    send(pid, :next)
    assert_receive {:sent, "event: point\ndata: 3\n\n"}, 5_000
    Process.unlink(pid)
    Process.exit(pid, :kill)
  end

  test "the page loads nothing from elsewhere, and its policy allows nothing else" do
    {200, headers, html} = Page.page(nil)
    policy = :proplists.get_value("content-security-policy", headers)
    assert policy =~ "default-src 'none'"

    for tag <- ["style", "script"] do
      [[_, text]] = Regex.scan(~r{<#{tag}>(.*?)</#{tag}>}s, html)
      assert policy =~ "#{tag}-src 'sha256-#{Base.encode64(:crypto.hash(:sha256, text))}'"
    end

    refute html =~ ~r/\b(src|href)\s*=/
    refute html =~ ~r/@import|url\(|fetch\(|innerHTML|eval\(/
    assert html =~ "prefers-color-scheme: dark"
    # The only address besides its own paths is the name of a namespace.
    assert Regex.scan(~r{https?://[^"'\s]+}, html) == [["http://www.w3.org/2000/svg"]]

    {200, _, data} = Page.data(nil)
    assert {:ok, %{"points" => points}} = JSON.decode(IO.iodata_to_binary(data))
    assert is_list(points)
  end
end
