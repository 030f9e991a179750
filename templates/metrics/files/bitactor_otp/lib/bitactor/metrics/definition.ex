defmodule BitActor.Metrics.Definition do
  @moduledoc """
  A metric as data, checked.

  A source's `metrics/0` gives maps with

    * `name`, `type` (`:counter`, `:gauge`, `:histogram`), `help`;
    * `labels`: names, or `{name, values}` where only those values are told apart;
    * either `event` and `measurement` (a key of the measurements, or a function of them, or
      of them and the metadata), labels then being keys of the metadata,
    * or `read: {module, function, arguments}`, called at each scrape, returning a number or a
      list of `{labels, number}`; not for histograms;
    * `unit: {:native, :second}` when values come in native time units;
    * `buckets` of a histogram: upper bounds in the metric's unit, rising;
    * `max_series` (#{100}): further combinations of label values are counted as one, "other".

  The names follow https://prometheus.io/docs/practices/naming/: lower case, base units,
  `_total` for counters and nothing else. Labels that grow with use (a process, an actor, a
  request) are refused: each value is a time series that stays for the life of the node.
  """

  @max_series 100
  @unbounded ~w(pid actor actor_id key id trace_id span_id request_id session user node peer ip)a
  @second 1_000_000_000

  @enforce_keys [:name, :type, :help]
  defstruct [
    :name,
    :type,
    :help,
    :event,
    :measurement,
    :read,
    labels: [],
    allowed: %{},
    bounds: {},
    buckets: [],
    scale: 1,
    convert: 1,
    max_series: @max_series
  ]

  @typedoc """
  `scale`: what stored integers are divided by when they are read. `convert`: what a value is
  multiplied with before it is stored. `bounds`: the buckets in stored units.
  """
  @type t :: %__MODULE__{
          name: String.t(),
          type: :counter | :gauge | :histogram,
          help: String.t(),
          event: BitActor.Telemetry.name() | nil,
          measurement: atom() | (map() -> number()) | (map(), map() -> number()) | nil,
          read: {module(), atom(), list()} | nil,
          labels: [atom()],
          allowed: %{optional(atom()) => [String.t()]},
          bounds: tuple(),
          buckets: [number()],
          scale: pos_integer(),
          convert: pos_integer(),
          max_series: pos_integer()
        }

  @doc """
  Checks one map of a source.

      iex> BitActor.Metrics.Definition.new(%{name: "requests", type: :counter, help: "Requests."})
      {:error, "requests: a counter's name ends in _total"}
  """
  @spec new(map()) :: {:ok, t()} | {:error, String.t()}
  def new(map) do
    checks = [&name/1, &help/1, &labels/1, &source/1, &unit/1, &buckets/1]

    case Enum.find_value(checks, fn check -> check.(map) end) do
      nil -> {:ok, build(map)}
      problem -> {:error, "#{map[:name] || inspect(map)}: #{problem}"}
    end
  end

  defp name(%{name: name, type: type}) when is_binary(name) do
    total? = String.ends_with?(name, "_total")

    cond do
      type not in [:counter, :gauge, :histogram] ->
        "no such type: #{inspect(type)}"

      not Regex.match?(~r/\A[a-z][a-z0-9_]*\z/, name) ->
        "a name is lower case letters, digits and _"

      type == :counter and not total? ->
        "a counter's name ends in _total"

      type != :counter and total? ->
        "only a counter's name ends in _total"

      String.ends_with?(name, ~w(_bucket _sum _count)) ->
        "the suffix belongs to histograms"

      true ->
        nil
    end
  end

  defp name(_), do: "name and type are missing"

  defp help(%{help: help}) when is_binary(help) and help != "", do: nil
  defp help(_), do: "help is missing"

  defp labels(map) do
    names = Enum.map(Map.get(map, :labels, []), &label_name/1)

    cond do
      not Enum.all?(names, &valid_label?/1) ->
        "labels are atoms of lower case letters, digits and _"

      names != Enum.uniq(names) ->
        "a label is named twice"

      bad = Enum.find(names, &(&1 in @unbounded)) ->
        "label #{bad} has no bound"

      true ->
        nil
    end
  end

  defp label_name({name, _}), do: name
  defp label_name(name), do: name

  # le and quantile are the format's own.
  defp valid_label?(name) do
    is_atom(name) and name not in [:le, :quantile] and
      Regex.match?(~r/\A[a-z][a-z0-9_]*\z/, Atom.to_string(name))
  end

  defp source(%{read: {module, function, arguments}} = map)
       when is_atom(module) and is_atom(function) and is_list(arguments) do
    cond do
      map.type == :histogram -> "a histogram cannot be read"
      Map.has_key?(map, :event) -> "read and event exclude each other"
      true -> nil
    end
  end

  defp source(%{event: [first | _], measurement: measurement})
       when is_atom(first) and
              (is_atom(measurement) or is_function(measurement, 1) or is_function(measurement, 2)) do
    nil
  end

  # No source: the metric is fed by BitActor.Metrics.increment/3 and its kin.
  defp source(map) do
    if Map.has_key?(map, :event) or Map.has_key?(map, :read), do: "event or read is malformed"
  end

  defp unit(map) do
    if Map.get(map, :unit) not in [nil, {:native, :second}], do: "no such unit"
  end

  defp buckets(%{type: :histogram} = map) do
    buckets = Map.get(map, :buckets, [])

    cond do
      buckets == [] -> "buckets are missing"
      not Enum.all?(buckets, &is_number/1) -> "buckets are numbers"
      buckets != Enum.uniq(Enum.sort(buckets)) -> "buckets rise"
      true -> nil
    end
  end

  defp buckets(map), do: if(Map.has_key?(map, :buckets), do: "only histograms have buckets")

  defp build(map) do
    labels = Map.get(map, :labels, [])
    {scale, convert} = scale(map)
    buckets = Map.get(map, :buckets, [])

    %__MODULE__{
      name: map.name,
      type: map.type,
      help: map.help,
      event: map[:event],
      measurement: map[:measurement],
      read: map[:read],
      labels: Enum.map(labels, &label_name/1),
      allowed:
        for({name, values} <- labels, into: %{}, do: {name, Enum.map(values, &to_string/1)}),
      buckets: buckets,
      bounds: buckets |> Enum.map(fn bound -> round(bound * scale) end) |> List.to_tuple(),
      scale: scale,
      convert: convert,
      max_series: Map.get(map, :max_series, @max_series)
    }
  end

  # Values are kept as 64-bit integers. Seconds and ratios are mostly fractions: they are kept
  # as billionths (292 years of seconds), everything else as it comes, rounded.
  defp scale(%{unit: {:native, :second}}), do: {System.convert_time_unit(1, :second, :native), 1}

  defp scale(%{name: name}) do
    if String.contains?(name, ["_seconds", "_ratio"]), do: {@second, @second}, else: {1, 1}
  end
end
