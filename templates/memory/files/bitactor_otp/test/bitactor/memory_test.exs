defmodule BitActor.MemoryTest do
  # The pools and what was last seen belong to the whole virtual machine.
  use ExUnit.Case, async: false

  alias BitActor.{Core, Memory}
  alias BitActor.Memory.{Binaries, Cgroup}

  @moduletag :tmp_dir

  setup do
    on_exit(fn -> restart([]) end)
  end

  defp restart(options) do
    before = Application.get_env(:bitactor, Memory, [])
    Application.put_env(:bitactor, Memory, options)
    :ok = Supervisor.terminate_child(BitActor.Supervisor, Memory)
    {:ok, pid} = Supervisor.restart_child(BitActor.Supervisor, Memory)
    Application.put_env(:bitactor, Memory, before)
    pid
  end

  test "readiness asks how much is left" do
    assert {:memory, &Memory.healthy/0} in BitActor.Catalogue.health_checks()
  end

  describe "the cgroup" do
    test "is the tightest of the groups above", %{tmp_dir: root} do
      groups = %{"" => {"max", 900, 0}, "a" => {"1000", 800, 300}, "a/b" => {"2000", 100, 0}}

      for {path, {limit, used, cache}} <- groups do
        folder = Path.join(root, path)
        File.mkdir_p!(folder)
        File.write!(Path.join(folder, "memory.max"), limit <> "\n")
        File.write!(Path.join(folder, "memory.current"), "#{used}\n")
        File.write!(Path.join(folder, "memory.stat"), "anon 5\ninactive_file #{cache}\nfile 7\n")
      end

      own = Path.join(root, "own")
      File.write!(own, "0::/a/b\n")
      assert {:ok, %{limit: 1000, used: 500}} == Cgroup.usage(root, own)

      File.write!(own, "0::/\n")
      assert :unlimited == Cgroup.usage(root, own)

      File.write!(own, "12:memory:/a\n")
      assert :unlimited == Cgroup.usage(root, own)
      assert :unlimited == Cgroup.usage(Path.join(root, "missing"), own)

      File.write!(Path.join(root, "memory.max"), "12 apples")
      assert :unlimited == Cgroup.usage(root, own)
    end

    test "is read on this machine without an error" do
      assert match?({:ok, %{limit: _, used: _}}, Cgroup.usage()) or Cgroup.usage() == :unlimited
    end
  end

  describe "readiness" do
    test "is lost above the share of the limit and comes back below it" do
      test = self()

      usage = fn ->
        send(test, {:looked, self()})

        receive do
          {:used, used} -> {:ok, %{limit: 1000, used: used}}
        end
      end

      options = [usage: usage, interval_ms: 1, unready: 0.9, pressure: 2.0]
      starter = Task.async(fn -> Memory.start_link([name: :memory_test] ++ options) end)

      for {used, expected} <- [
            {899, :ok},
            {950, {:error, "95 % of the memory limit is used"}},
            {10, :ok}
          ] do
        assert_receive {:looked, pid}, 10_000
        send(pid, {:used, used})
        # it looks again only after it has noted the last answer
        assert_receive {:looked, ^pid}, 10_000
        assert expected == Memory.healthy()
        assert {:ok, %{limit: 1000, used: used}} == Memory.usage()
        send(pid, {:used, used})
      end

      assert {:ok, pid} = Task.await(starter)
      monitor = Process.monitor(pid)
      Process.exit(pid, :kill)
      assert_receive {:DOWN, ^monitor, :process, ^pid, :killed}, 10_000
    end

    test "needs no limit" do
      restart(usage: fn -> :unlimited end)
      assert :unlimited == Memory.usage()
      assert :ok == Memory.healthy()
    end
  end

  describe "under pressure" do
    test "binaries that nobody needs are let go" do
      {holder, reference} = holder()
      [{^holder, bytes} | _] = Enum.filter(Binaries.largest(50), fn {pid, _} -> pid == holder end)
      assert bytes >= 10_000_000

      restart(usage: fn -> {:ok, %{limit: 1000, used: 801}} end, pressure: 0.8, collect_count: 50)

      refute Enum.any?(Binaries.largest(200), fn {pid, bytes} ->
               pid == holder and bytes >= 10_000_000
             end)

      send(holder, {reference, :stop})
    end

    test "collect/1 names who let go how much" do
      {holder, reference} = holder()
      found = Enum.find(Memory.collect(50), &(&1.pid == holder))
      assert found.freed >= 10_000_000
      assert found.name == nil
      send(holder, {reference, :stop})
    end
  end

  # A process that passed 10 MB of binaries on and has not collected its garbage since.
  defp holder do
    reference = make_ref()
    test = self()

    spawned =
      spawn_link(fn ->
        binaries = for _ <- 1..10, do: :binary.copy(<<0>>, 1_000_000)
        send(test, {reference, :ready, length(binaries)})

        receive do
          {^reference, :stop} -> :ok
        end
      end)

    assert_receive {^reference, :ready, 10}, 10_000
    {spawned, reference}
  end

  describe "pools" do
    test "are found by name and outlive the watch" do
      restart(pools: [small: [blocks: 2, block_bytes: 64]])
      assert :error == Memory.pool(:payloads)
      assert {:ok, pool} = Memory.pool(:small)
      assert {:ok, handle} = Core.pool_put(pool, "kept")
      assert [{%{pool: :small}, 128}] == Memory.pool_gauge(:capacity)
      assert [{%{pool: :small}, 64}] == Memory.pool_gauge(:used)
      assert [{%{pool: :small}, 0}] == Memory.pool_gauge(:exhausted)

      restart(pools: [small: [blocks: 2, block_bytes: 64]])

      if is_reference(pool) do
        assert {:ok, ^pool} = Memory.pool(:small)
        assert {:ok, "kept"} == Core.pool_get(pool, handle)
      end

      restart(pools: [small: [blocks: 4, block_bytes: 64]])
      assert {:ok, other} = Memory.pool(:small)
      assert other != pool
    end

    test "that cannot be opened stop the start" do
      Process.flag(:trap_exit, true)
      options = [name: :memory_test, pools: [broken: [blocks: 0, block_bytes: 64]]]
      assert {:error, {reason, [_ | _]}} = Memory.start_link(options)
      assert %ArgumentError{} = Exception.normalize(:error, reason)
    end
  end

  test "full collections are as often as configured" do
    restart(fullsweep_after: 7)
    assert {:fullsweep_after, 7} == :erlang.system_info(:fullsweep_after)
    {pid, monitor} = spawn_monitor(fn -> receive do: (:stop -> :ok) end)
    {:garbage_collection, settings} = Process.info(pid, :garbage_collection)
    assert settings[:fullsweep_after] == 7
    send(pid, :stop)
    assert_receive {:DOWN, ^monitor, :process, ^pid, :normal}, 10_000
  end

  test "the metrics can be read" do
    for %{read: {module, function, arguments}} <- Memory.metrics() do
      value = apply(module, function, arguments)
      assert is_integer(value) or is_list(value)
    end

    assert [%{name: [:bitactor, :memory, :pressure]}] = Memory.events()
  end
end
