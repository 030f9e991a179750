defmodule BitActor.Consensus.RaMachine do
  @moduledoc """
  `BitActor.Consensus.Machine` as ra sees it: the callbacks of its behaviour `ra_machine`.

  The behaviour is not declared, for ra is not there in every build.
  """

  alias BitActor.Consensus.Machine

  @doc "ra_machine: the state before the first command."
  def init(_settings), do: Machine.new()

  @doc "ra_machine: applies the command of the log at meta's index."
  def apply(%{index: index}, command, state) when elem(command, 0) in [1, 2] do
    {state, reply, effects} = Machine.apply(index, command, state)
    {state, reply, Enum.map(effects, &effect(&1, index, state))}
  end

  # ra's own commands: this machine monitors nothing and has no timers.
  def apply(_meta, _builtin, state), do: {state, :ok, []}

  @doc "ra_machine: this voter has a new role."
  def state_enter(role, _state) when role in [:leader, :follower] do
    event = [[:bitactor, :consensus, :role], %{count: 1}, %{role: role}]
    [{:mod_call, BitActor.Telemetry, :execute, event}]
  end

  def state_enter(_role, _state), do: []

  # The state up to index is in the snapshot, so the log before it can go.
  defp effect(:snapshot, index, state), do: {:release_cursor, index, state}
end
