defmodule BitActor.LogFormatter do
  @moduledoc """
  One log event, one line of JSON: a formatter for `:logger`.

      config :bitactor, :logger, [
        {:handler, :default, :logger_std_h,
         %{formatter: {BitActor.LogFormatter, %{metadata: [:request_id]}}}}
      ]

  Fields, in this order: `time` (RFC 3339, UTC, microseconds), `level`, `message`,
  `trace_id` and `span_id` (inside a span), `module`, `function`, `line`, `pid`, `node`, then
  the metadata named in the configuration.

  Invariants:

    1. Each event gives exactly one line of valid JSON, whatever is in it: text that is not
       UTF-8, reports of any shape, a callback that raises.
    2. Nothing under a sensitive key (`BitActor.Redaction`) is printed.
    3. A message is cut at `message_max` bytes (16,384), so a crash report with a huge state
       cannot stall the log.

  It runs in the process that logs, as handlers of `:logger` do.
  """

  alias BitActor.{JSON, Redaction}

  @message_max 16_384
  @inspect [limit: 50, printable_limit: 4_096, width: 0]

  @doc "Refuses a configuration that `format/2` does not understand."
  @spec check_config(map()) :: :ok | {:error, term()}
  def check_config(config) do
    case Map.drop(config, [:metadata, :message_max]) do
      rest when rest == %{} -> :ok
      rest -> {:error, {:unknown_keys, Map.keys(rest)}}
    end
  end

  @doc "Formats one event of `:logger` as a line of JSON."
  @spec format(:logger.log_event(), map()) :: iodata()
  def format(%{level: level, msg: message, meta: meta}, config) do
    line(level, message(message, meta, config), meta, config)
  rescue
    error -> line(level, "log event not formatted: #{inspect(error.__struct__)}", %{}, config)
  catch
    kind, _ -> line(level, "log event not formatted: #{kind}", %{}, config)
  end

  defp line(level, message, meta, config) do
    fields =
      [
        {"time", time(meta)},
        {"level", Atom.to_string(level)},
        {"message", cut(message, Map.get(config, :message_max, @message_max))}
      ] ++ trace(meta) ++ origin(meta) ++ extra(meta, Map.get(config, :metadata, []))

    [?{, Enum.map_intersperse(fields, ?,, &field/1), "}\n"]
  end

  defp field({key, value}), do: [?", key, "\":", JSON.encode_to_iodata!(value, invalid: :replace)]

  defp time(%{time: microseconds}), do: rfc3339(microseconds)
  defp time(_), do: rfc3339(System.system_time(:microsecond))

  defp rfc3339(microseconds) do
    microseconds |> DateTime.from_unix!(:microsecond) |> DateTime.to_iso8601()
  end

  defp message({:string, text}, _, _), do: text(text)

  defp message({:report, report}, meta, _) do
    case Map.get(meta, :report_cb) do
      callback when is_function(callback, 1) -> formatted(callback.(Redaction.redact(report)))
      callback when is_function(callback, 2) -> text(callback.(Redaction.redact(report), depth()))
      _ -> inspect(Redaction.redact(report), @inspect)
    end
  end

  defp message({format, arguments}, _, _), do: formatted({format, arguments})

  defp depth, do: %{depth: 50, chars_limit: @message_max, single_line: true}

  # Sensitive values inside the arguments are hidden like those of reports.
  defp formatted({format, arguments}) do
    text(:io_lib.format(format, Redaction.redact(arguments), chars_limit: @message_max))
  end

  defp text(text) when is_binary(text), do: text

  # Chardata, or a list that only looks like it (bytes above 127 are kept and replaced later).
  defp text(text) do
    case :unicode.characters_to_binary(text) do
      binary when is_binary(binary) -> binary
      {_, good, _} -> good <> "\uFFFD"
    end
  end

  defp cut(text, max) when byte_size(text) <= max, do: text

  defp cut(text, max), do: binary_part(text, 0, max) <> "... (#{byte_size(text)} bytes)"

  defp trace(%{trace_id: trace, span_id: span}), do: [{"trace_id", trace}, {"span_id", span}]
  defp trace(_), do: []

  defp origin(meta) do
    place =
      case meta do
        %{mfa: {module, function, arity}} ->
          [{"module", inspect(module)}, {"function", "#{function}/#{arity}"}]

        _ ->
          []
      end

    line = for {:line, line} when is_integer(line) <- [{:line, meta[:line]}], do: {"line", line}

    pid =
      for pid when is_pid(pid) <- [meta[:pid]],
          do: {"pid", List.to_string(:erlang.pid_to_list(pid))}

    place ++ line ++ pid ++ [{"node", node()}]
  end

  defp extra(meta, keys) do
    for key <- keys,
        {:ok, value} <- [Map.fetch(meta, key)],
        do: {Atom.to_string(key), plain(key, value)}
  end

  defp plain(key, value) do
    cond do
      Redaction.sensitive?(key) -> "[redacted]"
      is_binary(value) or is_number(value) or is_atom(value) -> value
      true -> inspect(Redaction.redact(value), @inspect)
    end
  end
end
