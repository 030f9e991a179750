# Puts the system under overload, with a collector that cf benchmark runs, and tells it
# what was sent. Spans go out when this script says so and not before, so that the
# exporter's queue overflows where it is meant to.
collector = System.fetch_env!("CF_COLLECTOR")
Application.put_env(:bitactor, :otlp_endpoint, collector)

Application.put_env(:bitactor, BitActor.Telemetry.Exporter,
  queue_max: 256,
  interval_ms: 3_600_000
)

Application.put_env(:bitactor, :mailbox_max, 8)
{:ok, _} = Application.ensure_all_started(:bitactor)
alias BitActor.{Server, Signal, Telemetry}

counts = :counters.new(2, [])
probe = [:bitactor, :benchmark, :probe]
ends = [:stop, :exception]

spans =
  for(%{name: name} <- Telemetry.catalogue(), List.last(name) in ends, do: name) ++
    [probe ++ [:stop]]

:ok = Telemetry.attach_many(:cf_spans, spans, fn _, _, _, _ -> :counters.add(counts, 1, 1) end, nil)

:ok =
  Telemetry.attach(
    :cf_sampled,
    [:bitactor, :server, :dispatch],
    fn _, _, _, _ -> :counters.add(counts, 2, 1) end,
    nil
  )

call = fn i, options ->
  signal = %Signal{kind: 64, sequence: i, payload: "12345678"}
  Server.dispatch({:cf_benchmark, rem(i, 2)}, signal, [timeout: 60_000] ++ options)
end

name = fn
  {:ok, _} -> :ok
  {:error, reason} when reason in [:overloaded, :timeout, :draining] -> reason
  {:error, _} -> :error
end

traced = fn i ->
  Telemetry.span(probe, %{}, fn ->
    {call.(i, traceparent: Telemetry.current_traceparent()), %{}}
  end)
end

few = for i <- 1..50, do: traced.(i)
:ok = Telemetry.Exporter.flush()

# 64 callers of two actors that take 8 at a time.
many =
  1..64
  |> Enum.map(fn n -> Task.async(fn -> for i <- 1..200, do: call.(n + i, []) end) end)
  |> Task.await_many(60_000)

more = for i <- 1..500, do: traced.(i)
:ok = Telemetry.Exporter.flush()

sent = Enum.frequencies_by(few ++ more ++ List.flatten(many), name)

body =
  BitActor.JSON.encode!(%{
    port: BitActor.HTTP.port(),
    sent: sent,
    spans: :counters.get(counts, 1),
    sampled: :counters.get(counts, 2)
  })

{:ok, _} = Application.ensure_all_started(:inets)
request = {String.to_charlist(collector <> "/loaded"), [], ~c"application/json", body}
{:ok, {{_, 200, _}, _, _}} = :httpc.request(:post, request, [timeout: 60_000], [])
