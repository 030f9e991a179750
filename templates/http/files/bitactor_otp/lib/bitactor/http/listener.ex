defmodule BitActor.HTTP.Listener do
  @moduledoc """
  Owns the listening socket and the acceptors, linked processes that take connections from it
  and hand each to a process of its own.

  Invariant: the number of connections is bounded by the supervisor they are started under;
  one more is told 503 and closed, without waiting for it.
  """

  use GenServer

  alias BitActor.HTTP.{Connection, Response, Router}

  require Logger

  @acceptors 4
  @backlog 1_024

  # The pause after an accept that failed for want of file descriptors.
  @exhausted_ms 100

  @doc "Starts a listener with the settings of `BitActor.HTTP`."
  @spec start_link(map()) :: GenServer.on_start()
  def start_link(settings), do: GenServer.start_link(__MODULE__, settings)

  @impl true
  def init(settings) do
    options = [
      :binary,
      active: false,
      ip: settings.ip,
      backlog: @backlog,
      nodelay: true,
      packet: :raw,
      reuseaddr: true,
      send_timeout: settings.limits.send_timeout_ms,
      send_timeout_close: true
    ]

    case :gen_tcp.listen(settings.port, options) do
      {:ok, socket} ->
        {:ok, port} = :inet.port(socket)
        :ets.insert(settings.name, {:port, port})
        start_acceptors(socket, settings)
        {:ok, socket}

      {:error, reason} ->
        address = :inet.ntoa(settings.ip)
        Logger.error("HTTP listener: #{address}:#{settings.port}: #{:inet.format_error(reason)}")
        {:stop, {:listen, settings.port, reason}}
    end
  end

  defp start_acceptors(socket, settings) do
    serve = %{
      name: settings.name,
      connections: settings.connections,
      router: Router.new(settings.routes),
      limits: settings.limits
    }

    Enum.each(1..@acceptors, fn _ -> spawn_link(fn -> accept(socket, serve) end) end)
  end

  defp accept(socket, serve) do
    case :gen_tcp.accept(socket) do
      {:ok, client} ->
        hand_over(client, serve)
        accept(socket, serve)

      {:error, reason} when reason in [:emfile, :enfile, :system_limit] ->
        BitActor.Telemetry.execute([:bitactor, :http, :refused], %{count: 1}, %{reason: reason})
        Process.sleep(@exhausted_ms)
        accept(socket, serve)

      {:error, :closed} ->
        :ok

      # A client that was gone before it was accepted.
      {:error, _} ->
        accept(socket, serve)
    end
  end

  defp hand_over(client, serve) do
    case DynamicSupervisor.start_child(serve.connections, {Connection, {client, serve}}) do
      {:ok, pid} ->
        # Fails when the client is gone already; then the socket's new owner finds out.
        _ = :gen_tcp.controlling_process(client, pid)
        Connection.go(pid)

      {:error, :max_children} ->
        refuse(client)
    end
  end

  # The socket's buffer takes so short a text at once.
  defp refuse(client) do
    BitActor.Telemetry.execute([:bitactor, :http, :refused], %{count: 1}, %{
      reason: :connections_max
    })

    {status, headers, body} = Response.plain(503)

    _ =
      :gen_tcp.send(
        client,
        Response.encode(status, [{"retry-after", "1"} | headers], body, :close)
      )

    :gen_tcp.close(client)
  end
end
