defmodule BitActor.Requests do
  @moduledoc """
  `POST /requests`: a client's way to send a signal to an actor, through any node.

      curl --json '{"key": "order-7", "kind": 64, "payload": "paid"}' \\
        --header 'Idempotency-Key: 6f1c' http://127.0.0.1:9568/requests
      {"reply":1}

  The body is a JSON object: `key`, the actor's, a string of 1 to 255 bytes; `kind`, 64 to 255,
  the kinds of the application; `payload`, a string. The header `Idempotency-Key` holds 1 to 128
  visible characters, new for each request and the same when a client repeats one.

  | status | meaning | applied |
  | --- | --- | --- |
  | 200 | `reply` is the actor's answer (null where JSON has no form for it) | yes, once |
  | 400, 415 | no such request; `error` says why | no |
  | 429 | the actor's mailbox or this node is full | no |
  | 503 | this node is on its way out: ask another one | no |
  | 504 | no answer within `:request_timeout_ms` | not known |

  Invariants

  1. Whatever is tried here or repeated by the client, one identity is applied once, as long as
     its actor remembers it (its last 128).
  2. An attempt lasts at most `:request_attempt_ms`: a node that is frozen or leaves keeps a
     request no longer than that, and the request is tried again until its time is over. A
     node that starts again under its name is found then.
  3. What this node took it answers, also while it drains: its listener waits for it.
  4. Clients take no more than `:requests_max` of the listener's connections, so that probes and
     metrics are answered however many wait here.

  There is no authentication here: who reaches the listener may send. It belongs behind a proxy
  or a network policy that knows its clients.

  Settings (application `:bitactor`): `:request_timeout_ms` (9,000), `:request_attempt_ms`
  (1,000), `:requests_max` (512).
  """

  alias BitActor.{HTTP, JSON, Server, Signal, Telemetry}
  alias BitActor.HTTP.{Connection, Request}

  @event [:bitactor, :requests, :answered]
  @pause_ms 50
  @key_bytes_max 255
  @identity_bytes_max 128

  @typedoc "As `BitActor.Server.dispatch/3`."
  @type dispatch ::
          (key :: String.t(), Signal.t(), keyword -> {:ok, term} | {:error, Server.failure()})

  @doc "The event catalogue of this module."
  @spec events() :: [map]
  def events do
    [
      %{
        name: @event,
        measurements: [:count, :attempts, :duration],
        metadata: [:result],
        help:
          "A client's request was answered; result is ok, invalid, overloaded, draining or timeout."
      }
    ]
  end

  @doc "The metrics of this module."
  @spec metrics() :: [map]
  def metrics do
    [
      %{
        name: "bitactor_client_requests_total",
        type: :counter,
        help: "Requests of clients, by result: ok, invalid, overloaded, draining or timeout.",
        labels: [:result],
        event: @event,
        measurement: :count
      },
      %{
        name: "bitactor_client_request_attempts_total",
        type: :counter,
        help: "Times that a client's request was sent to the node of its actor.",
        labels: [],
        event: @event,
        measurement: :attempts
      },
      %{
        name: "bitactor_client_request_duration_seconds",
        type: :histogram,
        help: "Time from a client's request to its answer, all attempts included.",
        labels: [:result],
        event: @event,
        measurement: :duration,
        unit: {:native, :second},
        buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10]
      }
    ]
  end

  @doc "POST /requests"
  @spec post(Request.t()) :: {200..504, [{String.t(), String.t()}], iodata}
  def post(%Request{} = request), do: post(request, &Server.dispatch/3)

  @doc "The same, by another way to the actors than `BitActor.Server.dispatch/3`."
  @spec post(Request.t(), dispatch) :: {200..504, [{String.t(), String.t()}], iodata}
  def post(request, dispatch) do
    started = System.monotonic_time()
    {attempts, answer} = answer(request, dispatch)
    duration = System.monotonic_time() - started
    measured = %{count: 1, attempts: attempts, duration: duration}
    Telemetry.execute(@event, measured, %{result: result(answer)})
    response(answer)
  end

  defp answer(request, dispatch) do
    with {:ok, key, signal, identity} <- read(request),
         :ok <- open(),
         :ok <- room() do
      deadline = now() + setting(:request_timeout_ms, 9_000)

      attempt(1, deadline, fn left_ms ->
        dispatch.(key, signal, idempotency_key: identity, timeout: left_ms, admitted: true)
      end)
    else
      refused -> {0, refused}
    end
  end

  defp open, do: if(BitActor.accepting?(), do: :ok, else: {:error, :draining})

  defp room do
    taken = Connection.active(HTTP, :request)
    if taken <= setting(:requests_max, 512), do: :ok, else: {:error, :overloaded}
  end

  # Beside what is over for good, an error says that the actor's node is not there at the
  # moment, or leaves it open whether the signal was applied: the identity makes it safe to
  # ask again.
  defp attempt(n, deadline, dispatch) do
    left_ms = min(setting(:request_attempt_ms, 1_000), deadline - now())

    if left_ms <= 0 do
      {n - 1, {:error, :timeout}}
    else
      case dispatch.(left_ms) do
        {:ok, reply} ->
          {n, {:ok, reply}}

        # Of a later attempt it would not say what became of those before.
        {:error, :overloaded} when n == 1 ->
          {n, {:error, :overloaded}}

        {:error, _reason} ->
          again(n, deadline, dispatch)
      end
    end
  end

  defp again(n, deadline, dispatch) do
    receive do
    after
      @pause_ms -> attempt(n + 1, deadline, dispatch)
    end
  end

  defp read(request) do
    with :ok <- json?(request.headers["content-type"]),
         {:ok, identity} <- identity(request.headers["idempotency-key"]),
         {:ok, fields} <- fields(request.body),
         {:ok, key} <- key(fields),
         {:ok, kind} <- kind(fields),
         {:ok, payload} <- payload(fields),
         do: {:ok, key, Signal.new(kind, payload), identity}
  end

  # A page in a browser cannot send this type to another site without asking first.
  defp json?(type) do
    [type | _parameters] = String.split(type || "", ";")

    if String.downcase(String.trim(type), :ascii) == "application/json",
      do: :ok,
      else: {:error, {:unsupported, "the content-type must be application/json"}}
  end

  defp identity(text) when is_binary(text) and byte_size(text) in 1..@identity_bytes_max do
    if text =~ ~r/\A[!-~]+\z/, do: {:ok, "http:" <> text}, else: no_identity()
  end

  defp identity(_none), do: no_identity()

  defp no_identity do
    {:error,
     {:invalid, "idempotency-key must hold 1 to #{@identity_bytes_max} visible characters"}}
  end

  defp fields(body) do
    case JSON.decode(body) do
      {:ok, %{} = fields} ->
        unknown = Map.keys(fields) -- ["key", "kind", "payload"]

        if unknown == [],
          do: {:ok, fields},
          else: {:error, {:invalid, "only key, kind and payload are known"}}

      _other ->
        {:error, {:invalid, "the body must be a JSON object"}}
    end
  end

  defp key(%{"key" => key}) when is_binary(key) and byte_size(key) in 1..@key_bytes_max,
    do: {:ok, key}

  defp key(_fields), do: {:error, {:invalid, "key must be a string of 1 to 255 bytes"}}

  defp kind(%{"kind" => kind}) when is_integer(kind) and kind in 64..255, do: {:ok, kind}
  defp kind(_fields), do: {:error, {:invalid, "kind must be a number from 64 to 255"}}

  defp payload(%{"payload" => payload}) when is_binary(payload), do: {:ok, payload}
  defp payload(_fields), do: {:error, {:invalid, "payload must be a string"}}

  defp result({:ok, _reply}), do: :ok
  defp result({:error, {_refused, _why}}), do: :invalid
  defp result({:error, reason}), do: reason

  defp response({:ok, reply}), do: json(200, [], reply(reply))
  defp response({:error, {:invalid, why}}), do: json(400, [], error("invalid", why))
  defp response({:error, {:unsupported, why}}), do: json(415, [], error("unsupported", why))

  defp response({:error, :overloaded}),
    do: json(429, [{"retry-after", "1"}], error("overloaded", "come back later"))

  defp response({:error, :draining}),
    do: json(503, [{"retry-after", "0"}], error("draining", "this node leaves: ask another one"))

  defp response({:error, :timeout}),
    do: json(504, [], error("timeout", "not known whether it was applied: repeat it"))

  defp reply(reply) do
    JSON.encode!(%{reply: reply})
  rescue
    # A handler may reply with any term.
    ArgumentError -> JSON.encode!(%{reply: nil})
  end

  defp error(code, detail), do: JSON.encode!(%{error: code, detail: detail})

  defp json(status, headers, body),
    do: {status, [{"content-type", "application/json"} | headers], [body, "\n"]}

  defp setting(name, default), do: Application.get_env(:bitactor, name, default)
  defp now, do: System.monotonic_time(:millisecond)
end
