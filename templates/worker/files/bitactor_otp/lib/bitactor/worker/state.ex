defmodule BitActor.Worker.State do
  @moduledoc """
  The state of one actor, as a value: nothing here sends, stores or reads a clock.

  Beside the handler's data it holds how many signals were applied (the sequence) and the
  replies to the last 128 idempotency keys, so that a repeated request is answered, not
  applied twice, even after a crash.

  A snapshot is `term_to_binary` of `{:bitactor_state, version, map}`. This version reads its
  own and the one before; what else it is given is `{:error, reason}`, never an exception.
  """

  import Kernel, except: [apply: 2, apply: 3]

  alias BitActor.Signal
  alias BitActor.Worker.HandlerError

  @version 2
  @seen_max 128

  @enforce_keys [:handler, :data]
  defstruct handler: nil, data: nil, sequence: 0, seen: %{}, order: {[], []}

  @type t :: %__MODULE__{
          handler: module,
          data: term,
          sequence: non_neg_integer,
          seen: %{optional(term) => reply :: term},
          order: {[term], [term]}
        }
  @typedoc "A signal with its idempotency key (`nil`: none), as it is logged."
  @type item :: {Signal.t(), idempotency_key :: term}

  @doc "The version of the snapshots that this code writes."
  @spec version() :: pos_integer
  def version, do: @version

  @doc "How many idempotency keys are remembered for each actor."
  @spec seen_max() :: pos_integer
  def seen_max, do: @seen_max

  @doc "The state of an actor that has seen nothing."
  @spec new(module, key :: term) :: t
  def new(handler, key), do: %__MODULE__{handler: handler, data: handler.init(key)}

  @doc """
  Applies one signal. What the handler raises comes out as a `BitActor.Worker.HandlerError`.
  """
  @spec apply(t, Signal.t()) :: {:ok, reply :: term, t}
  def apply(%__MODULE__{handler: handler, data: data, sequence: sequence} = state, signal) do
    {reply, data} = handler.handle(signal, data)
    {:ok, reply, %__MODULE__{state | data: data, sequence: sequence + 1}}
  catch
    kind, reason -> HandlerError.reraise_hidden(kind, reason, __STACKTRACE__)
  end

  @doc """
  Applies one signal under an idempotency key: the second time `{:seen, reply}` comes back with
  the first time's reply, and nothing is applied.
  """
  @spec apply(t, Signal.t(), idempotency_key :: term) ::
          {:ok, reply :: term, t} | {:seen, reply :: term}
  def apply(state, signal, nil), do: apply(state, signal)

  def apply(%__MODULE__{seen: seen} = state, signal, key) do
    case seen do
      %{^key => reply} ->
        {:seen, reply}

      %{} ->
        {:ok, reply, state} = apply(state, signal)
        {:ok, reply, remember(state, key, reply)}
    end
  end

  @doc "Applies logged items again; the replies are of no interest any more."
  @spec replay(t, [item]) :: t
  def replay(state, items) do
    Enum.reduce(items, state, fn {signal, key}, state ->
      case apply(state, signal, key) do
        {:ok, _reply, state} -> state
        {:seen, _reply} -> state
      end
    end)
  end

  @doc "The state as a binary."
  @spec snapshot(t) :: binary
  def snapshot(%__MODULE__{} = state) do
    map = %{
      data: state.data,
      sequence: state.sequence,
      seen: Enum.map(queue_to_list(state.order), &{&1, Map.fetch!(state.seen, &1)})
    }

    :erlang.term_to_binary({:bitactor_state, @version, map})
  end

  @doc "The same for a state that remembers no idempotency key, out of its parts."
  @spec snapshot(sequence :: non_neg_integer, data :: term) :: binary
  def snapshot(sequence, data),
    do: snapshot(%__MODULE__{handler: nil, data: data, sequence: sequence})

  @doc "The state out of a binary that `snapshot/1` of this version or the one before made."
  @spec restore(module, binary) :: {:ok, t} | {:error, :corrupt | {:version, term}}
  def restore(handler, binary) when is_binary(binary) do
    # :safe: a snapshot comes from a disk or another node and must not make atoms or functions
    case :erlang.binary_to_term(binary, [:safe]) do
      {:bitactor_state, 1, %{data: data, sequence: sequence}} ->
        checked(handler, data, sequence, [])

      {:bitactor_state, @version, %{data: data, sequence: sequence, seen: seen}} ->
        checked(handler, data, sequence, seen)

      {:bitactor_state, version, _map} when version not in [1, @version] ->
        {:error, {:version, version}}

      _other ->
        {:error, :corrupt}
    end
  rescue
    ArgumentError -> {:error, :corrupt}
  end

  @doc "What may be shown of a state: the handler decides about its data."
  @spec format(t) :: map
  def format(%__MODULE__{handler: handler} = state) do
    data =
      if function_exported?(handler, :format, 1), do: handler.format(state.data), else: :hidden

    %{handler: handler, sequence: state.sequence, remembered: map_size(state.seen), data: data}
  end

  defp checked(handler, data, sequence, seen)
       when is_integer(sequence) and sequence >= 0 and is_list(seen) do
    if Enum.all?(seen, &match?({_key, _reply}, &1)) do
      state = %__MODULE__{handler: handler, data: data, sequence: sequence}
      {:ok, Enum.reduce(seen, state, fn {key, reply}, state -> remember(state, key, reply) end)}
    else
      {:error, :corrupt}
    end
  end

  defp checked(_handler, _data, _sequence, _seen), do: {:error, :corrupt}

  defp remember(%__MODULE__{seen: seen, order: {back, front}} = state, key, reply) do
    state = %__MODULE__{state | seen: Map.put(seen, key, reply), order: {[key | back], front}}
    if map_size(state.seen) > @seen_max, do: forget_oldest(state), else: state
  end

  defp forget_oldest(%__MODULE__{order: {back, []}} = state),
    do: forget_oldest(%__MODULE__{state | order: {[], Enum.reverse(back)}})

  defp forget_oldest(%__MODULE__{seen: seen, order: {back, [oldest | front]}} = state),
    do: %__MODULE__{state | seen: Map.delete(seen, oldest), order: {back, front}}

  defp queue_to_list({back, front}), do: front ++ Enum.reverse(back)
end
