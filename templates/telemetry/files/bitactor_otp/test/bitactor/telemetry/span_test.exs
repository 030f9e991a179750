defmodule BitActor.Telemetry.SpanTest do
  use ExUnit.Case, async: true

  alias BitActor.Telemetry
  alias BitActor.Telemetry.Span

  doctest Span

  @trace "4bf92f3577b34da6a3ce929d0e0e4736"
  @span "00f067aa0ba902b7"

  test "traceparent values of the W3C grammar" do
    for {text, sampled} <- [
          {"00-#{@trace}-#{@span}-01", true},
          {"00-#{@trace}-#{@span}-00", false},
          {"00-#{@trace}-#{@span}-03", true},
          {"00-#{@trace}-#{@span}-fe", false},
          {"cc-#{@trace}-#{@span}-01", true},
          {"cc-#{@trace}-#{@span}-01-what-the-future-adds", true}
        ] do
      assert {:ok, %Span{trace_id: @trace, span_id: @span, sampled: ^sampled}} = Span.parse(text)
    end
  end

  test "anything else is no trace context" do
    zeroes = String.duplicate("0", 32)

    for text <- [
          nil,
          "",
          "00-#{@trace}-#{@span}",
          "00-#{@trace}-#{@span}-1",
          "00-#{@trace}-#{@span}-01-more",
          "cc-#{@trace}-#{@span}-01.more",
          "ff-#{@trace}-#{@span}-01",
          "0x-#{@trace}-#{@span}-01",
          "00-#{String.upcase(@trace)}-#{@span}-01",
          "00-#{zeroes}-#{@span}-01",
          "00-#{@trace}-0000000000000000-01",
          "00_#{@trace}-#{@span}-01",
          "00-#{@trace}-#{@span}-0g"
        ] do
      assert {text, Span.parse(text)} == {text, :error}
    end
  end

  test "spans nest, across a traceparent too, and leave nothing behind" do
    parent = "00-#{@trace}-#{@span}-00"
    before = Process.get_keys()

    Telemetry.with_traceparent(parent, fn ->
      assert Telemetry.current_traceparent() == parent

      Telemetry.span([:a], %{}, fn ->
        assert {:ok, outer} = Span.parse(Telemetry.current_traceparent())
        assert outer.trace_id == @trace and outer.span_id != @span and not outer.sampled

        Telemetry.span([:b], %{}, fn ->
          assert {:ok, inner} = Span.parse(Telemetry.current_traceparent())
          assert inner.trace_id == @trace and inner.span_id != outer.span_id
          {:ok, %{}}
        end)

        assert {:ok, ^outer} = Span.parse(Telemetry.current_traceparent())
        {:ok, %{}}
      end)

      assert Telemetry.current_traceparent() == parent
    end)

    assert Telemetry.current_traceparent() == nil
    assert Process.get_keys() -- before == []
  end

  test "no parent, or a wrong one, starts a new trace even inside another" do
    Telemetry.span([:a], %{}, fn ->
      {:ok, outer} = Span.parse(Telemetry.current_traceparent())

      for parent <- [nil, "nonsense"] do
        inner =
          Telemetry.with_traceparent(parent, fn ->
            Telemetry.span([:b], %{}, fn -> {Telemetry.current_traceparent(), %{}} end)
          end)

        assert {:ok, %Span{trace_id: trace}} = Span.parse(inner)
        assert trace != outer.trace_id
      end

      {:ok, %{}}
    end)
  end

  test "the logger metadata of before is back after a span that raises" do
    :logger.set_process_metadata(%{request_id: "r"})

    assert_raise RuntimeError, fn ->
      Telemetry.span([:a], %{}, fn ->
        assert %{request_id: "r", trace_id: _, span_id: _} = :logger.get_process_metadata()
        raise "out"
      end)
    end

    assert :logger.get_process_metadata() == %{request_id: "r"}
  end
end

defmodule BitActor.Telemetry.SampleTest do
  # Changes the application's configuration.
  use ExUnit.Case, async: false

  alias BitActor.Telemetry.Span

  setup do
    on_exit(fn -> Application.delete_env(:bitactor, :trace_sample_ratio) end)
  end

  test "the share of new traces follows the ratio" do
    ids = for n <- 0..9_999, do: Base.encode16(:crypto.hash(:md5, <<n::32>>), case: :lower)

    for ratio <- [0.0, 0.25, 1.0] do
      Application.put_env(:bitactor, :trace_sample_ratio, ratio)
      assert_in_delta Enum.count(ids, &Span.sample?/1), 10_000 * ratio, 200
    end

    Application.put_env(:bitactor, :trace_sample_ratio, 0.0)
    span = Span.enter([:a], %{})
    assert String.ends_with?(Span.traceparent(), "-00")
    Span.leave(span, %{}, :ok)
  end
end
