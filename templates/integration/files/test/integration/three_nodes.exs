defmodule BitActor.ThreeNodes do
  @moduledoc """
  Nodes of this project for the integration tests, each an operating system process of
  its own: `bitactor@127.0.0.1`, `.2` and `.3`.

  The VM of the tests is not part of their network: it talks to each over its standard
  input and output (`:peer`), so cutting, freezing and killing nodes does not cut the tests
  off. No epmd is used: all listen on one port, each on its own address, as in a release.
  """
  import ExUnit.Callbacks, only: [on_exit: 1]

  @cookie :"integration-cookie-of-length"

  @type node_of_test :: %{peer: pid, node: node, os_pid: String.t(), n: 1..3}

  @doc "The node name at place n."
  @spec name(1..3) :: node
  def name(n), do: :"bitactor@127.0.0.#{n}"

  @doc "Ports, a data folder and settings that the nodes of one test share."
  @spec plan(keyword) :: map
  def plan(settings \\ []) do
    folder = Path.join(System.tmp_dir!(), "bitactor-three-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    %{folder: folder, port: free_port(), settings: settings, flags: []}
  end

  @doc "Starts the application on node n of the plan and waits until it is up."
  @spec start(map, 1..3) :: node_of_test
  def start(plan, n), do: hd(start_all(plan, [n]))

  @doc "Starts the application on several nodes at once."
  @spec start_all(map, [1..3]) :: [node_of_test]
  def start_all(plan, numbers) do
    # The nodes are not linked to a test: their death is what the tests are about. Each ends
    # when its input is closed, at the latest with this VM, unless it is frozen.
    nodes = in_parallel(numbers, &boot(plan, &1))

    Enum.each(nodes, fn node ->
      on_exit(fn ->
        thaw(node)
        signal(node.os_pid, "KILL")
        # Its folder goes next: it must not write any more.
        await("its end", 5_000, fn -> not there?(node.os_pid) end)
      end)
    end)

    _started = in_parallel(nodes, &start_application(plan, &1))
    nodes
  end

  defp in_parallel(list, work) do
    list |> Enum.map(&Task.async(fn -> work.(&1) end)) |> Task.await_many(60_000)
  end

  defp boot(plan, n) do
    {:ok, peer, node} =
      :peer.start(%{
        name: :bitactor,
        host: ~c"127.0.0.#{n}",
        longnames: true,
        connection: :standard_io,
        args: Enum.map(flags(plan, n), &String.to_charlist/1)
      })

    os_pid = List.to_string(:peer.call(peer, :os, :getpid, [], 20_000))
    %{peer: peer, node: node, os_pid: os_pid, n: n}
  end

  defp start_application(plan, node) do
    settings = Application.get_all_env(:bitactor) ++ settings(plan, node.n)
    call = &call(node, &1, &2, &3, 20_000)
    :ok = call.(:logger, :set_primary_config, [:level, :critical])
    {:ok, _} = call.(:application, :ensure_all_started, [:elixir])
    _ = call.(:application, :load, [:bitactor])
    for {key, value} <- settings, do: :ok = call.(:application, :set_env, [:bitactor, key, value])
    {:ok, _} = call.(:application, :ensure_all_started, [:bitactor])
  end

  defp flags(plan, n) do
    port = "#{plan.port}"

    ~w(-setcookie #{@cookie} -start_epmd false -connect_all false) ++
      ["-erl_epmd_port", port, "-kernel", "inet_dist_listen_min", port] ++
      ["-kernel", "inet_dist_listen_max", port, "-kernel", "prevent_overlapping_partitions"] ++
      ["false", "-kernel", "inet_dist_use_interface", "{127,0,0,#{n}}"] ++
      plan.flags ++ Enum.flat_map(:code.get_path(), &["-pa", List.to_string(&1)])
  end

  defp settings(plan, n) do
    [
      node: name(n),
      voters: Enum.map(1..3, &name/1),
      role: :voter,
      data_dir: Path.join(plan.folder, "n#{n}"),
      http_port: 0,
      drain_delay_ms: 0
    ] ++ plan.settings
  end

  @doc "Calls a function on the node; exits where the node is gone."
  def call(%{peer: peer}, module, function, arguments, timeout_ms \\ 10_000) do
    :peer.call(peer, module, function, arguments, timeout_ms)
  end

  @doc "`kill -9`."
  def kill(%{os_pid: os_pid, peer: peer}) do
    monitor = Process.monitor(peer)
    signal(os_pid, "KILL")

    receive do
      {:DOWN, ^monitor, :process, ^peer, _} -> :ok
    after
      10_000 -> exit({:still_there, os_pid})
    end
  end

  @doc "`kill -STOP`: the node holds its connections and answers nothing."
  def freeze(%{os_pid: os_pid}), do: signal(os_pid, "STOP")

  @doc "`kill -CONT`."
  def thaw(%{os_pid: os_pid}), do: signal(os_pid, "CONT")

  @doc "Stops the application, drained, then the node."
  def stop(%{peer: peer} = node) do
    _ = call(node, :application, :stop, [:bitactor], 40_000)
    monitor = Process.monitor(peer)
    :peer.stop(peer)

    receive do
      {:DOWN, ^monitor, :process, ^peer, _} -> :ok
    end
  end

  @doc """
  Cuts the link between two nodes, and keeps it cut: each has a wrong cookie for the other, and
  not the same one.
  """
  def cut(a, b) do
    for {from, to} <- [{a, b}, {b, a}] do
      true = call(from, :erlang, :set_cookie, [to.node, :"cut-by-#{from.n}"])
      _ = call(from, :erlang, :disconnect_node, [to.node])
    end

    :ok
  end

  @doc "Undoes `cut/2`."
  def heal(a, b) do
    for {from, to} <- [{a, b}, {b, a}],
        do: true = call(from, :erlang, :set_cookie, [to.node, @cookie])

    :ok
  end

  @doc "Asks until the answer is neither nil nor false; fails after the time given."
  def await(what, timeout_ms, ask) do
    await(what, System.monotonic_time(:millisecond) + timeout_ms, timeout_ms, ask)
  end

  defp await(what, deadline, timeout_ms, ask) do
    cond do
      answer = ask.() ->
        answer

      System.monotonic_time(:millisecond) > deadline ->
        ExUnit.Assertions.flunk("#{what}: not within #{timeout_ms} ms")

      true ->
        receive do
        after
          10 -> await(what, deadline, timeout_ms, ask)
        end
    end
  end

  # A process that is gone needs none.
  defp signal(os_pid, name) do
    _ = System.cmd("kill", ["-#{name}", os_pid], stderr_to_stdout: true)
    :ok
  end

  defp there?(os_pid) do
    match?({_, 0}, System.cmd("kill", ["-0", os_pid], stderr_to_stdout: true))
  end

  defp free_port do
    {:ok, socket} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
    {:ok, port} = :inet.port(socket)
    :gen_tcp.close(socket)
    port
  end
end
