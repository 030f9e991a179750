defmodule BitActor.Recovery.Partition do
  @moduledoc """
  One partition of the durable store: a log, and its content in tables.

  What holds:

    1. A write is answered after its record was fsync'd, and shows in the tables only then.
    2. The tables are what replaying the log gives. They belong to this process and
       go with it; its next start reads the log.
    3. Once the log is several times as large as what it holds, it is replaced by its
       content, at once or not at all.
    4. A log that is damaged, or encrypted under a key that is not there, stops the start. Nothing is
       dropped to get going.
  """
  use GenServer

  alias BitActor.{Durable, Telemetry}

  # A log smaller than this is never replaced.
  @compact_bytes_min 8 * 1024 * 1024

  @doc "Starts partition `:number`. Options: `:folder`, `:compact_bytes_min`."
  @spec start_link(keyword) :: GenServer.on_start()
  def start_link(options) do
    GenServer.start_link(__MODULE__, options, name: name(Keyword.fetch!(options, :number)))
  end

  @doc "The registered name of partition `number`."
  @spec name(0..3) :: atom
  def name(0), do: __MODULE__.Zero
  def name(1), do: __MODULE__.One
  def name(2), do: __MODULE__.Two
  def name(3), do: __MODULE__.Three

  @doc """
  Writes a record and returns once it is on the disk. An error means that it is not.

  Exits where that is not known, as the partition went down with the record: the worker goes down
  with it, and its next start reads what is there. There is no timeout for the same reason.
  """
  @spec write(atom, tuple) :: :ok | {:error, term}
  def write(server, record) do
    GenServer.call(server, {:write, record}, :infinity)
  catch
    :exit, {:noproc, _} -> {:error, :down}
  end

  @doc "The snapshot of a key and the entries after it, from the tables."
  @spec load(atom, term) ::
          {:ok, {pos_integer, binary} | nil, [{pos_integer, list}]} | {:error, :down}
  def load(server, key) do
    {snapshot, from} =
      case :ets.lookup(snapshots(server), key) do
        [{^key, sequence, binary}] -> {{sequence, binary}, sequence}
        [] -> {nil, 0}
      end

    entries =
      for {_, sequence, items} <- :ets.lookup(entries(server), key),
          sequence > from,
          do: {sequence, items}

    {:ok, snapshot, entries}
  rescue
    # No table, no partition: an empty answer would be a worker without its state.
    ArgumentError -> {:error, :down}
  end

  @doc "Bytes of the log, 0 where the partition does not run."
  @spec log_bytes(atom) :: non_neg_integer
  def log_bytes(server) do
    GenServer.call(server, :log_bytes)
  catch
    :exit, _ -> 0
  end

  @impl true
  def init(options) do
    number = Keyword.fetch!(options, :number)
    server = name(number)
    folder = Keyword.get_lazy(options, :folder, fn -> Durable.folder("workers") end)
    started = System.monotonic_time()
    # Entries of a key stay in the order in which they were written.
    _ = :ets.new(entries(server), [:named_table, :duplicate_bag, read_concurrency: true])
    _ = :ets.new(snapshots(server), [:named_table, :set, read_concurrency: true])
    state = %{server: server, context: "workers-#{number}", waiting: [], log: nil, replace_at: 0}

    with {:ok, log, records} <- Durable.Log.open(Path.join(folder, state.context)),
         :ok <- replay(records, state) do
      restored(number, :ok, started, :ets.info(snapshots(server), :size), length(records))
      minimum = Keyword.get(options, :compact_bytes_min, @compact_bytes_min)

      {:ok,
       Map.merge(state, %{log: log, minimum: minimum, replace_at: max(minimum, 3 * log.bytes)})}
    else
      {:error, reason} ->
        restored(number, :error, started, 0, 0)
        {:stop, {:worker_log, state.context, reason}}
    end
  end

  @impl true
  def handle_call({:write, record}, from, state) do
    # What is in the mailbox by now is ahead of this message, so it shares the fsync.
    if state.waiting == [], do: send(self(), :flush)
    {:noreply, %{state | waiting: [{from, record} | state.waiting]}}
  end

  def handle_call(:log_bytes, _from, state), do: {:reply, state.log.bytes, state}

  @impl true
  def handle_info(:flush, state) do
    batch = Enum.reverse(state.waiting)

    case Durable.Log.append(state.log, for({_, record} <- batch, do: sealed(record, state))) do
      {:ok, log} ->
        for {from, record} <- batch do
          apply_record(record, state.server)
          GenServer.reply(from, :ok)
        end

        compacted(%{state | log: log, waiting: []})

      {:error, reason} ->
        failed(state, reason)
    end
  end

  def handle_info(_message, state), do: {:noreply, state}

  @impl true
  def format_status(_reason, [_dictionary, state]), do: Map.take(state, [:context, :replace_at])

  # A full disk: those who wait learn that nothing was written, once that is made sure of.
  defp failed(state, reason) do
    case Durable.Log.rollback(state.log) do
      :ok ->
        for {from, _} <- state.waiting, do: GenServer.reply(from, {:error, reason})
        {:noreply, %{state | waiting: []}}

      {:error, _} ->
        {:stop, {:worker_log, state.context, reason}, state}
    end
  end

  defp compacted(%{log: log, replace_at: replace_at} = state) when log.bytes <= replace_at do
    {:noreply, state}
  end

  defp compacted(state) do
    case Durable.Log.replace(
           state.log,
           for(record <- content(state.server), do: sealed(record, state))
         ) do
      {:ok, log} -> {:noreply, %{state | log: log, replace_at: max(state.minimum, 3 * log.bytes)}}
      {:error, reason} -> {:stop, {:worker_log, state.context, reason}, state}
    end
  end

  # The records that give these tables: a key's snapshot before its entries.
  defp content(server) do
    snapshots =
      for {key, sequence, binary} <- :ets.tab2list(snapshots(server)),
          do: {:snapshot, key, sequence, binary}

    entries =
      for {key, sequence, items} <- :ets.tab2list(entries(server)),
          do: {:append, key, sequence, items}

    snapshots ++ entries
  end

  defp replay(records, state) do
    Enum.reduce_while(records, :ok, fn record, :ok ->
      case opened(record, state) do
        {:ok, record} -> {:cont, apply_record(record, state.server)}
        {:error, reason} -> {:halt, {:error, reason}}
      end
    end)
  end

  defp apply_record({:append, key, sequence, items}, server) do
    true = :ets.insert(entries(server), {key, sequence, items})
    :ok
  end

  defp apply_record({:snapshot, key, sequence, binary}, server) do
    true = :ets.insert(snapshots(server), {key, sequence, binary})
    true = :ets.delete(entries(server), key)
    :ok
  end

  defp apply_record({:delete, key}, server) do
    true = :ets.delete(entries(server), key)
    true = :ets.delete(snapshots(server), key)
    :ok
  end

  # The first byte says whether the rest is encrypted, so that encryption can be turned on for a
  # log that has records already.
  defp sealed(record, state) do
    plain = :erlang.term_to_binary(record)

    case Application.get_env(:bitactor, :cipher) do
      nil -> <<0, plain::binary>>
      cipher -> <<1, cipher.seal(plain, state.context)::binary>>
    end
  end

  defp opened(<<0, plain::binary>>, _state), do: Durable.decode(plain)

  defp opened(<<1, sealed::binary>>, state) do
    case Application.get_env(:bitactor, :cipher) do
      nil ->
        {:error, :encrypted}

      cipher ->
        with {:ok, plain} <- cipher.open(sealed, state.context), do: Durable.decode(plain)
    end
  end

  defp restored(number, result, started, keys, records) do
    measured = %{
      count: 1,
      keys: keys,
      records: records,
      duration: System.monotonic_time() - started
    }

    Telemetry.execute([:bitactor, :recovery, :restored], measured, %{
      partition: number,
      result: result
    })
  end

  defp entries(server), do: Module.concat(server, Entries)
  defp snapshots(server), do: Module.concat(server, Snapshots)
end
