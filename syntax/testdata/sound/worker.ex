defmodule MyApp.Worker do
  @moduledoc """
  A worker, with an `end` in its text.
  """
  use GenServer, restart: :transient
  alias MyApp.{Repo, Queue}
  import Ecto.Query, only: [from: 2]
  require Logger

  @timeout 5_000
  @type state :: %__MODULE__{items: list()}
  @typep id(x) :: {x, integer()}
  defstruct items: [], size: 0

  @callback handle(term(), state()) :: :ok

  # The public side.

  @doc """
  Starts it.
  """
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(opts \\ []), do: GenServer.start_link(__MODULE__, opts)

  @impl true
  def init(_opts), do: {:ok, %__MODULE__{}}

  @impl true
  def handle_call({:push, x}, _from, %{items: items} = state) when is_integer(x) do
    {:reply, :ok, %{state | items: [x | items]}}
  end

  # Anything else.
  def handle_call(:size, _from, state) do
    {:reply, length(state.items), state}
  end

  def handle_call(_, _from, state), do: {:reply, "#{inspect(state)} end", state}

  defp valid?(x), do: x > 0
  def reset!, do: :ok
  def a <~> b, do: a + b

  defmacro debug(message) do
    quote do
      Logger.debug(unquote(message))
    end
  end

  defguard is_small(x) when x < 10
  defdelegate count(queue), to: Queue

  defmodule Inner do
    def run, do: fn x -> x end
  end
end

defprotocol MyApp.Size do
  @doc "Its size."
  def size(x)
end

defimpl MyApp.Size, for: MyApp.Worker do
  def size(worker), do: length(worker.items)
end
