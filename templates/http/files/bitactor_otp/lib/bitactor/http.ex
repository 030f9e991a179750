defmodule BitActor.HTTP do
  @moduledoc """
  The HTTP/1.1 listener of a node: probes, metrics and the routes of other blocks.

  A route is `{method, path, handler}`; paths match exactly. A handler gets a
  `BitActor.HTTP.Request` and returns

    * `{status, headers, body}`, headers a list of `{name, value}`, body iodata, or
    * `{:stream, headers, fun}`: `fun` is called with a function that sends one piece
      (`:ok | {:error, reason}`) and the response ends when `fun` returns. It should return
      soon after an error, and when `BitActor.draining?/0` is true.

  It runs in the process of the connection and must return in bounded time. What it raises
  becomes 500, with the reason in the log only.

  It is meant for a cluster's own network: HTTP without TLS, HTTP/1.1 without chunked
  requests. Numbers behind it are in `default_limits/0`.

  Invariants:

    1. A client holds a connection only as long as the limits say, whether it sends slowly,
       reads slowly or does nothing; with all connections taken, the next gets 503.
    2. Nothing a client sends makes an atom, or raises beyond its own connection.
    3. Input that two HTTP implementations could read differently is answered with 400 and
       the connection closed: repeated Host or Content-Length, folded or bare-CR lines, space
       before a colon (RFC 9112, sections 2.2, 3.2, 5.1, 6.3).
    4. While the node drains, requests are served and their connections closed after it.

  Configuration: `config :bitactor, http_port: 9568` (0: any free port), `http_ip: {0, 0, 0, 0}`,
  and limits under `config :bitactor, BitActor.HTTP`.
  """

  use Supervisor

  alias BitActor.HTTP.{Connection, Listener}

  @request [:bitactor, :http, :request]

  @type handler ::
          (BitActor.HTTP.Request.t() ->
             {100..599, [{String.t(), iodata()}], iodata()}
             | {:stream, [{String.t(), iodata()}], (send_fun() -> term())})
  @type send_fun :: (iodata() -> :ok | {:error, term()})
  @type route :: {method :: String.t(), path :: String.t(), handler()}

  @doc """
  The limits and their defaults: times in milliseconds, sizes in bytes.

  | limit | meaning | answer when exceeded |
  | --- | --- | --- |
  | `connections_max` | connections at once | 503 |
  | `streams_max` | streamed responses at once | 503 |
  | `requests_max` | requests on one connection | it is closed after the last |
  | `request_line_max` | first line | 414 |
  | `head_max`, `headers_max` | whole head, number of header fields | 431 |
  | `body_max` | body of a request | 413 |
  | `head_timeout_ms` | from its first byte (or the connection's start) to the end of a head | 408 |
  | `body_timeout_ms` | for the whole body | 408 |
  | `idle_timeout_ms` | between two requests | closed |
  | `send_timeout_ms` | one send that the client does not read | closed |
  """
  @spec default_limits() :: map()
  def default_limits do
    %{
      connections_max: 1_024,
      streams_max: 128,
      requests_max: 1_000,
      request_line_max: 8_192,
      head_max: 16_384,
      headers_max: 64,
      body_max: 65_536,
      head_timeout_ms: 5_000,
      body_timeout_ms: 10_000,
      idle_timeout_ms: 30_000,
      send_timeout_ms: 5_000
    }
  end

  @doc "The events of this block."
  @spec events() :: [map()]
  def events do
    [
      %{
        name: @request ++ [:start],
        measurements: [:monotonic_time, :system_time],
        metadata: [:method, :route],
        help: "A request was read."
      },
      %{
        name: @request ++ [:stop],
        measurements: [:duration, :monotonic_time],
        metadata: [:method, :route, :status, :error],
        help: "A request was handled; for a stream, when the stream ended."
      },
      %{
        name: [:bitactor, :http, :refused],
        measurements: [:count],
        metadata: [:reason],
        help: "A connection or request was refused before it had a route: a limit, or no HTTP."
      }
    ]
  end

  @doc "The metrics of this block."
  @spec metrics() :: [map()]
  def metrics do
    [
      %{
        name: "bitactor_http_requests_total",
        type: :counter,
        help: "Requests handled, by route and status code.",
        labels: [:route, :status],
        event: @request ++ [:stop],
        measurement: fn _, _ -> 1 end
      },
      %{
        name: "bitactor_http_request_duration_seconds",
        type: :histogram,
        help: "Time from a request's last byte to the end of its handler.",
        labels: [:route],
        event: @request ++ [:stop],
        measurement: :duration,
        unit: {:native, :second},
        buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]
      },
      %{
        name: "bitactor_http_refused_total",
        type: :counter,
        help: "Connections and requests refused before they had a route, by reason.",
        labels: [:reason],
        event: [:bitactor, :http, :refused],
        measurement: :count
      },
      %{
        name: "bitactor_http_connections",
        type: :gauge,
        help: "Open connections.",
        labels: [],
        read: {__MODULE__, :connections, []}
      }
    ]
  end

  @doc """
  Starts a listener. Options: `name` (this module), `port`, `ip`, `routes` (those of
  `BitActor.Catalogue`), and each limit by its name.
  """
  @spec start_link(keyword()) :: Supervisor.on_start()
  def start_link(options) do
    name = Keyword.get(options, :name, __MODULE__)
    Supervisor.start_link(__MODULE__, Keyword.put(options, :name, name), name: name)
  end

  @impl true
  def init(options) do
    name = options[:name]
    settings = settings(options)

    # Held by this supervisor, so that connections outlive a restart of the listener.
    ^name = :ets.new(name, [:named_table, :public, write_concurrency: true])
    if name == __MODULE__, do: BitActor.on_drain(:http, &drain/1)

    children = [
      {DynamicSupervisor,
       name: connections_name(name), max_children: settings.limits.connections_max},
      {Listener, settings}
    ]

    Supervisor.init(children, strategy: :rest_for_one, max_restarts: 10, max_seconds: 60)
  end

  defp settings(options) do
    configured = Application.get_env(:bitactor, __MODULE__, [])
    defaults = default_limits()

    %{
      name: options[:name],
      connections: connections_name(options[:name]),
      port: Keyword.get_lazy(options, :port, fn -> setting(:http_port, 9568) end),
      ip: Keyword.get_lazy(options, :ip, fn -> setting(:http_ip, {0, 0, 0, 0}) end),
      routes: Keyword.get_lazy(options, :routes, &BitActor.Catalogue.routes/0),
      limits: Map.merge(defaults, Map.take(Map.new(configured ++ options), Map.keys(defaults)))
    }
  end

  defp setting(key, default), do: Application.get_env(:bitactor, key, default)

  defp connections_name(name), do: :"#{name}.Connections"

  @doc "The port the listener is bound to, or nil when it does not run."
  @spec port(name :: atom()) :: :inet.port_number() | nil
  def port(name \\ __MODULE__) do
    case :ets.whereis(name) do
      :undefined -> nil
      table -> :ets.lookup_element(table, :port, 2)
    end
  rescue
    ArgumentError -> nil
  end

  @doc "How many connections are open."
  @spec connections(name :: atom()) :: non_neg_integer()
  def connections(name \\ __MODULE__) do
    DynamicSupervisor.count_children(connections_name(name)).active
  end

  @doc "Waits until no request is in work, at most until `deadline` (monotonic milliseconds)."
  @spec drain(deadline :: integer(), name :: atom()) :: :ok | {:error, term()}
  def drain(deadline, name \\ __MODULE__) do
    case Connection.active(name, :request) do
      0 ->
        :ok

      count ->
        if System.monotonic_time(:millisecond) < deadline do
          receive do
          after
            10 -> drain(deadline, name)
          end
        else
          {:error, {:requests, count}}
        end
    end
  end
end
