defmodule BitActor.Core do
  @moduledoc """
  Native actors: signals in batches, folded into 24 bytes an actor.

  A core holds a bounded inbox of 64-byte signals and a table of native actors.
  A native actor keeps how many signals it got, the sum of their first payload
  words (modulo 2^64) and the sequence of the last one. Signals of the kind DATA (1)
  and of the application's kinds (64 to 255) are folded in; others are counted as
  `unhandled`. The actor of a signal is its destination, shifted right by `:shift`.

  Two modules implement `BitActor.Core.Implementation`: `BitActor.NIF`, on the C core, and
  `BitActor.Core.Fallback`, in Elixir, for machines without a C compiler. Both
  answer the same to the same calls. `implementation/0` tells which one `open/1`
  takes; the configuration `config :bitactor, :nif` chooses:

    * `:auto` (default) - the NIF where it was loaded, else Elixir
    * `:required` - the NIF; without it the application does not start
    * `:off` - the fallback

  A batch is a binary of signals as `BitActor.Signal.encode/1` makes them. Any
  process may call any function; calls on one core are one after another. Wrong
  arguments raise `ArgumentError` and change nothing. A core of the NIF lives as long
  as a process refers to it, one of the fallback as long as the process that opened it.

  A pool keeps payloads that do not fit a signal. A handle is good for one pool and
  until it is given back; after that it is `{:error, :stale}`, in another pool
  `{:error, :foreign}`.
  """

  @typedoc "A core or pool of the NIF (a reference) or of the fallback (a process)."
  @type t :: reference | pid
  @type pool :: reference | pid
  @type handle :: {non_neg_integer, non_neg_integer}
  @type batch :: binary
  @type actor :: {signals :: non_neg_integer, sum :: non_neg_integer, sequence :: non_neg_integer}
  @type counters :: %{atom => non_neg_integer}

  @signal_bytes 64
  @batch_bytes_max 65_536 * @signal_bytes
  @split_bytes_max 2_048 * @signal_bytes

  @doc "The module that `open/1` and `pool_open/2` use."
  @spec implementation() :: module
  def implementation do
    case Application.get_env(:bitactor, :nif, :auto) do
      :auto -> if BitActor.NIF.loaded?(), do: BitActor.NIF, else: BitActor.Core.Fallback
      :required -> BitActor.NIF
      :off -> BitActor.Core.Fallback
    end
  end

  @doc """
  Opens a core.

    * `:actors` - 1 to 1,048,576 native actors (1024)
    * `:slots` - signals that can wait, a power of two from 2 to 512 (256)
    * `:shift` - the actor of a signal is `destination >>> shift`, 0 to 6 (0)
  """
  @spec open(keyword) :: {:ok, t} | {:error, :enomem}
  def open(options \\ []) do
    options = Keyword.validate!(options, actors: 1024, slots: 256, shift: 0)
    implementation().open(options[:actors], options[:slots], options[:shift])
  end

  @doc """
  Handles a batch behind what waits in the inbox: `{:ok, signals}`. That is fewer than
  the batch has only where the core was closed meanwhile.
  """
  @spec process(t, batch) :: {:ok, non_neg_integer} | {:error, :closed}
  def process(core, batch) when is_binary(batch) and byte_size(batch) > @batch_bytes_max do
    <<head::binary-size(@batch_bytes_max), rest::binary>> = batch

    with {:ok, handled} <- module(core).process(core, head) do
      case process(core, rest) do
        {:ok, more} -> {:ok, handled + more}
        {:error, :closed} -> {:ok, handled}
      end
    end
  end

  def process(core, batch), do: module(core).process(core, batch)

  @doc "Puts as many signals of a batch into the inbox as fit: `{:ok, accepted}`."
  @spec push(t, batch) :: {:ok, non_neg_integer} | {:error, :closed}
  def push(core, batch), do: module(core).push(core, batch)

  @doc "Handles up to `most` (1 to 65,536) waiting signals."
  @spec drain(t, pos_integer) :: {:ok, non_neg_integer} | {:error, :closed}
  def drain(core, most), do: module(core).drain(core, most)

  @doc "What a native actor holds."
  @spec actor(t, non_neg_integer) :: {:ok, actor} | {:error, :range}
  def actor(core, index), do: module(core).actor(core, index)

  @doc """
  Counters of a core: `actors`, `slots`, `bytes`, `signals` (drained), `unhandled`
  (of kinds without a handler), `misrouted` (no such actor), `malformed` (a payload
  over 24 bytes), `waiting`, `overflow` (pushes that met a full inbox), `closed` (0, 1).
  """
  @spec info(t) :: counters
  def info(core), do: module(core).info(core)

  @doc "Refuses further signals; those that wait can still be drained."
  @spec close(t) :: :ok
  def close(core), do: module(core).close(core)

  @doc """
  Splits a batch by the low bits of the destinations into a tuple of `partitions`
  batches (a power of two up to 64), each in the order of the batch.
  """
  @spec split(batch, pos_integer) :: tuple
  def split(batch, partitions) when is_binary(batch) and byte_size(batch) > @split_bytes_max do
    pieces = for piece <- pieces(batch), do: implementation().split(piece, partitions)

    List.to_tuple(
      for i <- 0..(partitions - 1), do: IO.iodata_to_binary(Enum.map(pieces, &elem(&1, i)))
    )
  end

  def split(batch, partitions), do: implementation().split(batch, partitions)

  defp pieces(<<head::binary-size(@split_bytes_max), rest::binary>>), do: [head | pieces(rest)]
  defp pieces(<<>>), do: []
  defp pieces(rest), do: [rest]

  @doc "Opens a pool of `blocks` (1 to 16,384) blocks of `block_bytes` (a multiple of 64, to 65,536), 64 MiB at most."
  @spec pool_open(pos_integer, pos_integer) :: {:ok, pool} | {:error, :enomem}
  def pool_open(blocks, block_bytes), do: implementation().pool_open(blocks, block_bytes)

  @doc "Copies a binary into a free block."
  @spec pool_put(pool, binary) :: {:ok, handle} | {:error, :full | :too_large}
  def pool_put(pool, bytes), do: module(pool).pool_put(pool, bytes)

  @doc "Copies the bytes of a block out."
  @spec pool_get(pool, handle) :: {:ok, binary} | {:error, :stale | :range | :foreign}
  def pool_get(pool, handle), do: module(pool).pool_get(pool, handle)

  @doc "Clears a block and gives it back."
  @spec pool_give(pool, handle) :: :ok | {:error, :stale | :range | :foreign}
  def pool_give(pool, handle), do: module(pool).pool_give(pool, handle)

  @doc "Counters of a pool: `blocks`, `block_bytes`, `bytes`, `in_use`, `in_use_max`, `exhausted`."
  @spec pool_info(pool) :: counters
  def pool_info(pool), do: module(pool).pool_info(pool)

  defp module(ref) when is_reference(ref), do: BitActor.NIF
  defp module(pid) when is_pid(pid), do: BitActor.Core.Fallback
  defp module(other), do: raise(ArgumentError, "not a core or a pool: #{inspect(other)}")
end
