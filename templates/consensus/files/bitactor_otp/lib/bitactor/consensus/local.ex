defmodule BitActor.Consensus.Local do
  @moduledoc """
  One node on a durable log: what runs where there is no `ra` and only one voter.

  A command is acknowledged when it is on the disk of this node. Commands that come together
  share one fsync. Nothing is replicated: with the disk, everything is lost.

  The folder `consensus` of the data folder holds `snapshot`, the state after some
  command, and `log`, the commands after it. A record of the log is the external
  term format of `{index, envelope}`; those that the snapshot already has are skipped,
  so a crash between writing the one and emptying the other does no harm.
  """
  @behaviour BitActor.Consensus.Log

  use GenServer

  alias BitActor.Consensus.{Log, Machine}
  alias BitActor.Durable

  @impl Log
  def start_link(options) do
    GenServer.start_link(__MODULE__, options, name: Keyword.get(options, :name, __MODULE__))
  end

  @impl Log
  def command(envelope, timeout_ms, server \\ __MODULE__) do
    call(server, {:command, envelope}, timeout_ms)
  end

  # There is one copy, so both kinds of read see every acknowledged write.
  @impl Log
  def read(query, _consistency, timeout_ms), do: call(__MODULE__, {:read, query}, timeout_ms)

  @impl Log
  def status do
    case call(__MODULE__, :status, 500) do
      {:ok, index} -> status(:leader, node(), index)
      {:error, _} -> status(:down, nil, 0)
    end
  end

  @impl Log
  def hand_over(_timeout_ms), do: :ok

  defp status(role, leader, index) do
    %{
      mode: :local,
      role: role,
      leader: leader,
      term: 0,
      commit_index: index,
      applied_index: index,
      elections: 0,
      voters: [node()],
      voters_up: [node()]
    }
  end

  defp call(server, request, timeout_ms) do
    GenServer.call(server, request, timeout_ms)
  catch
    :exit, {:timeout, _} -> {:error, :timeout}
    :exit, {:noproc, _} -> {:error, :not_started}
    # It died with the call unanswered: what became of the command is not known.
    :exit, _ -> {:error, :timeout}
  end

  @impl GenServer
  def init(options) do
    folder = Keyword.get_lazy(options, :folder, fn -> Durable.folder("consensus") end)

    with {:ok, index, machine} <- load(Path.join(folder, "snapshot")),
         {:ok, log, records} <- Durable.Log.open(Path.join(folder, "log")),
         {:ok, index, machine} <- replay(records, index, machine) do
      {:ok, %{folder: folder, log: log, index: index, machine: machine, waiting: []}}
    else
      # An operator has to decide: restore a backup, or give up what was written.
      {:error, reason} -> {:stop, {:consensus_log, folder, reason}}
    end
  end

  @impl GenServer
  def handle_call({:command, envelope}, from, state) do
    # What is in the mailbox by now is ahead of this message, so it shares the fsync.
    if state.waiting == [], do: send(self(), :flush)
    {:noreply, %{state | waiting: [{from, envelope} | state.waiting]}}
  end

  def handle_call({:read, query}, _from, state) do
    {:reply, {:ok, Machine.query(query, state.machine)}, state}
  end

  def handle_call(:status, _from, state), do: {:reply, {:ok, state.index}, state}

  @impl GenServer
  def handle_info(:flush, state) do
    batch = Enum.with_index(Enum.reverse(state.waiting), state.index + 1)
    records = for {{_, envelope}, index} <- batch, do: :erlang.term_to_binary({index, envelope})

    case Durable.Log.append(state.log, records) do
      {:ok, log} ->
        {state, effects} = Enum.reduce(batch, {%{state | log: log, waiting: []}, []}, &commit/2)
        {:noreply, if(:snapshot in effects, do: snapshot(state), else: state)}

      {:error, reason} ->
        failed(state, reason)
    end
  end

  def handle_info(_message, state), do: {:noreply, state}

  # A full disk: those who wait learn that nothing was written, once that is made sure of.
  defp failed(state, reason) do
    case Durable.Log.rollback(state.log) do
      :ok ->
        for {from, _} <- state.waiting, do: GenServer.reply(from, {:error, reason})
        {:noreply, %{state | waiting: []}}

      {:error, _} ->
        {:stop, {:consensus_log, state.folder, reason}, state}
    end
  end

  defp commit({{from, envelope}, index}, {state, before}) do
    {machine, reply, effects} = Machine.apply(index, envelope, state.machine)
    GenServer.reply(from, {:ok, reply})
    {%{state | machine: machine, index: index}, effects ++ before}
  end

  # Taken between batches, so the log holds nothing that the snapshot does not.
  defp snapshot(state) do
    content = :erlang.term_to_binary({state.index, Machine.dump(state.machine)})
    sealed = [<<:erlang.crc32(content)::32>>, content]

    with :ok <- Durable.replace(Path.join(state.folder, "snapshot"), sealed),
         {:ok, log} <- Durable.Log.clear(state.log) do
      %{state | log: log}
    else
      {:error, reason} -> exit({:consensus_log, state.folder, reason})
    end
  end

  defp load(path) do
    case File.read(path) do
      {:ok, <<crc::32, content::binary>>} ->
        with true <- :erlang.crc32(content) == crc,
             {:ok, {index, dump}} <- Durable.decode(content),
             {:ok, machine} <- Machine.load(dump) do
          {:ok, index, machine}
        else
          _ -> {:error, :snapshot_damaged}
        end

      {:ok, _} ->
        {:error, :snapshot_damaged}

      {:error, :enoent} ->
        {:ok, 0, Machine.new()}

      {:error, reason} ->
        {:error, reason}
    end
  end

  # Records that the snapshot has are there where the crash came before the log was emptied.
  defp replay(records, index, machine) do
    Enum.reduce_while(records, {:ok, index, machine}, fn record, {:ok, index, machine} ->
      case Durable.decode(record) do
        {:ok, {next, envelope}} when next == index + 1 ->
          {machine, _reply, _effects} = Machine.apply(next, envelope, machine)
          {:cont, {:ok, next, machine}}

        {:ok, {old, _envelope}} when old <= index ->
          {:cont, {:ok, index, machine}}

        {:error, reason} ->
          {:halt, {:error, reason}}
      end
    end)
  end
end
