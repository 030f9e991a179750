defmodule BitActor.Telemetry do
  @moduledoc """
  Events: what the system tells about itself while it runs.

  A module that has something to tell calls `execute/3`; whoever wants to know attaches a
  function to the event's name. The call has the shape of the `:telemetry` package
  (https://hexdocs.pm/telemetry); where that package is a dependency, events go through it,
  so that its handlers see them too.

  The catalogue of all events is data: each emitting module has `events/0`, and
  `catalogue/0` gathers them.

  Invariants:

    1. `execute/3` runs the handlers in the caller's process, in the order they were
       attached, and returns `:ok` whatever they do.
    2. A handler that raises, throws or exits is detached from all its events and logged
       once, however many processes ran into it.
    3. Handlers live in one persistent term: no restart of a process loses them, and
       `execute/3` waits for nobody.

  Attaching and detaching go through one process (`BitActor.Telemetry.Handlers`) and replace
  that term, which makes the runtime look at every process once (`:persistent_term`, "global
  GC"): do it at start, not per request.
  """

  alias BitActor.Telemetry.Span

  require Logger

  @typedoc "Name of an event: `[:bitactor, component, what]`."
  @type name :: [atom(), ...]
  @type measurements :: %{optional(atom()) => number()}
  @type metadata :: %{optional(atom()) => term()}
  @type handler :: (name(), measurements(), metadata(), config :: term() -> term())
  @type event :: %{
          name: name(),
          measurements: [atom()],
          metadata: [atom()],
          help: String.t()
        }

  @failed [:bitactor, :telemetry, :handler_failed]

  @doc "The events this module emits itself."
  @spec events() :: [event()]
  def events do
    [
      %{
        name: @failed,
        measurements: [:count],
        metadata: [:handler, :event, :kind],
        help: "A handler raised and was detached."
      }
    ]
  end

  @doc "Metrics of this module and of the span exporter."
  @spec metrics() :: [map()]
  def metrics do
    [
      %{
        name: "bitactor_telemetry_handler_failures_total",
        type: :counter,
        help: "Event handlers that raised and were detached.",
        labels: [],
        event: @failed,
        measurement: :count
      }
      | BitActor.Telemetry.Exporter.metrics()
    ]
  end

  @doc "All events of the system, sorted by name."
  @spec catalogue() :: [event()]
  def catalogue do
    BitActor.Catalogue.event_sources()
    |> Enum.flat_map(fn module -> module.events() end)
    |> Enum.sort_by(fn event -> event.name end)
  end

  # Two spellings of the same four functions; which one is compiled is decided by the
  # presence of the :telemetry package, so neither costs a test at run time.
  if Code.ensure_loaded?(:telemetry) do
    @doc "Tells the handlers of event `name`. Always `:ok`."
    @spec execute(name(), measurements(), metadata()) :: :ok
    def execute(name, measurements, metadata \\ %{}) do
      :telemetry.execute(name, measurements, metadata)
    end

    @doc "Attaches `handler` to one event. `id` is any term, unique in the system."
    @spec attach(id :: term(), name(), handler(), config :: term()) ::
            :ok | {:error, :already_exists}
    def attach(id, name, handler, config), do: attach_many(id, [name], handler, config)

    @doc "Attaches `handler` to several events under one `id`."
    @spec attach_many(id :: term(), [name()], handler(), config :: term()) ::
            :ok | {:error, :already_exists}
    def attach_many(id, names, handler, config) when is_function(handler, 4) do
      :telemetry.attach_many(id, names, &__MODULE__.guarded/4, {id, handler, config})
    end

    @doc "Takes the handler `id` away from all its events."
    @spec detach(id :: term()) :: :ok | {:error, :not_found}
    def detach(id), do: :telemetry.detach(id)

    @doc "The identities of the handlers of event `name`, in the order in which they run."
    @spec handlers(name()) :: [term()]
    def handlers(name) do
      for %{id: id, event_name: ^name} <- :telemetry.list_handlers(name), do: id
    end

    @doc false
    def guarded(name, measurements, metadata, {id, handler, config}) do
      call(id, handler, name, measurements, metadata, config)
    end
  else
    @doc "Tells the handlers of event `name`. Always `:ok`."
    @spec execute(name(), measurements(), metadata()) :: :ok
    def execute(name, measurements, metadata \\ %{}) do
      case :persistent_term.get(__MODULE__, %{}) do
        %{^name => handlers} -> run(handlers, name, measurements, metadata)
        _ -> :ok
      end
    end

    defp run([], _, _, _), do: :ok

    defp run([{id, handler, config} | rest], name, measurements, metadata) do
      call(id, handler, name, measurements, metadata, config)
      run(rest, name, measurements, metadata)
    end

    @doc "Attaches `handler` to one event. `id` is any term, unique in the system."
    @spec attach(id :: term(), name(), handler(), config :: term()) ::
            :ok | {:error, :already_exists}
    def attach(id, name, handler, config), do: attach_many(id, [name], handler, config)

    @doc "Attaches `handler` to several events under one `id`."
    @spec attach_many(id :: term(), [name()], handler(), config :: term()) ::
            :ok | {:error, :already_exists}
    def attach_many(id, names, handler, config) when is_function(handler, 4) do
      change(fn table ->
        if attached?(table, id) do
          {{:error, :already_exists}, table}
        else
          entry = {id, handler, config}
          {:ok, Enum.reduce(names, table, &Map.update(&2, &1, [entry], fn l -> l ++ [entry] end))}
        end
      end)
    end

    @doc "Takes the handler `id` away from all its events."
    @spec detach(id :: term()) :: :ok | {:error, :not_found}
    def detach(id) do
      change(fn table ->
        if attached?(table, id) do
          {:ok, for({name, list} <- table, left = without(list, id), into: %{}, do: {name, left})}
        else
          {{:error, :not_found}, table}
        end
      end)
    end

    @doc "The identities of the handlers of event `name`, in the order in which they run."
    @spec handlers(name()) :: [term()]
    def handlers(name) do
      for {id, _, _} <- Map.get(:persistent_term.get(__MODULE__, %{}), name, []), do: id
    end

    defp attached?(table, id),
      do: Enum.any?(table, fn {_, list} -> List.keymember?(list, id, 0) end)

    # nil when nothing is left: the event's key goes with its last handler.
    defp without(list, id) do
      case List.keydelete(list, id, 0) do
        [] -> nil
        left -> left
      end
    end

    defp change(fun), do: BitActor.Telemetry.Handlers.change(__MODULE__, fun)
  end

  defp call(id, handler, name, measurements, metadata, config) do
    handler.(name, measurements, metadata, config)
  catch
    kind, reason -> failed(id, name, kind, reason, __STACKTRACE__)
  end

  # Only the process whose detach finds the handler logs it: once, not once per caller.
  defp failed(id, name, kind, reason, stacktrace) do
    if detach(id) == :ok do
      Logger.error(fn ->
        "telemetry handler #{inspect(id)} detached: " <>
          Exception.format(kind, reason, stacktrace)
      end)

      execute(@failed, %{count: 1}, %{handler: id, event: name, kind: kind})
    end

    :ok
  end

  @doc """
  Runs `fun` as a span: a timed piece of work, part of the current trace.

  Emits `prefix ++ [:start]` with `%{monotonic_time, system_time}`, then either
  `prefix ++ [:stop]` with `%{duration, monotonic_time}` or `prefix ++ [:exception]` with the
  same and the metadata `kind`, `reason`, `stacktrace`; times in native units, as
  `:telemetry.span/3` gives them. `fun` returns `{result, metadata of the stop event}`; text
  under the key `:error` there marks the span as failed. What `fun` raises goes on to the
  caller.

  While `fun` runs, `current_traceparent/0` names this span and log lines carry its
  `trace_id` and `span_id`.
  """
  @spec span(name(), metadata(), (() -> {result, metadata()})) :: result when result: term()
  def span(prefix, metadata, fun) when is_function(fun, 0) do
    started = System.monotonic_time()
    span = Span.enter(prefix, metadata)

    times = %{monotonic_time: started, system_time: System.system_time()}
    execute(prefix ++ [:start], times, metadata)

    try do
      fun.()
    catch
      kind, reason ->
        failure = %{kind: kind, reason: reason, stacktrace: __STACKTRACE__}
        execute(prefix ++ [:exception], since(started), Map.merge(metadata, failure))
        Span.leave(span, metadata, {:error, Exception.format_banner(kind, reason)})
        :erlang.raise(kind, reason, __STACKTRACE__)
    else
      {result, stop_metadata} ->
        execute(prefix ++ [:stop], since(started), stop_metadata)
        Span.leave(span, stop_metadata, status(stop_metadata))
        result
    end
  end

  defp status(%{error: message}) when is_binary(message), do: {:error, message}
  defp status(_), do: :ok

  defp since(started) do
    now = System.monotonic_time()
    %{duration: now - started, monotonic_time: now}
  end

  @doc """
  The W3C `traceparent` of the span this process is in, or nil outside of one. Send it with
  every outgoing request or message.
  """
  @spec current_traceparent() :: String.t() | nil
  defdelegate current_traceparent(), to: Span, as: :traceparent

  @doc """
  Runs `fun` with the trace context that came in with a request: spans inside become its
  children. nil, or a value that does not follow the W3C grammar, starts a new trace.

      iex> parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
      iex> BitActor.Telemetry.with_traceparent(parent, &BitActor.Telemetry.current_traceparent/0)
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
  """
  @spec with_traceparent(String.t() | nil, (() -> result)) :: result when result: term()
  defdelegate with_traceparent(traceparent, fun), to: Span, as: :within
end
