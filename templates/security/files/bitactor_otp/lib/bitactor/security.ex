defmodule BitActor.Security do
  @moduledoc """
  Who may administer this node, and what was tried.

  `authorize/2` is what a handler of the admin API calls first. It decides in this order, and denies
  wherever it cannot decide:

    1. where the request comes from: by default only from this host, as `kubectl port-forward` and
       `kubectl exec` do, for the listener has no TLS (`:admin_peers`, `:loopback` or `:any`);
    2. how often: `:admin_rate`, by default 120 requests a minute for each address;
    3. who: the bearer token (`BitActor.Security.Tokens`);
    4. what: the roles of that token (`BitActor.Security.Roles`);
    5. whether it is on record: an action that can't be written to the audit log
       (`BitActor.Security.Audit`) does not happen.

  With `:encryption_key_file` set, `BitActor.Security.Vault` is the application's `:cipher`, which the
  durable stores of this project use.
  """
  use Supervisor

  alias BitActor.HTTP.Request
  alias BitActor.Security.{Audit, RateLimit, Roles, Secrets, Tokens}
  alias BitActor.Telemetry

  require Logger

  @rates __MODULE__.Rates
  @rate {120, 60_000}

  @type principal :: %{name: String.t(), roles: [atom]}

  @doc "Starts the parts: secrets, rates, the audit log."
  @spec start_link(keyword) :: Supervisor.on_start()
  def start_link(options), do: Supervisor.start_link(__MODULE__, options, name: __MODULE__)

  @impl true
  def init(_options) do
    # The key of the audit log is known once the secrets are read: asked for at its start.
    audit = %{id: Audit, start: {__MODULE__, :start_audit, []}}
    {_limit, window_ms} = setting(:admin_rate, @rate)
    rates = {RateLimit, table: @rates, window_ms: window_ms}
    Supervisor.init([Secrets, rates, audit], strategy: :rest_for_one)
  end

  @doc false
  def start_audit, do: Audit.start_link(key: Secrets.audit_key())

  @doc "Whether the request may do `action`: who asked, or the status to answer with."
  @spec authorize(Request.t(), atom) :: {:ok, principal} | {:deny, 401 | 403 | 429 | 503}
  def authorize(%Request{} = request, action) do
    from = address(request.peer)

    with :ok <- near(request.peer),
         :ok <- rate(from),
         {:ok, principal} <- who(request, action, from),
         :ok <- may(principal, action, from),
         :ok <- on_record(principal.name, action, :allowed, from) do
      {:ok, principal}
    else
      {:deny, status, reason} ->
        Telemetry.execute([:bitactor, :security, :denied], %{count: 1}, %{reason: reason})
        {:deny, status}
    end
  end

  defp near(peer) do
    case {setting(:admin_peers, :loopback), peer} do
      {:any, _} -> :ok
      {:loopback, {{127, _, _, _}, _}} -> :ok
      {:loopback, {{0, 0, 0, 0, 0, 0, 0, 1}, _}} -> :ok
      _ -> {:deny, 403, :peer}
    end
  end

  defp rate(from) do
    if RateLimit.take(@rates, from, setting(:admin_rate, @rate)),
      do: :ok,
      else: {:deny, 429, :rate}
  end

  defp who(request, action, from) do
    with {:ok, token} <- bearer(request.headers["authorization"]),
         {:ok, principal} <- Tokens.verify(Secrets.tokens(), token, Date.utc_today()) do
      {:ok, principal}
    else
      {:error, reason} ->
        # What was sent is a secret that is wrong here and may be right elsewhere.
        with :ok <- on_record("unknown", action, :denied, from), do: {:deny, 401, reason}
    end
  end

  defp may(principal, action, from) do
    if Roles.allowed?(principal.roles, action) do
      :ok
    else
      with :ok <- on_record(principal.name, action, :denied, from), do: {:deny, 403, :role}
    end
  end

  defp on_record(who, action, result, from) do
    case Audit.record(who, action, result, from) do
      {:ok, {sequence, hash}} ->
        note = Base.encode16(hash, case: :lower)
        Logger.notice("audit #{sequence}: #{who} #{action} #{result} from #{from}, chain #{note}")

      {:error, _reason} ->
        Telemetry.execute([:bitactor, :security, :audit_failed], %{count: 1}, %{})
        {:deny, 503, :audit}
    end
  end

  # The scheme's name is case-insensitive (RFC 9110, section 11.1).
  defp bearer(<<scheme::binary-size(7), token::binary>>) do
    if String.downcase(scheme) == "bearer ", do: {:ok, token}, else: {:error, :no_token}
  end

  defp bearer(_), do: {:error, :no_token}

  defp address({ip, _port}), do: List.to_string(:inet.ntoa(ip))
  defp address(nil), do: "unknown"

  @doc "The event catalogue of this block."
  @spec events() :: [map]
  def events do
    [
      %{
        name: [:bitactor, :security, :denied],
        measurements: [:count],
        metadata: [:reason],
        help: "A request was denied: peer, rate, no_token, bad_token, expired, role or audit."
      },
      %{
        name: [:bitactor, :security, :audit_failed],
        measurements: [:count],
        metadata: [],
        help: "An entry could not be written to the audit log."
      },
      %{
        name: [:bitactor, :security, :reloaded],
        measurements: [:count],
        metadata: [:result],
        help: "The files of secrets were read again; result is ok or error (the old ones stay)."
      }
    ]
  end

  @doc "The metrics of this block."
  @spec metrics() :: [map]
  def metrics do
    [
      counter("security_denied", "Requests to the admin API denied.", [:reason], :denied),
      counter(
        "audit_write_failures",
        "Audit entries that could not be written.",
        [],
        :audit_failed
      ),
      counter("security_reloads", "Times the files of secrets were read.", [:result], :reloaded),
      %{
        name: "bitactor_audit_entries",
        type: :gauge,
        help: "Entries in the audit log.",
        labels: [],
        read: {__MODULE__, :audit_entries, []}
      },
      %{
        name: "bitactor_tls_certificate_expiry_timestamp_seconds",
        type: :gauge,
        help:
          "When the certificate of this node ends, in seconds of Unix time; 0 where there is none.",
        labels: [],
        read: {Secrets, :certificate_expiry, []}
      }
    ]
  end

  defp counter(name, help, labels, event) do
    %{
      name: "bitactor_#{name}_total",
      type: :counter,
      help: help,
      labels: labels,
      event: [:bitactor, :security, event],
      measurement: :count
    }
  end

  @doc "How many entries the audit log has, 0 while it is down."
  @spec audit_entries() :: non_neg_integer
  def audit_entries do
    {sequence, _hash} = Audit.head()
    sequence
  catch
    :exit, _ -> 0
  end

  defp setting(name, default), do: Application.get_env(:bitactor, name, default)
end
