defmodule BitActor.Worker.Store do
  @moduledoc """
  Where a worker's state outlives the worker: the last snapshot and the log since.

  One process at a time writes under a key, the key's worker. A worker appends before it
  replies, so what was acknowledged is in the store. `BitActor.Worker.Store.Tables` keeps both
  in memory: they survive the worker, not the node. The application's setting `:worker_store`
  names another module; a worker reads it when it starts (`BitActor.Worker.store/0`).
  """

  alias BitActor.Worker.State

  @type key :: term
  @typedoc "Number of signals applied, this entry's included."
  @type sequence :: pos_integer

  @doc "Adds what was applied last. `sequence` is the state's after it."
  @callback append(key, sequence, [State.item()]) :: :ok | {:error, term}

  @doc "Replaces the snapshot; entries up to `sequence` may go."
  @callback snapshot(key, sequence, binary) :: :ok | {:error, term}

  @doc "The last snapshot and the entries after it, oldest first."
  @callback load(key) ::
              {:ok, {sequence, binary} | nil, [{sequence, [State.item()]}]} | {:error, term}

  @doc """
  Writes a small state whole, in place of `append/3` and `snapshot/3`. Optional, for a store
  where that costs less than an entry of the log: nothing is left to replay then.
  """
  @callback put(key, sequence, State.t()) :: :ok | {:error, term}

  @doc "How large the data of a state may be to be `put/3`, in words of memory."
  @callback put_words_max() :: non_neg_integer

  @doc "Forgets a key."
  @callback delete(key) :: :ok | {:error, term}

  @optional_callbacks put: 3, put_words_max: 0
end
