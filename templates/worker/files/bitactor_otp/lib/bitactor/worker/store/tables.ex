defmodule BitActor.Worker.Store.Tables do
  @moduledoc """
  The store in memory. This process does nothing but own tables, those of the store and those of
  `BitActor.Worker.Directory`: it is the first child of the tree, so that no other crash takes
  them along.
  """
  use GenServer

  @behaviour BitActor.Worker.Store

  alias BitActor.Worker.State

  @log __MODULE__.Log
  @snapshots __MODULE__.Snapshots

  @doc false
  @spec start_link(term) :: GenServer.on_start()
  def start_link(_options), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @impl GenServer
  def init(nil) do
    options = [:named_table, :public, write_concurrency: true]
    # a bag keeps the order of insertion and appends without looking at what is there
    @log = :ets.new(@log, [:duplicate_bag | options])
    # written with every signal: by its reference, which spares looking its name up
    snapshots = :ets.new(@snapshots, [:set, :public, write_concurrency: true])
    :persistent_term.put(@snapshots, snapshots)
    :ok = BitActor.Worker.Directory.make_tables()
    :ok = BitActor.Worker.Counters.make()
    {:ok, nil, :hibernate}
  end

  @impl BitActor.Worker.Store
  def append(key, sequence, items) do
    true = :ets.insert(@log, {key, sequence, items})
    :ok
  end

  @impl BitActor.Worker.Store
  def snapshot(key, sequence, binary) do
    # in this order: a worker killed between the two finds entries that its snapshot holds
    # already, and load/1 leaves those out
    true = :ets.insert(snapshots(), {key, sequence, binary})
    true = :ets.delete(@log, key)
    :ok
  end

  # Copying so much costs about what copying a signal into the log does.
  @impl BitActor.Worker.Store
  def put_words_max, do: 64

  @impl BitActor.Worker.Store
  def put(key, sequence, %State{seen: seen, data: data}) when map_size(seen) == 0 do
    true = :ets.insert(snapshots(), {key, sequence, :data, data})
    :ok
  end

  def put(key, sequence, %State{} = state) do
    true = :ets.insert(snapshots(), {key, sequence, :state, state})
    :ok
  end

  @impl BitActor.Worker.Store
  def load(key) do
    {snapshot, from} =
      case :ets.lookup(snapshots(), key) do
        [{_key, sequence, :data, data}] -> {{sequence, State.snapshot(sequence, data)}, sequence}
        [{_key, sequence, :state, state}] -> {{sequence, State.snapshot(state)}, sequence}
        [{_key, sequence, binary}] -> {{sequence, binary}, sequence}
        [] -> {nil, 0}
      end

    {:ok, snapshot,
     for(
       {_key, sequence, items} <- :ets.lookup(@log, key),
       sequence > from,
       do: {sequence, items}
     )}
  end

  @impl BitActor.Worker.Store
  def delete(key) do
    true = :ets.delete(@log, key)
    true = :ets.delete(snapshots(), key)
    :ok
  end

  @doc "Bytes of memory of both tables."
  @spec memory_bytes() :: non_neg_integer
  def memory_bytes do
    words = for table <- [@log, snapshots()], do: :ets.info(table, :memory)
    Enum.sum(words) * :erlang.system_info(:wordsize)
  end

  defp snapshots, do: :persistent_term.get(@snapshots)
end
