defmodule BitActor.MetricsTest do
  # The metrics of the node are one; these tests put sources of their own in their place.
  use ExUnit.Case, async: false

  alias BitActor.{Metrics, Telemetry}

  defmodule Source do
    @moduledoc false
    def metrics do
      [
        %{
          name: "bitactor_t_total",
          type: :counter,
          help: "T.",
          labels: [:result],
          event: event(),
          measurement: :count
        },
        %{
          name: "bitactor_t_seconds",
          type: :histogram,
          help: "T.",
          buckets: [1],
          event: event(),
          measurement: fn %{ms: ms} -> ms / 1_000 end
        },
        %{name: "bitactor_t_direct_total", type: :counter, help: "T."},
        %{name: "bitactor_t_level", type: :gauge, help: "T."},
        %{
          name: "bitactor_t_read",
          type: :gauge,
          help: "T.",
          labels: [:a],
          read: {__MODULE__, :read, [:list]}
        },
        %{
          name: "bitactor_t_raises",
          type: :gauge,
          help: "T.",
          read: {__MODULE__, :read, [:raise]}
        },
        %{
          name: "bitactor_t_killed",
          type: :gauge,
          help: "T.",
          read: {__MODULE__, :read, [:kill]}
        },
        %{name: "bitactor_t_text", type: :gauge, help: "T.", read: {__MODULE__, :read, [:text]}}
      ]
    end

    def event, do: [:bitactor, :metrics_test]

    def read(:list), do: [{%{a: :x, unknown: 1}, 1}, {%{a: "y"}, 2.5}, {%{a: "y"}, 3}]
    def read(:raise), do: raise("read failed")
    def read(:kill), do: Process.exit(self(), :kill)
    def read(:text), do: "text"
    def read(:hang), do: Process.sleep(:infinity)
  end

  defmodule Wrong do
    @moduledoc false
    def metrics do
      [
        %{name: "bitactor_w_total", type: :counter, help: "First."},
        %{name: "bitactor_w_total", type: :counter, help: "Second."},
        %{name: "bitactor_w_pids", type: :gauge, help: "W.", labels: [:pid]}
      ]
    end
  end

  defmodule Hanging do
    @moduledoc false
    def metrics do
      for n <- 1..5 do
        %{name: "bitactor_h#{n}", type: :gauge, help: "H.", read: {Source, :read, [:hang]}}
      end
    end
  end

  # The node's own process makes way and comes back afterwards.
  defp start(sources) do
    :ok = Supervisor.terminate_child(BitActor.Supervisor, Metrics)
    start_supervised!({Metrics, sources: sources})

    on_exit(fn ->
      for source <- sources,
          %{event: event} <- source.metrics(),
          do: Telemetry.detach({Metrics, event})

      {:ok, _} = Supervisor.restart_child(BitActor.Supervisor, Metrics)
    end)
  end

  defp text, do: IO.iodata_to_binary(elem(Metrics.scrape(nil), 2))

  defp lines(text), do: text |> String.split("\n") |> Enum.reject(&String.starts_with?(&1, "#"))

  test "events, direct calls and reads come out of one scrape" do
    start([Source, Metrics])
    Telemetry.execute(Source.event(), %{count: 2, ms: 500}, %{result: :ok, pid: self()})
    Telemetry.execute(Source.event(), %{count: 1, ms: 1_500}, %{result: :error})
    Metrics.increment("bitactor_t_direct_total")
    Metrics.increment("bitactor_t_direct_total", 4)
    Metrics.set("bitactor_t_level", 7)
    Metrics.observe("bitactor_t_seconds", 0.25)

    lines = lines(text())

    for line <- [
          ~s(bitactor_t_total{result="ok"} 2),
          ~s(bitactor_t_total{result="error"} 1),
          ~s(bitactor_t_seconds_bucket{le="1"} 2),
          ~s(bitactor_t_seconds_bucket{le="+Inf"} 3),
          ~s(bitactor_t_seconds_sum 2.25),
          ~s(bitactor_t_direct_total 5),
          ~s(bitactor_t_level 7),
          ~s(bitactor_t_read{a="x"} 1),
          ~s(bitactor_t_read{a="y"} 2.5),
          ~s(bitactor_metrics_invalid_total 0)
        ] do
      assert line in lines
    end

    # The names on either side of the equals sign are what rules are written against.
    assert [definition | _] =
             for({%{name: "bitactor_t_seconds"} = one, _} <- Metrics.collect(), do: one)

    assert definition.type == :histogram
  end

  test "the total of all series" do
    start([Source, Metrics])
    Telemetry.execute(Source.event(), %{count: 2, ms: 1}, %{result: :ok})
    Telemetry.execute(Source.event(), %{count: 3, ms: 1}, %{result: :error})
    assert Metrics.total("bitactor_t_total") == 5
    assert Metrics.total("bitactor_t_read") == 3.5

    for name <- ~w(raises text seconds absent),
        do: assert(Metrics.total("bitactor_t_#{name}") == nil)
  end

  test "a read that fails costs only itself, and is counted" do
    start([Source, Metrics])
    first = text()
    assert first =~ "bitactor_t_read"
    for name <- ~w(raises killed text), do: refute(first =~ "bitactor_t_#{name} ")

    for name <- ~w(raises killed text) do
      assert text() =~ ~r/bitactor_metrics_read_failures_total\{metric="bitactor_t_#{name}"\} \d/
    end
  end

  test "reads that hang do not hang the scrape" do
    start([Hanging, Source, Metrics])
    {microseconds, text} = :timer.tc(&text/0)
    assert text =~ "bitactor_t_read"
    refute text =~ "\nbitactor_h1 "
    assert microseconds < 2_000_000
    assert Process.info(self(), :message_queue_len) == {:message_queue_len, 0}
  end

  test "values that are no numbers are counted, and detach nothing" do
    start([Source, Metrics])
    Telemetry.execute(Source.event(), %{}, %{result: :ok})
    Telemetry.execute(Source.event(), %{count: "1", ms: nil}, %{})
    Metrics.increment("bitactor_t_direct_total", nil)
    Metrics.increment("bitactor_unheard_of_total")
    Telemetry.execute(Source.event(), %{count: 1, ms: 1}, %{result: :ok})
    lines = lines(text())
    assert "bitactor_metrics_invalid_total 6" in lines
    assert ~s(bitactor_t_total{result="ok"} 1) in lines
  end

  test "wrong definitions are left out and named" do
    start([Wrong])

    assert ["bitactor_w_total: defined twice", "bitactor_w_pids: label pid has no bound"] =
             Metrics.problems()

    assert text() =~ "First."
    refute text() =~ "Second."
  end

  test "without the process feeding is harmless" do
    start([Source])
    stop_supervised!(Metrics)
    assert Metrics.increment("bitactor_t_direct_total") == :ok
    Telemetry.execute(Source.event(), %{count: 1, ms: 1}, %{result: :ok})
  end

  test "all metrics of this project are sound, and promtool takes the text" do
    assert Metrics.problems() == []
    text = text()

    for name <-
          ~w(bitactor_vm_memory_bytes bitactor_vm_processes bitactor_vm_dist_links bitactor_build_info) do
      assert text =~ "\n#{name}"
    end

    refute text =~ "#PID"

    # Where Prometheus' own checker is installed, it is the judge.
    if promtool = System.find_executable("promtool") do
      file = Path.join(System.tmp_dir!(), "metrics-#{System.unique_integer([:positive])}")
      File.write!(file, text)
      on_exit(fn -> File.rm(file) end)
      shell = System.find_executable("sh")

      assert {"", 0} =
               System.cmd(shell, ["-c", "\"$0\" check metrics < \"$1\" 2>&1", promtool, file])
    end
  end

  test "10,000 processes more make no series more, and a scrape stays under 50 ms" do
    count = fn -> length(lines(text())) end
    before = count.()
    idle = for _ <- 1..10_000, do: spawn(fn -> Process.sleep(:infinity) end)
    fastest = Enum.min(for _ <- 1..5, do: elem(:timer.tc(&text/0), 0))
    assert count.() == before
    for pid <- idle, do: Process.exit(pid, :kill)
    assert fastest < 50_000
  end
end
