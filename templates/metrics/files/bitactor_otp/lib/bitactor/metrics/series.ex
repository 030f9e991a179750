defmodule BitActor.Metrics.Series do
  @moduledoc """
  Where the numbers are: one `:counters` (counter, histogram) or `:atomics` (gauge) for each
  combination of label values, found through a table.

  Invariants:

    1. `update/3` takes no lock and sends no message; nothing is lost when many processes
       write at once.
    2. A metric has at most `max_series` combinations of label values, then "other" takes the
       rest; the table never shrinks and never grows beyond that.
    3. Label values are text of at most #{128} bytes of valid UTF-8. Anything but text, atoms and
       integers is "other": inspecting it could make values without bound.
  """

  alias BitActor.Metrics.Definition

  @enforce_keys [:definition, :table]
  defstruct [:definition, :id, :table, :single, :size]

  @typedoc """
  `id` marks the metric's rows in the table, `single` is the store of a metric without labels,
  `size` counts combinations.
  """
  @type t :: %__MODULE__{
          definition: Definition.t(),
          id: integer(),
          table: :ets.table(),
          single: store() | nil,
          size: :atomics.atomics_ref()
        }
  @typep store :: :counters.counters_ref() | :atomics.atomics_ref()

  @value_max 128
  @other "other"

  @doc "The table for all series; owned by the caller."
  @spec table() :: :ets.table()
  def table, do: :ets.new(__MODULE__, [:set, :public, read_concurrency: true])

  @doc "A metric without a value yet; one without labels starts at 0."
  @spec new(Definition.t(), :ets.table()) :: t()
  def new(definition, table) do
    metric = %__MODULE__{
      id: :erlang.unique_integer(),
      definition: definition,
      table: table,
      size: :atomics.new(2, signed: false)
    }

    case definition do
      %{labels: [], read: nil} -> %{metric | single: store(definition)}
      _ -> metric
    end
  end

  defp store(%{type: :gauge}), do: :atomics.new(1, signed: true)
  defp store(%{type: :counter}), do: :counters.new(1, [:write_concurrency])

  # One for each bucket, one for what is above, one for the sum.
  defp store(%{type: :histogram, bounds: bounds}) do
    :counters.new(tuple_size(bounds) + 2, [:write_concurrency])
  end

  @doc """
  Counts, sets or observes `value` under the labels of `labels` (a map that may hold more).
  A counter ignores negative values.
  """
  @spec update(t(), number(), map()) :: :ok
  def update(%__MODULE__{definition: definition, single: nil} = metric, value, labels) do
    put(definition, find(metric, values(definition.labels, labels)), stored(definition, value))
  end

  def update(%__MODULE__{definition: definition, single: store}, value, _) do
    put(definition, store, stored(definition, value))
  end

  defp stored(%{convert: 1}, value) when is_integer(value), do: value
  defp stored(%{convert: convert}, value), do: round(value * convert)

  defp values([], _), do: []

  defp values([name | names], labels) do
    case labels do
      %{^name => value} -> [value | values(names, labels)]
      _ -> ["" | values(names, labels)]
    end
  end

  defp put(%{type: :counter}, store, value) when value >= 0, do: :counters.add(store, 1, value)
  defp put(%{type: :counter}, _, _), do: :ok
  defp put(%{type: :gauge}, store, value), do: :atomics.put(store, 1, value)

  defp put(%{type: :histogram, bounds: bounds}, store, value) do
    size = tuple_size(bounds)
    :counters.add(store, bucket(bounds, value, 1, size), 1)
    :counters.add(store, size + 2, value)
  end

  # The first bucket whose bound is not below the value; size + 1 when there is none.
  defp bucket(_, _, index, size) when index > size, do: index

  defp bucket(bounds, value, index, _) when value <= :erlang.element(index, bounds), do: index
  defp bucket(bounds, value, index, size), do: bucket(bounds, value, index + 1, size)

  # lookup_element/3 copies the store alone out of the table; a row is missing once.
  defp find(%{id: id, table: table} = metric, values) do
    :ets.lookup_element(table, {id, values}, 3)
  rescue
    ArgumentError -> create(metric, values)
  end

  # The combination as it came (atoms, say) and its text may be two rows with one store:
  # :ok and "ok" are the same series.
  defp create(%{definition: definition} = metric, values) do
    texts = texts(definition, values)

    cond do
      texts != values ->
        store = find(metric, texts)

        if room?(metric, 2, 4 * definition.max_series),
          do: insert(metric, values, :alias, store)

        store

      values == others(definition) or room?(metric, 1, definition.max_series) ->
        insert(metric, values, values, store(definition))

      true ->
        find(metric, others(definition))
    end
  end

  defp room?(metric, index, max), do: :atomics.add_get(metric.size, index, 1) <= max

  # Two processes may come with the same new values: the first one's store counts.
  defp insert(%{id: id, table: table}, values, texts, store) do
    :ets.insert_new(table, {{id, values}, texts, store})
    :ets.lookup_element(table, {id, values}, 3)
  end

  defp others(definition), do: Enum.map(definition.labels, fn _ -> @other end)

  defp texts(%{labels: labels, allowed: allowed}, values) do
    Enum.zip_with(labels, values, fn label, value -> allowed(text(value), allowed[label]) end)
  end

  defp allowed(text, nil), do: text
  defp allowed(text, values), do: if(text in values, do: text, else: @other)

  defp text(value) when is_atom(value), do: text(Atom.to_string(value))
  defp text(value) when is_integer(value), do: Integer.to_string(value)

  defp text(value) when is_binary(value) do
    if byte_size(value) <= @value_max and String.valid?(value), do: value, else: @other
  end

  defp text(_), do: @other

  @doc "How many updates found no room for their label values."
  @spec overflow(t()) :: non_neg_integer()
  def overflow(%{size: size, definition: definition}) do
    max(:atomics.get(size, 1) - definition.max_series, 0)
  end

  @doc "How many series the metric has."
  @spec count(t()) :: non_neg_integer()
  def count(%{single: nil} = metric), do: length(read(metric))
  def count(_), do: 1

  @doc """
  All series of the metric: `{label texts, value}`, for a histogram
  `{label texts, {counts of the buckets and of what is above, sum}}`.
  """
  @spec read(t()) :: [{[String.t()], number() | {[non_neg_integer()], number()}}]
  def read(%{definition: definition, id: id, single: nil, table: table}) do
    rows = :ets.match(table, {{id, :_}, :"$1", :"$2"})
    for [texts, store] <- rows, texts != :alias, do: {texts, value(definition, store)}
  end

  def read(%{definition: definition, single: store}), do: [{[], value(definition, store)}]

  defp value(%{type: :gauge} = definition, store), do: scaled(:atomics.get(store, 1), definition)

  defp value(%{type: :counter} = definition, store) do
    scaled(:counters.get(store, 1), definition)
  end

  defp value(%{type: :histogram, bounds: bounds} = definition, store) do
    size = tuple_size(bounds)
    counts = for index <- 1..(size + 1), do: :counters.get(store, index)
    {counts, scaled(:counters.get(store, size + 2), definition)}
  end

  defp scaled(value, %{scale: 1}), do: value
  defp scaled(value, %{scale: scale}), do: value / scale
end
