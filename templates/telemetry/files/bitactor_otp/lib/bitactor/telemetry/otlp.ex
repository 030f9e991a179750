defmodule BitActor.Telemetry.OTLP do
  @moduledoc """
  The JSON form of an OTLP trace request, version 1
  (opentelemetry-proto, `collector/trace/v1/trace_service.proto`, and the section "JSON
  Protobuf Encoding" of the OTLP specification).

  Three things differ from plain protobuf JSON: identifiers are lower-case hex, not base64;
  64-bit integers are decimal strings; enumerations are numbers.
  """

  alias BitActor.{JSON, Redaction}

  # enum SpanKind: SPAN_KIND_INTERNAL, SPAN_KIND_SERVER; enum StatusCode: OK, ERROR.
  @internal 1
  @server 2
  @unset 0
  @error 2

  @value_max 1_024

  @doc """
  The URL of the traces of a collector's base endpoint.

      iex> BitActor.Telemetry.OTLP.url("http://collector:4318/")
      ~c"http://collector:4318/v1/traces"
  """
  @spec url(String.t()) :: charlist()
  def url(endpoint), do: String.to_charlist(String.trim_trailing(endpoint, "/") <> "/v1/traces")

  @doc "What is said once about the sender: names after OpenTelemetry's resource conventions."
  @spec resource() :: map()
  def resource do
    version = to_string(Application.spec(:bitactor, :vsn) || "")

    %{
      "service.name" => "bitactor",
      "service.version" => version,
      "service.instance.id" => Atom.to_string(node()),
      "telemetry.sdk.language" => "erlang",
      "telemetry.sdk.name" => "bitactor"
    }
  end

  @doc "Encodes one request with `spans`."
  @spec encode([BitActor.Telemetry.Span.t()], resource :: map()) :: String.t()
  def encode(spans, resource) do
    scope = %{name: "bitactor", version: resource["service.version"]}

    JSON.encode!(
      %{
        resourceSpans: [
          %{
            resource: %{attributes: attributes(resource)},
            scopeSpans: [%{scope: scope, spans: Enum.map(spans, &span/1)}]
          }
        ]
      },
      invalid: :replace
    )
  end

  defp span(span) do
    %{
      traceId: span.trace_id,
      spanId: span.span_id,
      name: name(span.name),
      kind: kind(span.name),
      startTimeUnixNano: Integer.to_string(span.started),
      endTimeUnixNano: Integer.to_string(max(span.ended, span.started)),
      flags: 1,
      attributes: attributes(span.attributes),
      status: status(span.status)
    }
    |> parent(span.parent_id)
  end

  defp parent(span, nil), do: span
  defp parent(span, id), do: Map.put(span, :parentSpanId, id)

  defp name(name), do: Enum.map_join(name, ".", &Atom.to_string/1)

  defp kind([:bitactor, :http | _]), do: @server
  defp kind(_), do: @internal

  defp status(:ok), do: %{code: @unset}
  defp status({:error, message}), do: %{code: @error, message: cut(message)}

  defp attributes(map) do
    for {key, value} <- Enum.sort(Redaction.redact(map)) do
      %{key: to_string(key), value: value(value)}
    end
  end

  defp value(value) when is_boolean(value), do: %{boolValue: value}
  defp value(value) when is_integer(value), do: integer(value)
  defp value(value) when is_float(value), do: %{doubleValue: value}
  defp value(value) when is_atom(value), do: %{stringValue: Atom.to_string(value)}
  defp value(value) when is_binary(value), do: %{stringValue: cut(value)}
  defp value(value), do: %{stringValue: cut(inspect(value, limit: 20, printable_limit: 200))}

  # intValue holds 64 bits; Elixir's integers do not stop there.
  defp integer(value) when value in -0x8000_0000_0000_0000..0x7FFF_FFFF_FFFF_FFFF do
    %{intValue: Integer.to_string(value)}
  end

  defp integer(value), do: %{stringValue: cut(Integer.to_string(value))}

  defp cut(text) when byte_size(text) <= @value_max, do: text
  defp cut(text), do: binary_part(text, 0, @value_max)

  @doc "How many spans a collector's answer says it refused (`partialSuccess`)."
  @spec rejected(binary()) :: non_neg_integer()
  def rejected(body) do
    with {:ok, %{"partialSuccess" => %{"rejectedSpans" => count}}} <- JSON.decode(body),
         {count, ""} when count >= 0 <- Integer.parse(to_string(count)) do
      count
    else
      _ -> 0
    end
  end
end
