defmodule BitActor.Property do
  @moduledoc """
  One way to write a property, three to run it: PropEr where it is installed (Debian's
  erlang-proper), else StreamData where it is a dependency, else a seeded generator of our own.
  `engine/0` says which. Never none: a property is always run.

  A generator is data, so that each of them can make and shrink its values:

  | generator | value |
  | --- | --- |
  | `{:int, low, high}` | an integer |
  | `{:list, generator, length_max}` | a list |
  | `{:tuple, [generator]}` | a tuple |
  | `{:one_of, [generator]}` | a value of one of them |
  | `{:map, generator, fun}` | `fun` of the value |

  What is made and shrunk is the raw value, before the functions; that is what a failure shows and
  what is kept under `:regressions` to be tried first from then on.
  """

  import ExUnit.Assertions, only: [flunk: 1]

  @type generator ::
          {:int, integer, integer}
          | {:list, generator, pos_integer}
          | {:tuple, [generator]}
          | {:one_of, [generator]}
          | {:map, generator, (term -> term)}

  @doc "Which of the three makes the values."
  @spec engine() :: :proper | :stream_data | :own
  def engine do
    case System.get_env("BITACTOR_PROPERTY_ENGINE") do
      name when name in ["proper", "stream_data", "own"] -> String.to_existing_atom(name)
      nil -> found()
    end
  end

  defp found do
    cond do
      Code.ensure_loaded?(:proper) -> :proper
      Code.ensure_loaded?(StreamData) -> :stream_data
      true -> :own
    end
  end

  @doc """
  Checks that `holds?` is true for `:runs` values (100 unless given), and for each of the raw
  values `:regressions` before. A failure is shrunk and shown.
  """
  @spec check(generator, keyword, (term -> boolean)) :: :ok
  def check(generator, options \\ [], holds?) do
    holds_raw? = fn raw -> holds?(generator, raw, holds?) end

    for raw <- Keyword.get(options, :regressions, []), not holds_raw?.(raw) do
      flunk("does not hold for the kept value #{show(raw)}#{raised()}")
    end

    case run(engine(), generator, holds_raw?, Keyword.get(options, :runs, 100)) do
      :ok ->
        :ok

      {:failed, raw} ->
        flunk("does not hold for #{show(raw)} (#{engine()}, seed #{seed()})#{raised()}")
    end
  end

  # What a property raises is a failure like any other: it is shrunk, and shown in the end.
  defp holds?(generator, raw, holds?) do
    Process.delete(:raised)
    holds?.(value(generator, raw)) == true
  rescue
    error -> Process.put(:raised, Exception.format(:error, error, __STACKTRACE__)) && false
  end

  defp raised do
    case Process.get(:raised) do
      nil -> ""
      text -> "\n" <> text
    end
  end

  defp show(raw),
    do: inspect(raw, limit: :infinity, printable_limit: :infinity, charlists: :as_lists)

  defp seed, do: ExUnit.configuration()[:seed] || 0

  @doc "The value of a raw value."
  @spec value(generator, raw :: term) :: term
  def value({:int, _low, _high}, raw), do: raw
  # an engine may make more than the list shall hold: cut, not refused and made again
  def value({:list, generator, max}, raw),
    do: raw |> Enum.take(max) |> Enum.map(&value(generator, &1))

  def value({:tuple, generators}, raw) do
    generators
    |> Enum.zip(Tuple.to_list(raw))
    |> Enum.map(fn {g, r} -> value(g, r) end)
    |> List.to_tuple()
  end

  def value({:one_of, generators}, {index, raw}), do: value(Enum.at(generators, index), raw)
  def value({:map, generator, fun}, raw), do: fun.(value(generator, raw))

  # PropEr (https://proper-testing.github.io): the types are calls of its library, since its
  # macros are Erlang's.
  defp run(:proper, generator, holds?, runs) do
    proper = :proper
    property = proper.forall(proper_type(generator), holds?)

    case proper.quickcheck(property, [:quiet, :long_result, {:numtests, runs}, {:max_size, 60}]) do
      true -> :ok
      [raw | _] -> {:failed, raw}
    end
  end

  defp run(:stream_data, generator, holds?, runs) do
    stream_data = StreamData
    options = [initial_seed: {seed(), seed(), seed()}, max_runs: runs]

    checked =
      stream_data.check_all(stream(generator), options, fn raw ->
        if holds?.(raw), do: {:ok, raw}, else: {:error, raw}
      end)

    case checked do
      {:ok, _} -> :ok
      {:error, %{shrunk_failure: raw}} -> {:failed, raw}
    end
  end

  defp run(:own, generator, holds?, runs) do
    state = :rand.seed_s(:exsss, {seed(), :erlang.phash2(generator), runs})

    Enum.reduce_while(1..runs, {:ok, state}, fn run, {:ok, state} ->
      {raw, state} = make(generator, div(60 * run, runs) + 1, state)

      if holds?.(raw),
        do: {:cont, {:ok, state}},
        else: {:halt, {:failed, shrunk(generator, raw, holds?)}}
    end)
    |> case do
      {:ok, _state} -> :ok
      failed -> failed
    end
  end

  defp proper_type({:int, low, high}), do: types().integer(low, high)

  defp proper_type({:list, generator, _max}), do: types().list(proper_type(generator))

  defp proper_type({:tuple, generators}),
    do: types().tuple(Enum.map(generators, &proper_type/1))

  defp proper_type({:one_of, generators}) do
    generators
    |> Enum.with_index()
    |> Enum.map(fn {g, index} -> types().tuple([types().exactly(index), proper_type(g)]) end)
    |> types().oneof()
  end

  defp proper_type({:map, generator, _fun}), do: proper_type(generator)

  defp types, do: :proper_types

  defp stream({:int, low, high}), do: stream_data().integer(low..high)

  defp stream({:list, generator, max}),
    do: stream_data().list_of(stream(generator), max_length: max)

  defp stream({:tuple, generators}),
    do: generators |> Enum.map(&stream/1) |> List.to_tuple() |> stream_data().tuple()

  defp stream({:one_of, generators}) do
    generators
    |> Enum.with_index()
    |> Enum.map(fn {g, index} ->
      stream_data().tuple({stream_data().constant(index), stream(g)})
    end)
    |> stream_data().one_of()
  end

  defp stream({:map, generator, _fun}), do: stream(generator)

  defp stream_data, do: StreamData

  # Our own: a value grows with its run, and shrinks by the first smaller one that fails too.
  defp make({:int, low, high}, size, state) do
    # small ones more often than their share: most faults show near zero
    high = if high - low > size and size < 40, do: low + size, else: high
    {n, state} = :rand.uniform_s(high - low + 1, state)
    {low + n - 1, state}
  end

  defp make({:list, generator, max}, size, state) do
    {length, state} = :rand.uniform_s(min(max, size) + 1, state)
    Enum.map_reduce(List.duplicate(generator, length - 1), state, &make(&1, size, &2))
  end

  defp make({:tuple, generators}, size, state) do
    {raws, state} = Enum.map_reduce(generators, state, &make(&1, size, &2))
    {List.to_tuple(raws), state}
  end

  defp make({:one_of, generators}, size, state) do
    {n, state} = :rand.uniform_s(length(generators), state)
    {raw, state} = make(Enum.at(generators, n - 1), size, state)
    {{n - 1, raw}, state}
  end

  defp make({:map, generator, _fun}, size, state), do: make(generator, size, state)

  defp shrunk(generator, raw, holds?) do
    case Enum.find(smaller(generator, raw), &(not holds?.(&1))) do
      nil -> raw
      smaller -> shrunk(generator, smaller, holds?)
    end
  end

  defp smaller({:int, low, _high}, n),
    do: Enum.uniq(for(d <- [n - low, div(n - low, 2), 1], d > 0, do: n - d))

  defp smaller({:list, generator, _max}, list) do
    count = length(list)

    halves =
      for size <- Enum.uniq([count, div(count, 2), div(count, 4), 1]),
          size > 0,
          from <- 0..(count - size)//size,
          do: Enum.take(list, from) ++ Enum.drop(list, from + size)

    each =
      for {raw, index} <- Enum.with_index(list),
          less <- smaller(generator, raw),
          do: List.replace_at(list, index, less)

    halves ++ each
  end

  defp smaller({:tuple, generators}, raw) do
    for {generator, index} <- Enum.with_index(generators),
        less <- smaller(generator, elem(raw, index)),
        do: put_elem(raw, index, less)
  end

  defp smaller({:one_of, generators}, {index, raw}) do
    for less <- smaller(Enum.at(generators, index), raw), do: {index, less}
  end

  defp smaller({:map, generator, _fun}, raw), do: smaller(generator, raw)
end
