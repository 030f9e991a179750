defmodule BitActor.Health do
  @moduledoc """
  Answers the three questions an orchestrator asks, each on its own path:

  | path | question | 503 when | what an orchestrator does then |
  | --- | --- | --- | --- |
  | `/startupz` | is the start over? | the supervision tree is not up | waits |
  | `/livez` | does the node answer at all? | never: it asks nobody | (no answer) restarts it |
  | `/readyz` | may it get requests? | starting, draining, or a check fails | sends none |

  Liveness asks nothing but its own process on purpose: a lost quorum must not make an
  orchestrator restart every node at once.

  Checks come from the blocks (`BitActor.Catalogue.health_checks/0`); memory against the
  container's limit is one of them in any case. They run at each request of `/readyz`, and every
  `interval_ms` for the metrics and for recovery: where the module of a check has a
  `recover/0`, or `recover: [name: {module, function, arguments}]` is configured, it is called
  when the check keeps failing, as `BitActor.Health.Recovery` decides.

  Invariants:

    1. `/readyz` answers within `check_timeout_ms` (1,000), whatever the checks do.
    2. None of the three needs the process of this module.
    3. At most one recovery action runs for a check, for at most `recover_timeout_ms` (30,000).

  Settings: `config :bitactor, BitActor.Health`, those of `BitActor.Health.Recovery` included.
  """

  use GenServer

  alias BitActor.Health.{Checks, Recovery}
  alias BitActor.{JSON, Telemetry}

  require Logger

  @recovery [:bitactor, :health, :recovery]
  @changed [:bitactor, :health, :changed]

  @doc "The events of this module."
  @spec events() :: [map()]
  def events do
    [
      %{
        name: @changed,
        measurements: [:count],
        metadata: [:check, :status, :reason],
        help: "A check failed that was good, or is good again."
      },
      %{
        name: @recovery,
        measurements: [:count, :duration],
        metadata: [:check, :result],
        help: "A recovery action ended, or (result exhausted) is no longer tried."
      }
    ]
  end

  @doc "The metrics of this module."
  @spec metrics() :: [map()]
  def metrics do
    [
      %{
        name: "bitactor_ready",
        type: :gauge,
        help: "1 where the node takes requests, by the last round of checks.",
        labels: [],
        read: {__MODULE__, :ready, []}
      },
      %{
        name: "bitactor_health_check_failed",
        type: :gauge,
        help: "1 where a check failed in the last round.",
        labels: [:check],
        read: {__MODULE__, :failed, []}
      },
      %{
        name: "bitactor_health_recoveries_total",
        type: :counter,
        help: "Recovery actions, by check and result.",
        labels: [:check, {:result, [:ok, :failed, :timeout, :exhausted]}],
        event: @recovery,
        measurement: :count
      }
    ]
  end

  @doc "Answers GET /livez."
  @spec livez(term()) :: {200, list(), iodata()}
  def livez(_request), do: answer(200, %{status: "alive", version: BitActor.version()})

  @doc "Answers GET /startupz."
  @spec startupz(term()) :: {200 | 503, list(), iodata()}
  def startupz(_request) do
    case BitActor.phase() do
      :starting -> answer(503, %{status: "starting"})
      _ -> answer(200, %{status: "started"})
    end
  end

  @doc "Answers GET /readyz, with the verdict of each check."
  @spec readyz(term()) :: {200 | 503, list(), iodata()}
  def readyz(_request) do
    results = Checks.run(Checks.all(), setting([], :check_timeout_ms, 1_000))
    phase = BitActor.phase()
    ready? = phase == :serving and Enum.all?(results, fn {_, verdict, _} -> verdict == :ok end)
    status = if ready?, do: "ready", else: "not ready"

    answer(if(ready?, do: 200, else: 503), %{
      status: status,
      phase: phase,
      checks: Map.new(results, &detail/1)
    })
  end

  defp detail({name, :ok, microseconds}) do
    {name, %{status: "ok", duration_ms: microseconds / 1_000}}
  end

  defp detail({name, {:error, reason}, microseconds}) do
    {name, %{status: "failed", reason: reason, duration_ms: microseconds / 1_000}}
  end

  defp answer(status, body) do
    body = [JSON.encode_to_iodata!(body, invalid: :replace), "\n"]
    {status, [{"content-type", "application/json"}], body}
  end

  @doc "1 where the last round was good and the node serves, else 0."
  @spec ready() :: 0 | 1
  def ready do
    good? = Enum.all?(last(), fn {_, verdict} -> verdict == :ok end)
    if good? and BitActor.phase() == :serving, do: 1, else: 0
  end

  @doc false
  def failed do
    for {name, verdict} <- last(), do: {%{check: name}, if(verdict == :ok, do: 0, else: 1)}
  end

  defp last do
    if :ets.whereis(__MODULE__) == :undefined, do: [], else: :ets.tab2list(__MODULE__)
  end

  @doc "Runs the checks now and returns when the verdicts are known."
  @spec check() :: [Checks.result()]
  def check, do: GenServer.call(__MODULE__, :check, 60_000)

  @doc "Starts the rounds of checks. Options: the settings, and `checks` in place of all."
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(options), do: GenServer.start_link(__MODULE__, options, name: __MODULE__)

  defp setting(options, key, default) do
    configured = Application.get_env(:bitactor, __MODULE__, [])
    Keyword.get_lazy(options, key, fn -> Keyword.get(configured, key, default) end)
  end

  @impl true
  def init(options) do
    __MODULE__ = :ets.new(__MODULE__, [:named_table, :protected, read_concurrency: true])
    recovery = Recovery.default_settings()

    state = %{
      checks: Keyword.get(options, :checks),
      interval: setting(options, :interval_ms, 5_000),
      check_timeout: setting(options, :check_timeout_ms, 1_000),
      recover_timeout: setting(options, :recover_timeout_ms, 30_000),
      actions: Map.new(setting(options, :recover, [])),
      recovery: Map.new(recovery, fn {key, default} -> {key, setting(options, key, default)} end),
      states: %{},
      round: nil,
      waiting: [],
      running: %{},
      timer: nil
    }

    {:ok, state, {:continue, :check}}
  end

  @impl true
  def handle_continue(:check, state), do: {:noreply, start_round(state)}

  @impl true
  def handle_call(:check, from, state) do
    {:noreply, start_round(%{state | waiting: [from | state.waiting]})}
  end

  @impl true
  def handle_info(:check, state), do: {:noreply, start_round(state)}

  def handle_info({:DOWN, monitor, :process, _, reason}, %{round: monitor} = state) do
    {:noreply, finish_round(%{state | round: nil}, reason)}
  end

  def handle_info({:DOWN, monitor, :process, _, reason}, state) do
    {:noreply, recovered(state, monitor, reason)}
  end

  def handle_info({:recover_timeout, monitor, pid}, state) do
    if Map.has_key?(state.running, monitor), do: Process.exit(pid, :kill)
    {:noreply, state}
  end

  def handle_info(_, state), do: {:noreply, state}

  # One round at a time, outside of this process: whoever asks meanwhile gets its verdicts.
  defp start_round(%{round: nil} = state) do
    checks = state.checks || Checks.all()

    {_, monitor} =
      spawn_monitor(fn -> exit({:results, Checks.run(checks, state.check_timeout)}) end)

    %{state | round: monitor}
  end

  defp start_round(state), do: state

  defp finish_round(state, {:results, results}) do
    for {name, verdict, _} <- results, do: note(name, verdict)
    for from <- state.waiting, do: GenServer.reply(from, results)
    results |> Enum.reduce(%{state | waiting: []}, &consider/2) |> schedule()
  end

  # Killed from outside: the next round asks again.
  defp finish_round(state, _), do: schedule(state)

  defp schedule(state) do
    _ = state.timer && Process.cancel_timer(state.timer)
    %{state | timer: Process.send_after(self(), :check, state.interval)}
  end

  defp note(name, verdict) do
    before = :ets.lookup(__MODULE__, name)
    :ets.insert(__MODULE__, {name, verdict})

    case {before, verdict} do
      {[{_, :ok}], {:error, reason}} -> changed(name, :failed, reason)
      {[], {:error, reason}} -> changed(name, :failed, reason)
      {[{_, {:error, _}}], :ok} -> changed(name, :ok, nil)
      _ -> :ok
    end
  end

  defp changed(name, status, reason) do
    text = if status == :ok, do: "good again", else: "failed: #{reason}"
    Logger.log(if(status == :ok, do: :notice, else: :warning), "health check #{name} #{text}")
    Telemetry.execute(@changed, %{count: 1}, %{check: name, status: status, reason: reason})
  end

  defp consider({name, verdict, _}, state) do
    now = System.monotonic_time(:millisecond)
    before = Map.get(state.states, name, %Recovery{})
    busy? = Enum.any?(state.running, fn {_, {running, _}} -> running == name end)

    case {action(state, name), busy?} do
      {action, false} when action != nil ->
        status = if verdict == :ok, do: :ok, else: :failed
        {decision, next} = Recovery.step(before, status, now, state.recovery)
        state = %{state | states: Map.put(state.states, name, next)}
        decide(decision, name, action, state)

      _ ->
        state
    end
  end

  defp decide(:recover, name, {module, function, arguments}, state) do
    Logger.warning("health check #{name} keeps failing: recovery starts")
    {pid, monitor} = spawn_monitor(fn -> apply(module, function, arguments) end)
    Process.send_after(self(), {:recover_timeout, monitor, pid}, state.recover_timeout)
    %{state | running: Map.put(state.running, monitor, {name, System.monotonic_time()})}
  end

  defp decide(:exhausted, name, _, state) do
    Logger.error("health check #{name} keeps failing: the budget for recovery is spent")
    Telemetry.execute(@recovery, %{count: 1, duration: 0}, %{check: name, result: :exhausted})
    state
  end

  defp decide(_, _, _, state), do: state

  # Configured, or the recover/0 of the check's own module.
  defp action(state, name) do
    with nil <- state.actions[name],
         {^name, check} <- List.keyfind(state.checks || Checks.all(), name, 0),
         {:module, module} = Function.info(check, :module),
         true <- function_exported?(module, :recover, 0) do
      {module, :recover, []}
    else
      {_, _, _} = action -> action
      _ -> nil
    end
  end

  defp recovered(state, monitor, reason) do
    case Map.pop(state.running, monitor) do
      {nil, _} ->
        state

      {{name, started}, running} ->
        duration = System.monotonic_time() - started
        metadata = %{check: name, result: result(reason)}
        Telemetry.execute(@recovery, %{count: 1, duration: duration}, metadata)
        # Whether it helped shows at once, not after the interval.
        start_round(%{state | running: running})
    end
  end

  defp result(:normal), do: :ok
  defp result(:killed), do: :timeout
  defp result(_), do: :failed
end
