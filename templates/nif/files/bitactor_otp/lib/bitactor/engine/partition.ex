defmodule BitActor.Engine.Partition do
  @moduledoc """
  One partition of `BitActor.Engine`: a process that owns a core. A batch whose caller
  has given up is not handled.
  """
  use GenServer

  @doc "The registered name of a partition."
  @spec name(0..63) :: atom
  def name(index) when index in 0..63, do: :"#{__MODULE__}.#{index}"

  @doc false
  def child_spec(options) do
    %{
      id: {__MODULE__, options[:index]},
      start: {__MODULE__, :start_link, [options]},
      shutdown: 5_000
    }
  end

  @doc false
  def start_link(options) do
    GenServer.start_link(__MODULE__, options, name: name(options[:index]))
  end

  @impl true
  def init(options) do
    case BitActor.Core.open(options[:core]) do
      {:ok, core} ->
        # what waited for the last process of this name is gone with its mailbox
        :atomics.put(options[:pending], options[:index] + 1, 0)
        {:ok, %{core: core, pending: options[:pending], index: options[:index] + 1}}

      {:error, reason} ->
        {:stop, reason}
    end
  end

  @impl true
  def handle_call({:batch, batch, deadline}, _from, state) do
    :atomics.sub(state.pending, state.index, 1)

    if System.monotonic_time(:millisecond) > deadline do
      {:reply, {:error, :timeout}, state}
    else
      {:reply, BitActor.Core.process(state.core, batch), state}
    end
  end

  def handle_call({:actor, index}, _from, state) do
    {:reply, BitActor.Core.actor(state.core, index), state}
  end

  def handle_call(:info, _from, state), do: {:reply, BitActor.Core.info(state.core), state}
end
