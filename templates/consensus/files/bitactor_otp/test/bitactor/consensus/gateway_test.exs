defmodule BitActor.Consensus.GatewayTest do
  # A gateway's way past voters that are gone, and what it knows of them. The only voter that
  # runs is this node, which has no name.
  use ExUnit.Case, async: false

  alias BitActor.Consensus.Remote

  @gone :"gone@127.0.0.1"

  defmodule Voter do
    # Stands behind the log at the voter: answers what the test put there.
    def command(command, options), do: answer(:command, [command, options])
    def read(query, options), do: answer(:read, [query, options])
    def status, do: answer(:status, [])

    defp answer(function, arguments) do
      {test, answers} = :persistent_term.get(__MODULE__)
      if function != :status, do: send(test, {function, arguments})
      Map.fetch!(answers, function).()
    end
  end

  defp status(changes) do
    Map.merge(
      %{
        mode: :ra,
        role: :follower,
        leader: nil,
        term: 0,
        commit_index: 0,
        applied_index: 0,
        elections: 3,
        voters: [@gone, node()],
        voters_up: [node()]
      },
      Map.new(changes)
    )
  end

  defp start(answers, voters \\ [@gone, node()]) do
    answers = Map.merge(%{status: fn -> status([]) end}, Map.new(answers))
    :persistent_term.put(Voter, {self(), answers})
    on_exit(fn -> :persistent_term.erase(Voter) end)
    start_supervised!({Remote, voters: voters, api: Voter})
  end

  defp await(condition, left \\ 400) do
    cond do
      condition.() -> :ok
      left == 0 -> flunk("not within the time")
      true -> pause(5) && await(condition, left - 1)
    end
  end

  defp pause(milliseconds) do
    receive do
    after
      milliseconds -> :ok
    end
  end

  test "a command goes past voters that are gone, with its request id and the time that is left" do
    start(command: fn -> {:ok, :done} end)
    assert Remote.command({2, "id", {:put, "k", 1}}, 5_000) == {:ok, :done}
    assert_received {:command, [{:put, "k", 1}, [request_id: "id", timeout: left_ms]]}
    assert left_ms in 1..1_000
    refute_received {:command, _}
  end

  test "a read says how consistent it has to be" do
    start(read: fn -> {:ok, :absent} end)
    assert Remote.read({:get, "k"}, :local, 5_000) == {:ok, :absent}
    assert_received {:read, [{:get, "k"}, [consistency: :local, timeout: _]]}
  end

  test "an error of the log is the answer; a voter that starts is asked again" do
    start(command: fn -> {:error, :too_large} end)
    assert Remote.command({2, "id", :c}, 5_000) == {:error, :too_large}
    stop_supervised!(Remote)

    answers = :counters.new(1, [])

    start(
      command: fn ->
        :counters.add(answers, 1, 1)
        if :counters.get(answers, 1) < 3, do: {:error, :not_started}, else: {:ok, :late}
      end
    )

    assert Remote.command({2, "id", :c}, 5_000) == {:ok, :late}
    assert :counters.get(answers, 1) == 3
  end

  test "with nobody there a call ends with its time, and not before" do
    start([], [@gone])
    began = System.monotonic_time(:millisecond)
    assert Remote.command({2, "id", :c}, 200) == {:error, :timeout}
    assert (System.monotonic_time(:millisecond) - began) in 200..5_000
  end

  test "the status is the newest voter's, as a gateway sees it" do
    start(status: fn -> status(term: 7, leader: node(), commit_index: 9) end)
    await(fn -> Remote.status().term == 7 end)

    assert %{mode: :remote, role: :gateway, elections: 0, commit_index: 9, leader: leader} =
             Remote.status()

    assert leader == node()
    assert Remote.status().voters_up == []
  end

  test "a gateway that has seen nobody knows no leader, and has nothing to hand over" do
    start([], [@gone])
    assert %{mode: :remote, leader: nil, term: 0, voters: [@gone]} = Remote.status()
    assert Remote.hand_over(100) == :ok
  end
end
