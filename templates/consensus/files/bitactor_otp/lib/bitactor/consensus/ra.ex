defmodule BitActor.Consensus.Ra do
  @moduledoc """
  A voter: Raft by the application `ra` (https://github.com/rabbitmq/ra), versions 2.2 to 2.15.

  This process starts ra's system and this node's server in it, follows its role and stops
  it in order. Log, elections, failure detection (aten) and snapshots are ra's; the state
  machine is `BitActor.Consensus.Machine`, of which this module is the shell.

  The first start makes a server with the voters of the configuration. Each later one restarts
  what the data folder holds; a voter whose disk was lost comes up empty and is brought up
  to date by the leader.
  """
  @behaviour BitActor.Consensus.Log

  use GenServer

  alias BitActor.Consensus.{Log, Machine}
  alias BitActor.Durable

  @system :bitactor
  @cluster :bitactor_consensus
  # How long to wait before asking the next voter, while nobody leads.
  @retry_ms 50
  # How often a follower asks whether its leader is alive, at the shortest and plus as much at
  # random, and how long the leader may keep silent.
  @probe_ms 250
  @silent_ms 2_500

  @impl Log
  def start_link(options), do: GenServer.start_link(__MODULE__, options, name: __MODULE__)

  @impl Log
  def command(envelope, timeout_ms) do
    retried(timeout_ms, fn id, left_ms ->
      case ra().process_command(id, envelope, left_ms) do
        {:ok, reply, _leader} -> {:ok, reply}
        {:timeout, _} -> {:error, :timeout}
        {:error, reason} -> {:error, reason}
      end
    end)
  end

  @impl Log
  def read(query, :linearizable, timeout_ms) do
    question = {Machine, :query, [query]}

    retried(timeout_ms, fn id, left_ms ->
      case ra().consistent_query(id, question, left_ms) do
        {:ok, answer, _leader} -> {:ok, answer}
        {:timeout, _} -> {:error, :timeout}
        {:error, reason} -> {:error, reason}
      end
    end)
  end

  def read(query, :local, timeout_ms) do
    case ra().local_query(id(node()), {Machine, :query, [query]}, timeout_ms) do
      {:ok, {_position, answer}, _leader} -> {:ok, answer}
      {:timeout, _} -> {:error, :timeout}
      {:error, reason} -> {:error, reason}
    end
  end

  @impl Log
  def status do
    figures = figures()
    role = role()
    voters = voters()

    %{
      mode: :ra,
      role: role,
      leader: if(role == :down, do: nil, else: known_leader()),
      term: figures.term,
      commit_index: figures.commit_index,
      applied_index: figures.last_applied,
      elections: elections(),
      voters: voters,
      voters_up: Enum.filter(voters, &(&1 in [node() | Node.list()]))
    }
  end

  @impl Log
  def hand_over(timeout_ms) do
    deadline = now() + timeout_ms

    case {role(), voters() -- [node()]} do
      {:leader, [_ | _] = others} ->
        hand_over(Enum.filter(others, &(&1 in Node.list())), deadline)

      _ ->
        :ok
    end
  end

  defp hand_over([], _deadline), do: {:error, :no_other_voter}

  defp hand_over([other | rest], deadline) do
    _ = ra().transfer_leadership(id(node()), id(other))

    cond do
      followed?(min(deadline, now() + 2_000)) -> :ok
      now() >= deadline -> {:error, :timeout}
      true -> hand_over(rest ++ [other], deadline)
    end
  end

  # Whether leadership has left this node by then, polled: ra tells nobody.
  defp followed?(deadline) do
    cond do
      role() != :leader and known_leader() not in [nil, node()] ->
        true

      now() >= deadline ->
        false

      true ->
        pause(@retry_ms)
        followed?(deadline)
    end
  end

  @impl GenServer
  def init(options) do
    Process.flag(:trap_exit, true)
    voters = Keyword.fetch!(options, :voters)
    :persistent_term.put({__MODULE__, :voters}, voters)

    with :ok <- start_system(),
         :ok <- start_server(voters) do
      {:ok, probe_later(%{watch: Process.monitor(:ra_sup), probe: nil})}
    else
      {:error, reason} -> {:stop, {:consensus_ra, reason}}
    end
  end

  @impl GenServer
  def handle_info({:DOWN, watch, :process, _pid, reason}, %{watch: watch} = state) do
    # The supervisor starts this process anew, and it starts ra.
    {:stop, {:ra_stopped, reason}, state}
  end

  # ra's failure detector (aten) learns from heartbeats, and does not report a node that fell
  # silent before it had a picture of it, in about the first second of a link: such a leader would
  # be followed until the link times out. So followers ask it, too.
  def handle_info(:probe, state) do
    case followed() do
      nil -> {:noreply, probe_later(state)}
      leader -> {:noreply, %{state | probe: spawn_monitor(fn -> exit(ask(leader)) end)}}
    end
  end

  def handle_info({:DOWN, monitor, :process, pid, answer}, %{probe: {pid, monitor}} = state) do
    with {:silent, leader} <- answer do
      if followed() == leader, do: ra().trigger_election(id(node()))
    end

    {:noreply, probe_later(%{state | probe: nil})}
  end

  def handle_info(_message, state), do: {:noreply, state}

  @impl GenServer
  def terminate(_reason, _state) do
    _ = ra().stop_server(@system, id(node()))
    :ok
  end

  defp probe_later(state) do
    Process.send_after(self(), :probe, @probe_ms + :rand.uniform(@probe_ms))
    state
  end

  # A lost link needs no question: ra is told of it.
  defp ask(leader) do
    :erpc.call(leader, :erlang, :node, [], @silent_ms)
    :answered
  catch
    :error, {:erpc, :timeout} -> {:silent, leader}
    _, _ -> :answered
  end

  # The other node that this follower follows, or nil.
  defp followed do
    leader = known_leader()
    if role() == :follower and leader != node(), do: leader
  end

  defp start_system do
    folder = String.to_charlist(Durable.folder("consensus"))
    :ok = :application.set_env(:ra, :data_dir, folder)

    with {:ok, _} <- Application.ensure_all_started(:ra) do
      settings = %{
        name: @system,
        names: ra_system().derive_names(@system),
        data_dir: folder,
        wal_data_dir: folder,
        # Kept small: a voter of this system holds coordination, not bulk data.
        wal_max_size_bytes: 64 * 1024 * 1024
      }

      case ra_system().start(Map.merge(ra_system().default_config(), settings)) do
        {:ok, _} -> :ok
        {:error, {:already_started, _}} -> :ok
        {:error, reason} -> {:error, reason}
      end
    end
  end

  defp start_server(voters) do
    own = id(node())

    case ra().restart_server(@system, own) do
      :ok -> :ok
      {:error, {:already_started, _}} -> :ok
      {:error, :name_not_registered} -> create_server(own, voters)
      {:error, reason} -> {:error, reason}
    end
  end

  defp create_server(own, voters) do
    # The same on every start, so that it is found again; a node has one such server.
    uid = Atom.to_string(@cluster)

    settings = %{
      id: own,
      uid: uid,
      cluster_name: @cluster,
      initial_members: Enum.map(voters, &id/1),
      log_init_args: %{uid: uid},
      machine: {:module, BitActor.Consensus.RaMachine, %{}}
    }

    with :ok <- ra().start_server(@system, settings) do
      # Only one asks for the first election, so the others do not stand against it.
      if hd(Enum.sort(voters)) == node(), do: ra().trigger_election(own)
      :ok
    end
  end

  # Asks the own server first, then the others, until one answers or the time is over. That
  # is safe for commands: the request id makes the second application of one a no-op.
  defp retried(timeout_ms, ask) do
    ids = Enum.map([node() | voters() -- [node()]], &id/1)
    retried(ids, ids, now() + timeout_ms, ask)
  end

  defp retried([], ids, deadline, ask) do
    pause(@retry_ms)
    retried(ids, ids, deadline, ask)
  end

  defp retried([id | rest], ids, deadline, ask) do
    case deadline - now() do
      left_ms when left_ms <= 0 ->
        {:error, :timeout}

      left_ms ->
        case ask.(id, Log.attempt_ms(left_ms)) do
          # Whatever kept this voter from answering, the next may: not started, just stopped,
          # not connected, waiting for a leader that is frozen.
          {:error, _reason} -> retried(rest, ids, deadline, ask)
          answer -> answer
        end
    end
  end

  # Newer versions keep the figures in counters, older ones in a table that is
  # refreshed every second.
  defp figures do
    zero = %{term: 0, commit_index: 0, last_applied: 0}

    if function_exported?(:ra, :key_metrics, 1) do
      Map.merge(zero, ra().key_metrics(id(node())))
    else
      case :ets.lookup(:ra_metrics, @cluster) do
        [{_, term, _snapshot, applied, commit, _written, _latency}] ->
          %{term: term, commit_index: commit, last_applied: applied}

        [] ->
          zero
      end
    end
  rescue
    # The table is gone: ra is not running.
    ArgumentError -> %{term: 0, commit_index: 0, last_applied: 0}
  end

  defp elections do
    case ra_counters().overview(id(node())) do
      %{elections: count} -> count
      _ -> 0
    end
  rescue
    # Its counters are gone, or another version counts otherwise: no reason to lose the other measurements.
    _ -> 0
  end

  defp role do
    case :ets.lookup(:ra_state, @cluster) do
      [{_, role}] when role in [:leader, :follower] -> role
      [{_, _other}] -> :candidate
      # Newer versions keep the kind of membership, too.
      [{_, role, _membership}] when role in [:leader, :follower] -> role
      [{_, _other, _membership}] -> :candidate
      [] -> :down
    end
  rescue
    ArgumentError -> :down
  end

  # Who leads, as this voter knows; not one that is known to be gone.
  defp known_leader do
    case ra_leaderboard().lookup_leader(@cluster) do
      {_, leader} -> if leader in [node() | Node.list()], do: leader
      :undefined -> nil
    end
  rescue
    ArgumentError -> nil
  end

  # Calls through a variable: ra is there in some builds only, and no dependency of the
  # application, which the compiler would miss.
  defp ra, do: :ra
  defp ra_system, do: :ra_system
  defp ra_counters, do: :ra_counters
  defp ra_leaderboard, do: :ra_leaderboard

  defp voters, do: :persistent_term.get({__MODULE__, :voters}, [node()])
  defp id(node), do: {@cluster, node}
  defp now, do: System.monotonic_time(:millisecond)

  defp pause(milliseconds) do
    receive do
    after
      milliseconds -> true
    end
  end
end
