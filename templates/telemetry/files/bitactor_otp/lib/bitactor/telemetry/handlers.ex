defmodule BitActor.Telemetry.Handlers do
  @moduledoc """
  Changes the table of event handlers, one change at a time.

  The table itself is a persistent term, read without this process; the process is there so
  that two changes at once do not lose one of them. It starts before everything that
  attaches handlers.
  """

  use GenServer

  @doc "Starts the process; one per node."
  @spec start_link(term()) :: GenServer.on_start()
  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc """
  Replaces the table under `key` by the second part of what `fun` makes of it and returns the
  first part. `fun` runs in the process of this module and must not raise.
  """
  @spec change(key :: term(), (map() -> {answer, map()})) :: answer when answer: term()
  def change(key, fun), do: GenServer.call(__MODULE__, {:change, key, fun})

  @impl true
  def init(_), do: {:ok, nil}

  @impl true
  def handle_call({:change, key, fun}, _from, state) do
    old = :persistent_term.get(key, %{})
    {answer, new} = fun.(old)
    if new != old, do: :persistent_term.put(key, new)
    {:reply, answer, state}
  end
end
