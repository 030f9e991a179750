defmodule BitActor.Consensus do
  @moduledoc """
  The one log that all voters agree on.

  `command/2` returns `{:ok, reply}` only when a majority of the voters has the command
  on its disk: no failure of a minority, and no crash of all of them at once, loses
  it. The commands and queries are those of `BitActor.Consensus.Machine`.

  Three implementations stand behind this module; which one runs is decided at start:

  | implementation | where | tolerates |
  | --- | --- | --- |
  | `BitActor.Consensus.Ra` | a voter, with the application `ra` there | the loss of a minority |
  | `BitActor.Consensus.Local` | a single voter without `ra` | crashes, not the loss of its disk |
  | `BitActor.Consensus.Remote` | a gateway | what its voters tolerate |

  Without `ra`, a configuration that names several voters is refused: three logs of their own
  would be three truths. `status/0` and a line in the log at start say which one runs.
  The setting `:consensus` (`:auto`, `:ra` or `:local`) overrides the choice between the first two.

  `:global` and connected nodes decide nothing here: a network that is cut in two keeps one
  side that can write, or none.
  """

  alias BitActor.Consensus.{Local, Log, Machine, Ra, Remote}
  alias BitActor.Telemetry

  require Logger

  @implementation {__MODULE__, :implementation}
  @timeout_ms 5_000
  @health_timeout_ms 800
  @key_bytes_max 255
  @command_bytes_max 1024 * 1024

  @type status :: Log.status()
  @type reason :: Log.reason()

  @doc "The child of the supervision tree."
  @spec child_spec(keyword) :: Supervisor.child_spec()
  def child_spec(options) do
    # A voter closes its log and leaves the leader's seat before it stops.
    %{id: __MODULE__, start: {__MODULE__, :start_link, [options]}, shutdown: 10_000}
  end

  @doc """
  Starts the implementation that fits the configuration. Options stand in for the
  application's settings: `:consensus`, `:voters`, `:role`.
  """
  @spec start_link(keyword) :: GenServer.on_start()
  def start_link(options) do
    voters = setting(options, :voters, [node()])
    role = setting(options, :role, :voter)

    case choose(role, setting(options, :consensus, :auto), voters, ra?(), Node.alive?()) do
      {:ok, module, why} ->
        Logger.notice("consensus: #{why}")
        :persistent_term.put(@implementation, module)
        BitActor.on_drain(:consensus, &drain/1)
        module.start_link(voters: voters, api: __MODULE__)

      {:error, why} ->
        Logger.error("consensus: #{why}")
        {:error, {:consensus, why}}
    end
  end

  @doc """
  Which implementation runs, with a sentence that says so, or why none can.
  `ra?`: whether the application ra is there; `alive?`: whether this node is distributed.
  """
  @spec choose(:voter | :gateway, :auto | :ra | :local, [node], boolean, boolean) ::
          {:ok, module, String.t()} | {:error, String.t()}
  def choose(:gateway, _mode, voters, _ra?, _alive?) do
    {:ok, Remote, "this node is a gateway, the log is at #{names(voters)}"}
  end

  def choose(:voter, mode, voters, ra?, alive?) do
    single? = length(voters) == 1

    cond do
      mode == :ra and not ra? ->
        {:error, "the setting asks for ra, and ra is not there"}

      mode in [:auto, :ra] and ra? and alive? ->
        {:ok, Ra, "Raft by ra among #{names(voters)}"}

      mode == :ra ->
        {:error, "ra needs a node with a name (Erlang distribution)"}

      single? and mode == :auto and not ra? ->
        {:ok, Local, local("the application ra is not there")}

      single? and mode == :auto ->
        {:ok, Local, local("this node has no name")}

      single? ->
        {:ok, Local, local("the setting says so")}

      not ra? ->
        {:error, "#{length(voters)} voters need ra, and the application is not there"}

      true ->
        {:error, "#{length(voters)} voters need ra on nodes with names"}
    end
  end

  defp local(why), do: "one node on a durable log, nothing is replicated: #{why}"
  defp names(voters), do: Enum.map_join(voters, ", ", &Atom.to_string/1)

  @doc "Whether the application ra can be used here."
  @spec ra?() :: boolean
  def ra?, do: Code.ensure_loaded?(:ra) and Code.ensure_loaded?(:ra_system)

  @doc """
  Commits a command and returns `{:ok, reply}` once a majority has it on disk.

  Options: `:timeout` in milliseconds (#{@timeout_ms}) and `:request_id`, a
  binary. After `{:error, :timeout}` the command may still be applied; asking again with the same
  request id returns the first reply and applies nothing twice.
  """
  @spec command(Machine.command(), timeout: pos_integer, request_id: binary) ::
          {:ok, term} | {:error, reason}
  def command(command, options \\ []) do
    started = System.monotonic_time()
    id = Keyword.get_lazy(options, :request_id, fn -> :crypto.strong_rand_bytes(16) end)

    result =
      with :ok <- admissible(command),
           {:ok, module} <- implementation(),
           do: module.command(Machine.envelope(id, command), timeout(options))

    duration = System.monotonic_time() - started
    measured = %{count: 1, duration: duration}
    Telemetry.execute([:bitactor, :consensus, :command], measured, %{result: outcome(result)})
    result
  end

  @doc """
  Answers a query. The default, `consistency: :linearizable`, sees every write that was
  acknowledged before the call and needs a majority; `:local` reads what this node has
  applied, however old, and always answers.
  """
  @spec read(Machine.query(), timeout: pos_integer, consistency: :linearizable | :local) ::
          {:ok, term} | {:error, reason}
  def read(query, options \\ []) do
    with {:ok, module} <- implementation() do
      module.read(query, Keyword.get(options, :consistency, :linearizable), timeout(options))
    end
  end

  @doc "What this node knows of the cluster. Answers at once."
  @spec status() :: status
  def status do
    case implementation() do
      {:ok, module} -> module.status()
      {:error, :not_started} -> down()
    end
  end

  @doc "The node that leads as far as this one knows, or nil."
  @spec leader() :: node | nil
  def leader, do: status().leader

  @doc "Whether a majority answers within #{@health_timeout_ms} ms: the health check named quorum."
  @spec healthy() :: :ok | {:error, String.t()}
  def healthy do
    case read(:size, timeout: @health_timeout_ms) do
      {:ok, _} -> :ok
      {:error, reason} -> {:error, "no majority answers: #{inspect(reason)}"}
    end
  end

  @doc """
  Returns `:ok` once this voter can stop without the rest losing its majority, for a hook
  before the stop of a node; raises after `timeout_ms`.

  It can when the other voters that answer are a majority by themselves, agree on the
  leader, and have applied what this node knew to be committed when it was asked. A single voter
  always can: there is nobody to keep a majority for.
  """
  @spec await_safe_to_stop(pos_integer) :: :ok
  def await_safe_to_stop(timeout_ms) do
    # Asked for once: against a position that moves with each write the others, whose figures
    # are as old as its own, may stay behind for ever.
    poll(status().commit_index, System.monotonic_time(:millisecond) + timeout_ms, timeout_ms)
  end

  defp poll(position, deadline, timeout_ms) do
    cond do
      safe_to_stop?(position) ->
        :ok

      System.monotonic_time(:millisecond) >= deadline ->
        raise "not safe to stop after #{timeout_ms} ms: the other voters have no majority"

      true ->
        receive do
        after
          250 -> poll(position, deadline, timeout_ms)
        end
    end
  end

  defp safe_to_stop?(position) do
    own = status()
    others = own.voters -- [node()]
    majority = div(length(own.voters), 2) + 1

    if others == [] or own.role == :gateway do
      true
    else
      answers = :erpc.multicall(others, __MODULE__, :status, [], 1_000)
      caught_up = for {:ok, s} <- answers, s.applied_index >= position, do: s.leader
      length(caught_up) >= majority and nil not in caught_up and length(Enum.uniq(caught_up)) == 1
    end
  end

  # Leaves the leader's seat before the node goes, so that nobody waits for an election.
  defp drain(deadline) do
    {:ok, module} = implementation()
    module.hand_over(max(deadline - System.monotonic_time(:millisecond), 1))
  end

  @doc "The event catalogue of this module."
  @spec events() :: [map]
  def events do
    [
      %{
        name: [:bitactor, :consensus, :command],
        measurements: [:count, :duration],
        metadata: [:result],
        help: "A command was answered; result is ok, timeout or error, duration in native units."
      },
      %{
        name: [:bitactor, :consensus, :role],
        measurements: [:count],
        metadata: [:role],
        help: "This voter became leader or follower."
      }
    ]
  end

  @doc "The metrics of this module."
  @spec metrics() :: [map]
  def metrics do
    [
      gauge("term", "Raft term of this voter.", :term),
      gauge("commit_index", "Position in the log up to which a majority has it.", :commit_index),
      gauge(
        "applied_index",
        "Position up to which this voter has applied the log.",
        :applied_index
      ),
      gauge("is_leader", "1 where this voter leads.", :is_leader),
      gauge(
        "has_quorum",
        "1 where this node knows a leader and is connected to a majority.",
        :quorum
      ),
      gauge("voters", "Voters of the cluster.", :voters),
      gauge("voters_up", "Voters that this node is connected to, itself included.", :voters_up),
      %{
        name: "bitactor_consensus_elections_total",
        type: :counter,
        help: "Elections that this voter called.",
        labels: [],
        read: {__MODULE__, :figure, [:elections]}
      },
      %{
        name: "bitactor_consensus_commands_total",
        type: :counter,
        help: "Commands answered, by result.",
        labels: [:result],
        event: [:bitactor, :consensus, :command],
        measurement: :count
      },
      %{
        name: "bitactor_consensus_commit_duration_seconds",
        type: :histogram,
        help: "Time from a command to its answer.",
        labels: [:result],
        event: [:bitactor, :consensus, :command],
        measurement: :duration,
        unit: {:native, :second},
        buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]
      }
    ]
  end

  @doc "One figure of `status/0`, for the metrics."
  @spec figure(atom) :: number
  def figure(name) do
    status = status()

    case name do
      :is_leader -> if status.role == :leader, do: 1, else: 0
      :quorum -> if quorum?(status), do: 1, else: 0
      :voters -> length(status.voters)
      :voters_up -> length(status.voters_up)
      other -> Map.fetch!(status, other)
    end
  end

  defp quorum?(%{leader: nil}), do: false
  # A gateway keeps a link to one voter at least; the voters count among themselves.
  defp quorum?(%{role: :gateway}), do: true
  defp quorum?(status), do: length(status.voters_up) * 2 > length(status.voters)

  defp gauge(name, help, figure) do
    %{
      name: "bitactor_consensus_#{name}",
      type: :gauge,
      help: help,
      labels: [],
      read: {__MODULE__, :figure, [figure]}
    }
  end

  defp implementation do
    case :persistent_term.get(@implementation, nil) do
      nil -> {:error, :not_started}
      module -> {:ok, module}
    end
  end

  defp down do
    %{
      mode: :local,
      role: :down,
      leader: nil,
      term: 0,
      commit_index: 0,
      applied_index: 0,
      elections: 0,
      voters: [],
      voters_up: []
    }
  end

  # The first element after the name of every command is a key or an owner.
  defp admissible(command) do
    key = if is_tuple(command) and tuple_size(command) > 1, do: elem(command, 1)

    cond do
      is_tuple(command) and elem(command, 0) == :evict -> :ok
      not is_binary(key) or byte_size(key) > @key_bytes_max -> {:error, :bad_key}
      :erlang.external_size(command) > @command_bytes_max -> {:error, :too_large}
      true -> :ok
    end
  end

  defp outcome({:ok, _}), do: :ok
  defp outcome({:error, :timeout}), do: :timeout
  defp outcome({:error, _}), do: :error

  defp timeout(options), do: Keyword.get(options, :timeout, @timeout_ms)

  defp setting(options, name, default) do
    Keyword.get_lazy(options, name, fn -> Application.get_env(:bitactor, name, default) end)
  end
end
