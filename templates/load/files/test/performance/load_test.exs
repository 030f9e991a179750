defmodule BitActor.LoadTest do
  @moduledoc """
  `mix test --only load`. What is timed together runs in turn, in one run, and the
  thresholds are ratios of such times: a slow or busy machine slows both sides. The
  figures go to the file that BITACTOR_LOAD_REPORT names, as JSON; BITACTOR_LOAD_ROUNDS
  (15) says how often each is taken.
  """
  use ExUnit.Case, async: false

  alias BitActor.{Core, Engine, Server, Worker, Workers}
  alias BitActor.Load.{Bare, Measures}

  @moduletag :load
  @moduletag timeout: 120_000

  @actors 10_000
  @calls 2_000
  @rounds String.to_integer(System.get_env("BITACTOR_LOAD_ROUNDS", "15"))

  setup_all do
    :erlang.garbage_collect()
    before = :erlang.memory(:total)
    assert %{ok: @actors} == Measures.start_actors(@actors)
    bytes = div(:erlang.memory(:total) - before, @actors)

    before = :erlang.memory(:total)
    bare = for(key <- 1..@actors, do: elem(Bare.start_link(key), 1)) |> List.to_tuple()
    bare_bytes = div(:erlang.memory(:total) - before, @actors)

    {:ok, figures} = Agent.start_link(fn -> %{} end)

    on_exit(fn ->
      for key <- 1..@actors, do: Workers.forget(key)
    end)

    figure(figures, "memory of an actor", %{
      unit: "bytes",
      worker: bytes,
      bare: bare_bytes,
      native: native_bytes()
    })

    %{bare: bare, figures: figures}
  end

  # Each test writes what is known so far: a later one that fails takes no figure along.
  defp figure(figures, name, values) do
    all = Agent.get_and_update(figures, &{Map.put(&1, name, values), Map.put(&1, name, values)})
    IO.puts("    #{name}: #{inspect(values, limit: :infinity)}")

    if path = System.get_env("BITACTOR_LOAD_REPORT") do
      File.write!(
        path,
        BitActor.JSON.encode!(%{machine: machine(), rounds: @rounds, figures: all})
      )
    end
  end

  defp machine do
    %{
      otp: to_string(:erlang.system_info(:otp_release)),
      elixir: System.version(),
      schedulers: System.schedulers_online(),
      implementation: inspect(Core.implementation()),
      load_average: load_average()
    }
  end

  defp load_average do
    case File.read("/proc/loadavg") do
      {:ok, text} -> text |> String.split(" ") |> hd()
      {:error, _} -> "unknown"
    end
  end

  defp native_bytes do
    {:ok, core} = Core.open(actors: @actors)
    Float.round(Core.info(core).bytes / @actors, 1)
  end

  test "a call costs little more than one to a bare GenServer", %{bare: bare, figures: figures} do
    dispatch = fn i -> {:ok, _} = Server.dispatch(key(i), Measures.signal(i)) end

    call = fn i ->
      {:ok, _} = GenServer.call(elem(bare, key(i) - 1), {:signal, Measures.signal(i)})
    end

    Measures.times(@calls, dispatch)
    Measures.times(@calls, call)

    rounds =
      Measures.interleaved(@rounds,
        worker: fn -> Measures.times(@calls, dispatch) end,
        bare: fn -> Measures.times(@calls, call) end
      )

    medians =
      Map.new(rounds, fn {name, runs} -> {name, Enum.map(runs, &Measures.quantiles(&1).p50)} end)

    ratios = for {w, b} <- Enum.zip(medians.worker, medians.bare), do: w / b

    all =
      Map.new(rounds, fn {name, runs} -> {name, runs |> Enum.concat() |> Measures.quantiles()} end)

    figure(figures, "a call", %{
      unit: "ns",
      worker: all.worker,
      bare: all.bare,
      ratio: Measures.spread(ratios)
    })

    assert Measures.spread(ratios).median < 5

    handled = for key <- [1, 77, @actors], do: elem(Worker.state(key), 1).sequence
    assert Enum.all?(handled, &(&1 >= 1))
  end

  test "calls at a fixed rate are all answered, each exactly once", %{
    bare: bare,
    figures: figures
  } do
    before = handled()
    count = min(@calls, 1_000)

    {ns, _} =
      Measures.time(fn ->
        Measures.times(
          count,
          &GenServer.call(elem(bare, key(&1) - 1), {:signal, Measures.signal(&1)})
        )
      end)

    # a twentieth of what a bare GenServer does one after the other
    rate = div(count * 1_000_000_000, ns * 20)
    seconds = max(div(@rounds, 3), 1)

    {times, failed} = Measures.loop_here(@actors, rate, seconds, 100)
    assert failed == []
    assert length(times) == rate * seconds
    assert handled() - before == rate * seconds
    quantiles = Measures.quantiles(times)

    figure(
      figures,
      "calls at a fixed rate",
      Map.merge(quantiles, %{unit: "ns", rate: rate, seconds: seconds})
    )

    assert quantiles.p50 < 1_000 * div(ns, count)
  end

  test "batches of signals through OTP", %{figures: figures} do
    native = Measures.batch(4_096, @actors)
    # ten signals each for a hundred actors, other ones from batch to batch
    batches =
      for batch <- 0..19 do
        for i <- 1..10, n <- 1..100, do: {rem(batch * 100 + n, @actors) + 1, Measures.signal(i)}
      end

    before = Engine.info().signals

    works = [
      native: fn ->
        {ns, answers} =
          Measures.time(fn ->
            in_parallel(fn -> for(_ <- 1..50, do: Engine.dispatch(native)) end)
          end)

        assert Enum.all?(answers, &(&1 == {:ok, 4_096}))
        length(answers) * 4_096 * 1.0e9 / ns
      end,
      stored: fn ->
        {ns, answers} =
          Measures.time(fn -> in_parallel(fn -> Enum.map(batches, &stored/1) end) end)

        Enum.sum(answers) * 1.0e9 / ns
      end
    ]

    rounds = Measures.interleaved(@rounds, works)
    assert Engine.info().signals - before == @rounds * 50 * 4_096 * System.schedulers_online()

    for {name, what} <- [
          native: "native actors, batches of 4,096",
          stored: "stored actors, batches of 1,000"
        ] do
      figure(figures, what, Map.put(Measures.spread(rounds[name]), :unit, "signals/s"))
    end
  end

  defp stored(pairs) do
    answers = Server.call_many(pairs)
    for {_key, {:ok, replies}} <- answers, reduce: 0, do: (sum -> sum + length(replies))
  end

  defp in_parallel(work) do
    1..System.schedulers_online()
    |> Enum.map(fn _ -> Task.async(work) end)
    |> Task.await_many(60_000)
    |> List.flatten()
  end

  test "the NIF adds little to its C loop, and yields in time", %{figures: figures} do
    if BitActor.NIF.loaded?() do
      :erlang.system_monitor(self(), [{:long_schedule, 10}])
      for count <- [16, 256, 4_096], do: native_batch(figures, count)
      :erlang.system_monitor(:undefined)
      assert long_schedules([]) == []
    else
      assert Core.implementation() == Core.Fallback
    end
  end

  defp native_batch(figures, count) do
    batch = Measures.batch(count, 1_024)
    calls = div(409_600, count)
    {:ok, core} = BitActor.NIF.open(1_024, 256, 0)
    {:ok, fallback} = Core.Fallback.open(1_024, 256, 0)

    loop = fn ->
      {:ok, ns} = BitActor.NIF.calibrate(batch, 1_024, calls)
      ns / (calls * count)
    end

    through = fn process, calls ->
      {ns, _} = Measures.time(fn -> for(_ <- 1..calls, do: {:ok, ^count} = process.()) end)
      ns / (calls * count)
    end

    nif = fn -> through.(fn -> BitActor.NIF.process(core, batch) end, calls) end

    elixir = fn ->
      through.(fn -> Core.Fallback.process(fallback, batch) end, div(calls, 50) + 1)
    end

    for warm <- [loop, nif, elixir], do: warm.()
    rounds = Measures.interleaved(@rounds, c: loop, nif: nif, elixir: elixir)
    ratios = for {n, c} <- Enum.zip(rounds.nif, rounds.c), do: n / c
    spreads = Map.new(rounds, fn {name, runs} -> {name, Measures.spread(runs)} end)

    figure(
      figures,
      "a signal in a batch of #{count}",
      Map.merge(spreads, %{unit: "ns", ratio: Measures.spread(ratios)})
    )

    if count >= 256 do
      assert Measures.spread(ratios).median < 3
      assert spreads.elixir.median > 2 * spreads.nif.median
    end
  end

  # Of the NIF's own functions: others may be held up by the machine.
  defp long_schedules(found) do
    receive do
      {:monitor, _pid, :long_schedule, details} ->
        ours? = Enum.any?([details[:in], details[:out]], &match?({BitActor.NIF, _, _}, &1))
        long_schedules(if ours?, do: [details | found], else: found)
    after
      0 -> found
    end
  end

  test "a crash storm of one actor in a thousand leaves the others alone", %{figures: figures} do
    others = for n <- 1..999, do: {:storm, n}
    pids = for key <- others, do: Workers.ensure(key)
    crashes = Enum.count(1..200, fn _ -> crash({:storm, 0}) end)
    now = for key <- others, do: Workers.lookup(key)
    same = Enum.count(Enum.zip(pids, now), fn {pid, now} -> pid == now end)
    Enum.each([{:storm, 0} | others], &Workers.forget/1)
    figure(figures, "a crash storm", %{crashes: crashes, others: 999, unchanged: same})
    assert crashes > 1
    assert same == 999
  end

  # Whether it could be killed: one that crashed too often waits.
  defp crash(key) do
    case Workers.ensure(key) do
      {:ok, pid} ->
        monitor = Process.monitor(pid)
        Process.exit(pid, :kill)
        assert_receive {:DOWN, ^monitor, :process, ^pid, _}
        true

      {:error, _} ->
        false
    end
  end

  test "what is scraped does not grow with the actors", %{figures: figures} do
    case List.keyfind(BitActor.Catalogue.routes(), "/metrics", 1) do
      {"GET", "/metrics", handler} ->
        request =
          struct!(BitActor.HTTP.Request,
            method: "GET",
            path: "/metrics",
            query: "",
            headers: [],
            body: ""
          )

        times =
          for _ <- 1..@rounds do
            {ns, {200, _headers, text}} = Measures.time(fn -> handler.(request) end)
            {ns, text |> IO.iodata_to_binary() |> String.split("\n") |> length()}
          end

        figure(
          figures,
          "a scrape",
          Map.merge(Measures.spread(Enum.map(times, &elem(&1, 0))), %{
            unit: "ns",
            lines: elem(hd(times), 1)
          })
        )

        assert elem(hd(times), 1) < @actors

      nil ->
        assert Enum.all?(BitActor.Catalogue.routes(), fn {_, path, _} -> path != "/metrics" end)
    end
  end

  test "three nodes with 5,000 actors each", %{figures: figures} do
    port = free_port()
    peers = for n <- 1..3, do: start_peer(n, port)
    nodes = for {_, node} <- peers, do: node
    for {peer, _} <- peers, do: :ok = on(peer, Server, :set_members, [nodes])

    [{first, _} | _] = peers
    assert %{ok: 15_000} == on(first, Measures, :start_actors, [15_000])
    counts = for {peer, _} <- peers, do: on(peer, BitActor.Workers, :count, [])
    assert Enum.sum(counts) == 15_000
    assert Enum.min(counts) > 3_000

    # every node calls actors of all three: two thirds of the calls cross the network
    answers =
      peers
      |> Enum.map(fn {peer, _} ->
        Task.async(fn ->
          on(peer, Measures, :loop_here, [15_000, 500, max(div(@rounds, 5), 2), 50])
        end)
      end)
      |> Task.await_many(90_000)

    times = Enum.flat_map(answers, &elem(&1, 0))
    assert Enum.flat_map(answers, &elem(&1, 1)) == []

    figure(
      figures,
      "three nodes",
      Map.merge(Measures.quantiles(times), %{unit: "ns", calls: length(times), actors: counts})
    )

    for {peer, _} <- peers, do: :peer.stop(peer)
  end

  # Each node has an address of its own and all share one port, so no epmd is needed;
  # the tests talk to them by their standard input and output.
  defp start_peer(n, port) do
    kernel = [
      inet_dist_listen_min: port,
      inet_dist_listen_max: port,
      inet_dist_use_interface: "{127,0,0,#{n}}"
    ]

    arguments =
      ~w(-setcookie load-test-cookie-of-length -start_epmd false -erl_epmd_port #{port} -connect_all false) ++
        Enum.flat_map(kernel, fn {key, value} -> ["-kernel", "#{key}", "#{value}"] end) ++
        Enum.flat_map(:code.get_path(), &["-pa", List.to_string(&1)])

    {:ok, peer, node} =
      :peer.start_link(%{
        name: :load,
        host: ~c"127.0.0.#{n}",
        longnames: true,
        connection: :standard_io,
        args: Enum.map(arguments, &String.to_charlist/1)
      })

    :ok = on(peer, :logger, :set_primary_config, [:level, :critical])

    for {module, beam} <- :persistent_term.get({BitActor.Load, :beams}),
        do: {:module, _} = on(peer, :code, :load_binary, [module, ~c"measures", beam])

    _ = on(peer, :application, :load, [:bitactor])
    settings = Application.get_all_env(:bitactor) ++ [http_port: 0, node: node, voters: [node]]

    for {key, value} <- settings,
        do: :ok = on(peer, :application, :set_env, [:bitactor, key, value])

    {:ok, _} = on(peer, :application, :ensure_all_started, [:bitactor])
    {peer, node}
  end

  defp on(peer, module, function, arguments),
    do: :peer.call(peer, module, function, arguments, 90_000)

  defp free_port do
    {:ok, socket} = :gen_tcp.listen(0, ip: {127, 0, 0, 1}, reuseaddr: true)
    {:ok, port} = :inet.port(socket)
    :ok = :gen_tcp.close(socket)
    port
  end

  defp handled do
    for {_labels, count} <- Server.results(), reduce: 0, do: (sum -> sum + count)
  end

  defp key(i), do: rem(i * 7_919, @actors) + 1
end
