defmodule BitActor.Performance.Workload do
  @moduledoc """
  What is profiled and tuned by: calls through `BitActor.Server` and batches through
  `BitActor.Engine`, on actors of its own, which are gone afterwards.
  """

  alias BitActor.{Engine, Server, Signal, Workers}

  @actors 100
  @calls 2_000
  @batches 40
  @batch_signals 2_048

  @doc "Calls to actors that are started by their first one and forgotten at the end."
  @spec fresh_calls() :: :ok
  def fresh_calls do
    run = System.unique_integer()
    calls(run, @calls)
    forget(run)
  end

  @doc "So many calls to the actors of a run, one after the other."
  @spec calls(run :: term, pos_integer) :: :ok
  def calls(run, count) do
    Enum.each(1..count, fn i ->
      signal = %Signal{kind: 64, sequence: i, payload: "12345678"}
      {:ok, _reply} = Server.dispatch(key(run, i), signal)
    end)
  end

  @doc "The processes of a run's actors, started where they are not."
  @spec pids(run :: term) :: [pid]
  def pids(run) do
    for i <- 1..@actors do
      {:ok, pid} = Workers.ensure(key(run, i))
      pid
    end
  end

  @doc "Ends the actors of a run and forgets their state."
  @spec forget(run :: term) :: :ok
  def forget(run), do: Enum.each(1..@actors, &Workers.forget(key(run, &1)))

  @doc "Batches of signals to native actors."
  @spec batches() :: :ok
  def batches do
    batch = for i <- 1..@batch_signals, into: <<>>, do: signal(i)

    Enum.each(1..@batches, fn _ ->
      {:ok, @batch_signals} = Engine.dispatch(batch)
    end)
  end

  @doc "How many partitions the engine has."
  @spec partitions() :: pos_integer
  def partitions, do: Supervisor.count_children(Engine).active

  @doc "Starts the engine anew with so many partitions; its native actors begin empty."
  @spec restart_engine(pos_integer) :: :ok
  def restart_engine(partitions) do
    if partitions() != partitions do
      before = Application.get_env(:bitactor, Engine, [])
      Application.put_env(:bitactor, Engine, Keyword.put(before, :partitions, partitions))
      :ok = Supervisor.terminate_child(BitActor.Supervisor, Engine)
      {:ok, _pid} = Supervisor.restart_child(BitActor.Supervisor, Engine)
      Application.put_env(:bitactor, Engine, before)
    end

    :ok
  end

  defp key(run, i), do: {__MODULE__, run, rem(i, @actors)}

  defp signal(i) do
    <<1, 0, 8::16-little, 0::32, 0::64, i::64-little, i::64-little, 0::64, i::64-little, 0::128>>
  end
end
