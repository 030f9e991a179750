defmodule BitActor.HTTP.Connection do
  @moduledoc """
  One connection: reads requests, calls their handlers, writes the responses, one after the
  other. Ends with the connection; never restarted.

  While a handler runs, the process is entered in the listener's table as `:request`, or
  `:stream` once it streams; `active/2` counts them.
  """

  use Task, restart: :temporary

  alias BitActor.HTTP.{Request, Response, Router}
  alias BitActor.Telemetry

  require Logger

  # How long a client that was refused may take to read why, and how much it may still send.
  @linger_ms 500
  @linger_bytes 262_144

  @doc "Starts the process; it waits for `go/1`, which says that the socket is its own."
  @spec start_link({:gen_tcp.socket(), map()}) :: {:ok, pid()}
  def start_link({socket, serve}), do: Task.start_link(__MODULE__, :wait, [socket, serve])

  @doc "Lets the connection start reading."
  @spec go(pid()) :: :ok
  def go(pid) do
    send(pid, {__MODULE__, :go})
    :ok
  end

  @doc "How many connections of a listener are in a handler (`:request`) or stream."
  @spec active(table :: atom(), :request | :stream) :: non_neg_integer()
  def active(table, what) do
    # A process that was killed leaves its entry behind; only living ones count.
    Enum.count(:ets.match(table, {:"$1", what}), fn [pid] -> Process.alive?(pid) end)
  end

  @doc false
  def wait(socket, serve) do
    receive do
      {__MODULE__, :go} -> serve(socket, serve)
    after
      5_000 -> :ok
    end
  end

  defp serve(socket, serve) do
    case :inet.peername(socket) do
      {:ok, peer} ->
        state = %{socket: socket, serve: serve, limits: serve.limits, peer: peer, requests: 1}
        next(state, "", state.limits.head_timeout_ms)

      {:error, _} ->
        :gen_tcp.close(socket)
    end
  end

  # `patience`: how long to wait for the first byte of the next request.
  defp next(state, "", patience) do
    case :gen_tcp.recv(state.socket, 0, patience) do
      {:ok, bytes} -> next(state, bytes, 0)
      {:error, _} -> :gen_tcp.close(state.socket)
    end
  end

  defp next(state, buffer, _) do
    case read_head(state, buffer, 0, deadline(state.limits.head_timeout_ms)) do
      {:ok, request, rest} -> read_body(state, %{request | peer: state.peer}, rest)
      {:refuse, status} -> refuse(state, status)
      :gone -> :gen_tcp.close(state.socket)
    end
  end

  defp read_head(state, buffer, from, deadline) do
    case Request.parse(buffer, state.limits, from) do
      :more ->
        case :gen_tcp.recv(state.socket, 0, left(deadline)) do
          {:ok, bytes} -> read_head(state, buffer <> bytes, byte_size(buffer), deadline)
          {:error, :timeout} -> {:refuse, 408}
          {:error, _} -> :gone
        end

      {:error, status} ->
        {:refuse, status}

      {:ok, request, rest} ->
        {:ok, request, rest}
    end
  end

  defp read_body(state, %Request{content_length: length} = request, buffer)
       when byte_size(buffer) >= length do
    <<body::binary-size(length), rest::binary>> = buffer
    respond(state, %{request | body: body}, rest)
  end

  defp read_body(state, request, buffer) do
    _ =
      if Map.has_key?(request.headers, "expect"),
        do: :gen_tcp.send(state.socket, "HTTP/1.1 100 Continue\r\n\r\n")

    missing = request.content_length - byte_size(buffer)

    case :gen_tcp.recv(state.socket, missing, state.limits.body_timeout_ms) do
      {:ok, bytes} -> read_body(state, request, buffer <> bytes)
      {:error, :timeout} -> refuse(state, 408)
      {:error, _} -> :gen_tcp.close(state.socket)
    end
  end

  defp respond(state, request, rest) do
    Telemetry.with_traceparent(request.headers["traceparent"], fn ->
      metadata = %{method: request.method, route: route(state, request)}

      Telemetry.span([:bitactor, :http, :request], metadata, fn ->
        {status, failure, then} = handle(state, request)
        {then, metadata |> Map.put(:status, status) |> Map.merge(failure)}
      end)
    end)
    |> continue(state, rest)
  end

  # A path that nobody serves is one value for all: it becomes a label of metrics.
  defp route(state, request) do
    case Router.find(state.serve.router, request.method, request.path) do
      :not_found -> "unmatched"
      _ -> request.path
    end
  end

  defp handle(state, request) do
    case Router.find(state.serve.router, request.method, request.path) do
      {:ok, handler} -> call(state, request, handler)
      :not_found -> answer(state, request, Response.plain(404))
      {:other_methods, methods} -> answer(state, request, not_allowed(methods))
    end
  end

  defp not_allowed(methods) do
    {status, headers, body} = Response.plain(405)
    {status, [{"allow", Enum.join(methods, ", ")} | headers], body}
  end

  defp call(state, request, handler) do
    :ets.insert(state.serve.name, {self(), :request})

    try do
      case handler.(request) do
        {:stream, headers, fun} -> stream(state, request, headers, fun)
        {status, headers, body} -> answer(state, request, {status, headers, body})
      end
    catch
      kind, reason ->
        Logger.error(fn -> "HTTP handler: " <> Exception.format(kind, reason, __STACKTRACE__) end)
        failure = %{error: Exception.format_banner(kind, reason)}
        {status, _, then} = answer(state, request, Response.plain(500), :close)
        {status, failure, then}
    after
      :ets.delete(state.serve.name, self())
    end
  end

  defp answer(state, request, {status, headers, body}, connection \\ nil) do
    connection = connection || connection(state, request)
    text = Response.encode(status, headers, body, connection, request.method == "HEAD")

    case :gen_tcp.send(state.socket, text) do
      :ok -> {status, failure(status), connection}
      {:error, _} -> {status, %{error: "not sent"}, :close}
    end
  end

  defp failure(status) when status >= 500, do: %{error: Response.reason(status)}
  defp failure(_), do: %{}

  defp connection(state, request) do
    asked = String.downcase(Map.get(request.headers, "connection", ""), :ascii)
    last? = state.requests >= state.limits.requests_max or BitActor.draining?()

    if request.version == 0 or last? or String.contains?(asked, "close"),
      do: :close,
      else: :keep_alive
  end

  defp stream(state, request, headers, fun) do
    cond do
      request.method == "HEAD" ->
        answer(state, request, {200, headers, ""}, :close)

      active(state.serve.name, :stream) >= state.limits.streams_max ->
        answer(state, request, Response.plain(503), :close)

      true ->
        :ets.insert(state.serve.name, {self(), :stream})
        open_stream(state, request, headers, fun)
    end
  end

  defp open_stream(%{socket: socket}, request, headers, fun) do
    chunked? = request.version == 1

    with :ok <- :gen_tcp.send(socket, Response.encode_stream(headers, request.version)) do
      fun.(fn data ->
        :gen_tcp.send(socket, if(chunked?, do: Response.chunk(data), else: data))
      end)

      if chunked?, do: :gen_tcp.send(socket, Response.last_chunk())
    end

    {200, %{}, :close}
  end

  defp continue(:close, state, _), do: close(state.socket)

  defp continue(:keep_alive, state, rest) do
    next(%{state | requests: state.requests + 1}, rest, state.limits.idle_timeout_ms)
  end

  defp refuse(state, status) do
    Telemetry.execute([:bitactor, :http, :refused], %{count: 1}, %{reason: status})
    {status, headers, body} = Response.plain(status)
    _ = :gen_tcp.send(state.socket, Response.encode(status, headers, body, :close))
    close(state.socket)
  end

  # Closing with unread bytes makes TCP reset the connection, which may destroy the answer on
  # its way: read what is still coming, for a while (RFC 9112, section 9.6).
  defp close(socket) do
    _ = :gen_tcp.shutdown(socket, :write)
    linger(socket, deadline(@linger_ms), @linger_bytes)
    :gen_tcp.close(socket)
  end

  defp linger(socket, deadline, bytes) when bytes > 0 do
    case :gen_tcp.recv(socket, 0, left(deadline)) do
      {:ok, data} -> linger(socket, deadline, bytes - byte_size(data))
      {:error, _} -> :ok
    end
  end

  defp linger(_, _, _), do: :ok

  defp deadline(milliseconds), do: System.monotonic_time(:millisecond) + milliseconds
  defp left(deadline), do: max(deadline - System.monotonic_time(:millisecond), 0)
end
