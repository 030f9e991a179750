defmodule BitActor.ReleaseTest do
  # Builds the release once and boots it as production does: from a tree that
  # cannot be written, as another user where this one is root, with nothing in
  # its environment but what each test names.
  use ExUnit.Case, async: false

  @moduletag :slow
  @moduletag timeout: 120_000
  @cookie "a-cookie-of-good-length"
  @as_other ~w(--reuid=10001 --regid=10001 --clear-groups)
  @canary "canary-Zq7-do-not-print"

  setup_all do
    folder = Path.join(System.tmp_dir!(), "bitactor-rel-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)

    {out, status} =
      System.cmd("mix", ["release", "--quiet", "--overwrite"],
        env: [
          # As if called from a shell: Mix takes more from a surrounding mix than it may.
          {"MIX_QUIET", nil},
          {"MIX_HOME", nil},
          {"MIX_ENV", "prod"},
          {"MIX_BUILD_PATH", Path.join(folder, "build")},
          {"BITACTOR_COOKIE", @canary <> "-of-the-build-machine"}
        ],
        stderr_to_stdout: true
      )

    assert status == 0, out
    # What ships is the archive, so that is what boots.
    [tar] = Path.wildcard(Path.join(folder, "build/*.tar.gz"))
    :ok = :erl_tar.extract(tar, [:compressed, cwd: Path.join(folder, "rel")])
    {_, 0} = System.cmd("chmod", ["-R", "a-w,a+rX", Path.join(folder, "rel")])
    File.chmod!(folder, 0o755)

    on_exit(fn ->
      System.cmd("chmod", ["-R", "u+w", folder])
      File.rm_rf!(folder)
    end)

    %{folder: folder, bin: Path.join(folder, "rel/bin/bitactor"), tar: tar}
  end

  setup %{folder: folder} do
    data = Path.join(folder, "data-#{System.unique_integer([:positive])}")
    tmp = data <> "-tmp"
    for dir <- [data, tmp], do: File.mkdir_p!(dir)
    if root?(), do: {_, 0} = System.cmd("chown", ["10001:10001", data, tmp])

    %{
      env: %{
        "PATH" => System.get_env("PATH"),
        "BITACTOR_COOKIE" => @cookie,
        "BITACTOR_DATA_DIR" => data,
        "BITACTOR_DIST_PORT" => "#{free_port()}",
        "BITACTOR_HTTP_PORT" => "#{free_port()}",
        "RELEASE_TMP" => tmp
      }
    }
  end

  test "holds no cookie and no secret of the machine that built it", %{folder: folder, tar: tar} do
    {:ok, entries} = :erl_tar.extract(tar, [:compressed, :memory])
    assert length(entries) > 100

    for {name, bytes} <- entries do
      refute Path.basename(name) == "COOKIE"
      refute :binary.match(bytes, @canary) != :nomatch, "#{name} holds the cookie of the build"
    end

    refute File.exists?(Path.join(folder, "rel/releases/COOKIE"))

    # In the configuration texts are written as lists of numbers: look at the terms.
    [sys_config] = Path.wildcard(Path.join(folder, "rel/releases/*/sys.config"))
    {:ok, terms} = :file.consult(sys_config)
    assert :binary.match(:erlang.term_to_binary(terms), @canary) == :nomatch
    assert :binary.match(:erlang.term_to_binary(terms), "drop_mode_qlen") != :nomatch
  end

  test "boots from a read-only tree as another user, answers, and stops with 0", context do
    %{bin: bin, env: env, folder: folder} = context
    before = listing(Path.join(folder, "rel"))
    node = start(bin, env)

    # Returns when the application has started, by its own or by this call.
    started = "{:ok, _} = Application.ensure_all_started(:bitactor); IO.puts(node())"
    assert {"bitactor@127.0.0.1\n", 0} = run(bin, env, ["rpc", started])
    assert {pid, 0} = run(bin, env, ["pid"])
    assert String.trim(pid) == "#{node.os_pid}"
    assert {"3\n", 0} = run(bin, env, ["eval", "IO.puts(1 + 2)"])

    if root?() do
      assert File.read!("/proc/#{node.os_pid}/status") =~ ~r/^Uid:\t10001\t10001/m
    end

    # Distribution listens on loopback only, at the port that was given.
    port = String.to_integer(env["BITACTOR_DIST_PORT"])
    assert {:error, :eaddrinuse} = :gen_tcp.listen(port, ip: {127, 0, 0, 1})
    assert {:ok, socket} = :gen_tcp.listen(port, ip: {127, 0, 0, 2})
    :gen_tcp.close(socket)

    assert {_, 0} = run(bin, env, ["stop"])
    assert {0, log} = await_exit(node)
    refute log =~ @cookie
    assert listing(Path.join(folder, "rel")) == before
  end

  if Code.ensure_loaded?(BitActor.Server) and Code.ensure_loaded?(BitActor.Recovery) do
    test "SIGTERM under load ends with 0, and what was acknowledged is there at the next start",
         %{bin: bin, env: env} do
      env = Map.put(env, "BITACTOR_WORKER_DURABILITY", "disk")
      node = start(bin, env)
      files = for n <- 1..4, do: {n, Path.join(env["BITACTOR_DATA_DIR"], "acknowledged-#{n}")}
      assert {_, 0} = run(bin, env, ["rpc", load(files)])
      await_lines(files, 50, deadline(20_000))
      stop(node)

      again = start(bin, env)

      for {n, file} <- files do
        acknowledged = file |> File.read!() |> String.split("\n", trim: true) |> List.last()
        ask = "{:ok, _} = Application.ensure_all_started(:bitactor); IO.inspect(#{dispatch(n)})"
        assert {answer, 0} = run(bin, env, ["rpc", ask])
        assert [_, count] = Regex.run(~r/\A\{:ok, (\d+)\}\n\z/, answer)
        # One signal of each caller may have been applied without an answer.
        assert (String.to_integer(count) - String.to_integer(acknowledged)) in 1..2
      end

      stop(again)
    end

    # Callers that note each answer once they have it, for as long as there are any.
    defp load(files) do
      for {n, file} <- files do
        """
        spawn(fn ->
          {:ok, file} = :file.open("#{file}", [:append, :raw])
          Enum.each(Stream.cycle([1]), fn _ ->
            with {:ok, count} <- #{dispatch(n)}, do: :ok = :file.write(file, "\#{count}\\n")
          end)
        end)
        """
      end
      |> Enum.join()
    end

    defp dispatch(n) do
      ~s|BitActor.Server.dispatch("load-#{n}", %BitActor.Signal{kind: 64, payload: "x"})|
    end

    defp await_lines(files, count, deadline) do
      few = Enum.reject(files, fn {_, file} -> lines(file) >= count end)

      cond do
        few == [] -> :ok
        System.monotonic_time(:millisecond) > deadline -> flunk("little load: #{inspect(few)}")
        true -> await_lines(files, count, deadline)
      end
    end

    defp lines(file) do
      case File.read(file) do
        {:ok, text} -> length(String.split(text, "\n")) - 1
        {:error, :enoent} -> 0
      end
    end
  end

  # What env.sh looks at, in the order of its checks, then what the VM does.
  @refused [
    {"BITACTOR_COOKIE", nil},
    {"BITACTOR_COOKIE", @canary <> " with spaces"},
    {"BITACTOR_COOKIE", "short"},
    {"BITACTOR_COOKIE_FILE", "/nonexistent/#{@canary}"},
    {"BITACTOR_NODE", @canary},
    {"BITACTOR_NODE", "a@b@#{@canary}"},
    {"BITACTOR_DIST_PORT", @canary},
    {"BITACTOR_DIST_PORT", "65536"},
    {"BITACTOR_TLS_DIR", @canary},
    {"BITACTOR_TLS_DIR", "/nonexistent/#{@canary}"},
    {"BITACTOR_ROLE", @canary},
    {"BITACTOR_VOTERS", @canary},
    {"BITACTOR_PEERS", @canary},
    {"BITACTOR_DISCOVERY", @canary},
    {"BITACTOR_DNS_NAME", "-" <> @canary},
    {"BITACTOR_HTTP_PORT", @canary},
    {"BITACTOR_DATA_DIR", "/nonexistent/#{@canary}"},
    {"BITACTOR_OTLP_ENDPOINT", @canary},
    {"BITACTOR_ADMIN_TOKENS_FILE", "/nonexistent/#{@canary}"},
    {"BITACTOR_ENCRYPTION_KEY_FILE", "/nonexistent/#{@canary}"},
    {"BITACTOR_WORKER_DURABILITY", @canary},
    {"BITACTOR_LOG_LEVEL", @canary}
  ]

  test "a missing or wrong variable is named, its value is not shown", %{bin: bin, env: env} do
    @refused
    |> Task.async_stream(
      fn {name, value} ->
        env = Map.put(env, "BITACTOR_DIST_PORT", "#{free_port()}")
        env = if name == "BITACTOR_COOKIE_FILE", do: Map.delete(env, "BITACTOR_COOKIE"), else: env
        env = if value, do: Map.put(env, name, value), else: Map.delete(env, name)
        {name, value, run(bin, env, ["start"])}
      end,
      max_concurrency: 3,
      timeout: 30_000
    )
    |> Enum.each(fn {:ok, {name, value, {out, status}}} ->
      assert status == 78, "#{name}=#{value}: exit #{status}, #{out}"
      assert out =~ ~r/^bitactor: #{name} .+\n\z/, "#{name}=#{value}: #{out}"
      refute out =~ @canary
    end)

    tried = for {name, _} <- @refused, do: name
    assert Enum.all?(BitActor.Environment.variables(), &(&1.name in tried))
  end

  test "the cookie can come from a file", %{bin: bin, env: env, folder: folder} do
    file = Path.join(folder, "cookie")
    File.write!(file, @cookie <> "\n")
    env = env |> Map.delete("BITACTOR_COOKIE") |> Map.put("BITACTOR_COOKIE_FILE", file)
    node = start(bin, env)
    assert {"true\n", 0} = run(bin, env, ["rpc", "IO.puts(Node.get_cookie() == :\"#{@cookie}\")"])
    stop(node)
  end

  test "without TLS a node runs on loopback only", %{bin: bin, env: env} do
    for host <- ["10.0.0.1", "voter-0.example", "127.0.0.1.example"] do
      assert {"bitactor: BITACTOR_TLS_DIR is not set" <> _, 78} =
               run(bin, Map.put(env, "BITACTOR_NODE", "bitactor@" <> host), ["start"])
    end
  end

  describe "distribution over TLS" do
    setup %{folder: folder, env: env} do
      tls = Path.join(folder, "tls-#{System.unique_integer([:positive])}")
      root = root("ca")
      for n <- 1..3, do: certificate(Path.join(tls, "n#{n}"), root, "127.0.0.#{n}")
      # A certificate for the right address that signs itself: its own root.
      certificate(Path.join(tls, "self"), root("nobody"), "127.0.0.3")

      at = fn n, certs ->
        Map.merge(env, %{
          "BITACTOR_NODE" => "bitactor@127.0.0.#{n}",
          "BITACTOR_TLS_DIR" => Path.join(tls, certs),
          "BITACTOR_HTTP_PORT" => "#{free_port()}"
        })
      end

      %{at: at}
    end

    test "connects what is right and refuses what is not", %{bin: bin, at: at} do
      one = start(bin, at.(1, "n1"))
      two = start(bin, at.(2, "n2"))
      # Node 3 has a certificate of the same authority, but of another node.
      impostor = start(bin, at.(3, "n2"))

      connect = &"IO.puts(Node.connect(:\"bitactor@127.0.0.#{&1}\"))"
      assert {"true\n", 0} = run(bin, at.(1, "n1"), ["rpc", connect.(2)])
      assert {"false\n", 0} = run(bin, at.(1, "n1"), ["rpc", connect.(3)])

      peers = "IO.inspect(Node.list())"
      assert {"[:\"bitactor@127.0.0.2\"]\n", 0} = run(bin, at.(1, "n1"), ["rpc", peers])

      # Clients: a certificate of nobody's, the wrong cookie, and no TLS at all.
      assert {_, status} = run(bin, at.(1, "self"), ["rpc", peers])
      assert status != 0
      wrong = Map.put(at.(1, "n1"), "BITACTOR_COOKIE", "another-cookie-of-length")
      assert {_, status} = run(bin, wrong, ["rpc", peers])
      assert status != 0
      assert {_, status} = run(bin, Map.delete(at.(1, "n1"), "BITACTOR_TLS_DIR"), ["rpc", peers])
      assert status != 0

      # And the same commands are right with what the node has.
      assert {_, 0} = run(bin, at.(1, "n1"), ["rpc", peers])
      Enum.each([one, two, impostor], &stop/1)
    end
  end

  # Starts the release and returns once its distribution listens.
  defp start(bin, env) do
    {program, args} = command(bin, env, ["start"])

    port =
      Port.open({:spawn_executable, program}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        args: args
      ])

    {:os_pid, os_pid} = Port.info(port, :os_pid)
    on_exit(fn -> System.cmd("kill", ["-9", "#{os_pid}"], stderr_to_stdout: true) end)

    host =
      env |> Map.get("BITACTOR_NODE", "bitactor@127.0.0.1") |> String.split("@") |> List.last()

    {:ok, address} = :inet.parse_address(String.to_charlist(host))
    node = %{port: port, os_pid: os_pid}
    await_port(node, address, String.to_integer(env["BITACTOR_DIST_PORT"]), deadline(20_000))
    node
  end

  defp await_port(%{port: port} = node, address, number, deadline) do
    receive do
      {^port, {:exit_status, status}} -> flunk("exit #{status} at boot: #{log(port)}")
    after
      50 -> :ok
    end

    case :gen_tcp.connect(address, number, [], 200) do
      {:ok, socket} ->
        :gen_tcp.close(socket)

      {:error, reason} ->
        if System.monotonic_time(:millisecond) > deadline,
          do: flunk("no listener: #{reason}, #{log(port)}"),
          else: await_port(node, address, number, deadline)
    end
  end

  defp stop(%{os_pid: os_pid} = node) do
    System.cmd("kill", ["-TERM", "#{os_pid}"])
    assert {0, _} = await_exit(node)
  end

  defp await_exit(%{port: port}) do
    assert_receive {^port, {:exit_status, status}}, 20_000
    {status, log(port)}
  end

  # What the node has printed so far.
  defp log(port) do
    receive do
      {^port, {:data, data}} -> data <> log(port)
    after
      0 -> ""
    end
  end

  # A node that starts although it must not would outlive the test: its time is bounded.
  defp run(bin, env, args) do
    {program, args} = command(bin, env, args)

    {program, args} =
      case System.find_executable("timeout") do
        nil -> {program, args}
        timeout -> {timeout, ["--kill-after=5", "90", program | args]}
      end

    System.cmd(program, args, stderr_to_stdout: true)
  end

  defp command(bin, env, args) do
    env = for {name, value} <- env, do: "#{name}=#{value}"
    line = ["env", "-i"] ++ env ++ [bin | args]

    line = if root?(), do: ["setpriv" | @as_other] ++ line, else: line

    {System.find_executable(hd(line)), tl(line)}
  end

  # Whether this user may become another one.
  defp root? do
    System.find_executable("setpriv") != nil and
      match?({_, 0}, System.cmd("setpriv", @as_other ++ ["true"], stderr_to_stdout: true))
  end

  defp listing(folder) do
    for path <- Path.wildcard(Path.join(folder, "**"), match_dot: true) do
      stat = File.lstat!(path)
      {path, stat.size, stat.mtime, stat.mode}
    end
  end

  defp free_port do
    {:ok, socket} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
    {:ok, port} = :inet.port(socket)
    :gen_tcp.close(socket)
    port
  end

  defp deadline(ms), do: System.monotonic_time(:millisecond) + ms

  @key {:key, {:namedCurve, :secp256r1}}
  @subject_alt_name {2, 5, 29, 17}

  defp root(name), do: :public_key.pkix_test_root_cert(String.to_charlist(name), [@key])

  # Writes ca.crt, tls.crt and tls.key into folder, for a node at address.
  defp certificate(folder, root, address) do
    # OTP compares the host part of the node's name, as text, with DNS names
    # only; an iPAddress entry is not looked at, even for an address.
    names = [dNSName: String.to_charlist(address)]
    peer = [@key, extensions: [{:Extension, @subject_alt_name, false, names}]]
    chain = %{root: root, intermediates: [], peer: peer}

    %{server_config: made} =
      :public_key.pkix_test_data(%{server_chain: chain, client_chain: chain})

    {type, key} = made[:key]

    File.mkdir_p!(folder)
    write_pem(Path.join(folder, "ca.crt"), :Certificate, root.cert)
    write_pem(Path.join(folder, "tls.crt"), :Certificate, made[:cert])
    write_pem(Path.join(folder, "tls.key"), type, key)
  end

  defp write_pem(path, type, der) do
    File.write!(path, :public_key.pem_encode([{type, der, :not_encrypted}]))
  end
end
