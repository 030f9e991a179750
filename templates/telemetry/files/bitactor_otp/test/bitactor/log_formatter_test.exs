defmodule BitActor.LogFormatterTest do
  use ExUnit.Case, async: true

  alias BitActor.{JSON, LogFormatter, Telemetry}

  defp line(message, meta \\ %{}, config \\ %{}) do
    event = %{level: :error, msg: message, meta: Map.merge(%{time: 1_700_000_000_000_001}, meta)}
    text = IO.iodata_to_binary(LogFormatter.format(event, config))
    assert String.ends_with?(text, "}\n")
    assert length(String.split(text, "\n")) == 2
    assert {:ok, fields} = JSON.decode(text)
    fields
  end

  test "time, level, message, origin" do
    meta = %{mfa: {Enum, :map, 2}, line: 7, pid: self()}
    fields = line({:string, ["two\n", ?l, "ines"]}, meta)
    assert fields["time"] == "2023-11-14T22:13:20.000001Z"
    assert fields["level"] == "error"
    assert fields["message"] == "two\nlines"
    assert fields["module"] == "Enum"
    assert fields["function"] == "map/2"
    assert fields["line"] == 7
    assert fields["pid"] == List.to_string(:erlang.pid_to_list(self()))
    assert fields["node"] == Atom.to_string(node())
  end

  test "format and arguments, reports, report callbacks" do
    assert line({'~p and ~s', [1, "x"]})["message"] == "1 and x"
    assert line({:report, %{a: 1}})["message"] == "%{a: 1}"
    one = fn %{a: a} -> {'a is ~p', [a]} end
    assert line({:report, %{a: 1}}, %{report_cb: one})["message"] == "a is 1"
    two = fn %{a: a}, %{single_line: true} -> "a: #{a}" end
    assert line({:report, %{a: 1}}, %{report_cb: two})["message"] == "a: 1"
  end

  test "what cannot be formatted still gives a line" do
    assert line({:string, <<"ok", 0xFF>>})["message"] =~ "ok"
    assert line({:string, [0x110000]})["message"] =~ "\uFFFD"
    assert line({'~p ~p', [1]})["message"] =~ "not formatted"
    broken = fn _ -> raise "no" end
    assert line({:report, %{}}, %{report_cb: broken})["message"] =~ "not formatted"
    assert line({:report, %{}}, %{report_cb: fn _ -> throw(:x) end})["message"] =~ "not formatted"
  end

  test "a message is cut" do
    text = String.duplicate("é", 100)
    message = line({:string, text}, %{}, %{message_max: 21})["message"]
    assert message == String.duplicate("é", 10) <> "\uFFFD... (200 bytes)"
  end

  test "metadata only by name, and never a secret" do
    meta = %{request_id: "r1", api_token: "s3cr3t", state: %{password: "s3cr3t", n: 1}, other: 2}
    config = %{metadata: [:request_id, :api_token, :state, :absent]}
    fields = line({:report, %{cookie: "s3cr3t"}}, meta, config)
    assert fields["request_id"] == "r1"
    assert fields["api_token"] == "[redacted]"
    assert fields["state"] =~ "n: 1"
    refute Map.has_key?(fields, "other")
    refute Map.has_key?(fields, "absent")
    refute inspect(fields) =~ "s3cr3t"
  end

  test "a crash report of OTP is one line without the secret of its state" do
    report = [[initial_call: {:m, :f, []}, pid: self(), dictionary: [db_password: "s3cr3t"]], []]
    meta = %{report_cb: &:proc_lib.report_cb/2, error_logger: %{tag: :error_report}}
    fields = line({:report, %{label: {:proc_lib, :crash}, report: report}}, meta)
    assert fields["message"] =~ "crasher"
    refute fields["message"] =~ "s3cr3t"
  end

  test "lines inside a span carry its identifiers, lines outside none" do
    Telemetry.span([:bitactor, :test, :log], %{}, fn ->
      fields = line({:string, "in"}, :logger.get_process_metadata())
      assert ["00", trace, span, _] = String.split(Telemetry.current_traceparent(), "-")
      assert fields["trace_id"] == trace
      assert fields["span_id"] == span
      {:ok, %{}}
    end)

    assert :logger.get_process_metadata() == :undefined
    refute Map.has_key?(line({:string, "out"}), "trace_id")
  end

  test "unknown configuration is refused" do
    assert LogFormatter.check_config(%{metadata: []}) == :ok
    assert {:error, {:unknown_keys, [:metadta]}} = LogFormatter.check_config(%{metadta: []})
  end
end
