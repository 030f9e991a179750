defmodule BitActor.Recovery.StoreTest do
  # The partitions have fixed names, and the workers' store is a setting.
  use ExUnit.Case, async: false

  alias BitActor.Recovery.{Partition, Store}
  alias BitActor.{Signal, Worker, Workers}
  alias BitActor.Worker.State

  defmodule Sum do
    @moduledoc false
    @behaviour Worker.Handler
    def init(_key), do: {0, []}

    def handle(%Signal{kind: kind, sequence: n}, {sum, seen}) do
      data = {sum * 3 + kind + n, Enum.take([n | seen], 5)}
      {data, data}
    end
  end

  defmodule Cipher do
    @moduledoc false
    # Stands in for BitActor.Security.Vault: another block.
    def seal(plain, context), do: :erlang.term_to_binary({context, Base.encode64(plain)})

    def open(sealed, context) do
      case :erlang.binary_to_term(sealed) do
        {^context, text} -> Base.decode64(text)
        _ -> {:error, :not_authentic}
      end
    end
  end

  setup do
    folder = Path.join(System.tmp_dir!(), "bitactor-store-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)

    on_exit(fn ->
      Application.delete_env(:bitactor, :cipher)
      File.rm_rf!(folder)
    end)

    %{folder: folder}
  end

  test "what was written comes back after every kill", %{folder: folder} do
    start(folder)
    :ok = Store.append(:a, 1, [:one])
    :ok = Store.append(:a, 2, [:two])
    :ok = Store.append(:b, 1, [:other])
    restart(folder)
    assert {:ok, nil, [{1, [:one]}, {2, [:two]}]} = Store.load(:a)
    :ok = Store.snapshot(:a, 2, "state")
    :ok = Store.append(:a, 3, [:three])
    restart(folder)
    assert {:ok, {2, "state"}, [{3, [:three]}]} = Store.load(:a)
    assert {:ok, nil, [{1, [:other]}]} = Store.load(:b)
    :ok = Store.delete(:a)
    restart(folder)
    assert {:ok, nil, []} = Store.load(:a)
    assert Store.log_bytes() > 0
  end

  test "a store that is down is an error, never an empty answer" do
    assert {:error, :down} = Store.load(:a)
    assert {:error, :down} = Store.append(:a, 1, [:one])
    assert Store.log_bytes() == 0
  end

  test "a worker whose store goes down with its write goes down too", %{folder: folder} do
    start(folder)
    partition = Partition.name(:erlang.phash2(:a, 4))
    :sys.suspend(partition)
    writer = Task.async(fn -> catch_exit(Store.append(:a, 1, [:one])) end)
    # Until its request is there.
    wait(fn ->
      Process.info(Process.whereis(partition), :message_queue_len) != {:message_queue_len, 0}
    end)

    kill(Process.whereis(partition))
    assert {:killed, _} = Task.await(writer)
  end

  test "a log that outgrows its content is replaced by it", %{folder: folder} do
    start(folder, compact_bytes_min: 20_000)
    payload = :binary.copy("x", 1_000)

    for n <- 1..400 do
      :ok = Store.append(:a, n, [payload])
      if rem(n, 10) == 0, do: :ok = Store.snapshot(:a, n, payload)
    end

    :ok = Store.append(:a, 401, [:last])
    assert Store.log_bytes() < 60_000
    restart(folder)
    assert {:ok, {400, ^payload}, [{401, [:last]}]} = Store.load(:a)
  end

  test "a damaged log stops the start and is left as it is", %{folder: folder} do
    start(folder)
    for n <- 1..5, do: :ok = Store.append(:a, n, [n])
    stop()
    path = Path.join(folder, "workers-#{:erlang.phash2(:a, 4)}")
    <<head::binary-size(30), byte, rest::binary>> = File.read!(path)
    damaged = <<head::binary, Bitwise.bxor(byte, 1), rest::binary>>
    File.write!(path, damaged)
    Process.flag(:trap_exit, true)
    options = [folder: folder, number: :erlang.phash2(:a, 4)]
    assert {:error, {:worker_log, _, {:damaged, 8}}} = Partition.start_link(options)
    assert File.read!(path) == damaged
  end

  test "with a cipher nothing is stored as it is, and older records are still read", context do
    %{folder: folder} = context
    start(folder)
    :ok = Store.append(:a, 1, ["plain text"])
    Application.put_env(:bitactor, :cipher, Cipher)
    :ok = Store.append(:a, 2, ["secret text"])
    path = Path.join(folder, "workers-#{:erlang.phash2(:a, 4)}")
    assert File.read!(path) =~ "plain text"
    refute File.read!(path) =~ "secret text"
    restart(folder)
    assert {:ok, nil, [{1, ["plain text"]}, {2, ["secret text"]}]} = Store.load(:a)

    # The file of another partition: right key, wrong place.
    stop()
    other = rem(:erlang.phash2(:a, 4) + 1, 4)
    File.cp!(path, Path.join(folder, "workers-#{other}"))
    Process.flag(:trap_exit, true)

    assert {:error, {:worker_log, _, :not_authentic}} =
             Partition.start_link(folder: folder, number: other)

    Application.delete_env(:bitactor, :cipher)
    number = :erlang.phash2(:a, 4)

    assert {:error, {:worker_log, _, :encrypted}} =
             Partition.start_link(folder: folder, number: number)
  end

  # The property: whatever is applied, whenever snapshots are taken and whatever is killed, the state
  # that comes back is the one that was acknowledged.
  test "the state that is read back is the one that was acknowledged", %{folder: folder} do
    start(folder)

    for round <- 1..60 do
      :rand.seed(:exsss, {round, ExUnit.configuration()[:seed], 11})
      key = {:round, round}

      expected =
        Enum.reduce(1..:rand.uniform(60), State.new(Sum, key), fn _, state ->
          signal = Signal.new(:rand.uniform(200), "x")
          id = if :rand.uniform(3) == 1, do: :rand.uniform(5)

          state =
            case State.apply(state, signal, id) do
              {:ok, _reply, next} ->
                :ok = Store.append(key, next.sequence, [{signal, id}])
                next

              {:seen, _} ->
                state
            end

          if :rand.uniform(9) == 1 and state.sequence > 0,
            do: :ok = Store.snapshot(key, state.sequence, State.snapshot(state))

          if :rand.uniform(25) == 1, do: restart(folder)
          state
        end)

      assert read_back(key) == expected, "round #{round}"
    end

    restart(folder)
    assert {:ok, _, _} = Store.load({:round, 1})
  end

  test "a worker over this store survives its own kill and the store's", %{folder: folder} do
    start(folder)

    before =
      for name <- [:worker_store, :handler], do: {name, Application.get_env(:bitactor, name)}

    Application.put_env(:bitactor, :worker_store, Store)
    Application.put_env(:bitactor, :handler, Sum)

    on_exit(fn ->
      for {name, value} <- before do
        if value,
          do: Application.put_env(:bitactor, name, value),
          else: Application.delete_env(:bitactor, name)
      end
    end)

    key = {:store_test, System.unique_integer([:positive])}
    {:ok, pid} = Workers.ensure(key)
    for n <- 1..50, do: {:ok, _} = Worker.call(key, Signal.new(n, "x"))
    {:ok, state} = Worker.state(key)
    restart(folder)
    kill(pid)

    # Until its supervisor has it back, which takes no time or some, there is nobody to ask.
    assert wait(fn ->
             match?({:ok, _}, Workers.ensure(key)) and Worker.state(key) == {:ok, state}
           end)

    {:ok, _} = Worker.call(key, Signal.new(1, "x"))
    assert {:ok, %{sequence: 51}} = Worker.state(key)
    Workers.forget(key)
  end

  defp read_back(key) do
    {:ok, snapshot, entries} = Store.load(key)

    state =
      case snapshot do
        nil -> State.new(Sum, key)
        {_, binary} -> elem(State.restore(Sum, binary), 1)
      end

    Enum.reduce(entries, state, fn {_, items}, state -> State.replay(state, items) end)
  end

  defp start(folder, options \\ []) do
    children = Store.children([folder: folder] ++ options)

    start_supervised!(%{
      id: :store,
      type: :supervisor,
      start: {Supervisor, :start_link, [children, [strategy: :one_for_one]]}
    })
  end

  defp stop, do: :ok = stop_supervised(:store)

  # As a crash of the node: every partition is killed at once, and all read their logs.
  defp restart(folder) do
    for n <- 0..3, pid = Process.whereis(Partition.name(n)), do: kill(pid)
    _ = stop_supervised(:store)
    start(folder)
  end

  defp kill(pid) do
    monitor = Process.monitor(pid)
    Process.exit(pid, :kill)
    receive(do: ({:DOWN, ^monitor, _, _, _} -> :ok))
  end

  defp wait(ask, tries \\ 1_000) do
    cond do
      ask.() ->
        true

      tries > 0 ->
        receive do
        after
          10 -> wait(ask, tries - 1)
        end

      true ->
        false
    end
  end
end
