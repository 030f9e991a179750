defmodule BitActor.CoreTest do
  # Changes the application's setting :nif.
  use ExUnit.Case, async: false

  alias BitActor.Core
  alias BitActor.Core.Fallback

  @u64 0xFFFF_FFFF_FFFF_FFFF

  setup do
    before = Application.get_env(:bitactor, :nif, :auto)
    on_exit(fn -> Application.put_env(:bitactor, :nif, before) end)
  end

  defp signal(fields) do
    f = Map.merge(%{kind: 1, size: 8, destination: 0, sequence: 1, word: 1}, Map.new(fields))

    <<f.kind, 0, f.size::16-little, 0::32, 9::64-little, f.destination::64-little,
      f.sequence::64-little, 0::64, f.word::64-little, 0::128>>
  end

  # The same run of operations through every implementation there is.
  defp implementations do
    if BitActor.NIF.loaded?(), do: [BitActor.NIF, Fallback], else: [Fallback]
  end

  describe "a core" do
    test "folds the signals of a batch into its actors" do
      for module <- implementations() do
        {:ok, core} = module.open(4, 8, 0)

        batch =
          for i <- 1..20, into: <<>>, do: signal(destination: rem(i, 4), sequence: i, word: i)

        assert {:ok, 20} == module.process(core, batch)
        assert {:ok, {5, 4 + 8 + 12 + 16 + 20, 20}} == module.actor(core, 0)
        assert {:ok, {5, 1 + 5 + 9 + 13 + 17, 17}} == module.actor(core, 1)
        assert {:error, :range} == module.actor(core, 4)
      end
    end

    test "counts what it does not fold" do
      for module <- implementations() do
        {:ok, core} = module.open(2, 8, 1)

        assert {:ok, 5} ==
                 module.process(
                   core,
                   signal(kind: 5) <>
                     signal(destination: 4) <>
                     signal(size: 25) <>
                     signal(kind: 64, destination: 3, word: @u64) <> signal(destination: 2)
                 )

        assert %{signals: 5, unhandled: 1, misrouted: 1, malformed: 1, waiting: 0} =
                 module.info(core)

        assert {:ok, {2, 0, 1}} == module.actor(core, 1)
      end
    end

    test "keeps what is pushed until it is drained, and no more than fits" do
      for module <- implementations() do
        {:ok, core} = module.open(1, 4, 0)
        batch = for i <- 1..6, into: <<>>, do: signal(sequence: i)
        assert {:ok, 4} == module.push(core, batch)
        assert {:ok, 0} == module.push(core, batch)
        assert %{waiting: 4, overflow: 2, signals: 0} = module.info(core)
        assert {:ok, 3} == module.drain(core, 3)
        assert {:ok, {3, 3, 3}} == module.actor(core, 0)
        assert :ok == module.close(core)
        assert {:error, :closed} == module.push(core, batch)
        assert {:ok, 1} == module.drain(core, 3)
        assert {:error, :closed} == module.drain(core, 3)
        assert {:error, :closed} == module.process(core, batch)
      end
    end

    test "splits a batch by destination and keeps the order" do
      for module <- implementations() do
        batch = for i <- 0..99, into: <<>>, do: signal(destination: i, sequence: i)
        parts = module.split(batch, 4)
        assert tuple_size(parts) == 4

        for p <- 0..3 do
          assert elem(parts, p) ==
                   for(i <- p..99//4, into: <<>>, do: signal(destination: i, sequence: i))
        end
      end
    end
  end

  describe "a pool" do
    test "refuses what was given back, what is another pool's, and what does not fit" do
      for module <- implementations() do
        {:ok, pool} = module.pool_open(2, 64)
        {:ok, other} = module.pool_open(2, 64)
        {:ok, a} = module.pool_put(pool, "first")
        {:ok, {id, _} = b} = module.pool_put(pool, String.duplicate("x", 64))
        assert {:error, :full} == module.pool_put(pool, "third")
        assert {:error, :too_large} == module.pool_put(pool, String.duplicate("x", 65))
        assert {:ok, "first"} == module.pool_get(pool, a)
        assert :ok == module.pool_give(pool, a)
        assert {:error, :stale} == module.pool_give(pool, a)
        assert {:error, :stale} == module.pool_get(pool, a)
        assert {:error, :foreign} == module.pool_give(other, b)
        assert {:error, :range} == module.pool_get(pool, {id, 0x1_0000_0002})
        assert {:ok, c} = module.pool_put(pool, "")
        assert c != a
        assert {:ok, ""} == module.pool_get(pool, c)
        assert %{blocks: 2, in_use: 2, in_use_max: 2, exhausted: 1} = module.pool_info(pool)
      end
    end
  end

  describe "the fallback" do
    test "answers as the NIF does to any run of operations" do
      if BitActor.NIF.loaded?() do
        for seed <- 1..100 do
          :rand.seed(:exsss, {seed, seed, seed})
          slots = Enum.random([2, 4, 8, 64])
          options = [Enum.random(1..9), slots, Enum.random(0..3)]
          {:ok, native} = apply(BitActor.NIF, :open, options)
          {:ok, elixir} = apply(Fallback, :open, options)

          for step <- 1..40 do
            {function, arguments} = operation(slots)
            expected = apply(BitActor.NIF, function, [native | arguments])
            got = apply(Fallback, function, [elixir | arguments])
            assert expected == got, "seed #{seed}, step #{step}: #{function}"
          end
        end
      else
        assert Core.implementation() == Fallback
      end
    end

    test "hands out the same blocks as the NIF" do
      if BitActor.NIF.loaded?() do
        for seed <- 1..100 do
          :rand.seed(:exsss, {seed, 1, 1})
          blocks = Enum.random(1..5)
          {:ok, native} = BitActor.NIF.pool_open(blocks, 128)
          {:ok, elixir} = Fallback.pool_open(blocks, 128)
          run_pools(native, elixir, 60, [])
        end
      else
        assert Core.implementation() == Fallback
      end
    end

    test "ends with the process that opened it" do
      parent = self()

      {opener, monitor} =
        spawn_monitor(fn ->
          {:ok, core} = Fallback.open(1, 2, 0)
          send(parent, {:core, core})
        end)

      assert_receive {:core, core}, 10_000
      assert_receive {:DOWN, ^monitor, :process, ^opener, :normal}, 10_000
      monitor = Process.monitor(core)
      assert_receive {:DOWN, ^monitor, :process, ^core, _}, 10_000
    end
  end

  describe "the choice" do
    test "follows the setting" do
      Application.put_env(:bitactor, :nif, :off)
      assert Core.implementation() == Fallback
      {:ok, core} = Core.open(actors: 3)
      assert is_pid(core)
      assert {:ok, 1} == Core.process(core, signal(destination: 2))
      assert {:ok, {1, 1, 1}} == Core.actor(core, 2)
      {:ok, pool} = Core.pool_open(1, 64)
      assert {:ok, handle} = Core.pool_put(pool, "x")
      assert {:ok, "x"} == Core.pool_get(pool, handle)
      assert :ok == Core.pool_give(pool, handle)
      assert %{in_use: 0} = Core.pool_info(pool)

      Application.put_env(:bitactor, :nif, :required)
      assert Core.implementation() == BitActor.NIF
    end

    test "takes batches above the limit of one call in pieces" do
      for setting <- [:auto, :off] do
        Application.put_env(:bitactor, :nif, setting)
        {:ok, core} = Core.open(actors: 8)
        batch = :binary.copy(signal(destination: 3), 65_537)
        assert {:ok, 65_537} == Core.process(core, batch)
        assert {:ok, {65_537, 65_537, 1}} == Core.actor(core, 3)
        parts = Core.split(binary_part(batch, 0, 2_050 * 64), 2)
        assert byte_size(elem(parts, 0)) == 0
        assert elem(parts, 1) == binary_part(batch, 0, 2_050 * 64)
        :ok = Core.close(core)
        assert {:error, :closed} == Core.process(core, batch)
        assert_raise ArgumentError, fn -> Core.open(colour: 1) end
        assert_raise ArgumentError, fn -> Core.process(:core, batch) end
      end
    end
  end

  defp operation(slots) do
    case :rand.uniform(12) do
      n when n <= 4 -> {:process, [batch(slots)]}
      n when n <= 7 -> {:push, [batch(slots)]}
      n when n <= 9 -> {:drain, [Enum.random([1, 2, 3, 500])]}
      10 -> {:actor, [Enum.random(0..9)]}
      11 -> {:info, []}
      12 -> if :rand.uniform(8) == 1, do: {:close, []}, else: {:info, []}
    end
  end

  defp batch(slots) do
    for _ <- 1..Enum.random(0..(slots + 3))//1, into: <<>> do
      signal(
        kind: Enum.random([0, 1, 1, 1, 2, 63, 64, 255]),
        size: Enum.random([0, 8, 24, 25, 65_535]),
        destination: Enum.random([0, 1, 2, 3, 8, 70, @u64]),
        sequence: Enum.random([0, 1, @u64]),
        word: Enum.random([0, 1, @u64])
      )
    end
  end

  # Handles carry their pool's id, which differs; all else must not.
  defp run_pools(native, elixir, 0, _held) do
    assert BitActor.NIF.pool_info(native) == Fallback.pool_info(elixir)
  end

  defp run_pools(native, elixir, steps, held) do
    if held == [] or :rand.uniform(2) == 1 do
      bytes = :rand.bytes(Enum.random([0, 1, 64, 128, 129]))

      case {BitActor.NIF.pool_put(native, bytes), Fallback.pool_put(elixir, bytes)} do
        {{:ok, {id, handle}}, {:ok, {other, handle}}} ->
          assert {:ok, bytes} == BitActor.NIF.pool_get(native, {id, handle})
          assert {:ok, bytes} == Fallback.pool_get(elixir, {other, handle})
          run_pools(native, elixir, steps - 1, [{id, other, handle} | held])

        {answer, same} ->
          assert answer == same
          run_pools(native, elixir, steps - 1, held)
      end
    else
      {id, other, handle} = Enum.random(held)

      assert BitActor.NIF.pool_give(native, {id, handle}) ==
               Fallback.pool_give(elixir, {other, handle})

      run_pools(native, elixir, steps - 1, held)
    end
  end
end
