defmodule Mix.Tasks.Bitactor.Profile do
  @shortdoc "Shows where the time of a workload goes: by function, by scheduler, by instruction"

  @moduledoc """
      mix bitactor.profile [calls|batches] [--tool eprof|msacc|perf] [--seconds 2]

  The workload is `calls` through the server (the default) or `batches` through the engine.

    * `eprof` (default) - time of each function in the caller and the actors; tracing slows
      everything, so compare shares, not times. Needs Erlang's application tools.
    * `msacc` - what the schedulers did: emulator, garbage collection, ports, sleeping;
      costs next to nothing
    * `perf` - Linux perf attached to this virtual machine; writes `perf.data`. Erlang's own
      functions have names only where it was started with `ERL_FLAGS="+JPperf true"`.
  """
  use Mix.Task

  alias BitActor.Performance.Workload

  @usage "usage: mix bitactor.profile [calls|batches] [--tool eprof|msacc|perf] [--seconds COUNT]"

  @impl Mix.Task
  def run(arguments) do
    {options, rest} = OptionParser.parse!(arguments, strict: [tool: :string, seconds: :integer])
    seconds = Keyword.get(options, :seconds, 2)
    unless seconds in 1..600, do: Mix.raise(@usage)

    work =
      case rest do
        [] -> fn -> Workload.calls(:profile, 100) end
        ["calls"] -> fn -> Workload.calls(:profile, 100) end
        ["batches"] -> &Workload.batches/0
        _ -> Mix.raise(@usage)
      end

    Mix.Task.run("app.start")

    try do
      profile(Keyword.get(options, :tool, "eprof"), work, seconds)
    after
      Workload.forget(:profile)
    end
  end

  # Called by name: the application is no dependency of this one.
  defp profile("eprof", work, seconds) do
    unless Code.ensure_loaded?(:eprof),
      do: Mix.raise("eprof is in Erlang's application tools, which is not here")

    {:ok, _pid} = apply(:eprof, :start, [])

    :profiling =
      apply(:eprof, :start_profiling, [[self() | partitions() ++ Workload.pids(:profile)]])

    repeat(work, deadline(seconds))
    :profiling_stopped = apply(:eprof, :stop_profiling, [])
    apply(:eprof, :analyze, [:total, [sort: :time]])
    apply(:eprof, :stop, [])
  end

  defp profile("msacc", work, seconds) do
    task = Task.async(fn -> repeat(work, deadline(seconds)) end)
    true = :msacc.start(seconds * 1_000)
    Task.await(task, :infinity)
    :msacc.print()
  end

  defp profile("perf", work, seconds) do
    perf = System.find_executable("perf") || Mix.raise("perf is not on the PATH")
    task = Task.async(fn -> repeat(work, deadline(seconds)) end)
    arguments = ~w(record -g -F 999 -o perf.data -p #{System.pid()} -- sleep #{seconds})
    {text, status} = System.cmd(perf, arguments, stderr_to_stdout: true)
    Task.await(task, :infinity)

    if status == 0,
      do: Mix.shell().info("perf.data written; perf report shows it"),
      else: Mix.raise(text)
  end

  defp profile(_other, _work, _seconds), do: Mix.raise(@usage)

  defp partitions do
    for {_id, pid, _type, _modules} <- Supervisor.which_children(BitActor.Engine),
        is_pid(pid),
        do: pid
  end

  defp deadline(seconds), do: System.monotonic_time(:millisecond) + seconds * 1_000

  defp repeat(work, deadline) do
    work.()
    if System.monotonic_time(:millisecond) < deadline, do: repeat(work, deadline), else: :ok
  end
end
