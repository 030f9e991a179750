defmodule BitActor.Telemetry.Span do
  @moduledoc """
  Spans of a trace, and the trace context of a process.

  The context is what the W3C recommendation "Trace Context" level 1
  (https://www.w3.org/TR/trace-context-1/) carries in `traceparent`: trace id, id of the
  current span, sampled flag. `tracestate` is not carried.

  Invariants:

    1. The context belongs to one process (its dictionary); nothing is shared.
    2. `enter/2` and `leave/3` come in pairs; after `leave/3` the process has the context and
       the logger metadata it had before.
    3. Identifiers are lower-case hex: 32 digits a trace, 16 a span, never all zeroes.
    4. A child follows its parent's sampled flag. A new trace is sampled at the share given by
       `config :bitactor, trace_sample_ratio: 0.0..1.0` (1.0 when not set), decided by the
       trace id alone, so every node decides alike
       (OpenTelemetry specification, trace SDK, TraceIdRatioBased).
  """

  alias BitActor.Telemetry.Exporter

  @enforce_keys [:trace_id, :span_id, :sampled]
  defstruct [
    :trace_id,
    :span_id,
    :parent_id,
    :name,
    :sampled,
    :outer,
    started: 0,
    ended: 0,
    attributes: %{},
    status: :ok
  ]

  @typedoc """
  A span; times are nanoseconds since 1970. `outer` is what the process dictionary and the
  logger held before.
  """
  @type t :: %__MODULE__{
          trace_id: String.t(),
          span_id: String.t(),
          parent_id: String.t() | nil,
          name: BitActor.Telemetry.name() | nil,
          sampled: boolean(),
          outer: {t() | nil, map() | :undefined} | nil,
          started: integer(),
          ended: integer(),
          attributes: map(),
          status: :ok | {:error, String.t()}
        }

  @key :"$bitactor_span"

  @doc "Opens a span below the current one, or the first of a new trace."
  @spec enter(BitActor.Telemetry.name(), BitActor.Telemetry.metadata()) :: t()
  def enter(name, metadata) do
    outer = Process.get(@key)
    logged = :logger.get_process_metadata()

    span =
      outer
      |> child()
      |> Map.merge(%{
        name: name,
        outer: {outer, logged},
        started: System.system_time(:nanosecond),
        attributes: metadata
      })

    put(span, logged)
    span
  end

  @doc "Closes the span and hands it to the exporter when it is sampled."
  @spec leave(t(), BitActor.Telemetry.metadata(), :ok | {:error, String.t()}) :: :ok
  def leave(%__MODULE__{outer: outer} = span, metadata, status) do
    restore(outer)

    if span.sampled and Exporter.running?() do
      ended = System.system_time(:nanosecond)
      attributes = Map.merge(span.attributes, metadata)

      Exporter.export(%{
        span
        | outer: nil,
          ended: ended,
          attributes: attributes,
          status: status
      })
    end

    :ok
  end

  @doc "Runs `fun` below the span that `traceparent` names."
  @spec within(String.t() | nil, (() -> result)) :: result when result: term()
  def within(traceparent, fun) do
    outer = {Process.get(@key), :logger.get_process_metadata()}

    case parse(traceparent) do
      {:ok, remote} -> put(remote, elem(outer, 1))
      :error -> Process.delete(@key)
    end

    try do
      fun.()
    after
      restore(outer)
    end
  end

  @doc "The `traceparent` of the current span, or nil."
  @spec traceparent() :: String.t() | nil
  def traceparent do
    case Process.get(@key) do
      nil -> nil
      span -> format(span)
    end
  end

  @doc """
  Writes the `traceparent` of a span.

      iex> span = %BitActor.Telemetry.Span{
      ...>   trace_id: "4bf92f3577b34da6a3ce929d0e0e4736", span_id: "00f067aa0ba902b7", sampled: false}
      iex> BitActor.Telemetry.Span.format(span)
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
  """
  @spec format(t()) :: String.t()
  def format(%__MODULE__{trace_id: trace, span_id: span, sampled: true}) do
    <<"00-", trace::binary, "-", span::binary, "-01">>
  end

  def format(%__MODULE__{trace_id: trace, span_id: span}) do
    <<"00-", trace::binary, "-", span::binary, "-00">>
  end

  @doc """
  Reads a `traceparent`. Later versions are read by their first four fields, as section 3.2
  of the recommendation asks; version ff, upper case, zero identifiers and any other length
  are errors.
  """
  @spec parse(term()) :: {:ok, t()} | :error
  def parse(
        <<version::binary-size(2), "-", trace::binary-size(32), "-", span::binary-size(16), "-",
          flags::binary-size(2), rest::binary>>
      ) do
    if version?(version, rest) and hex?(trace) and hex?(span) and hex?(flags) and
         not zero?(trace) and not zero?(span) do
      {:ok, %__MODULE__{trace_id: trace, span_id: span, sampled: sampled?(flags)}}
    else
      :error
    end
  end

  def parse(_), do: :error

  defp version?("00", rest), do: rest == ""
  defp version?("ff", _), do: false
  defp version?(version, ""), do: hex?(version)
  defp version?(version, <<"-", _::binary>>), do: hex?(version)
  defp version?(_, _), do: false

  defp hex?(<<byte, rest::binary>>) when byte in ?0..?9 or byte in ?a..?f, do: hex?(rest)
  defp hex?(rest), do: rest == ""

  defp zero?(id), do: String.trim(id, "0") == ""

  # The lowest bit of the flags; the others are not ours to interpret (section 3.2.2.5).
  defp sampled?(<<_, low>>), do: low in [?1, ?3, ?5, ?7, ?9, ?b, ?d, ?f]

  defp child(nil) do
    <<trace::binary-size(32), span::binary-size(16)>> = random(24)
    %__MODULE__{trace_id: trace, span_id: span, sampled: sample?(trace)}
  end

  defp child(%__MODULE__{trace_id: trace, span_id: parent, sampled: sampled}) do
    %__MODULE__{trace_id: trace, span_id: random(8), parent_id: parent, sampled: sampled}
  end

  # An identifier of zeroes is invalid and, at 2^-64, not worth a test.
  defp random(bytes), do: Base.encode16(:crypto.strong_rand_bytes(bytes), case: :lower)

  @doc "Says whether a new trace with this id is sampled under the configured share."
  @spec sample?(String.t()) :: boolean()
  def sample?(trace_id) do
    case Application.get_env(:bitactor, :trace_sample_ratio, 1.0) do
      ratio when ratio >= 1 ->
        true

      ratio ->
        String.to_integer(binary_part(trace_id, 16, 16), 16) < ratio * 0x1_0000_0000_0000_0000
    end
  end

  defp put(span, logged) do
    Process.put(@key, span)
    base = if logged == :undefined, do: %{}, else: logged
    ids = %{trace_id: span.trace_id, span_id: span.span_id}
    :logger.set_process_metadata(Map.merge(base, ids))
  end

  defp restore({span, logged}) do
    if span == nil, do: Process.delete(@key), else: Process.put(@key, span)

    if logged == :undefined,
      do: :logger.unset_process_metadata(),
      else: :logger.set_process_metadata(logged)
  end
end
