Code.require_file("support/property.exs", __DIR__)

defmodule BitActor.PropertyTest do
  @moduledoc """
  What must hold whatever the input. Each property names its generator and keeps, under
  `:regressions`, the raw values that once broke it.
  """
  use ExUnit.Case, async: false

  alias BitActor.{Property, Ring, Server, Signal, Worker, Workers}
  alias BitActor.Worker.State

  @u64 0xFFFF_FFFF_FFFF_FFFF

  setup_all do
    IO.puts("properties: values by #{Property.engine()}")
  end

  defp bytes(max), do: {:map, {:list, {:int, 0, 255}, max}, &:erlang.list_to_binary/1}
  defp u64, do: {:one_of, [{:int, 0, 1_000}, {:int, @u64 - 1_000, @u64}]}

  defp signal do
    fields = [{:int, 0, 255}, {:int, 0, 255}, u64(), u64(), u64(), u64(), bytes(24)]

    {:map, {:tuple, fields},
     fn {kind, flags, source, destination, sequence, timestamp, payload} ->
       %Signal{
         kind: kind,
         flags: flags,
         source: source,
         destination: destination,
         sequence: sequence,
         timestamp: timestamp,
         payload: payload
       }
     end}
  end

  # an idempotency key, often none, often one that came before
  defp item,
    do: {:tuple, [signal(), {:one_of, [{:map, {:int, 0, 9}, fn _ -> nil end}, {:int, 0, 9}]}]}

  describe "signals" do
    test "what is encoded comes back" do
      Property.check(signal(), [runs: 300], fn signal ->
        {:ok, bytes} = Signal.encode(signal)
        byte_size(bytes) == 64 and Signal.decode(bytes) == {:ok, signal}
      end)
    end

    test "any 64 bytes are a signal that encodes to them, or an error" do
      # half of them have a size and a padding that may be right
      plausible =
        {:map, {:tuple, [bytes(39), {:int, 0, 26}, {:int, 0, 3}]},
         fn {head, size, junk} ->
           head = head <> :binary.copy(<<0>>, 39 - byte_size(head))
           <<a::binary-2, _::16, _::32, rest::binary>> = head <> <<0>>

           a <>
             <<size::16-little, 0::32>> <>
             rest <>
             :binary.copy(<<7>>, min(size, 24)) <>
             :binary.copy(<<junk>>, 24 - min(size, 24))
         end}

      Property.check({:one_of, [plausible, bytes(70)]}, [runs: 300], fn bytes ->
        case Signal.decode(bytes) do
          {:ok, signal} -> Signal.encode(signal) == {:ok, bytes}
          {:error, reason} -> reason in [:length, :size, :padding]
        end
      end)
    end
  end

  describe "routing" do
    test "nodes that know the same members agree, and only what must move moves" do
      members = {:list, {:int, 1, 12}, 8}

      Property.check({:tuple, [members, {:int, 13, 20}]}, [runs: 40], fn {members, new} ->
        members = [0 | members]
        ring = Ring.new(members)
        reversed = Ring.new(Enum.reverse(members))
        grown = Ring.new([new | members])

        Enum.all?(1..300, fn key ->
          owner = Ring.owner(ring, key)

          owner in members and owner == Ring.owner(reversed, key) and
            Ring.owner(grown, key) in [owner, new]
        end)
      end)
    end
  end

  describe "state" do
    test "a snapshot anywhere and the log after it give the state back" do
      Property.check({:tuple, [{:list, item(), 60}, {:int, 0, 60}]}, [runs: 100], fn {items, at} ->
        {before, later} = Enum.split(items, at)
        start = State.replay(State.new(Worker.Tally, :key), before)
        {:ok, restored} = State.restore(Worker.Tally, State.snapshot(start))
        State.replay(restored, later) == State.replay(start, later)
      end)
    end

    test "an idempotency key is applied once, whatever comes between" do
      Property.check({:list, item(), 60}, [runs: 100], fn items ->
        {state, _replies} =
          Enum.reduce(items, {State.new(Worker.Tally, :key), %{}}, fn {signal, key},
                                                                      {state, replies} ->
            case State.apply(state, signal, key) do
              {:ok, reply, state} ->
                true = key == nil or not is_map_key(replies, key)
                {state, Map.put(replies, key, reply)}

              {:seen, reply} ->
                true = replies[key] == reply
                {state, replies}
            end
          end)

        keys = for {_signal, key} <- items, key != nil, uniq: true, do: key
        plain = for {_signal, nil} <- items, do: :one
        state.sequence == length(keys) + length(plain)
      end)
    end
  end

  describe "delivery" do
    # Each request is repeated under its key until it is answered, while workers are killed.
    test "under crashes every request is applied exactly once by its own actor" do
      step =
        {:one_of,
         [
           {:map, {:int, 0, 4}, &{:request, &1}},
           {:map, {:int, 0, 4}, &{:batch, &1}},
           {:map, {:int, 0, 4}, &{:kill, &1}}
         ]}

      Property.check({:list, step, 25}, [runs: 25], fn steps ->
        run = System.unique_integer([:positive])

        tasks =
          for {step, n} <- Enum.with_index(steps), do: Task.async(fn -> step(step, run, n) end)

        Task.await_many(tasks, 60_000)

        right? =
          Enum.all?(0..4, fn actor ->
            expected = Enum.sum(for {kind, ^actor} <- steps, do: signals(kind))
            applied({run, actor}) == expected
          end)

        for actor <- 0..4, do: :ok = Workers.forget({run, actor})
        right?
      end)
    end
  end

  defp signals(:request), do: 1
  defp signals(:batch), do: 3
  defp signals(:kill), do: 0

  defp step({:request, actor}, run, n), do: until_answered({run, actor}, {:request, n})

  defp step({:batch, actor}, run, n),
    do: for(i <- 1..3, do: until_answered({run, actor}, {:batch, n, i}))

  defp step({:kill, actor}, run, _n) do
    with {:ok, pid} <- Workers.lookup({run, actor}), do: Process.exit(pid, :kill)
  end

  defp until_answered(actor, key) do
    case Server.dispatch(actor, %Signal{kind: 64, payload: "x"}, idempotency_key: key) do
      {:ok, count} when is_integer(count) ->
        :ok

      {:error, reason} when reason in [:crashed, :unavailable, :restarting, :overloaded] ->
        receive do
        after
          2 -> until_answered(actor, key)
        end
    end
  end

  defp applied(actor) do
    with {:ok, _pid} <- Workers.ensure(actor), {:ok, state} <- Worker.state(actor) do
      elem(state.data, 0)
    else
      {:error, _coming_back} ->
        receive do
        after
          2 -> applied(actor)
        end
    end
  end

  describe "counters" do
    test "counts of many callers add up to what each of them saw" do
      Property.check({:list, {:int, 0, 3}, 12}, [runs: 20], fn callers ->
        before = Map.new(Server.results(), fn {%{result: name}, count} -> {name, count} end)
        run = System.unique_integer([:positive])

        answers =
          callers
          |> Enum.map(&Task.async(fn -> caller(&1, {:counters, run, &1}) end))
          |> Task.await_many()
          |> List.flatten()

        for n <- Enum.uniq(callers), do: :ok = Workers.forget({:counters, run, n})
        now = Map.new(Server.results(), fn {%{result: name}, count} -> {name, count} end)

        now["ok"] - before["ok"] == Enum.count(answers, &match?({:ok, _}, &1)) and
          now["timeout"] - before["timeout"] == Enum.count(answers, &(&1 == {:error, :timeout}))
      end)
    end
  end

  defp caller(count, key) do
    over = System.monotonic_time(:millisecond) - 1

    for n <- 1..(count * 5)//1 do
      options = if rem(n, 3) == 0, do: [deadline: over], else: []
      Server.dispatch(key, %Signal{kind: 64}, options)
    end
  end

  describe "JSON" do
    @tag :json
    test "what is encoded parses, on one line, and comes back" do
      json = BitActor.JSON

      text = {:map, {:list, {:int, 0, 0xD7FF}, 12}, &List.to_string/1}

      number =
        {:one_of, [{:int, -1_000_000, 1_000_000}, {:map, {:int, -9_999, 9_999}, &(&1 / 7)}]}

      atom = {:map, {:int, 0, 2}, &Enum.at([nil, true, false], &1)}
      leaf = {:one_of, [text, number, atom]}
      list = {:list, leaf, 5}
      object = {:map, {:list, {:tuple, [text, {:one_of, [leaf, list]}]}, 5}, &Map.new/1}

      Property.check({:one_of, [leaf, list, object]}, [runs: 100], fn term ->
        encoded = IO.iodata_to_binary(json.encode!(term))
        not String.contains?(encoded, "\n") and json.decode(encoded) == {:ok, term}
      end)
    end

    test "any bytes are JSON or an error" do
      json = BitActor.JSON

      Property.check(bytes(40), [runs: 300], fn bytes ->
        case json.decode(bytes) do
          {:ok, _term} -> true
          {:error, _where} -> true
        end
      end)
    end
  end

  # The blocks below are there in some projects only; without them these have nothing to say.
  if Code.ensure_loaded?(BitActor.Core) do
    describe "pools" do
      test "a pool does what a map of blocks does" do
        operation =
          {:one_of,
           [
             {:map, bytes(80), &{:put, &1}},
             {:map, {:int, 0, 7}, &{:get, &1}},
             {:map, {:int, 0, 7}, &{:give, &1}}
           ]}

        Property.check({:list, operation, 60}, [runs: 150], fn operations ->
          core = BitActor.Core
          {:ok, pool} = core.pool_open(4, 64)
          # live: handle -> bytes; dead: handles that were given back
          Enum.reduce_while(operations, {[], []}, fn operation, {live, dead} ->
            pool_step(core, pool, operation, live, dead)
          end) != :differs
        end)
      end
    end

    defp pool_step(core, pool, {:put, bytes}, live, dead) do
      case {core.pool_put(pool, bytes), byte_size(bytes) > 64, length(live) == 4} do
        {{:error, :too_large}, true, _full?} -> {:cont, {live, dead}}
        {{:error, :full}, false, true} -> {:cont, {live, dead}}
        {{:ok, handle}, false, false} -> {:cont, {live ++ [{handle, bytes}], dead}}
        _other -> {:halt, :differs}
      end
    end

    defp pool_step(core, pool, {operation, n}, live, dead) do
      handles = live ++ Enum.map(dead, &{&1, :given})
      pick = if handles != [], do: Enum.at(handles, rem(n, length(handles)))

      case {operation, pick} do
        {_operation, nil} ->
          {:cont, {live, dead}}

        {:get, {handle, :given}} ->
          same(core.pool_get(pool, handle) == {:error, :stale}, live, dead)

        {:give, {handle, :given}} ->
          same(core.pool_give(pool, handle) == {:error, :stale}, live, dead)

        {:get, {handle, bytes}} ->
          same(begins?(core.pool_get(pool, handle), bytes), live, dead)

        {:give, {handle, _bytes}} ->
          live = List.keydelete(live, handle, 0)
          right? = core.pool_give(pool, handle) == :ok
          same(right? and core.pool_info(pool).in_use == length(live), live, [handle | dead])
      end
    end

    defp same(true, live, dead), do: {:cont, {live, dead}}
    defp same(false, _live, _dead), do: {:halt, :differs}

    # a block may come back whole, with what lies beyond the bytes cleared
    defp begins?({:ok, block}, bytes) do
      size = byte_size(bytes)
      match?(<<^bytes::binary-size(size), _rest::binary>>, block)
    end

    defp begins?(_error, _bytes), do: false
  end

  if Code.ensure_loaded?(BitActor.Consensus.Machine) do
    describe "the replicated machine" do
      test "replicas that apply one log agree, however often each starts from a snapshot" do
        name = {:map, {:int, 0, 3}, &"name-#{&1}"}

        command =
          {:one_of,
           [
             {:map, {:tuple, [name, {:int, 0, 9}]}, fn {k, v} -> {:put, k, v} end},
             {:map, name, &{:delete, &1}},
             {:map, {:tuple, [name, {:int, 0, 9}]},
              fn {k, v} -> {:compare_and_put, k, {:value, v}, v + 1} end},
             {:map, {:tuple, [name, {:int, 0, 2}]}, fn {k, o} -> {:claim, k, o} end},
             {:map, {:tuple, [name, {:int, 0, 2}]}, fn {k, o} -> {:release, k, o} end},
             {:map, {:int, 0, 2}, &{:evict, &1}}
           ]}

        entry = {:tuple, [{:int, 0, 30}, command, {:int, 0, 5}]}

        Property.check({:list, entry, 60}, [runs: 150], fn log ->
          machine = BitActor.Consensus.Machine
          log = for {request, command, cut} <- log, do: {"r#{request}", command, cut == 0}
          {steady, replies} = replica(machine, log, fn _ -> false end)
          {restarting, again} = replica(machine, log, fn cut? -> cut? end)
          # what was replied under a request's name is its reply for ever
          once = Enum.uniq_by(replies, &elem(&1, 0))

          steady == restarting and replies == again and Enum.all?(replies, &(&1 in once)) and
            one_owner?(machine, steady)
        end)
      end
    end

    defp replica(machine, log, restart?) do
      {state, replies} =
        log
        |> Enum.with_index(1)
        |> Enum.reduce({machine.new(), []}, fn {{request, command, cut?}, index},
                                               {state, replies} ->
          {state, reply, _effects} =
            machine.apply(index, machine.envelope(request, command), state)

          {if(restart?.(cut?), do: reload(machine, state), else: state),
           [{request, reply} | replies]}
        end)

      {state, Enum.reverse(replies)}
    end

    defp reload(machine, state) do
      {:ok, state} = machine.load(machine.dump(state))
      state
    end

    # tokens are positions of the log: no two claims that hold have the same
    defp one_owner?(machine, state) do
      tokens =
        for n <- 0..3,
            {:owner, _owner, token} <- [machine.query({:owner, "name-#{n}"}, state)],
            do: token

      Enum.uniq(tokens) == tokens
    end
  end

  describe "the engines themselves" do
    test "a property that does not hold is found and shrunk, by each engine that is here" do
      for engine <- ["proper", "stream_data", "own"], here?(engine) do
        System.put_env("BITACTOR_PROPERTY_ENGINE", engine)
        on_exit(fn -> System.delete_env("BITACTOR_PROPERTY_ENGINE") end)
        list = {:list, {:int, 0, 100}, 30}

        error =
          assert_raise ExUnit.AssertionError, fn ->
            Property.check(list, [runs: 500], fn list -> Enum.all?(list, &(&1 < 42)) end)
          end

        assert error.message =~ "does not hold for [42] ", engine
        assert Property.check(list, [runs: 50], &is_list/1) == :ok

        assert_raise ExUnit.AssertionError, ~r/the kept value \[7\]/, fn ->
          Property.check(list, [regressions: [[7]]], &(&1 != [7]))
        end
      end
    end
  end

  defp here?("proper"), do: Code.ensure_loaded?(:proper)
  defp here?("stream_data"), do: Code.ensure_loaded?(StreamData)
  defp here?("own"), do: true
end
