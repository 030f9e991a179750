defmodule BitActor.Consensus.LocalTest do
  use ExUnit.Case, async: true

  alias BitActor.Consensus.{Local, Machine}

  setup do
    folder = Path.join(System.tmp_dir!(), "bitactor-local-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    %{folder: folder}
  end

  test "every acknowledged command is there after each kill", %{folder: folder} do
    acknowledged =
      for round <- 1..10, reduce: MapSet.new() do
        acknowledged ->
          server = start(folder)
          assert MapSet.subset?(acknowledged, keys(server))
          parent = self()

          writers =
            for w <- 1..4 do
              spawn_monitor(fn -> write(parent, server, "#{round}-#{w}", 0) end)
            end

          # Killed in the middle of writing: after a number of answers that varies.
          got = for _ <- 1..:rand.uniform(40), do: receive(do: ({:written, key} -> key))
          stop(server)
          for {pid, monitor} <- writers, do: receive(do: ({:DOWN, ^monitor, _, ^pid, _} -> :ok))
          MapSet.union(acknowledged, MapSet.new(got ++ drain()))
      end

    found = keys(start(folder))
    assert MapSet.subset?(acknowledged, found)
    # None is invented: at most the one that each writer was in the middle of is more.
    assert MapSet.size(found) <= MapSet.size(acknowledged) + 4 * 10
  end

  @tag :slow
  test "a snapshot empties the log, and what came after it is replayed", %{folder: folder} do
    server = start(folder)
    fill(server, 4_199)
    {:ok, :ok} = put(server, "k", :last)
    assert File.exists?(Path.join(folder, "snapshot"))
    assert File.stat!(Path.join(folder, "log")).size < 20_000
    stop(server)

    server = start(folder)
    assert {:ok, {:value, :last}} = GenServer.call(server, {:read, {:get, "k"}})
    assert {:ok, 4_200} = GenServer.call(server, :status)
  end

  @tag :slow
  test "a crash between the snapshot and emptying the log applies nothing twice", context do
    %{folder: folder} = context
    server = start(folder)
    fill(server, 4_095)
    stop(server)
    full = File.read!(Path.join(folder, "log"))
    server = start(folder)
    {:ok, :ok} = put(server, "k", :last)
    # Answered after the snapshot, which the process takes behind the reply.
    {:ok, 4_096} = GenServer.call(server, :status)
    stop(server)

    # The log as it was before it was emptied, beside the snapshot.
    File.write!(Path.join(folder, "log"), full)
    server = start(folder)
    assert {:ok, 4_096} = GenServer.call(server, :status)
    assert {:ok, {:value, :last}} = GenServer.call(server, {:read, {:get, "k"}})
  end

  test "a damaged snapshot or log stops the start, and nothing is overwritten", context do
    %{folder: folder} = context
    server = start(folder)
    for n <- 1..3, do: {:ok, :ok} = put(server, "k", n)
    stop(server)
    log = Path.join(folder, "log")
    <<head::binary-size(25), byte, rest::binary>> = File.read!(log)
    File.write!(log, [head, Bitwise.bxor(byte, 1), rest])
    Process.flag(:trap_exit, true)

    assert {:error, {:consensus_log, ^folder, {:damaged, 8}}} =
             Local.start_link(folder: folder, name: nil_name())

    File.write!(Path.join(folder, "snapshot"), "short")

    assert {:error, {:consensus_log, ^folder, :snapshot_damaged}} =
             Local.start_link(folder: folder, name: nil_name())

    assert File.read!(Path.join(folder, "snapshot")) == "short"
  end

  test "a server that is not there is an error, not an exit" do
    envelope = Machine.envelope("id", {:put, "a", 1})
    assert {:error, :not_started} = Local.command(envelope, 100, :bitactor_no_such_server)
  end

  defp start(folder) do
    {:ok, server} = GenServer.start(Local, folder: folder)
    server
  end

  defp nil_name, do: :"local_test_#{System.unique_integer([:positive])}"

  defp stop(server) do
    monitor = Process.monitor(server)
    Process.exit(server, :kill)
    receive(do: ({:DOWN, ^monitor, _, _, _} -> :ok))
  end

  defp put(server, key, value) do
    id = :crypto.strong_rand_bytes(16)
    Local.command(Machine.envelope(id, {:put, key, value}), 5_000, server)
  end

  # Many at a time, as they share an fsync.
  defp fill(server, count) do
    1..count
    |> Task.async_stream(&put(server, "f#{rem(&1, 50)}", &1), max_concurrency: 64)
    |> Enum.each(fn {:ok, answer} -> assert answer == {:ok, :ok} end)
  end

  defp write(parent, server, prefix, n) do
    key = "#{prefix}-#{n}"

    case put(server, key, n) do
      {:ok, :ok} ->
        send(parent, {:written, key})
        write(parent, server, prefix, n + 1)

      {:error, _} ->
        :ok
    end
  end

  defp drain do
    receive do
      {:written, key} -> [key | drain()]
    after
      0 -> []
    end
  end

  defp keys(server) do
    {:ok, keys} = GenServer.call(server, {:read, :keys})
    MapSet.new(keys)
  end
end
