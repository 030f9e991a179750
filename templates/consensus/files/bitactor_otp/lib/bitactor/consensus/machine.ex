defmodule BitActor.Consensus.Machine do
  @moduledoc """
  The replicated state machine: a map, and names that one owner holds at a time.

  Pure: a command and its position in the log go in, the next state, a reply and effects
  come out. Every voter applies the same log, so nothing here may depend on the
  clock, on chance, on the node or on a process.

  ## Commands

  | command | reply |
  | --- | --- |
  | `{:put, key, value}` | `:ok` |
  | `{:delete, key}` | `:ok` |
  | `{:compare_and_put, key, :absent \\| {:value, old}, new}` | `:ok`, `{:error, {:conflict, :absent \\| {:value, now}}}` |
  | `{:claim, name, owner}` | `{:ok, token}`, `{:error, {:taken, owner}}` |
  | `{:release, name, owner}` | `:ok`, `{:error, :not_owner}` |
  | `{:evict, owner}` | `{:ok, names}`: all that it held is free |

  A claim's token is the position of the claim in the log: it grows with every change of
  owner, so whatever is guarded can refuse an owner that does not know yet that
  it was evicted (a fencing token). The machine evicts nobody by itself: it has no clock.

  ## Versions

  A command is stored as `{2, request_id, command}`. The envelope of version 1,
  `{1, command}`, had no request id; it is still read, so a log that the version before
  wrote can be replayed. An unknown version or command is answered with an error and changes
  nothing.

  ## Exactly once

  The replies of the last 4,096 requests are part of the state. A request
  that comes again, as when its sender ran into a timeout and asked anew, gets the reply of
  the first time and is not applied again.
  """

  @version 2
  @recent_max 4096
  @snapshot_every 4096

  @type key :: binary
  @type command ::
          {:put, key, term}
          | {:delete, key}
          | {:compare_and_put, key, :absent | {:value, term}, term}
          | {:claim, key, term}
          | {:release, key, term}
          | {:evict, term}
  @type envelope :: {1, command} | {2, binary, command}
  @type query :: {:get, key} | {:owner, key} | :keys | :size
  @type effect :: :snapshot
  @opaque state :: %{
            version: 2,
            data: %{key => term},
            claims: %{key => {term, pos_integer}},
            replies: %{binary => term},
            order: :queue.queue(binary),
            applied: non_neg_integer
          }

  @doc "The state before the first command."
  @spec new() :: state
  def new do
    %{version: @version, data: %{}, claims: %{}, replies: %{}, order: :queue.new(), applied: 0}
  end

  @doc "The envelope of a command, as it is written to the log."
  @spec envelope(binary, command) :: envelope
  def envelope(request_id, command) when is_binary(request_id),
    do: {@version, request_id, command}

  @doc """
  Applies the command at position `index` of the log. The effect `:snapshot` asks for a
  snapshot of the state that is returned, after which the log up to `index` is not needed.
  """
  @spec apply(pos_integer, envelope, state) :: {state, reply :: term, [effect]}
  def apply(index, {1, command}, state), do: counted(run(index, command, state))

  def apply(index, {2, request_id, command}, state) do
    case state.replies do
      %{^request_id => reply} ->
        counted({state, reply})

      _ ->
        {state, reply} = run(index, command, state)
        counted({remember(state, request_id, reply), reply})
    end
  end

  def apply(_index, _unknown, state), do: counted({state, {:error, :unknown_version}})

  @doc "Answers a question about the state."
  @spec query(query, state) :: term
  def query({:get, key}, state) do
    case state.data do
      %{^key => value} -> {:value, value}
      _ -> :absent
    end
  end

  def query({:owner, name}, state) do
    case state.claims do
      %{^name => {owner, token}} -> {:owner, owner, token}
      _ -> :absent
    end
  end

  def query(:keys, state), do: state.data |> Map.keys() |> Enum.sort()
  def query(:size, state), do: map_size(state.data)
  def query(_unknown, _state), do: {:error, :unknown_query}

  @doc "What a snapshot holds, as a binary."
  @spec dump(state) :: binary
  def dump(state), do: :erlang.term_to_binary(state)

  @doc "Reads `dump/1`'s binary, of this version or of version 1."
  @spec load(binary) :: {:ok, state} | {:error, :unreadable}
  def load(binary) do
    case BitActor.Durable.decode(binary) do
      {:ok, %{version: 2} = state} ->
        {:ok, state}

      # Version 1 kept no replies and no claims.
      {:ok, %{version: 1, data: data, applied: applied}} ->
        {:ok, %{new() | data: data, applied: applied}}

      _ ->
        {:error, :unreadable}
    end
  end

  defp counted({state, reply}) do
    applied = state.applied + 1
    effects = if rem(applied, @snapshot_every) == 0, do: [:snapshot], else: []
    {%{state | applied: applied}, reply, effects}
  end

  defp remember(state, request_id, reply) do
    order = :queue.in(request_id, state.order)
    replies = Map.put(state.replies, request_id, reply)

    if map_size(replies) > @recent_max do
      {{:value, oldest}, order} = :queue.out(order)
      %{state | replies: Map.delete(replies, oldest), order: order}
    else
      %{state | replies: replies, order: order}
    end
  end

  defp run(_index, {:put, key, value}, state) do
    {%{state | data: Map.put(state.data, key, value)}, :ok}
  end

  defp run(_index, {:delete, key}, state) do
    {%{state | data: Map.delete(state.data, key)}, :ok}
  end

  defp run(_index, {:compare_and_put, key, expected, value}, state) do
    case query({:get, key}, state) do
      ^expected -> {%{state | data: Map.put(state.data, key, value)}, :ok}
      actual -> {state, {:error, {:conflict, actual}}}
    end
  end

  defp run(index, {:claim, name, owner}, state) do
    case state.claims do
      %{^name => {^owner, token}} -> {state, {:ok, token}}
      %{^name => {other, _}} -> {state, {:error, {:taken, other}}}
      _ -> {%{state | claims: Map.put(state.claims, name, {owner, index})}, {:ok, index}}
    end
  end

  defp run(_index, {:release, name, owner}, state) do
    case state.claims do
      %{^name => {^owner, _}} -> {%{state | claims: Map.delete(state.claims, name)}, :ok}
      _ -> {state, {:error, :not_owner}}
    end
  end

  defp run(_index, {:evict, owner}, state) do
    names = Enum.sort(for {name, {^owner, _}} <- state.claims, do: name)
    {%{state | claims: Map.drop(state.claims, names)}, {:ok, names}}
  end

  defp run(_index, _unknown, state), do: {state, {:error, :unknown_command}}
end
