defmodule BitActor.NIFTest do
  # Loads the module anew and measures the memory of the whole virtual machine.
  use ExUnit.Case, async: false

  alias BitActor.{Core.Fallback, NIF}

  @signal <<1, 0, 8::16-little, 0::32, 0::64, 0::64, 1::64-little, 0::64, 1::64-little, 0::128>>

  # Without the library (BITACTOR_NIF=off, no C compiler) the fallback has to keep the
  # same rules: those tests run on it.
  defp subject, do: if(NIF.loaded?(), do: NIF, else: Fallback)

  defp good_calls(module) do
    {:ok, core} = module.open(4, 8, 0)
    {:ok, pool} = module.pool_open(2, 64)
    {:ok, handle} = module.pool_put(pool, "x")

    [
      open: [4, 8, 0],
      process: [core, @signal],
      push: [core, @signal],
      drain: [core, 1],
      actor: [core, 0],
      info: [core],
      split: [@signal, 2],
      calibrate: [@signal, 4, 2],
      pool_open: [2, 64],
      pool_put: [pool, "y"],
      pool_get: [pool, handle],
      pool_info: [pool],
      pool_give: [pool, handle],
      close: [core]
    ]
  end

  defp junk do
    [
      nil,
      :atom,
      -1,
      1.5,
      0x1_0000_0000_0000_0000,
      "odd",
      <<1::3>>,
      [],
      [1],
      {},
      {1, 2, 3},
      {1, -1},
      {:a, 1}
    ] ++
      [%{}, self(), make_ref(), fn -> :ok end]
  end

  test "every function refuses every wrong argument" do
    module = subject()

    for {function, arguments} <- good_calls(module),
        position <- 0..(length(arguments) - 1)//1,
        wrong <- junk(),
        not acceptable?(function, position, wrong) do
      call = List.replace_at(arguments, position, wrong)

      assert_raise ArgumentError, fn ->
        flunk("#{function}#{inspect(call)} gave #{inspect(apply(module, function, call))}")
      end
    end
  end

  # "odd" is a payload like any other; the fallback cannot tell one process from another.
  defp acceptable?(:pool_put, 1, "odd"), do: true
  defp acceptable?(_function, 0, pid) when is_pid(pid), do: subject() == Fallback
  defp acceptable?(_function, _position, _wrong), do: false

  test "a core is no pool, and a pool no core" do
    if NIF.loaded?() do
      {:ok, core} = NIF.open(1, 2, 0)
      {:ok, pool} = NIF.pool_open(1, 64)
      assert_raise ArgumentError, fn -> NIF.info(pool) end
      assert_raise ArgumentError, fn -> NIF.pool_info(core) end
    else
      refute NIF.loaded?()
    end
  end

  test "every function exists with its arity only" do
    module = subject()

    for {function, arguments} <- good_calls(module) do
      assert function_exported?(module, function, length(arguments))

      for arity <- 0..4, arity != length(arguments) do
        assert_raise UndefinedFunctionError, fn ->
          apply(module, function, List.duplicate(0, arity))
        end
      end
    end
  end

  test "limits are refused, not rounded" do
    module = subject()

    for call <- [
          [:open, 0, 8, 0],
          [:open, 1_048_577, 8, 0],
          [:open, 1, 1, 0],
          [:open, 1, 3, 0],
          [:open, 1, 1024, 0],
          [:open, 1, 8, 7],
          [:split, @signal, 0],
          [:split, @signal, 3],
          [:split, @signal, 128],
          [:split, :binary.copy(@signal, 2_049), 2],
          [:calibrate, <<>>, 1, 1],
          [:calibrate, @signal, 1, 0],
          [:calibrate, @signal, 1, 67_108_865],
          [:pool_open, 0, 64],
          [:pool_open, 1, 65],
          [:pool_open, 16_385, 64],
          [:pool_open, 1, 65_600],
          [:pool_open, 16_384, 8_192]
        ] do
      assert_raise ArgumentError, fn -> apply(module, hd(call), tl(call)) end
    end

    {:ok, core} = module.open(1, 2, 0)
    assert_raise ArgumentError, fn -> module.process(core, :binary.copy(@signal, 65_537)) end
    assert_raise ArgumentError, fn -> module.push(core, :binary.copy(@signal, 65_537)) end
    assert_raise ArgumentError, fn -> module.drain(core, 0) end
    assert %{signals: 0, waiting: 0} = module.info(core)
  end

  test "a batch may lie at any address" do
    module = subject()

    for skip <- 0..9 do
      {:ok, core} = module.open(1, 8, 0)

      <<_::binary-size(skip), batch::binary>> =
        <<0::size(skip)-unit(8), :binary.copy(@signal, 100)::binary>>

      assert {:ok, 100} == module.process(core, batch)
      assert {:ok, {100, 100, 1}} == module.actor(core, 0)
    end
  end

  test "a long batch yields and loses nothing, also with another caller in between" do
    module = subject()
    {:ok, core} = module.open(50_000, 512, 0)
    batch = for i <- 1..65_536, into: <<>>, do: put_destination(@signal, rem(i * 7_919, 50_000))
    tasks = for _ <- 1..2, do: Task.async(fn -> module.process(core, batch) end)
    assert [{:ok, 65_536}, {:ok, 65_536}] == Task.await_many(tasks, 60_000)
    assert %{signals: 131_072, misrouted: 0} = module.info(core)
  end

  defp put_destination(<<head::binary-16, _::64, rest::binary>>, to),
    do: <<head::binary, to::64-little, rest::binary>>

  test "calibrate says how long the loop takes without Erlang" do
    assert {:ok, ns} = subject().calibrate(:binary.copy(@signal, 64), 16, 100)
    assert ns > 0
  end

  test "a module loaded anew keeps the old resources" do
    if NIF.loaded?() do
      {:ok, core} = NIF.open(4, 8, 0)
      {:ok, pool} = NIF.pool_open(2, 64)
      {:ok, handle} = NIF.pool_put(pool, "kept")
      {:ok, 1} = NIF.process(core, @signal)
      file = Application.app_dir(:bitactor, "ebin/#{NIF}.beam")
      binary = File.read!(file)

      for _ <- 1..2 do
        :code.purge(NIF)
        assert {:module, NIF} = :code.load_binary(NIF, String.to_charlist(file), binary)
        assert NIF.loaded?()
        assert {:ok, {_, _, 1}} = NIF.actor(core, 0)
        assert {:ok, 1} = NIF.process(core, @signal)
        assert {:ok, "kept"} = NIF.pool_get(pool, handle)
      end

      :code.purge(NIF)
      assert {:ok, {3, 3, 1}} = NIF.actor(core, 0)
      assert :ok = NIF.pool_give(pool, handle)
    else
      refute NIF.loaded?()
    end
  end

  test "what is dropped is freed" do
    drop = fn ->
      in_process(fn -> for _ <- 1..500, do: {:ok, _} = subject().pool_open(16, 4_096) end)
    end

    drop.()
    before = settled_memory(0)
    for _ <- 1..40, do: drop.()
    assert_memory_back(before, System.monotonic_time(:millisecond) + 10_000)
  end

  @tag :slow
  test "the system survives a lack of memory" do
    if NIF.loaded?() do
      # all memory comes out of 48 MiB, which a pool of 64 MiB does not fit into
      arguments =
        ~w(+MMscs 48 +MMsco true +Musac false)c ++ Enum.flat_map(:code.get_path(), &[~c"-pa", &1])

      {:ok, peer, _node} = :peer.start(%{connection: :standard_io, args: arguments})
      assert {:error, :enomem} == :peer.call(peer, NIF, :pool_open, [16_384, 4_096])
      assert {:ok, _} = :peer.call(peer, NIF, :pool_open, [16, 4_096])
      :peer.stop(peer)
    else
      refute NIF.loaded?()
    end
  end

  test "the health check sees a library that works" do
    assert :ok == NIF.healthy()
    assert NIF.loaded_gauge() == if(NIF.loaded?(), do: 1, else: 0)
    assert [%{name: "bitactor_nif_loaded"}] = NIF.metrics()
    assert [] == NIF.events()
  end

  defp in_process(work) do
    {pid, monitor} = spawn_monitor(work)
    assert_receive {:DOWN, ^monitor, :process, ^pid, :normal}, 30_000
  end

  # The virtual machine frees in the background: memory has settled when it is the same twice.
  defp settled_memory(last) do
    :erlang.garbage_collect()
    now = :erlang.memory(:system)
    if abs(now - last) < 65_536, do: now, else: settled_memory(now)
  end

  defp assert_memory_back(before, deadline) do
    grown = settled_memory(0) - before

    cond do
      grown <= before * 0.01 ->
        :ok

      System.monotonic_time(:millisecond) > deadline ->
        flunk("#{grown} bytes more than #{before}")

      true ->
        assert_memory_back(before, deadline)
    end
  end
end
