defmodule BitActor.Core.PoolModel do
  @moduledoc """
  The state of a pool as plain data, block for block and handle for handle what the C
  pool (pool.c in `src/cns/bitactor.c`) does: the owner's free list is used up before the blocks
  that were given back are taken over as a whole, the last given first.
  """
  import Bitwise

  # BA_POOL_BYTES, and what the NIF allocates beside the blocks
  @head_bytes 256
  @line_bytes 64

  defstruct id: 0,
            blocks: 0,
            block_bytes: 64,
            free: [],
            returned: [],
            generation: %{},
            bytes: %{},
            in_use: 0,
            in_use_max: 0,
            exhausted: 0

  @type t :: %__MODULE__{}

  @doc "A pool of free blocks; `id` becomes part of its handles."
  @spec new(pos_integer, pos_integer, non_neg_integer) :: t
  def new(blocks, block_bytes, id) do
    %__MODULE__{
      id: id,
      blocks: blocks,
      block_bytes: block_bytes,
      free: Enum.to_list(0..(blocks - 1))
    }
  end

  @doc "Copies a binary into a free block."
  @spec put(t, binary) :: {{:ok, BitActor.Core.handle()} | {:error, :full | :too_large}, t}
  def put(pool, bytes) when byte_size(bytes) > pool.block_bytes, do: {{:error, :too_large}, pool}

  def put(%{free: [], returned: []} = pool, _),
    do: {{:error, :full}, %{pool | exhausted: pool.exhausted + 1}}

  def put(%{free: []} = pool, bytes), do: put(%{pool | free: pool.returned, returned: []}, bytes)

  def put(%{free: [index | free]} = pool, bytes) do
    generation = Map.get(pool.generation, index, 0) + 1
    in_use = pool.in_use + 1

    pool = %{
      pool
      | free: free,
        generation: Map.put(pool.generation, index, generation),
        bytes: Map.put(pool.bytes, index, :binary.copy(bytes)),
        in_use: in_use,
        in_use_max: max(in_use, pool.in_use_max)
    }

    {{:ok, {pool.id, generation <<< 32 ||| index}}, pool}
  end

  @doc "The bytes of a block."
  @spec get(t, BitActor.Core.handle()) :: {:ok, binary} | {:error, :stale | :range | :foreign}
  def get(pool, handle) do
    with {:ok, index} <- find(pool, handle), do: {:ok, Map.fetch!(pool.bytes, index)}
  end

  @doc "Gives a block back."
  @spec give(t, BitActor.Core.handle()) :: {:ok | {:error, :stale | :range | :foreign}, t}
  def give(pool, handle) do
    case find(pool, handle) do
      {:ok, index} ->
        pool = %{
          pool
          | returned: [index | pool.returned],
            generation: Map.update!(pool.generation, index, &(&1 + 1)),
            bytes: Map.delete(pool.bytes, index),
            in_use: pool.in_use - 1
        }

        {:ok, pool}

      error ->
        {error, pool}
    end
  end

  @doc "The counters of `BitActor.Core.pool_info/1`."
  @spec info(t) :: BitActor.Core.counters()
  def info(pool) do
    states = div(pool.blocks * 8 + @line_bytes - 1, @line_bytes) * @line_bytes
    bytes = @head_bytes + states + pool.blocks * (pool.block_bytes + 4) + @line_bytes

    pool
    |> Map.take([:blocks, :block_bytes, :in_use, :in_use_max, :exhausted])
    |> Map.put(:bytes, bytes)
  end

  # Odd generations are taken blocks.
  defp find(%{id: id} = pool, {id, handle}) do
    index = handle &&& 0xFFFF_FFFF
    generation = handle >>> 32

    cond do
      index >= pool.blocks ->
        {:error, :range}

      rem(generation, 2) == 0 or Map.get(pool.generation, index, 0) != generation ->
        {:error, :stale}

      true ->
        {:ok, index}
    end
  end

  defp find(_pool, _handle), do: {:error, :foreign}
end
