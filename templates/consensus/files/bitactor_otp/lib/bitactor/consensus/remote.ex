defmodule BitActor.Consensus.Remote do
  @moduledoc """
  A gateway's way to the log: it asks the voters, the last known leader first.

  A gateway has no state of its own. Its requests carry a request id, so one whose voter
  died, or does not answer in time, can be sent to the next without being applied twice.
  """
  @behaviour BitActor.Consensus.Log

  use GenServer

  alias BitActor.Consensus.Log

  @api {__MODULE__, :api}
  @refresh_ms 1_000
  @retry_ms 50

  @impl Log
  def start_link(options), do: GenServer.start_link(__MODULE__, options, name: __MODULE__)

  @impl Log
  def command({2, request_id, command}, timeout_ms) do
    ask(
      timeout_ms,
      fn left_ms -> [command, [request_id: request_id, timeout: left_ms]] end,
      :command
    )
  end

  @impl Log
  def read(query, consistency, timeout_ms) do
    ask(
      timeout_ms,
      fn left_ms -> [query, [consistency: consistency, timeout: left_ms]] end,
      :read
    )
  end

  @impl Log
  def status, do: :persistent_term.get(__MODULE__, nobody([]))

  @impl Log
  def hand_over(_timeout_ms), do: :ok

  @impl GenServer
  def init(options) do
    voters = Keyword.fetch!(options, :voters)
    # The module to call at the voters, whatever stands behind it there.
    :persistent_term.put(@api, Keyword.fetch!(options, :api))
    :persistent_term.put(__MODULE__, nobody(voters))
    send(self(), :refresh)
    {:ok, %{voters: voters}}
  end

  @impl GenServer
  def handle_info(:refresh, state) do
    answers = :erpc.multicall(state.voters, api(), :status, [], @refresh_ms)
    seen = for {:ok, status} <- answers, do: status

    fresh =
      case Enum.max_by(seen, & &1.term, fn -> nil end) do
        nil -> nobody(state.voters)
        best -> %{best | mode: :remote, role: :gateway, elections: 0, voters_up: up(state.voters)}
      end

    # Compared first, for a changed persistent term costs every process a look at its heap.
    if fresh != status(), do: :persistent_term.put(__MODULE__, fresh)
    Process.send_after(self(), :refresh, @refresh_ms)
    {:noreply, state}
  end

  def handle_info(_message, state), do: {:noreply, state}

  defp ask(timeout_ms, arguments, function) do
    %{leader: leader, voters: voters} = status()
    order = Enum.uniq(List.wrap(leader) ++ voters)
    ask(order, order, System.monotonic_time(:millisecond) + timeout_ms, arguments, function)
  end

  defp ask([], order, deadline, arguments, function) do
    receive do
    after
      @retry_ms -> ask(order, order, deadline, arguments, function)
    end
  end

  defp ask([voter | rest], order, deadline, arguments, function) do
    left_ms = deadline - System.monotonic_time(:millisecond)

    if left_ms <= 0 do
      {:error, :timeout}
    else
      attempt_ms = Log.attempt_ms(left_ms)

      try do
        :erpc.call(voter, api(), function, arguments.(attempt_ms), attempt_ms)
      catch
        :error, {:erpc, _gone_or_silent} -> ask(rest, order, deadline, arguments, function)
      else
        {:error, reason} when reason in [:not_started, :timeout] ->
          ask(rest, order, deadline, arguments, function)

        answer ->
          answer
      end
    end
  end

  defp api, do: :persistent_term.get(@api)
  defp up(voters), do: Enum.filter(voters, &(&1 in Node.list()))

  defp nobody(voters) do
    %{
      mode: :remote,
      role: :gateway,
      leader: nil,
      term: 0,
      commit_index: 0,
      applied_index: 0,
      elections: 0,
      voters: voters,
      voters_up: up(voters)
    }
  end
end
