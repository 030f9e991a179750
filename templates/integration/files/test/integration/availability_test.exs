defmodule BitActor.AvailabilityTest do
  # How many requests are answered rightly within their deadline while workers, supervisors and
  # nodes are killed and frozen. BITACTOR_AVAILABILITY_SECONDS: how long, 40 where it is not set.
  #
  # Requests come at a fixed rate, whether others are answered or not. A client asks one node, and
  # where that answers with an error or not within a second, the next, with the same identity,
  # until the deadline is over: what a balancer in front of the nodes and a client that
  # repeats do. A node that was killed is started again at once, as its supervisor would.
  use ExUnit.Case, async: false

  import BitActor.ThreeNodes

  alias BitActor.{Consensus, Signal}

  @moduletag :availability
  @moduletag timeout: :infinity
  @per_second 50
  @deadline_ms 10_000
  @attempt_ms 1_000
  @between_faults_ms 10_000
  @frozen_ms 5_000
  @keys 500
  @faults [:worker, :supervisor, :leader_killed, :frozen]

  unless Consensus.ra?() or System.get_env("BITACTOR_REQUIRE_RA") == "1" do
    @moduletag skip: "the application ra is not on the code path"
  end

  setup do
    durable = if Code.ensure_loaded?(BitActor.Recovery), do: [worker_durability: :disk], else: []
    plan = plan([members: Enum.map(1..3, &name/1)] ++ durable)
    nodes = start_all(plan, [1, 2, 3])
    table = :ets.new(:nodes, [:public, read_concurrency: true])
    for node <- nodes, do: :ets.insert(table, {node.n, node})
    await("a leader", 10_000, fn -> leader(table) end)
    %{plan: plan, table: table}
  end

  test "requests are answered while parts of the system fail", %{plan: plan, table: table} do
    seconds = String.to_integer(System.get_env("BITACTOR_AVAILABILITY_SECONDS", "40"))
    ends = now() + seconds * 1_000
    client = Task.async(fn -> seconds |> requests(table) |> Task.await_many(:infinity) end)
    made = faults(plan, table, ends, 0)
    answers = Task.await(client, :infinity)

    right = Enum.filter(answers, &(&1.verdict == :right))
    share = 100 * length(right) / length(answers)
    waited = Enum.map(right, & &1.took_ms)
    report = [requests: length(answers), right: length(right), faults: made, seconds: seconds]

    IO.puts(
      "integration: availability: #{inspect(report)}, #{Float.floor(share, 3)} %, " <>
        "p50 #{quantile(waited, 0.5)} ms, p99 #{quantile(waited, 0.99)} ms, " <>
        "largest #{Enum.max(waited)} ms"
    )

    # A signal that was applied twice, or an actor that forgot one, is worse than a late answer.
    assert Enum.filter(answers, &(&1.verdict == :wrong)) == []
    assert twice(right) == []
    assert share >= 99.0
  end

  # One task a request, each started at its time.
  defp requests(seconds, table) do
    begins = now()

    for i <- 0..(seconds * @per_second - 1) do
      pause(begins + div(i * 1_000, @per_second) - now())
      Task.async(fn -> timed(i, table) end)
    end
  end

  defp timed(i, table) do
    started = now()
    outcome = ask(request(i), i, started + @deadline_ms, table)
    %{i: i, outcome: outcome, verdict: judged(i, outcome), took_ms: now() - started}
  end

  # Every other request is a command for all nodes, the others are signals for actors.
  defp request(i) when rem(i, 2) == 0 do
    fn node, left_ms ->
      command = {:put, "key-#{rem(i, @keys)}", i}
      options = [timeout: left_ms, request_id: "request-#{i}"]
      call(node, Consensus, :command, [command, options], left_ms)
    end
  end

  defp request(i) do
    fn node, left_ms ->
      signal = %Signal{kind: 64, payload: "x"}
      options = [timeout: left_ms, idempotency_key: i]
      call(node, BitActor.Server, :dispatch, ["actor-#{rem(i, @keys)}", signal, options], left_ms)
    end
  end

  defp ask(request, turn, deadline, table) do
    [{_, node}] = :ets.lookup(table, rem(turn, 3) + 1)
    left_ms = min(@attempt_ms, deadline - now())

    if left_ms <= 0 do
      :late
    else
      case attempt(request, node, left_ms) do
        {:ok, answer} ->
          {:ok, answer}

        _error ->
          pause(50)
          ask(request, turn + 1, deadline, table)
      end
    end
  end

  defp attempt(request, node, left_ms) do
    request.(node, left_ms)
  catch
    # The node is gone, frozen, or starts.
    _, _ -> {:error, :unreachable}
  end

  defp judged(_i, :late), do: :late
  defp judged(i, {:ok, :ok}) when rem(i, 2) == 0, do: :right
  defp judged(i, {:ok, n}) when rem(i, 2) == 1 and is_integer(n) and n > 0, do: :right
  defp judged(_i, _answer), do: :wrong

  # An actor counts its signals: where two of its answers are the same number, it forgot one.
  defp twice(right) do
    counted = for %{i: i, outcome: {:ok, n}} <- right, is_integer(n), do: {rem(i, @keys), n}
    counted -- Enum.uniq(counted)
  end

  defp faults(plan, table, ends, made) do
    pause(@between_faults_ms)

    if now() + @between_faults_ms > ends do
      made
    else
      fault(Enum.at(@faults, rem(made, length(@faults))), plan, table)
      faults(plan, table, ends, made + 1)
    end
  end

  defp fault(:worker, _plan, table) do
    node = any(table)
    workers = for {_, _, :worker, pid} <- call(node, BitActor.Supervisor, :tree, []), do: pid
    kill_process(node, Enum.random(workers))
  end

  defp fault(:supervisor, _plan, table) do
    node = any(table)
    tree = call(node, BitActor.Supervisor, :tree, [])
    kill_process(node, Enum.random(for {0, _, :supervisor, pid} <- tree, do: pid))
  end

  defp fault(:leader_killed, plan, table) do
    leader = await("a leader", 10_000, fn -> leader(table) end)
    kill(leader)
    :ets.insert(table, {leader.n, start(plan, leader.n)})
  end

  defp fault(:frozen, _plan, table) do
    node = await("a leader", 10_000, fn -> leader(table) end)
    freeze(node)
    pause(@frozen_ms)
    thaw(node)
  end

  defp kill_process(node, pid), do: call(node, Process, :exit, [pid, :kill])

  defp any(table), do: Enum.random(nodes(table))

  defp nodes(table), do: for({n, node} <- :ets.tab2list(table), is_integer(n), do: node)

  defp leader(table) do
    Enum.find(nodes(table), &(call(&1, Consensus, :status, []).role == :leader))
  end

  defp quantile(list, share), do: list |> Enum.sort() |> Enum.at(floor(length(list) * share))
  defp now, do: System.monotonic_time(:millisecond)

  defp pause(ms) when ms <= 0, do: :ok

  defp pause(ms) do
    receive do
    after
      ms -> :ok
    end
  end
end
