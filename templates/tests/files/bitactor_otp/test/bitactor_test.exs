defmodule BitActorTest do
  @moduledoc """
  The system seen from outside: what each block promises, through the API and over HTTP. Parts
  that a block brings are looked for in the catalogue and tested where they are; each block has
  tests of its inside beside.
  """
  use ExUnit.Case, async: false

  alias BitActor.{Catalogue, Server, Signal, Worker, Workers}

  defmodule Poisoned do
    @moduledoc false
    @behaviour Worker.Handler
    def init(_key), do: 0
    def handle(%Signal{kind: 99}, _data), do: raise("poison")
    def handle(_signal, data), do: {data + 1, data + 1}
  end

  setup do
    key = {:system, System.unique_integer([:positive])}

    on_exit(fn ->
      {:ok, _started} = Application.ensure_all_started(:bitactor)
      Workers.forget(key)
    end)

    {:ok, key: key}
  end

  defp signal(kind \\ 64, payload \\ "x"), do: %Signal{kind: kind, payload: payload}

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

  defp pause(milliseconds) do
    receive do
    after
      milliseconds -> :ok
    end
  end

  defp await(condition, left \\ 400) do
    cond do
      condition.() -> :ok
      left == 0 -> flunk("not within the time")
      true -> pause(5) && await(condition, left - 1)
    end
  end

  describe "API" do
    test "a signal is answered by its actor, and each actor has a state of its own", %{key: key} do
      assert Server.dispatch({key, :a}, signal()) == {:ok, 1}
      assert Server.dispatch({key, :a}, signal()) == {:ok, 2}
      assert Server.dispatch({key, :b}, signal()) == {:ok, 1}
      for k <- [:a, :b], do: :ok = Workers.forget({key, k})
    end

    test "whatever comes as a key makes no atom" do
      before = :erlang.system_info(:atom_count)

      for n <- 1..1_000 do
        key = "never-an-atom-#{n}-#{System.unique_integer()}"
        {:ok, 1} = Server.dispatch(key, signal())
        :ok = Workers.forget(key)
      end

      # modules loaded meanwhile bring some atoms; a thousand keys would bring a thousand
      assert :erlang.system_info(:atom_count) - before < 500
    end

    test "errors are values", %{key: key} do
      over = System.monotonic_time(:millisecond) - 1
      assert Server.dispatch(key, signal(), deadline: over) == {:error, :timeout}
      assert Server.dispatch_bytes(key, "short") == {:error, {:invalid, :length}}
    end
  end

  describe "supervision" do
    test "the tree starts in the documented order" do
      ids = for {0, id, _type, _pid} <- BitActor.Supervisor.tree(), do: id
      assert Enum.uniq(ids) == ids

      order = [Worker.Store.Tables, BitActor.Metrics, BitActor.Registry, Workers, Server]
      there = Enum.filter(order, &(&1 in ids))
      assert Enum.filter(ids, &(&1 in order)) == there
      assert Workers in ids and Server in ids
    end

    test "one actor in a thousand crashes in a storm: 999 pids are the same", %{key: key} do
      set(:handler, Poisoned)
      keys = for n <- 1..999, do: {key, n}
      pids = for k <- keys, do: elem(Workers.ensure(k), 1)
      {:ok, 1} = Server.dispatch(key, signal())
      Enum.each(1..200, fn _ -> {:error, _} = Server.dispatch(key, signal(99)) end)
      assert for(k <- keys, do: elem(Workers.lookup(k), 1)) == pids
      await(fn -> Server.dispatch(key, signal()) == {:ok, 2} end, 2_000)
      Enum.each(keys, &Workers.forget/1)
    end

    test "a stop drains: what was taken is answered, then nothing is taken", %{key: key} do
      {:ok, 1} = Server.dispatch(key, signal())
      set(:drain_delay_ms, 50)
      stop = Task.async(fn -> Application.stop(:bitactor) end)
      await(&BitActor.draining?/0)
      # readiness is gone, requests are still taken: load balancers learn of it late
      assert BitActor.accepting?()
      assert Server.dispatch(key, signal()) == {:ok, 2}
      assert Task.await(stop) == :ok
      assert Server.dispatch(key, signal()) == {:error, :draining}
    end
  end

  describe "recovery" do
    test "no acknowledged signal is lost while the actor is killed under load", %{key: key} do
      test = self()

      senders =
        for n <- 1..4 do
          Task.async(fn ->
            for i <- 1..250, reduce: 0 do
              count ->
                if rem(i, 50) == 0, do: send(test, {:at, n, i})
                count + acknowledged(key, {n, i})
            end
          end)
        end

      # three crashes within a minute are taken at once, a fourth would make the worker wait
      for _ <- 1..3 do
        assert_receive {:at, _n, _i}, 5_000
        with {:ok, pid} <- Workers.lookup(key), do: Process.exit(pid, :kill)
      end

      assert Enum.sum(Task.await_many(senders, 30_000)) == 1_000
      assert {:ok, %{data: {1_000, _bytes, _digest}}} = Worker.state(key)
    end

    test "a killed registry or partition gives every actor back with its state", %{key: key} do
      {:ok, 1} = Server.dispatch(key, signal())

      for name <- [BitActor.Registry, BitActor.Workers.Partitions] do
        pid = Process.whereis(name)
        Process.exit(pid, :kill)
        await(fn -> Process.whereis(name) not in [nil, pid] end)
        await(fn -> Process.whereis(Server) != nil end)
      end

      assert acknowledged(key, :after) == 1
      assert {:ok, %{sequence: 2}} = Worker.state(key)
    end
  end

  defp acknowledged(key, request) do
    case Server.dispatch(key, signal(), idempotency_key: request) do
      {:ok, _count} -> 1
      {:error, _not_now} -> pause(2) && acknowledged(key, request)
    end
  end

  describe "catalogue" do
    test "names are said once and well formed" do
      events = for module <- Catalogue.event_sources(), event <- module.events(), do: event
      names = Enum.map(events, & &1.name)
      assert Enum.uniq(names) == names
      assert Enum.all?(names, &match?([:bitactor, _component | _what], &1))
      assert Enum.all?(events, &(is_binary(&1.help) and &1.help != ""))

      metrics = for module <- Catalogue.metric_sources(), metric <- module.metrics(), do: metric
      names = Enum.map(metrics, & &1.name)
      assert Enum.uniq(names) == names

      for metric <- metrics do
        assert metric.name =~ ~r/^bitactor_[a-z0-9_]+$/
        assert metric.type != :counter or String.ends_with?(metric.name, "_total"), metric.name
        assert metric.help != ""
      end
    end

    test "a metric of an event names one that is emitted, with that measurement" do
      events =
        for module <- Catalogue.event_sources(),
            event <- module.events(),
            into: %{},
            do: {event.name, event}

      for module <- Catalogue.metric_sources(), %{event: name} = metric <- module.metrics() do
        assert %{measurements: measurements} = events[name], metric.name

        with key when is_atom(key) <- metric[:measurement],
             do: assert(key in measurements, metric.name)
      end
    end

    test "routes are said once" do
      routes = for {method, path, _handler} <- Catalogue.routes(), do: {method, path}
      assert Enum.uniq(routes) == routes
    end
  end

  if Code.ensure_loaded?(BitActor.LogFormatter) do
    describe "JSON logger" do
      test "a crash is a line of JSON that names the actor's error and shows no data", %{key: key} do
        set(:handler, Poisoned)
        level = Logger.level()
        Logger.configure(level: :error)
        test = self()
        :ok = :logger.add_handler(:bitactor_test, __MODULE__, %{config: %{test: test}})

        on_exit(fn ->
          :logger.remove_handler(:bitactor_test)
          Logger.configure(level: level)
        end)

        {:error, :crashed} = Server.dispatch(key, signal(99, "a customer's secret"))
        assert_receive {:line, line}, 2_000
        assert String.ends_with?(line, "\n")
        assert {:ok, %{"level" => "error"} = fields} = json().decode(String.trim_trailing(line))
        assert inspect(fields) =~ "HandlerError"
        refute line =~ "customer"
      end
    end

    # Called by :logger in the process that crashes.
    @doc false
    def log(event, %{config: %{test: test}}) do
      formatter = BitActor.LogFormatter
      send(test, {:line, IO.iodata_to_binary(formatter.format(event, %{}))})
    end

    defp json, do: BitActor.JSON
  end

  if Code.ensure_loaded?(BitActor.HTTP) do
    defp get(path, headers \\ []) do
      # the test before may have killed what the listener depends on
      await(fn -> listener().port() != nil end)
      url = "http://127.0.0.1:#{listener().port()}#{path}"
      request = {String.to_charlist(url), headers}
      options = [timeout: 5_000, autoredirect: false]

      case :httpc.request(:get, request, options, body_format: :binary) do
        {:ok, {{_version, status, _text}, _headers, body}} -> {status, body}
        {:error, reason} -> {:error, reason}
      end
    end

    defp listener, do: BitActor.HTTP

    describe "over HTTP" do
      test "what is no route is not found" do
        assert {404, _body} = get("/no/such/route")
      end

      if Enum.any?(Catalogue.routes(), &match?({"GET", "/livez", _}, &1)) do
        test "the node is alive and ready, and every check answers within a second" do
          for path <- ["/startupz", "/livez", "/readyz"] do
            await(fn -> match?({200, _body}, get(path)) end)
          end

          for {name, check} <- Catalogue.health_checks() do
            assert {name, :ok} == {name, Task.await(Task.async(check), 1_000)}
          end
        end

        test "a draining node is alive and not ready, and still answers" do
          set(:drain_delay_ms, 300)
          stop = Task.async(fn -> Application.stop(:bitactor) end)
          await(&BitActor.draining?/0)
          assert {503, _body} = get("/readyz")
          assert {200, _body} = get("/livez")
          Task.await(stop)
        end
      end

      if Enum.any?(Catalogue.routes(), &match?({"GET", "/metrics", _}, &1)) do
        test "every metric of the catalogue is scraped, and what happened is counted", %{key: key} do
          before = scraped("bitactor_signals_total{result=\"ok\"}")
          for _ <- 1..10, do: {:ok, _} = Server.dispatch(key, signal())
          assert scraped("bitactor_signals_total{result=\"ok\"}") == before + 10

          {200, text} = get("/metrics")

          # one with labels has no line before its first value
          for module <- Catalogue.metric_sources(), %{labels: []} = metric <- module.metrics() do
            assert text =~ "# HELP #{metric.name} ", metric.name
            assert text =~ "# TYPE #{metric.name} #{metric.type}\n", metric.name
          end
        end

        defp scraped(series) do
          {200, text} = get("/metrics")
          [_all, number] = Regex.run(~r/^#{Regex.escape(series)} (\S+)$/m, text)
          number |> Float.parse() |> elem(0)
        end
      end

      test "what administers the node is refused without a token" do
        for {method, path, _handler} <- Catalogue.routes(), String.starts_with?(path, "/admin") do
          if method == "GET" do
            assert {401, _body} = get(path), path
            wrong = [{~c"authorization", ~c"Bearer #{String.duplicate("0", 64)}"}]
            assert {status, _body} = get(path, wrong)
            assert status in [401, 403], path
          end
        end
      end
    end
  end
end
