defmodule BitActor.Consensus.RemoteTest do
  # A gateway whose one voter is this VM itself, behind a module that answers as a test says.
  use ExUnit.Case, async: false

  alias BitActor.Consensus.{Machine, Remote}

  defmodule Voter do
    @moduledoc false
    # Each call takes the next answer: a term, or :silent for none within its time.
    def command(command, options), do: answer({:command, command, options})
    def read(query, options), do: answer({:read, query, options})

    def status, do: %{mode: :ra, leader: node(), term: 1, voters: [node()]}

    defp answer(call) do
      case Agent.get_and_update(__MODULE__, fn {calls, [next | rest]} ->
             {next, {[call | calls], rest}}
           end) do
        :silent ->
          receive do
          after
            :infinity -> :ok
          end

        answer ->
          answer
      end
    end
  end

  setup do
    Application.put_env(:bitactor, :consensus_attempt_ms, 50)

    on_exit(fn ->
      Application.delete_env(:bitactor, :consensus_attempt_ms)
      :persistent_term.erase(Remote)
    end)
  end

  defp voter(answers) do
    start_supervised!(%{
      id: Voter,
      start: {Agent, :start_link, [fn -> {[], answers} end, [name: Voter]]}
    })

    start_supervised!(%{
      id: Remote,
      start: {Remote, :start_link, [[voters: [node()], api: Voter]]}
    })
  end

  defp calls, do: Voter |> Agent.get(&elem(&1, 0)) |> Enum.reverse()

  test "a voter that is silent or has no leader is not waited for: the next is asked, under one id" do
    voter([:silent, {:error, :timeout}, {:error, :not_started}, {:ok, :ok}])
    assert Remote.command(Machine.envelope("id", {:put, "k", 1}), 10_000) == {:ok, :ok}

    for {:command, command, options} <- calls() do
      assert command == {:put, "k", 1}
      assert options[:request_id] == "id"
      assert options[:timeout] in 1..50
    end

    assert length(calls()) == 4
  end

  test "what the log answers is the answer, errors too" do
    voter([{:error, :too_large}, {:ok, {:value, 1}}])
    assert Remote.command(Machine.envelope("id", {:put, "k", 1}), 10_000) == {:error, :too_large}
    assert Remote.read({:get, "k"}, :linearizable, 10_000) == {:ok, {:value, 1}}
    assert {:read, {:get, "k"}, options} = List.last(calls())
    assert options[:consistency] == :linearizable
  end

  test "after its time a request is an error" do
    voter([:silent, :silent, :silent, :silent, :silent, :silent])
    started = System.monotonic_time(:millisecond)
    assert Remote.command(Machine.envelope("id", {:put, "k", 1}), 120) == {:error, :timeout}
    assert (System.monotonic_time(:millisecond) - started) in 100..2_000
  end
end
