defmodule BitActor.Worker.Directory do
  @moduledoc """
  Which process serves which key of this node, with the counter of its mailbox; and how often
  each key's process crashed of late.

  The `Registry` decides who serves a key and forgets who died. In front of it lies a table that
  answers in one look; a row may name a process that is dead, and who finds it so asks
  `BitActor.Workers.ensure/1`, which asks the registry.
  """

  @registry BitActor.Registry
  @incarnations __MODULE__.Incarnations
  @processes __MODULE__.Processes
  @crash_window_ms 60_000

  @typedoc "Counts the signals that wait or are in work; its limit."
  @type mailbox :: {:atomics.atomics_ref(), limit :: pos_integer}

  @doc "The registry's child spec."
  @spec registry() :: {module, keyword}
  def registry do
    {Registry, keys: :unique, name: @registry, partitions: System.schedulers_online()}
  end

  @doc "The name under which a worker registers itself."
  @spec via(key :: term, mailbox) :: {:via, module, term}
  def via(key, mailbox), do: {:via, Registry, {@registry, key, mailbox}}

  @doc "The process of `key`, according to the registry, if it lives; its row is mended."
  @spec whereis(term) :: {:ok, pid} | :error
  def whereis(key) do
    case Registry.lookup(@registry, key) do
      [{pid, mailbox}] -> if Process.alive?(pid), do: mended(key, pid, mailbox), else: :error
      [] -> :error
    end
  rescue
    # the registry itself starts anew at this moment
    ArgumentError -> :error
  end

  # A process is registered a moment before it enters itself; until then the row may name the one
  # before it. A row of a living process is right: what the registry said may be late by now.
  defp mended(key, pid, mailbox) do
    row = lookup(key)
    if row == nil or not Process.alive?(elem(row, 0)), do: enter(key, pid, mailbox)
    {:ok, pid}
  end

  @doc "The process that served `key` last, and its mailbox: it may be dead."
  @spec lookup(term) :: {pid, :atomics.atomics_ref(), limit :: pos_integer} | nil
  def lookup(key) do
    # without the key, which may be long: it would be copied with every signal
    :ets.lookup_element(:persistent_term.get(@processes), key, 2)
  rescue
    ArgumentError -> nil
  end

  @doc "Notes that `pid`, which the registry accepted, serves `key`."
  @spec enter(term, pid, mailbox) :: :ok
  def enter(key, pid, {mailbox, limit}) do
    true = :ets.insert(:persistent_term.get(@processes), {key, {pid, mailbox, limit}})
    :ok
  end

  @doc "How many workers run."
  @spec count() :: non_neg_integer
  def count, do: Registry.count(@registry)

  @doc "The processes of all workers; none while the registry itself starts anew."
  @spec pids() :: [pid]
  def pids do
    Registry.select(@registry, [{{:_, :"$1", :_}, [], [:"$1"]}])
  rescue
    ArgumentError -> []
  end

  @doc "Signals that wait or are in work: of all workers, and of the fullest."
  @spec load() :: %{in_flight: non_neg_integer, longest: non_neg_integer}
  def load do
    mailboxes = Registry.select(@registry, [{{:_, :_, {:"$1", :_}}, [], [:"$1"]}])

    Enum.reduce(mailboxes, %{in_flight: 0, longest: 0}, fn mailbox, load ->
      waiting = max(:atomics.get(mailbox, 1), 0)
      %{in_flight: load.in_flight + waiting, longest: max(load.longest, waiting)}
    end)
  end

  @doc "Makes the tables; their owner is the caller."
  @spec make_tables() :: :ok
  def make_tables do
    # read with every signal, written when a worker starts
    processes = :ets.new(@processes, [:set, :public, read_concurrency: true])
    # by its reference a table answers a third quicker than by its name
    :persistent_term.put(@processes, processes)

    @incarnations =
      :ets.new(@incarnations, [:set, :named_table, :public, write_concurrency: true])

    :ok
  end

  @doc """
  Notes that the worker of `key` starts under `parent` and says how often it crashed within a
  minute. One that ended in order has no row (`forget/1`); one whose supervisor is another than
  last time did not crash by itself.
  """
  @spec incarnation(term, parent :: pid) :: non_neg_integer
  def incarnation(key, parent) do
    now = System.monotonic_time(:millisecond)

    {crashes, since} =
      case :ets.lookup(@incarnations, key) do
        [{^key, ^parent, crashes, since}] when now - since < @crash_window_ms ->
          {crashes + 1, since}

        [{^key, ^parent, _crashes, _since}] ->
          {1, now}

        _first ->
          {0, now}
      end

    true = :ets.insert(@incarnations, {key, parent, crashes, since})
    crashes
  end

  @doc "Notes that the worker of `key` ended in order."
  @spec forget(term) :: :ok
  def forget(key) do
    true = :ets.delete(@incarnations, key)
    true = :ets.delete(:persistent_term.get(@processes), key)
    :ok
  end
end
