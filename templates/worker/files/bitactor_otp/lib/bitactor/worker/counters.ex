defmodule BitActor.Worker.Counters do
  @moduledoc """
  What the workers of this node counted since it started. Counters of a node, never of an
  actor: an actor's would vanish with it and turn sums back.
  """

  @counters __MODULE__
  @names [:handled, :shed, :late, :repeated, :lost, :foreign, :restarts]

  @type t :: :counters.counters_ref()
  @type name :: :handled | :shed | :late | :repeated | :lost | :foreign | :restarts

  @doc "Makes the counters, once for the node: a restart of the tree must not turn them back."
  @spec make() :: :ok
  def make do
    if :persistent_term.get(@counters, nil) == nil do
      :persistent_term.put(@counters, :counters.new(length(@names), [:write_concurrency]))
    end

    :ok
  end

  @doc "The counters, for who adds with every signal and wants to look them up once."
  @spec reference() :: t
  def reference, do: :persistent_term.get(@counters)

  @doc "Adds to one of `reference/0`."
  @spec add(t, name, non_neg_integer) :: :ok
  for {name, index} <- Enum.with_index(@names, 1) do
    def add(reference, unquote(name), n), do: :counters.add(reference, unquote(index), n)
  end

  @doc "Adds to a counter."
  @spec add(name, non_neg_integer) :: :ok
  def add(name, n), do: add(reference(), name, n)

  @doc "The value of a counter."
  @spec get(name) :: non_neg_integer
  for {name, index} <- Enum.with_index(@names, 1) do
    def get(unquote(name)), do: :counters.get(reference(), unquote(index))
  end

  @doc "All values."
  @spec all() :: %{name => non_neg_integer}
  def all, do: Map.new(@names, &{&1, get(&1)})
end
