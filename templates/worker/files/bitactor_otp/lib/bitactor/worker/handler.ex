defmodule BitActor.Worker.Handler do
  @moduledoc """
  What an actor does with a signal: the application's own code.

  Both callbacks must be deterministic: after a crash the signals since the last snapshot are
  handled again, and the state must come out the same. So no clock, no random numbers, no
  messages and no files in `handle/2`; the signal's timestamp is the time.

  The data is what a snapshot holds: plain terms, no pids, references or functions.
  """

  alias BitActor.Signal

  @type data :: term
  @type reply :: term

  @doc "The data of an actor that has seen nothing."
  @callback init(key :: term) :: data

  @doc "Takes one signal. An exception ends the worker; it starts again with the data from before."
  @callback handle(Signal.t(), data) :: {reply, data}

  @doc """
  Says what of the data may appear in a crash report or in `:sys.get_status/1`.
  Without it: nothing does.
  """
  @callback format(data) :: term

  @optional_callbacks format: 1
end

defmodule BitActor.Worker.HandlerError do
  @moduledoc """
  A handler raised, threw or exited. What it raised is named, not shown, and the stack has no
  arguments: both may hold a customer's data, and this ends in crash reports.
  """
  defexception [:kind, :name]

  @type t :: %__MODULE__{kind: :error | :exit | :throw, name: module | nil}

  @impl true
  def message(%{kind: :error, name: name}), do: "the handler raised #{inspect(name)}"
  def message(%{kind: kind}), do: "the handler ended by #{kind}"

  @doc false
  @spec reraise_hidden(:error | :exit | :throw, term, Exception.stacktrace()) :: no_return
  def reraise_hidden(kind, reason, stack) do
    name = if kind == :error, do: Exception.normalize(:error, reason, stack).__struct__
    reraise %__MODULE__{kind: kind, name: name}, Enum.map(stack, &without_arguments/1)
  end

  defp without_arguments({module, name, arguments, location}) when is_list(arguments),
    do: {module, name, length(arguments), location}

  defp without_arguments(entry), do: entry
end

defmodule BitActor.Worker.Tally do
  @moduledoc """
  The handler that is used where no other is set: counts signals and payload bytes and keeps a
  digest that depends on every signal and on their order.
  """
  @behaviour BitActor.Worker.Handler

  alias BitActor.Signal

  @impl true
  def init(_key), do: {0, 0, 0}

  @impl true
  def handle(%Signal{kind: kind, sequence: sequence, payload: payload}, {count, bytes, digest}) do
    count = count + 1

    {count,
     {count, bytes + byte_size(payload), :erlang.phash2({digest, kind, sequence, payload})}}
  end

  @impl true
  def format({count, bytes, _digest}), do: %{signals: count, payload_bytes: bytes}
end
