# The page in a real browser, where Chromium is installed; what can be said without one is in
# analytics_test.exs.
if chromium = System.find_executable("chromium") do
  defmodule BitActor.Analytics.Browser do
    @moduledoc false
    # As much of the Chrome DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/)
    # and of WebSocket (RFC 6455) as one page needs.

    alias BitActor.JSON

    def start(chromium, profile) do
      arguments =
        [
          "--headless",
          "--no-sandbox",
          "--disable-gpu",
          "--disable-dev-shm-usage",
          "--no-first-run"
        ] ++
          ["--user-data-dir=#{profile}", "--remote-debugging-port=0", "about:blank"]

      port =
        Port.open({:spawn_executable, chromium}, [:binary, :stderr_to_stdout, args: arguments])

      {port, devtools(port, "")}
    end

    # Chromium says on its standard error where it listens.
    defp devtools(port, said) do
      case Regex.run(~r{ws://127\.0\.0\.1:(\d+)/}, said) do
        [_, devtools] ->
          String.to_integer(devtools)

        nil ->
          receive do
            {^port, {:data, data}} -> devtools(port, said <> data)
          after
            60_000 -> raise "Chromium did not start: #{said}"
          end
      end
    end

    # Opens a page of its own and connects to it.
    def open(devtools) do
      address = ~c"http://127.0.0.1:#{devtools}/json/new?about:blank"

      {:ok, {_, _, body}} =
        :httpc.request(:put, {address, [], ~c"", ""}, [], body_format: :binary)

      {:ok, %{"webSocketDebuggerUrl" => "ws://" <> url}} = JSON.decode(body)
      [_, path] = String.split(url, "/", parts: 2)
      {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, devtools, [:binary, active: false])
      key = Base.encode64(:crypto.strong_rand_bytes(16))

      :ok =
        :gen_tcp.send(socket, [
          "GET /#{path} HTTP/1.1\r\nHost: 127.0.0.1:#{devtools}\r\nConnection: Upgrade\r\n",
          "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: #{key}\r\n\r\n"
        ])

      upgraded(socket, "")
    end

    defp upgraded(socket, read) do
      if String.ends_with?(read, "\r\n\r\n") do
        "HTTP/1.1 101 " <> _ = read
        socket
      else
        {:ok, byte} = :gen_tcp.recv(socket, 1, 10_000)
        upgraded(socket, read <> byte)
      end
    end

    # The answer to a command, and the events that came before it.
    def command(socket, method, params \\ %{}) do
      id = System.unique_integer([:positive])
      text = JSON.encode!(%{id: id, method: method, params: params})
      :ok = :gen_tcp.send(socket, frame(text))
      answer(socket, id, [])
    end

    defp answer(socket, id, events) do
      case JSON.decode(message(socket, "")) do
        {:ok, %{"id" => ^id, "result" => result}} -> {result, Enum.reverse(events)}
        {:ok, %{"method" => _} = event} -> answer(socket, id, [event | events])
      end
    end

    # A client masks; the key may be anything, zeroes leave the text as it is.
    defp frame(text) when byte_size(text) < 126,
      do: <<0x81, 1::1, byte_size(text)::7, 0::32, text::binary>>

    defp frame(text), do: <<0x81, 1::1, 126::7, byte_size(text)::16, 0::32, text::binary>>

    defp message(socket, read) do
      {:ok, <<final::1, _::7, 0::1, size::7>>} = :gen_tcp.recv(socket, 2, 30_000)
      read = read <> payload(socket, size)
      if final == 1, do: read, else: message(socket, read)
    end

    defp payload(_, 0), do: ""

    defp payload(socket, size) do
      extra = %{126 => 2, 127 => 8}[size]
      size = if extra, do: :binary.decode_unsigned(receive_bytes(socket, extra)), else: size
      receive_bytes(socket, size)
    end

    defp receive_bytes(socket, size) do
      {:ok, bytes} = :gen_tcp.recv(socket, size, 30_000)
      bytes
    end
  end

  defmodule BitActor.Analytics.BrowserTest do
    # Puts an analytics process of its own in the place of the node's.
    use ExUnit.Case, async: false

    alias BitActor.Analytics
    alias BitActor.Analytics.Browser
    alias BitActor.Telemetry

    @moduletag :slow
    @moduletag timeout: 180_000

    setup do
      :ok = Supervisor.terminate_child(BitActor.Supervisor, Analytics)
      start_supervised!({Analytics, interval_ms: 100})
      profile = Path.join(System.tmp_dir!(), "chromium-#{System.unique_integer([:positive])}")
      {port, devtools} = Browser.start(unquote(chromium), profile)
      {:os_pid, os_pid} = Port.info(port, :os_pid)

      on_exit(fn ->
        System.cmd("kill", ["-9", "#{os_pid}"], stderr_to_stdout: true)
        File.rm_rf(profile)
        {:ok, _} = Supervisor.restart_child(BitActor.Supervisor, Analytics)
      end)

      {:ok, page: Browser.open(devtools)}
    end

    defp evaluate(page, expression) do
      parameters = %{expression: expression, returnByValue: true}
      {%{"result" => result}, events} = Browser.command(page, "Runtime.evaluate", parameters)
      for event <- events, do: send(self(), {:browser, event})
      result["value"]
    end

    defp eventually(page, expression, tries \\ 300) do
      cond do
        evaluate(page, expression) == true ->
          :ok

        tries == 0 ->
          flunk("not so after 30 s: #{expression}")

        true ->
          receive(do: (:never -> :ok), after: (100 -> eventually(page, expression, tries - 1)))
      end
    end

    defp scheme(page, name) do
      features = [%{name: "prefers-color-scheme", value: name}]
      Browser.command(page, "Emulation.setEmulatedMedia", %{features: features})
      colours = "getComputedStyle(document.body)"
      {evaluate(page, "#{colours}.backgroundColor"), evaluate(page, "#{colours}.color")}
    end

    test "the page comes alive, in both schemes, and sees the node go and come", %{page: page} do
      for domain <- ~w(Runtime Log Page), do: Browser.command(page, domain <> ".enable")
      url = "http://127.0.0.1:#{BitActor.HTTP.port()}/analytics"
      Browser.command(page, "Page.navigate", %{url: url})

      eventually(page, "document.getElementById('state')?.textContent == 'live'")
      eventually(page, "Number(document.getElementById('processes').textContent) > 10")

      eventually(
        page,
        "document.querySelectorAll('path')[5].getAttribute('d').split('L').length > 3"
      )

      assert evaluate(page, "document.querySelectorAll('svg[role=img][aria-label]').length") == 6
      assert evaluate(page, "document.documentElement.scrollWidth <= innerWidth") == true

      assert {"rgb(246, 247, 249)", "rgb(27, 31, 36)"} = scheme(page, "light")
      assert {"rgb(15, 19, 24)", "rgb(232, 236, 240)"} = scheme(page, "dark")

      # Nothing was blocked by the policy, no script failed, nothing else was asked for.
      refute_received {:browser, %{"method" => "Runtime.exceptionThrown"}}
      refute_received {:browser, %{"method" => "Log.entryAdded"}}

      loaded =
        "performance.getEntriesByType('resource').filter(e => !e.name.includes('/analytics')).length"

      assert evaluate(page, loaded) == 0

      test = self()
      stop = [:bitactor, :http, :request, :stop]
      relay = fn _, _, metadata, _ -> send(test, {:answered, metadata}) end
      Telemetry.attach(__MODULE__, stop, relay, nil)
      on_exit(fn -> Telemetry.detach(__MODULE__) end)

      stop_supervised!(Analytics)
      eventually(page, "document.getElementById('state').className == 'lost'")
      # After an answer that is no stream the browser itself gives up; the page does not.
      assert_receive {:answered, %{route: "/analytics/events", status: 503}}, 30_000
      start_supervised!({Analytics, interval_ms: 100})
      eventually(page, "document.getElementById('state').className == 'live'")
    end
  end
end
