defmodule BitActor.Workers do
  @moduledoc """
  All workers of this node: a `Registry` that knows the process of each key, and a
  `PartitionSupervisor` of `DynamicSupervisor`s that restart them one by one.

  A partition for each scheduler keeps starting workers from queueing at one supervisor. The
  intensity of a partition is explicit: 1,000 restarts in 5 s, which a worker that crashes for
  itself can't reach (it waits, see `BitActor.Worker`), but a fault that hits all of them can;
  then the partition starts anew, empty, and its workers come back with their next signal.

  Settings (application `:bitactor`): `:workers_max` (1,000,000 of the node),
  `:worker_max_restarts`, `:worker_max_seconds`.
  """

  alias BitActor.Worker
  alias BitActor.Worker.{Counters, Directory, Request}

  @partitions BitActor.Workers.Partitions

  @doc "The registry's child spec: it starts before the workers and is a child of its own."
  @spec registry() :: {module, keyword}
  defdelegate registry, to: Directory

  @doc false
  @spec child_spec(term) :: Supervisor.child_spec()
  def child_spec(_options) do
    %{
      id: __MODULE__,
      start: {__MODULE__, :start_link, []},
      type: :supervisor,
      shutdown: :infinity
    }
  end

  @doc false
  @spec start_link() :: Supervisor.on_start()
  def start_link do
    partitions = System.schedulers_online()

    PartitionSupervisor.start_link(
      name: @partitions,
      partitions: partitions,
      child_spec: {
        DynamicSupervisor,
        max_restarts: setting(:worker_max_restarts, 1_000),
        max_seconds: setting(:worker_max_seconds, 5),
        max_children: div(setting(:workers_max, 1_000_000), partitions) + 1
      },
      max_restarts: 10,
      max_seconds: 60
    )
  end

  @doc "The worker of `key`, started if it does not run."
  @spec ensure(term) :: {:ok, pid} | {:error, :overloaded | :unavailable}
  def ensure(key) do
    case lookup(key) do
      {:ok, pid} -> {:ok, pid}
      :error -> start(key)
    end
  end

  @doc "The process of `key`."
  @spec lookup(term) :: {:ok, pid} | :error
  def lookup(key), do: Directory.whereis(key)

  @doc "Ends the worker of `key`; its state stays in the store and comes back with the next start."
  @spec stop(term) :: :ok
  def stop(key) do
    with {:ok, pid} <- lookup(key) do
      monitor = Process.monitor(pid)
      _answer = DynamicSupervisor.terminate_child(partition(key), pid)

      receive do
        {:DOWN, ^monitor, :process, ^pid, _reason} -> :ok
      end
    end

    Directory.forget(key)
  end

  @doc "Ends the worker of `key` and forgets its state."
  @spec forget(term) :: :ok | {:error, term}
  def forget(key) do
    :ok = stop(key)
    Worker.store().delete(key)
  end

  @doc "How many workers run."
  @spec count() :: non_neg_integer
  defdelegate count, to: Directory

  @doc """
  Waits until every worker has done what was sent to it before. `deadline` is a monotonic time
  in milliseconds. Workers that die meanwhile have nothing left to do.
  """
  @spec flush(deadline :: integer) :: :ok | {:error, :timeout}
  def flush(deadline) do
    requests =
      for pid <- Directory.pids(), reduce: Request.new() do
        requests -> Request.send(pid, :flush, pid, requests)
      end

    late = for {_pid, {:error, :timeout}} <- Request.collect(requests, %{}, deadline), do: :late
    if late == [], do: :ok, else: {:error, :timeout}
  end

  @doc "One number of `BitActor.Worker.Directory.load/0`, for the metrics."
  @spec load(:in_flight | :longest) :: non_neg_integer
  def load(what), do: Map.fetch!(Directory.load(), what)

  @doc "The metrics of the workers."
  @spec metrics() :: [map]
  def metrics do
    counters = [
      {"bitactor_worker_signals_handled_total", :handled, "Signals applied and stored."},
      {"bitactor_worker_shed_total", :shed, "Signals refused because a mailbox was full."},
      {"bitactor_worker_late_total", :late, "Signals whose deadline was over before their turn."},
      {"bitactor_worker_repeated_total", :repeated, "Requests answered from a remembered reply."},
      {"bitactor_worker_lost_total", :lost,
       "Unacknowledged signals dropped: the worker waited, or its store refused."},
      {"bitactor_worker_foreign_total", :foreign, "Messages that no protocol knows, dropped."},
      {"bitactor_worker_restarts_total", :restarts, "Workers that came back after a crash."}
    ]

    gauges = [
      {"bitactor_workers", {__MODULE__, :count, []}, "Workers that run."},
      {"bitactor_mailbox_length_max", {__MODULE__, :load, [:longest]},
       "Signals that wait or are in work at the fullest worker."},
      {"bitactor_worker_store_bytes", {Worker.Store.Tables, :memory_bytes, []},
       "Memory of the snapshots and logs kept in memory."}
    ]

    for(
      {name, counter, help} <- counters,
      do: %{name: name, type: :counter, help: help, labels: [], read: {Counters, :get, [counter]}}
    ) ++
      for {name, read, help} <- gauges,
          do: %{name: name, type: :gauge, help: help, labels: [], read: read}
  end

  defp start(key) do
    case DynamicSupervisor.start_child(partition(key), {Worker, key: key}) do
      {:ok, pid} -> {:ok, pid}
      :ignore -> lookup(key) |> found()
      {:error, :max_children} -> {:error, :overloaded}
      {:error, _reason} -> {:error, :unavailable}
    end
  rescue
    ArgumentError -> {:error, :unavailable}
  catch
    # the partition, or all of them, start anew at this moment
    :exit, _reason -> {:error, :unavailable}
  end

  defp found({:ok, pid}), do: {:ok, pid}
  defp found(:error), do: {:error, :unavailable}

  defp partition(key), do: {:via, PartitionSupervisor, {@partitions, :erlang.phash2(key)}}

  defp setting(name, default), do: Application.get_env(:bitactor, name, default)
end
