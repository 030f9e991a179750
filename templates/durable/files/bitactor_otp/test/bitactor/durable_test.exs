defmodule BitActor.DurableTest do
  use ExUnit.Case, async: false

  alias BitActor.Durable
  alias BitActor.Durable.Log

  setup do
    folder =
      Path.join(System.tmp_dir!(), "bitactor-durable-#{System.unique_integer([:positive])}")

    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    %{folder: folder, path: Path.join(folder, "log")}
  end

  test "a file is replaced whole, and no other file stays", %{folder: folder} do
    path = Path.join(folder, "file")
    assert :ok = Durable.replace(path, "one")
    assert :ok = Durable.replace(path, ["t", "wo"])
    assert File.read!(path) == "two"
    assert File.ls!(folder) == ["file"]
  end

  test "a term is read with atoms that are new, until too many are in use" do
    # As term_to_binary writes an atom: the test must not make it by naming it.
    unknown = fn -> "unknown_#{System.unique_integer([:positive])}" end
    written = fn name -> <<131, 119, byte_size(name), name::binary>> end
    name = unknown.()
    assert {:error, :too_many_atoms} = Durable.decode(written.(name), 0)
    assert_raise ArgumentError, fn -> String.to_existing_atom(name) end
    assert {:ok, atom} = Durable.decode(written.(name))
    assert Atom.to_string(atom) == name
    # What is known is read however many there are.
    assert {:ok, ^atom} = Durable.decode(written.(name), 0)
    assert {:error, :unreadable} = Durable.decode("nonsense")
    assert {:error, :unreadable} = Durable.decode(<<131, 104, 2>>)
  end

  test "a folder that does not exist is an error, not an exception", %{folder: folder} do
    assert {:error, :enoent} = Durable.replace(Path.join(folder, "none/file"), "x")
    assert {:error, :enoent} = Durable.sync_folder(Path.join(folder, "none"))
  end

  test "records come back in order, over several openings", %{path: path} do
    assert {:ok, log, []} = Log.open(path)
    assert {:ok, log} = Log.append(log, ["one", ""])
    assert :ok = Log.close(log)
    assert {:ok, log, ["one", ""]} = Log.open(path)
    assert {:ok, log} = Log.append(log, ["three"])
    assert :ok = Log.close(log)
    assert {:ok, log, ["one", "", "three"]} = Log.open(path)
    assert {:ok, log} = Log.clear(log)
    assert {:ok, log} = Log.append(log, ["four"])
    assert :ok = Log.close(log)
    assert {:ok, _, ["four"]} = Log.open(path)
  end

  test "reading leaves the file alone, its torn tail too", %{path: path} do
    whole = write(path, ["one", "two"])
    torn = binary_part(whole, 0, byte_size(whole) - 1)
    File.write!(path, torn)
    assert {:ok, ["one"]} = Log.read(path)
    assert File.read!(path) == torn
    assert {:ok, []} = Log.read(path <> "-none")
    refute File.exists?(path <> "-none")
  end

  test "a record over the limit is refused and nothing is written", %{path: path} do
    {:ok, log, []} = Log.open(path)
    assert {:error, :too_large} = Log.append(log, ["a", :binary.copy("x", 16 * 1024 * 1024 + 1)])
    assert {:ok, _, []} = Log.open(path)
  end

  test "what is left of an append that failed is rolled back", %{path: path} do
    {:ok, log, []} = Log.open(path)
    {:ok, log} = Log.append(log, ["one"])
    # The record as a whole, but the fsync failed: the log does not count it.
    {:ok, _} = Log.append(log, ["two"])
    assert :ok = Log.rollback(log)
    assert {:ok, ["one"]} = Log.read(path)
    assert {:ok, _} = Log.append(log, ["three"])
    assert {:ok, ["one", "three"]} = Log.read(path)
  end

  test "all records are replaced at once", %{path: path} do
    {:ok, log, []} = Log.open(path)
    {:ok, log} = Log.append(log, ["one", "two"])
    # As a crash in the middle of it would leave it.
    File.write!(path <> ".new", "half")
    assert {:ok, log} = Log.replace(log, ["three"])
    assert {:ok, log} = Log.append(log, ["four"])
    assert {:error, :too_large} = Log.replace(log, [:binary.copy("x", 16 * 1024 * 1024 + 1)])
    :ok = Log.close(log)
    assert {:ok, ["three", "four"]} = Log.read(path)
  end

  test "a file of something else is refused and left alone", %{path: path} do
    for content <- ["x", "something else entirely"] do
      File.write!(path, content)
      assert {:error, :not_a_log} = Log.open(path)
      assert File.read!(path) == content
    end
  end

  # A crash can leave any prefix of what was not yet synced.
  test "cut at any byte, what comes back is the records before it", %{path: path} do
    records = ["one", "", "three and some", <<0::256>>]
    whole = write(path, records)

    for size <- 0..byte_size(whole) do
      File.write!(path, binary_part(whole, 0, size))
      assert {:ok, log, found} = Log.open(path)
      assert found == Enum.take(records, length(found))
      # And appending goes on right after them.
      assert {:ok, log} = Log.append(log, ["next"])
      :ok = Log.close(log)
      assert {:ok, log, again} = Log.open(path)
      assert again == found ++ ["next"]
      :ok = Log.close(log)
    end

    File.write!(path, whole)
    assert {:ok, _, ^records} = Log.open(path)
  end

  test "any flipped bit before the last record is found", %{path: path} do
    whole = write(path, ["one", "two two", "three"])
    last = byte_size(whole) - (12 + byte_size("three"))

    for at <- 8..(last - 1), bit <- 0..7 do
      <<before::binary-size(at), byte, rest::binary>> = whole
      File.write!(path, [before, Bitwise.bxor(byte, Bitwise.bsl(1, bit)), rest])
      assert {:error, {:damaged, offset}} = Log.open(path)
      assert offset <= at
    end
  end

  test "the data folder is made where needed", %{folder: folder} do
    before = Application.get_env(:bitactor, :data_dir)
    Application.put_env(:bitactor, :data_dir, Path.join(folder, "data"))
    on_exit(fn -> Application.put_env(:bitactor, :data_dir, before) end)
    path = Durable.folder("part")
    assert path == Path.join(folder, "data/part")
    assert File.dir?(path)
  end

  defp write(path, records) do
    {:ok, log, []} = Log.open(path)
    {:ok, log} = Log.append(log, records)
    :ok = Log.close(log)
    File.read!(path)
  end
end
