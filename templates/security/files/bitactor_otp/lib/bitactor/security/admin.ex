defmodule BitActor.Security.Admin do
  @moduledoc """
  The admin API: three routes, each behind `BitActor.Security.authorize/2`.

  | route | action | answer |
  | --- | --- | --- |
  | `GET /admin/status` | `read_status` | version, phase, node |
  | `GET /admin/audit` | `read_audit` | number of entries, newest hash, whether the chain is whole |
  | `POST /admin/reload` | `reload_secrets` | reads the files of secrets again |
  """

  alias BitActor.{Durable, JSON, Security}
  alias BitActor.HTTP.{Request, Response}
  alias BitActor.Security.{Audit, Secrets}

  @doc "GET /admin/status"
  def status(%Request{} = request) do
    guarded(request, :read_status, fn ->
      {200, %{node: node(), version: BitActor.version(), phase: BitActor.phase()}}
    end)
  end

  @doc "GET /admin/audit"
  def audit(%Request{} = request) do
    guarded(request, :read_audit, fn ->
      {sequence, hash} = head = Audit.head()
      folder = Durable.folder("audit")
      whole? = match?({:ok, _}, Audit.verify(folder, key: Secrets.audit_key(), expected: head))
      {200, %{entries: sequence, head: Base.encode16(hash, case: :lower), whole: whole?}}
    end)
  end

  @doc "POST /admin/reload"
  def reload(%Request{} = request) do
    guarded(request, :reload_secrets, fn ->
      case Secrets.reload() do
        :ok -> {200, %{reloaded: true}}
        {:error, message} -> {409, %{reloaded: false, reason: message}}
      end
    end)
  end

  defp guarded(request, action, answer) do
    case Security.authorize(request, action) do
      {:ok, _principal} ->
        {status, body} = answer.()
        headers = [{"content-type", "application/json"}, {"cache-control", "no-store"}]
        {status, headers, [JSON.encode!(body), "\n"]}

      {:deny, 401} ->
        {status, headers, body} = Response.plain(401)
        {status, [{"www-authenticate", "Bearer"} | headers], body}

      {:deny, status} ->
        Response.plain(status)
    end
  end
end
