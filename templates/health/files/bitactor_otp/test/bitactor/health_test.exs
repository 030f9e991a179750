defmodule BitActor.HealthTest do
  # The phase of the node and its configuration are one for all.
  use ExUnit.Case, async: false

  alias BitActor.{Health, JSON, Telemetry}
  alias BitActor.Health.Checks

  defmodule Blocks do
    @moduledoc false
    # A catalogue whose checks a test chooses.
    def health_checks, do: :persistent_term.get(__MODULE__)
    defdelegate children, to: BitActor.Blocks
    defdelegate event_sources, to: BitActor.Blocks
    defdelegate metric_sources, to: BitActor.Blocks
    defdelegate routes, to: BitActor.Blocks
  end

  defmodule Mendable do
    @moduledoc false
    # Fails until its recover/0 was called.
    def healthy do
      if :persistent_term.get(__MODULE__, :broken) == :mended, do: :ok, else: {:error, "broken"}
    end

    def recover, do: :persistent_term.put(__MODULE__, :mended)
  end

  @quick [failures_min: 1, backoff_ms: 1, backoff_max_ms: 1, interval_ms: 60_000]

  setup do
    on_exit(fn ->
      Application.put_env(:bitactor, :blocks, BitActor.Blocks)
      Application.delete_env(:bitactor, Health)
      :persistent_term.erase(Blocks)
      :persistent_term.erase(Mendable)
    end)
  end

  defp checks(checks) do
    :persistent_term.put(Blocks, checks)
    Application.put_env(:bitactor, :blocks, Blocks)
  end

  defp body({status, [{"content-type", "application/json"}], body}) do
    {:ok, fields} = JSON.decode(IO.iodata_to_binary(body))
    {status, fields}
  end

  defp good, do: :ok
  defp hang, do: Process.sleep(:infinity)

  test "each failure makes the node not ready, and leaves it alive" do
    failures = [
      fails: {fn -> {:error, "no quorum"} end, "no quorum"},
      raises: {fn -> raise "check failed" end, "crashed: check failed"},
      exits: {fn -> exit(:gone) end, "crashed: :gone"},
      term: {fn -> {:error, {:a, 1}} end, "{:a, 1}"},
      nothing: {fn -> nil end, "no verdict: nil"}
    ]

    for {name, {check, reason}} <- failures do
      checks([{:good, &good/0}, {name, check}])
      {status, fields} = body(Health.readyz(nil))
      assert {name, status} == {name, 503}
      assert fields["status"] == "not ready"
      assert %{"status" => "failed", "reason" => ^reason} = fields["checks"]["#{name}"]
      assert %{"status" => "ok", "duration_ms" => _} = fields["checks"]["good"]
      assert {200, %{"status" => "alive"}} = body(Health.livez(nil))
    end

    checks(good: &good/0)
    assert {200, %{"status" => "ready", "phase" => "serving"}} = body(Health.readyz(nil))
  end

  test "checks that hang are answered for in time, all at once" do
    Application.put_env(:bitactor, Health, check_timeout_ms: 100)
    checks([{:good, &good/0} | for(n <- 1..20, do: {:"hang#{n}", &hang/0})])
    {microseconds, answer} = :timer.tc(fn -> Health.readyz(nil) end)
    assert {503, %{"checks" => checks}} = body(answer)
    assert checks["hang7"]["reason"] == "no answer in 100 ms"
    assert checks["good"]["status"] == "ok"
    # 20 checks one after the other would take 2 s.
    assert microseconds < 1_500_000
    assert Process.info(self(), :message_queue_len) == {:message_queue_len, 0}
  end

  test "memory is checked unless a block does so itself" do
    checks(good: &good/0)
    assert [:good, :memory] = Keyword.keys(Checks.all())
    checks(memory: &good/0)
    assert [:memory] = Keyword.keys(Checks.all())
    assert Checks.all()[:memory] == (&good/0)
  end

  test "starting and draining" do
    checks([])
    on_exit(fn -> :persistent_term.put(BitActor.Phase, :serving) end)

    :persistent_term.put(BitActor.Phase, :starting)
    assert {503, %{"status" => "starting"}} = body(Health.startupz(nil))
    assert {503, %{"phase" => "starting"}} = body(Health.readyz(nil))
    assert Health.ready() == 0

    :persistent_term.put(BitActor.Phase, :serving)
    assert {200, _} = body(Health.startupz(nil))
    assert {200, _} = body(Health.readyz(nil))

    :persistent_term.put(BitActor.Phase, :draining)
    assert {503, %{"phase" => "draining"}} = body(Health.readyz(nil))
    assert {200, _} = body(Health.livez(nil))
    assert {200, _} = body(Health.startupz(nil))
  end

  test "over HTTP, and without the process of this module" do
    :ok = Supervisor.terminate_child(BitActor.Supervisor, Health)
    on_exit(fn -> {:ok, _} = Supervisor.restart_child(BitActor.Supervisor, Health) end)
    checks(good: &good/0)

    for {path, expected} <- [{"/livez", 200}, {"/startupz", 200}, {"/readyz", 200}] do
      assert {path, get(path)} == {path, expected}
    end

    checks(bad: fn -> {:error, "x"} end)
    assert get("/readyz") == 503
    assert Health.ready() in [0, 1]
  end

  defp get(path) do
    {:ok, socket} =
      :gen_tcp.connect({127, 0, 0, 1}, BitActor.HTTP.port(), [:binary, active: false])

    :ok = :gen_tcp.send(socket, "GET #{path} HTTP/1.0\r\n\r\n")
    {:ok, <<"HTTP/1.1 ", status::binary-size(3), _::binary>>} = :gen_tcp.recv(socket, 0, 5_000)
    :gen_tcp.close(socket)
    String.to_integer(status)
  end

  # The node's own process makes way and comes back afterwards.
  defp start(options) do
    :ok = Supervisor.terminate_child(BitActor.Supervisor, Health)
    start_supervised!({Health, Keyword.merge(@quick, options)})
    on_exit(fn -> {:ok, _} = Supervisor.restart_child(BitActor.Supervisor, Health) end)
  end

  defp watch(event) do
    test = self()
    id = make_ref()
    Telemetry.attach(id, event, fn _, _, metadata, _ -> send(test, {event, metadata}) end, nil)
    on_exit(fn -> Telemetry.detach(id) end)
  end

  test "recovery restores what its check's module can mend" do
    watch([:bitactor, :health, :recovery])
    watch([:bitactor, :health, :changed])
    start(checks: [mendable: &Mendable.healthy/0])

    assert_receive {[_, _, :changed], %{check: :mendable, status: :failed, reason: "broken"}},
                   5_000

    assert_receive {[_, _, :recovery], %{check: :mendable, result: :ok}}, 5_000
    # Without waiting for the interval of a minute.
    assert_receive {[_, _, :changed], %{check: :mendable, status: :ok}}, 5_000
    assert Health.ready() == 1
    assert Health.failed() == [{%{check: :mendable}, 0}]
  end

  for {name, action, result} <- [
        {"raises", {:erlang, :error, [:no]}, :failed},
        {"hangs", {:timer, :sleep, [:infinity]}, :timeout}
      ] do
    test "a recovery that #{name} is one attempt, and the budget ends them" do
      watch([:bitactor, :health, :recovery])
      result = unquote(result)
      bad = [bad: fn -> {:error, "still"} end]
      recover = [bad: unquote(Macro.escape(action))]
      start(checks: bad, recover: recover, recover_timeout_ms: 20, budget: 3, interval_ms: 5)

      for _ <- 1..3, do: assert_receive({_, %{check: :bad, result: ^result}}, 5_000)
      assert_receive {_, %{check: :bad, result: :exhausted}}, 5_000
      Health.check()
      refute_received {_, %{check: :bad, result: ^result}}
      assert Health.ready() == 0
      assert Health.failed() == [{%{check: :bad}, 1}]
    end
  end

  test "a check without a recovery is only reported" do
    watch([:bitactor, :health, :recovery])
    start(checks: [bad: fn -> {:error, "x"} end])
    assert [{:bad, {:error, "x"}, _}] = Health.check()
    assert [{:bad, {:error, "x"}, _}] = Health.check()
    refute_received {_, %{check: :bad}}
  end
end
