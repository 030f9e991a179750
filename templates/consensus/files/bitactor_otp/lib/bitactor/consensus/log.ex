defmodule BitActor.Consensus.Log do
  @moduledoc """
  What an implementation of the log behind `BitActor.Consensus` must do.
  """

  alias BitActor.Consensus.Machine

  @type status :: %{
          mode: :ra | :local | :remote,
          role: :leader | :follower | :candidate | :gateway | :down,
          leader: node | nil,
          term: non_neg_integer,
          commit_index: non_neg_integer,
          applied_index: non_neg_integer,
          elections: non_neg_integer,
          voters: [node],
          voters_up: [node]
        }
  @type reason :: :timeout | :no_leader | :not_started | :too_large | :bad_key | term

  @doc "Starts the implementation; options are those of `start_link/1`."
  @callback start_link(options :: keyword) :: GenServer.on_start()
  @doc "Commits an envelope and returns the machine's reply. After `:timeout` the outcome is not known."
  @callback command(Machine.envelope(), timeout_ms :: pos_integer) ::
              {:ok, term} | {:error, reason}
  @doc "Answers a query: from a majority's state, or from what this node has applied."
  @callback read(Machine.query(), :linearizable | :local, timeout_ms :: pos_integer) ::
              {:ok, term} | {:error, reason}
  @doc "What this node knows. Never waits for other nodes."
  @callback status() :: status
  @doc "Gives leadership away where this node has it and another voter is up."
  @callback hand_over(timeout_ms :: pos_integer) :: :ok | {:error, term}

  @doc """
  How long one voter is asked, of the time left: the setting `:consensus_attempt_ms`, 1 s. One
  that is frozen or leaves would otherwise keep a request until its time is over.
  """
  @spec attempt_ms(left_ms :: pos_integer) :: pos_integer
  def attempt_ms(left_ms),
    do: min(left_ms, Application.get_env(:bitactor, :consensus_attempt_ms, 1_000))
end
