defmodule BitActor.Security.AuditTest do
  use ExUnit.Case, async: true

  alias BitActor.Durable.Log
  alias BitActor.Security.Audit

  setup do
    folder = Path.join(System.tmp_dir!(), "bitactor-audit-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    %{folder: folder, log: Path.join(folder, "log")}
  end

  test "entries are on disk when the call returns, and the chain goes on after a kill", context do
    %{folder: folder} = context
    server = start(folder)
    assert {0, _} = Audit.head(server)
    for n <- 1..3, do: {:ok, {^n, _}} = record(server, n)
    kill(server)
    assert {:ok, {3, hash}} = Audit.verify(folder)

    server = start(folder)
    assert {3, ^hash} = Audit.head(server)
    assert {:ok, {4, _}} = record(server, 4)
    assert {:ok, entries} = Audit.entries(folder)
    assert Enum.map(entries, & &1.sequence) == [1, 2, 3, 4]

    assert %{who: "who1", action: "read_status", result: "allowed", from: "127.0.0.1"} =
             hd(entries)
  end

  test "a changed, removed, inserted or moved entry is found at its place", context do
    %{folder: folder, log: log} = context
    [a, b, c, d] = write(folder, 4)

    for {tampered, expected} <- [
          {[a, forged(b), c, d], {:broken, 2}},
          {[a, rehashed(a, b), c, d], {:broken, 3}},
          {[a, c, d], {:broken, 2}},
          {[b, c, d], {:broken, 1}},
          {[a, c, b, d], {:broken, 2}},
          {[a, b, b, c, d], {:broken, 3}},
          {[a, b, c, "short"], {:broken, 4}},
          {[a, b, c, <<0::256, 131, 255>>], {:broken, 4}}
        ] do
      rewrite(log, tampered)
      assert {:error, ^expected} = Audit.verify(folder)
      Process.flag(:trap_exit, true)
      # And nothing is written behind it.
      assert {:error, {:audit_log, ^folder, ^expected}} =
               Audit.start_link(folder: folder, name: name())
    end
  end

  test "entries cut off the end are found by a head that was noted", context do
    %{folder: folder, log: log} = context
    [a, b, c] = write(folder, 3)
    {:ok, head} = Audit.verify(folder)
    rewrite(log, [a, b])
    assert {:ok, {2, _} = short} = Audit.verify(folder)
    assert {:error, :cut} = Audit.verify(folder, expected: head)
    rewrite(log, [a, b, c])
    assert {:ok, ^head} = Audit.verify(folder, expected: short)
    assert {:error, {:broken, 2}} = Audit.verify(folder, expected: {2, <<1::256>>})
  end

  test "without the key a whole new chain is not believed", %{folder: folder, log: log} do
    key = fn -> "the key of this log" end
    server = start(folder, key)
    {:ok, _} = record(server, 1)
    kill(server)
    assert {:ok, {1, _}} = Audit.verify(folder, key: key)

    File.rm!(log)
    write(folder, 2)
    assert {:ok, {2, _}} = Audit.verify(folder)
    assert {:error, {:broken, 1}} = Audit.verify(folder, key: key)
  end

  test "a log that cannot be written is an error for the caller" do
    assert {:error, _} = Audit.record(:bitactor_no_such_audit, "a", :b, :c, "d")
  end

  defp start(folder, key \\ nil) do
    {:ok, server} = GenServer.start(Audit, folder: folder, key: key)
    server
  end

  defp kill(server) do
    monitor = Process.monitor(server)
    Process.exit(server, :kill)
    assert_receive {:DOWN, ^monitor, _, _, _}
  end

  defp record(server, n), do: Audit.record(server, "who#{n}", :read_status, :allowed, "127.0.0.1")

  # The raw records of a log of that many entries.
  defp write(folder, count) do
    server = start(folder)
    for n <- 1..count, do: {:ok, _} = record(server, n)
    kill(server)
    {:ok, records} = Log.read(Path.join(folder, "log"))
    records
  end

  # As whoever can write the file would: checksums of the log right, the entry another.
  defp forged(<<hash::binary-32, body::binary>>) do
    entry = %{:erlang.binary_to_term(body) | who: "somebody else"}
    hash <> :erlang.term_to_binary(entry, [:deterministic])
  end

  # The same, with a hash that fits: the next entry no longer does.
  defp rehashed(<<previous::binary-32, _::binary>>, record) do
    <<_::binary-32, body::binary>> = forged(record)
    :crypto.hash(:sha256, [previous, body]) <> body
  end

  defp rewrite(path, records) do
    File.rm!(path)
    {:ok, log, []} = Log.open(path)
    {:ok, log} = Log.append(log, records)
    :ok = Log.close(log)
  end

  defp name, do: :"audit_test_#{System.unique_integer([:positive])}"
end
