defmodule BitActor.RequestsTest do
  # The phase of the node and its settings are one for all.
  use ExUnit.Case, async: false

  alias BitActor.{HTTP, JSON, Requests, Telemetry, Workers}
  alias BitActor.HTTP.Request

  @phase BitActor.Phase

  setup do
    key = "requests-test-#{System.unique_integer([:positive])}"
    on_exit(fn -> Workers.forget(key) end)
    {:ok, key: key}
  end

  defp set(name, value) do
    Application.put_env(:bitactor, name, value)
    on_exit(fn -> Application.delete_env(:bitactor, name) end)
  end

  defp request(fields, headers \\ %{}) do
    defaults = %{"content-type" => "application/json", "idempotency-key" => "one"}
    body = if is_binary(fields), do: fields, else: JSON.encode!(fields)
    %Request{method: "POST", path: "/requests", headers: Map.merge(defaults, headers), body: body}
  end

  defp signal(key), do: %{key: key, kind: 64, payload: "x"}

  defp answer({status, headers, body}) do
    assert {"content-type", "application/json"} in headers
    {:ok, fields} = JSON.decode(String.trim(IO.iodata_to_binary(body)))
    {status, fields}
  end

  defp post(request), do: answer(Requests.post(request))
  defp post(request, dispatch), do: answer(Requests.post(request, dispatch))

  # Answers with each of the list in turn, and tells the test what it was asked.
  defp dispatch(answers) do
    test = self()
    {:ok, left} = Agent.start_link(fn -> answers end)

    fn key, signal, options ->
      send(test, {:asked, key, signal, options})
      Agent.get_and_update(left, fn [next | rest] -> {next, rest ++ [next]} end)
    end
  end

  defp asked(count \\ 0) do
    receive do
      {:asked, _, _, _} -> asked(count + 1)
    after
      0 -> count
    end
  end

  test "a signal is applied and its reply comes back", %{key: key} do
    assert post(request(signal(key))) == {200, %{"reply" => 1}}
    again = request(signal(key), %{"idempotency-key" => "two"})
    assert post(again) == {200, %{"reply" => 2}}
  end

  test "a request that comes again is answered again and applied once", %{key: key} do
    for _ <- 1..3, do: assert(post(request(signal(key))) == {200, %{"reply" => 1}})
    other = request(signal(key), %{"idempotency-key" => "two"})
    assert post(other) == {200, %{"reply" => 2}}
  end

  test "what is no request is refused with the reason, and nothing is sent", %{key: key} do
    good = signal(key)

    for {body, says} <- [
          {"no json", "JSON object"},
          {"[1]", "JSON object"},
          {Map.put(good, :kinds, 1), "only key"},
          {Map.delete(good, :key), "key must"},
          {%{good | key: ""}, "key must"},
          {%{good | key: String.duplicate("k", 256)}, "key must"},
          {%{good | key: 7}, "key must"},
          {%{good | kind: 63}, "kind must"},
          {%{good | kind: 256}, "kind must"},
          {%{good | kind: 64.5}, "kind must"},
          {%{good | payload: nil}, "payload must"},
          {Map.delete(good, :payload), "payload must"}
        ] do
      assert {400, %{"error" => "invalid", "detail" => detail}} =
               post(request(body), dispatch([{:ok, 1}]))

      assert detail =~ says
    end

    for identity <- ["", "with space", "ü", String.duplicate("i", 129)] do
      bad = request(good, %{"idempotency-key" => identity})
      assert {400, %{"detail" => "idempotency-key" <> _}} = post(bad, dispatch([{:ok, 1}]))
    end

    none = %Request{request(good) | headers: %{"content-type" => "application/json"}}
    assert {400, _} = post(none, dispatch([{:ok, 1}]))
    text = request(good, %{"content-type" => "text/plain"})
    assert {415, %{"error" => "unsupported"}} = post(text, dispatch([{:ok, 1}]))
    assert asked() == 0
    charset = request(good, %{"content-type" => "Application/JSON; charset=utf-8"})
    assert {200, _} = post(charset, dispatch([{:ok, 1}]))
  end

  test "what may pass is tried again with the same identity, each time for a bounded time",
       %{key: key} do
    set(:request_attempt_ms, 200)
    passing = [:timeout, :crashed, :unreachable, :restarting, :draining, :overloaded]
    answers = for(reason <- passing, do: {:error, reason}) ++ [{:ok, "done"}]
    assert post(request(signal(key)), dispatch(answers)) == {200, %{"reply" => "done"}}

    for _ <- answers do
      assert_received {:asked, ^key, signal, options}
      assert %{kind: 64, payload: "x"} = signal
      assert options[:idempotency_key] == "http:one"
      assert options[:timeout] in 1..200
    end

    assert asked() == 0
  end

  test "after its time a request is answered with 504", %{key: key} do
    set(:request_timeout_ms, 120)
    started = System.monotonic_time(:millisecond)

    assert {504, %{"error" => "timeout"}} =
             post(request(signal(key)), dispatch([{:error, :timeout}]))

    assert (System.monotonic_time(:millisecond) - started) in 100..2_000
    assert asked() in 1..3
  end

  test "too much is told at once", %{key: key} do
    full = dispatch([{:error, :overloaded}])
    {status, headers, _body} = Requests.post(request(signal(key)), full)
    assert {status, List.keyfind(headers, "retry-after", 0)} == {429, {"retry-after", "1"}}
    assert asked() == 1

    # This process stands for a connection in work; one more than may be.
    set(:requests_max, 0)
    :ets.insert(HTTP, {self(), :request})
    on_exit(fn -> :ets.match_delete(HTTP, {:_, :request}) end)
    assert {429, %{"error" => "overloaded"}} = post(request(signal(key)), dispatch([{:ok, 1}]))
    assert asked() == 0
  end

  test "a node on its way out sends clients to another one", %{key: key} do
    :persistent_term.put(@phase, :closed)
    on_exit(fn -> :persistent_term.put(@phase, :serving) end)
    assert {503, %{"error" => "draining"}} = post(request(signal(key)))
    :persistent_term.put(@phase, :draining)
    assert {200, %{"reply" => 1}} = post(request(signal(key)))
  end

  test "what a node took before it closed it sends on", %{key: key} do
    on_exit(fn -> :persistent_term.put(@phase, :serving) end)

    # The first attempt fails while the node closes, the second goes on.
    closing = fn key, signal, options ->
      phase = BitActor.phase()
      :persistent_term.put(@phase, :closed)

      if phase == :serving,
        do: {:error, :unreachable},
        else: BitActor.Server.dispatch(key, signal, options)
    end

    assert post(request(signal(key)), closing) == {200, %{"reply" => 1}}
  end

  test "a reply that JSON has no form for is null", %{key: key} do
    assert post(request(signal(key)), dispatch([{:ok, {:a, self()}}])) == {200, %{"reply" => nil}}
  end

  test "each answer is an event with its attempts", %{key: key} do
    id = {__MODULE__, self()}
    event = [:bitactor, :requests, :answered]
    forward = fn _, measurements, metadata, to -> send(to, {measurements, metadata}) end
    :ok = Telemetry.attach(id, event, forward, self())
    on_exit(fn -> Telemetry.detach(id) end)
    post(request(signal(key)), dispatch([{:error, :unreachable}, {:ok, 1}]))
    assert_receive {%{count: 1, attempts: 2, duration: duration}, %{result: :ok}}
    assert duration > 0
    post(request("no json"))
    assert_receive {%{count: 1, attempts: 0}, %{result: :invalid}}
  end

  test "the listener serves the route", %{key: key} do
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, HTTP.port(), [:binary, active: false])
    body = JSON.encode!(signal(key))

    :ok =
      :gen_tcp.send(socket, [
        "POST /requests HTTP/1.1\r\nhost: a\r\nconnection: close\r\nidempotency-key: one\r\n",
        "content-type: application/json\r\ncontent-length: #{byte_size(body)}\r\n\r\n",
        body
      ])

    {:ok, head} = :gen_tcp.recv(socket, 0, 5_000)
    assert head =~ ~r/\AHTTP\/1.1 200 OK\r\n/
    assert head =~ ~s({"reply":1})
  end
end
