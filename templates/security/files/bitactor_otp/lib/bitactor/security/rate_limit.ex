defmodule BitActor.Security.RateLimit do
  @moduledoc """
  How often something may happen under one key within a window of time.

  Counts live in a table of at most 10,000 keys. Once it is full, all new keys of that
  window share one count, so a flood of addresses costs no memory and slows itself
  down. `take/4` may be called by any process.
  """

  use GenServer

  @keys_max 10_000

  @doc "Starts the process that owns the table `:table` and clears it once in `:window_ms`."
  @spec start_link(table: atom, window_ms: pos_integer) :: GenServer.on_start()
  def start_link(options), do: GenServer.start_link(__MODULE__, options)

  @impl true
  def init(table: table, window_ms: window_ms) do
    ^table = :ets.new(table, [:named_table, :public, :set, write_concurrency: true])
    {:ok, _timer} = :timer.send_interval(window_ms, :purge)
    {:ok, {table, window_ms}}
  end

  @impl true
  def handle_info(:purge, {table, window_ms} = state) do
    _ = purge(table, window_ms)
    {:noreply, state}
  end

  def handle_info(_message, state), do: {:noreply, state}

  @doc """
  Counts one event under `key` and returns whether it is among the first `limit` of the
  window of `window_ms` in which `now_ms` lies.
  """
  @spec take(atom, term, {limit :: pos_integer, window_ms :: pos_integer}, integer) :: boolean
  def take(table, key, {limit, window_ms}, now_ms \\ System.monotonic_time(:millisecond)) do
    window = Integer.floor_div(now_ms, window_ms)
    slot = if known_or_room?(table, {key, window}), do: {key, window}, else: {:overflow, window}
    :ets.update_counter(table, slot, {2, 1}, {slot, 0}) <= limit
  end

  @doc "Forgets the counts of windows before the one in which `now_ms` lies."
  @spec purge(atom, pos_integer, integer) :: non_neg_integer
  def purge(table, window_ms, now_ms \\ System.monotonic_time(:millisecond)) do
    window = Integer.floor_div(now_ms, window_ms)
    :ets.select_delete(table, [{{{:_, :"$1"}, :_}, [{:<, :"$1", window}], [true]}])
  end

  defp known_or_room?(table, slot) do
    :ets.member(table, slot) or :ets.info(table, :size) < @keys_max
  end
end
