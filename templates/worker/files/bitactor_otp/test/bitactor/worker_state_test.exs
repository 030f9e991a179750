defmodule BitActor.WorkerStateTest do
  use ExUnit.Case, async: true

  alias BitActor.Signal
  alias BitActor.Worker.{HandlerError, State, Tally}

  defmodule Failing do
    @behaviour BitActor.Worker.Handler
    def init(_key), do: %{secret: "hidden"}
    def handle(%Signal{kind: 64}, data), do: {data.absent, data}
    def handle(%Signal{kind: 65}, _data), do: throw(:ball)
    def handle(%Signal{kind: 66}, data), do: {only_atoms(data), data}

    defp only_atoms(atom) when is_atom(atom), do: atom
  end

  defp signal(n), do: %Signal{kind: 64, sequence: n, payload: <<n>>}

  defp applied(state, range) do
    Enum.reduce(range, state, fn n, state ->
      {:ok, ^n, state} = State.apply(state, signal(n))
      state
    end)
  end

  test "a snapshot comes back equal" do
    state = applied(State.new(Tally, :k), 1..100)
    {:ok, 101, state} = State.apply(state, signal(101), "request")
    assert State.restore(Tally, State.snapshot(state)) == {:ok, state}
  end

  test "a snapshot of the version before is read" do
    old = :erlang.term_to_binary({:bitactor_state, 1, %{data: {3, 9, 77}, sequence: 3}})
    assert {:ok, %State{sequence: 3, data: {3, 9, 77}, seen: seen}} = State.restore(Tally, old)
    assert seen == %{}
  end

  test "what is no snapshot is an error, never an exception or a new atom" do
    later = :erlang.term_to_binary({:bitactor_state, 3, %{}})
    assert State.restore(Tally, later) == {:error, {:version, 3}}
    assert State.restore(Tally, "junk") == {:error, :corrupt}
    assert State.restore(Tally, <<>>) == {:error, :corrupt}

    for map <- [
          %{data: 1},
          %{data: 1, sequence: -1, seen: []},
          %{data: 1, sequence: 1, seen: [:x]}
        ] do
      binary = :erlang.term_to_binary({:bitactor_state, 2, map})
      assert State.restore(Tally, binary) == {:error, :corrupt}
    end

    # the external form of an atom that this node has never seen
    name = "never_seen_#{System.unique_integer([:positive])}"
    unknown = <<131, 119, byte_size(name), name::binary>>
    assert State.restore(Tally, unknown) == {:error, :corrupt}
  end

  test "replaying the log gives the state that the signals gave" do
    live = applied(State.new(Tally, :k), 1..40)
    assert State.replay(State.new(Tally, :k), for(n <- 1..40, do: {signal(n), nil})) == live
  end

  test "an idempotency key is applied once and answered the same" do
    {:ok, 1, state} = State.apply(State.new(Tally, :k), signal(1), "a")
    {:ok, 2, state} = State.apply(state, signal(2))
    assert State.apply(state, signal(1), "a") == {:seen, 1}
    assert state.sequence == 2
  end

  test "the oldest keys are forgotten first, and only beyond the limit" do
    max = State.seen_max()

    state =
      Enum.reduce(1..(max + 1), State.new(Tally, :k), fn n, state ->
        {:ok, ^n, state} = State.apply(state, signal(1), n)
        state
      end)

    assert {:seen, 2} = State.apply(state, signal(1), 2)
    assert {:ok, _reply, again} = State.apply(state, signal(1), 1)
    assert map_size(again.seen) == max
    {:ok, restored} = State.restore(Tally, State.snapshot(again))
    assert restored.seen == again.seen
    assert {:seen, 3} = State.apply(restored, signal(1), 3)
  end

  test "what a handler raises is named and shows no data" do
    state = State.new(Failing, :k)

    for {kind, text} <- [{64, "KeyError"}, {65, "throw"}, {66, "FunctionClauseError"}] do
      error =
        try do
          State.apply(state, %Signal{kind: kind, payload: "payload"})
        rescue
          error in HandlerError -> {error, __STACKTRACE__}
        end

      assert {%HandlerError{} = raised, stack} = error
      assert Exception.message(raised) =~ text
      refute inspect({raised, stack}, limit: :infinity, structs: false) =~ "hidden"
      refute inspect({raised, stack}, limit: :infinity, structs: false) =~ "payload\""
      assert Enum.all?(stack, fn {_, _, arity, _} -> is_integer(arity) end)
    end
  end

  test "nothing of the data is shown unless the handler says what" do
    assert State.format(State.new(Failing, :k)).data == :hidden
    assert State.format(State.new(Tally, :k)).data == %{signals: 0, payload_bytes: 0}
  end
end
