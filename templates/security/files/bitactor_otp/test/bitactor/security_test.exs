defmodule BitActor.SecurityTest do
  # Over the application's own listener, with its audit log.
  use ExUnit.Case, async: false

  import ExUnit.CaptureLog

  alias BitActor.HTTP.Request
  alias BitActor.Security
  alias BitActor.Security.{Audit, RateLimit, Secrets, Tokens}

  setup do
    folder =
      Path.join(System.tmp_dir!(), "bitactor-security-#{System.unique_integer([:positive])}")

    File.mkdir_p!(folder)

    tokens =
      for role <- [:viewer, :operator, :admin],
          into: %{},
          do: {role, Tokens.create("#{role}", [role])}

    file = Path.join(folder, "tokens")
    File.write!(file, Enum.map_join(Map.values(tokens), "\n", &elem(&1, 1)))
    settings(admin_tokens_file: file, admin_rate: {10_000, 60_000})
    :ok = Secrets.reload()

    on_exit(fn ->
      settings(admin_tokens_file: nil, admin_rate: {10_000, 60_000}, admin_peers: :loopback)
      :ok = Secrets.reload()
      Application.delete_env(:bitactor, :admin_rate)
      File.rm_rf!(folder)
    end)

    %{tokens: Map.new(tokens, fn {role, {token, _}} -> {role, token} end), path: file}
  end

  describe "over HTTP" do
    test "each route wants its role", %{tokens: tokens} do
      for {method, path, allowed} <- [
            {:get, "/admin/status", [:viewer, :operator, :admin]},
            {:get, "/admin/audit", [:operator, :admin]},
            {:post, "/admin/reload", [:admin]}
          ] do
        assert {401, _} = http(method, path, [])
        assert {401, _} = http(method, path, [{~c"authorization", ~c"Bearer bat.admin.guess"}])

        for {role, token} <- tokens do
          {status, body} = http(method, path, bearer(token))

          assert status == if(role in allowed, do: 200, else: 403),
                 "#{path} as #{role}: #{status}"

          if status == 200, do: assert({:ok, %{}} = BitActor.JSON.decode(body))
        end
      end
    end

    test "the audit log has both outcomes, and its chain is whole", %{tokens: tokens} do
      {before, _} = Audit.head()
      {200, _} = http(:get, "/admin/status", bearer(tokens.viewer))
      {403, _} = http(:get, "/admin/audit", bearer(tokens.viewer))
      {401, _} = http(:get, "/admin/status", [])
      {:ok, entries} = Audit.entries(BitActor.Durable.folder("audit"))

      assert [
               %{who: "viewer", action: "read_status", result: "allowed", from: "127.0.0.1"},
               %{who: "viewer", action: "read_audit", result: "denied"},
               %{who: "unknown", action: "read_status", result: "denied"}
             ] = Enum.drop(entries, before)

      {200, body} = http(:get, "/admin/audit", bearer(tokens.admin))
      assert {:ok, %{"whole" => true, "entries" => count}} = BitActor.JSON.decode(body)
      assert count == before + 4
    end
  end

  test "only this host may ask, where nothing else is set", %{tokens: tokens} do
    request = request(tokens.admin)
    assert {:ok, %{name: "admin"}} = Security.authorize(request, :read_status)
    from_v6 = %{request | peer: {{0, 0, 0, 0, 0, 0, 0, 1}, 1}}
    assert {:ok, _} = Security.authorize(from_v6, :read_status)

    for peer <- [{{10, 0, 0, 1}, 1}, {{0, 0, 0, 0, 0, 0xFFFF, 0x7F00, 1}, 1}, nil] do
      assert {:deny, 403} = Security.authorize(%{request | peer: peer}, :read_status)
    end

    settings(admin_peers: :any)
    assert {:ok, _} = Security.authorize(%{request | peer: {{10, 0, 0, 1}, 1}}, :read_status)
  end

  test "an action that is in no table is denied to everybody", %{tokens: tokens} do
    assert {:deny, 403} = Security.authorize(request(tokens.admin), :shut_down_everything)
  end

  test "requests are limited for each address", %{tokens: tokens} do
    settings(admin_rate: {3, 60_000}, admin_peers: :any)
    # Each test run asks from addresses of its own, so no count is left over.
    n = rem(System.unique_integer([:positive]), 65_000)
    at = fn host -> %{request(tokens.admin) | peer: {{10, div(n, 256), rem(n, 256), host}, 1}} end
    for _ <- 1..3, do: assert({:ok, _} = Security.authorize(at.(1), :read_status))
    assert {:deny, 429} = Security.authorize(at.(1), :read_status)
    assert {:ok, _} = Security.authorize(at.(2), :read_status)
  end

  test "what cannot be written to the audit log does not happen", %{tokens: tokens} do
    :ok = Supervisor.terminate_child(Security, Audit)
    answer = Security.authorize(request(tokens.admin), :read_status)
    {:ok, _} = Supervisor.restart_child(Security, Audit)
    assert answer == {:deny, 503}
    assert {:ok, _} = Security.authorize(request(tokens.admin), :read_status)
  end

  test "a file that became wrong changes nothing, and is told", %{tokens: tokens, path: file} do
    good = File.read!(file)
    File.write!(file, good <> "\nhalf a li")
    assert {:error, message} = Secrets.reload()
    assert message =~ "admin_tokens_file: line 4"
    assert {:ok, _} = Security.authorize(request(tokens.admin), :read_status)

    # And one that is right again is used: the admin's token is gone.
    File.write!(file, Enum.join(tl(String.split(good, "\n")), "\n"))
    assert :ok = Secrets.reload()
    [gone | _] = String.split(hd(String.split(good, "\n")), ":")
    token = tokens[String.to_existing_atom(gone)]
    assert {:deny, 401} = Security.authorize(request(token), :read_status)
  end

  # Whatever is sent as a token, right or wrong, shows up nowhere.
  test "no secret in logs, events or the audit log", %{tokens: tokens} do
    parent = self()
    names = for e <- Security.events() ++ BitActor.HTTP.events(), do: e.name
    ids = for name <- names, do: {name, {__MODULE__, name}}
    forward = fn _, measured, metadata, _ -> send(parent, {:told, measured, metadata}) end
    for {name, id} <- ids, do: :ok = BitActor.Telemetry.attach(id, name, forward, nil)
    Logger.configure(level: :debug)

    log =
      capture_log(fn ->
        for _ <- 1..50 do
          secret = Base.url_encode64(:crypto.strong_rand_bytes(9), padding: false)
          canary = "CANARY" <> secret

          shape =
            Enum.random([
              "Bearer bat.admin.#{canary}",
              canary,
              "Bearer #{canary}",
              "Basic #{canary}"
            ])

          http(:get, "/admin/status", [{~c"authorization", String.to_charlist(shape)}])
        end

        {200, _} = http(:get, "/admin/status", bearer(tokens.admin))
      end)

    Logger.configure(level: :critical)
    for {_, id} <- ids, do: BitActor.Telemetry.detach(id)

    audit = File.read!(Path.join(BitActor.Durable.folder("audit"), "log"))
    everything = [log, audit, inspect(messages(), limit: :infinity)]
    "bat.admin." <> secret = tokens.admin
    assert log =~ "audit"

    for text <- everything do
      refute text =~ "CANARY"
      refute text =~ secret
    end
  end

  test "rates: windows, keys and the bound on keys" do
    table = :security_test_rates
    {:ok, _} = RateLimit.start_link(table: table, window_ms: 60_000)
    limit = {2, 1_000}

    assert Enum.map(1..3, fn _ -> RateLimit.take(table, :a, limit, 500) end) == [
             true,
             true,
             false
           ]

    assert RateLimit.take(table, :b, limit, 500)
    assert RateLimit.take(table, :a, limit, 1_500)
    assert RateLimit.purge(table, 1_000, 1_500) == 2
    for n <- 1..10_100, do: RateLimit.take(table, n, limit, 1_500)
    assert :ets.info(table, :size) <= 10_001
    # The keys beyond the bound share a count, and it is used up.
    refute RateLimit.take(table, :late, limit, 1_500)
  end

  test "the end of the certificate", %{path: file} do
    folder = Path.dirname(file)
    assert Secrets.certificate_expiry() == 0
    until = {{2031, 2, 3}, {4, 5, 6}}
    validity = {{2026, 1, 1}, elem(until, 0)}
    made = :public_key.pkix_test_root_cert(~c"test", validity: validity)
    pem = :public_key.pem_encode([{:Certificate, made.cert, :not_encrypted}])
    File.write!(Path.join(folder, "tls.crt"), pem)
    settings(tls_dir: folder)
    day = DateTime.from_unix!(Secrets.certificate_expiry()) |> DateTime.to_date()
    settings(tls_dir: nil)
    assert day == ~D[2031-02-03]
  end

  defp request(token) do
    %Request{
      method: "GET",
      path: "/admin/status",
      peer: {{127, 0, 0, 1}, 40_000},
      headers: %{"authorization" => "bearer " <> token}
    }
  end

  defp bearer(token), do: [{~c"authorization", String.to_charlist("Bearer " <> token)}]

  defp http(method, path, headers) do
    url = ~c"http://127.0.0.1:#{BitActor.HTTP.port()}#{path}"
    request = if method == :post, do: {url, headers, ~c"text/plain", ""}, else: {url, headers}
    options = [body_format: :binary]
    {:ok, {{_, status, _}, _, body}} = :httpc.request(method, request, [timeout: 5_000], options)
    {status, body}
  end

  defp settings(list),
    do: for({key, value} <- list, do: Application.put_env(:bitactor, key, value))

  defp messages do
    receive do
      message -> [message | messages()]
    after
      0 -> []
    end
  end
end
