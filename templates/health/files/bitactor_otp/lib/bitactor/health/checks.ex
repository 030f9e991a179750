defmodule BitActor.Health.Checks do
  @moduledoc """
  Runs health checks: all at once, each in a process of its own, with one deadline.

  Invariant: `run/2` returns after `timeout_ms` at the latest (and the time the scheduler
  needs), with a verdict for every check, whatever the checks do.
  """

  alias BitActor.Health.Memory

  @reason_max 200

  @type verdict :: :ok | {:error, String.t()}
  @type result :: {name :: atom(), verdict(), duration_us :: non_neg_integer()}

  @doc "The checks of the blocks, and that of the memory unless a block has one of that name."
  @spec all() :: [BitActor.Catalogue.check()]
  def all do
    checks = BitActor.Catalogue.health_checks()

    if List.keymember?(checks, :memory, 0),
      do: checks,
      else: checks ++ [{:memory, &Memory.healthy/0}]
  end

  @doc "Runs `checks`; one that has not answered after `timeout_ms` is killed and has failed."
  @spec run([BitActor.Catalogue.check()], pos_integer()) :: [result()]
  def run(checks, timeout_ms) do
    started = System.monotonic_time()

    running =
      for {name, check} <- checks do
        {name, spawn_monitor(fn -> exit({:verdict, timed(check)}) end)}
      end

    deadline = started + System.convert_time_unit(timeout_ms, :millisecond, :native)
    for {name, process} <- running, do: await(name, process, deadline, timeout_ms)
  end

  defp timed(check) do
    started = System.monotonic_time()
    verdict = verdict(check.())
    {verdict, microseconds(started)}
  end

  defp verdict(:ok), do: :ok
  defp verdict({:error, reason}) when is_binary(reason), do: {:error, cut(reason)}
  defp verdict({:error, reason}), do: {:error, cut(inspect(reason, limit: 10))}
  defp verdict(other), do: {:error, cut("no verdict: #{inspect(other, limit: 10)}")}

  defp cut(text) do
    if String.length(text) > @reason_max,
      do: String.slice(text, 0, @reason_max) <> "...",
      else: text
  end

  defp await(name, {pid, monitor}, deadline, timeout_ms) do
    left = System.convert_time_unit(deadline - System.monotonic_time(), :native, :millisecond)

    receive do
      {:DOWN, ^monitor, :process, ^pid, {:verdict, {verdict, duration}}} ->
        {name, verdict, duration}

      {:DOWN, ^monitor, :process, ^pid, reason} ->
        {name, {:error, cut("crashed: #{crash(reason)}")}, 0}
    after
      max(left, 0) ->
        Process.demonitor(monitor, [:flush])
        Process.exit(pid, :kill)
        {name, {:error, "no answer in #{timeout_ms} ms"}, timeout_ms * 1_000}
    end
  end

  # What a process that raised leaves is {exception, stacktrace}.
  defp crash({%_{} = exception, stacktrace}) when is_list(stacktrace) do
    Exception.message(exception)
  end

  defp crash(reason), do: Exception.format_exit(reason)

  defp microseconds(started) do
    System.convert_time_unit(System.monotonic_time() - started, :native, :microsecond)
  end
end
