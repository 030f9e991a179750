defmodule BitActor.Health.MemoryTest do
  # Sets the application's configuration.
  use ExUnit.Case, async: false

  alias BitActor.Health.Memory

  setup do
    root = Path.join(System.tmp_dir!(), "cgroup-#{System.unique_integer([:positive])}")
    File.mkdir_p!(Path.join(root, "memory"))
    configured = Application.get_env(:bitactor, Memory, [])
    Application.put_env(:bitactor, Memory, Keyword.put(configured, :cgroup, root))

    on_exit(fn ->
      Application.put_env(:bitactor, Memory, configured)
      File.rm_rf!(root)
    end)

    {:ok, root: root}
  end

  defp version2(root, limit, used, cache) do
    File.write!(Path.join(root, "memory.max"), "#{limit}\n")
    File.write!(Path.join(root, "memory.current"), "#{used}\n")
    File.write!(Path.join(root, "memory.stat"), "anon 5\ninactive_file #{cache}\nactive_file 7\n")
  end

  test "version 2: above 90 % of the limit is not ready, page cache aside", %{root: root} do
    version2(root, 1_000_000, 900_000, 0)
    assert Memory.healthy() == :ok
    version2(root, 1_000_000, 900_001, 0)
    assert Memory.healthy() == {:error, "90 % of 0 MiB are in use"}
    version2(root, 1_000_000, 1_000_000, 100_001)
    assert Memory.healthy() == :ok
    assert Memory.usage(root) == {899_999, 1_000_000}
  end

  test "version 1", %{root: root} do
    folder = Path.join(root, "memory")
    File.write!(Path.join(folder, "memory.limit_in_bytes"), "2000\n")
    File.write!(Path.join(folder, "memory.usage_in_bytes"), "1900\n")
    File.write!(Path.join(folder, "memory.stat"), "inactive_file 1\ntotal_inactive_file 50\n")
    assert Memory.usage(root) == {1_850, 2_000}
    assert {:error, _} = Memory.healthy()
    File.write!(Path.join(folder, "memory.limit_in_bytes"), "9223372036854771712\n")
    assert Memory.usage(root) == nil
  end

  test "no limit, no cgroup, nonsense: always good", %{root: root} do
    assert Memory.healthy() == :ok
    version2(root, "max", 5, 0)
    assert Memory.healthy() == :ok
    version2(root, "nonsense", 5, 0)
    assert Memory.healthy() == :ok
  end

  test "recovery collects the largest heaps" do
    test = self()

    pid =
      spawn_link(fn ->
        garbage = Enum.map(1..200_000, &{&1})
        send(test, {:made, length(garbage)})
        receive(do: (:stop -> :ok))
      end)

    assert_receive {:made, 200_000}, 10_000
    {:total_heap_size, before} = Process.info(pid, :total_heap_size)
    assert Memory.recover() == :ok
    {:total_heap_size, now} = Process.info(pid, :total_heap_size)
    assert now < before / 2
    send(pid, :stop)
  end
end
