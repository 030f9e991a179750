defmodule BitActor.EnvironmentTest do
  use ExUnit.Case, async: true

  alias BitActor.Environment

  @cookie "a-cookie-of-good-length"

  setup do
    folder = Path.join(System.tmp_dir!(), "bitactor-env-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)

    for name <- ~w(ca.crt tls.crt tls.key tokens keys),
        do: File.write!(Path.join(folder, name), "")

    on_exit(fn -> File.rm_rf!(folder) end)
    %{folder: folder, env: %{"BITACTOR_COOKIE" => @cookie, "BITACTOR_DATA_DIR" => folder}}
  end

  test "the defaults are one voter on loopback", %{env: env, folder: folder} do
    assert {:ok, config, :info} = Environment.read(env)

    assert Map.new(config) == %{
             node: :"bitactor@127.0.0.1",
             role: :voter,
             voters: [:"bitactor@127.0.0.1"],
             members: [],
             peers: [],
             discovery: :static,
             dns_name: nil,
             http_port: 9568,
             dist_port: 9100,
             data_dir: folder,
             tls_dir: nil,
             otlp_endpoint: nil,
             admin_tokens_file: nil,
             encryption_key_file: nil,
             worker_durability: :memory
           }
  end

  test "every variable is read", %{env: env, folder: folder} do
    env =
      Map.merge(env, %{
        "BITACTOR_NODE" => "g@10.0.0.9",
        "BITACTOR_ROLE" => "gateway",
        "BITACTOR_VOTERS" => "a@h1.example, a@h2.example,a@h3.example",
        "BITACTOR_PEERS" => "a@h1.example",
        "BITACTOR_DISCOVERY" => "dns",
        "BITACTOR_DNS_NAME" => "voters.bitactor.svc",
        "BITACTOR_HTTP_PORT" => "80",
        "BITACTOR_DIST_PORT" => "65535",
        "BITACTOR_TLS_DIR" => folder,
        "BITACTOR_OTLP_ENDPOINT" => "http://collector:4318",
        "BITACTOR_ADMIN_TOKENS_FILE" => Path.join(folder, "tokens"),
        "BITACTOR_ENCRYPTION_KEY_FILE" => Path.join(folder, "keys"),
        "BITACTOR_WORKER_DURABILITY" => "disk",
        "BITACTOR_LOG_LEVEL" => "warning"
      })

    assert Enum.sort(Map.keys(env)) == Enum.sort(for v <- Environment.variables(), do: v.name)
    assert {:ok, config, :warning} = Environment.read(env)
    assert config[:node] == :"g@10.0.0.9"
    assert config[:role] == :gateway
    assert config[:worker_durability] == :disk
    assert config[:voters] == [:"a@h1.example", :"a@h2.example", :"a@h3.example"]
    assert config[:members] == config[:voters]
    assert config[:peers] == [:"a@h1.example"]
    assert {config[:discovery], config[:dns_name]} == {:dns, "voters.bitactor.svc"}
    assert {config[:http_port], config[:dist_port]} == {80, 65_535}
    assert config[:tls_dir] == folder
    assert config[:otlp_endpoint] == "http://collector:4318"
    assert config[:admin_tokens_file] == Path.join(folder, "tokens")
    assert config[:encryption_key_file] == Path.join(folder, "keys")
  end

  # {variable, wrong values}: what is tried for each.
  @wrong [
    {"BITACTOR_COOKIE",
     [
       "",
       "short",
       "has a space in its twenty",
       String.duplicate("a", 256),
       "-leading-dash-is-a-flag"
     ]},
    {"BITACTOR_NODE",
     ["bitactor", "@h", "a@", "a@b@c", "-a@h", "a b@h", "a@" <> String.duplicate("h", 255)]},
    {"BITACTOR_ROLE", ["leader", "VOTER"]},
    {"BITACTOR_VOTERS", ["a@h,b@h", "x", "a@h,a@h,b@h", "a@h,b@h,c@h,d@h", "a@h"]},
    {"BITACTOR_PEERS", ["a@h,,b@h", "nohost", "a@h,a@h"]},
    {"BITACTOR_DISCOVERY", ["k8s"]},
    {"BITACTOR_DNS_NAME", ["-x", "a b", String.duplicate("a", 254)]},
    {"BITACTOR_HTTP_PORT", ["0", "65536", "80x", "-1", " 80"]},
    {"BITACTOR_DIST_PORT", ["0", "65536", "x"]},
    {"BITACTOR_DATA_DIR", ["relative", "/nonexistent/bitactor"]},
    {"BITACTOR_TLS_DIR", ["relative", "/nonexistent/bitactor"]},
    {"BITACTOR_OTLP_ENDPOINT", ["collector:4318", "ftp://h", "http://user:pw@h"]},
    {"BITACTOR_ADMIN_TOKENS_FILE", ["relative", "/nonexistent/tokens", "/"]},
    {"BITACTOR_ENCRYPTION_KEY_FILE", ["relative", "/nonexistent/keys", "/"]},
    {"BITACTOR_WORKER_DURABILITY", ["tape"]},
    {"BITACTOR_LOG_LEVEL", ["loud", "INFO"]}
  ]

  for {name, values} <- @wrong, value <- values do
    test "#{name} is refused when it is #{inspect(String.slice(value, 0, 30))}", %{env: env} do
      assert {:error, [message]} = Environment.read(Map.put(env, unquote(name), unquote(value)))
      assert String.starts_with?(message, unquote(name) <> " ")
    end
  end

  test "a wrong value is tried for every variable" do
    assert Enum.sort(for {name, _} <- @wrong, do: name) ==
             Enum.sort(for v <- Environment.variables(), do: v.name)
  end

  test "bytes that are not UTF-8 are refused", %{env: env} do
    for %{name: name} <- Environment.variables() do
      assert {:error, [message]} = Environment.read(Map.put(env, name, <<"a@", 0xFF>>))
      assert message =~ name
    end
  end

  test "the cookie is required, and an empty variable counts as not set", %{env: env} do
    assert {:error, ["BITACTOR_COOKIE is not set"]} =
             Environment.read(Map.delete(env, "BITACTOR_COOKIE"))

    assert {:ok, config, _} = Environment.read(Map.put(env, "BITACTOR_PEERS", ""))
    assert config[:peers] == []
  end

  test "what does not fit together is refused", %{env: env} do
    three = "a@h1,a@h2,a@h3"

    for {extra, name} <- [
          {%{"BITACTOR_DISCOVERY" => "dns"}, "BITACTOR_DNS_NAME"},
          {%{"BITACTOR_VOTERS" => three}, "BITACTOR_VOTERS"},
          {%{"BITACTOR_ROLE" => "gateway"}, "BITACTOR_VOTERS"},
          {%{"BITACTOR_ROLE" => "gateway", "BITACTOR_NODE" => "a@h2", "BITACTOR_VOTERS" => three},
           "BITACTOR_VOTERS"}
        ] do
      assert {:error, [message]} = Environment.read(Map.merge(env, extra))
      assert String.starts_with?(message, name <> " ")
    end
  end

  test "everything wrong is reported at once, and no value is shown", %{env: env} do
    secret = "hunter2 hunter2 hunter2"
    env = for %{name: name} <- Environment.variables(), into: env, do: {name, secret}
    assert {:error, messages} = Environment.read(env)
    assert length(messages) == length(Environment.variables())
    refute Enum.join(messages, "\n") =~ "hunter2"
  end
end
