defmodule BitActor.Cluster do
  @moduledoc """
  Keeps this node connected to its peers.

  Peers are the voters and what discovery finds: the static list `:peers`, or, with `:discovery`
  set to `:dns`, one node for each address of `:dns_name`, under this node's own base name
  (`bitactor@10.0.0.7`), as libcluster's strategy for a headless service does. Every second
  those that are missing are dialled, each by a process of its own: a peer that does not
  answer holds up nobody.

  Being connected decides nothing: see `BitActor.Consensus` for what does.
  """
  use GenServer

  alias BitActor.Telemetry

  require Logger

  @interval_ms 1_000
  @dns_timeout_ms 2_000
  # Every node is connected to every other: more are a fault of the name server.
  @addresses_max 200

  @doc """
  Starts the process. Options stand in for the application's settings: `:voters`, `:peers`,
  `:discovery`, `:dns_name`; and for what it calls: `:connect` and `:resolve`.
  """
  @spec start_link(keyword) :: GenServer.on_start()
  def start_link(options) do
    GenServer.start_link(__MODULE__, options, name: Keyword.get(options, :name, __MODULE__))
  end

  @doc "The nodes this one wants to be connected to, sorted."
  @spec wanted(keyword) :: [node]
  def wanted(options) do
    found = Enum.flat_map(List.wrap(options[:voters]) ++ discovered(options), &List.wrap/1)
    found |> Enum.uniq() |> List.delete(node()) |> Enum.sort()
  end

  @doc "How many of the wanted nodes are connected, and how many are not, for the metrics."
  @spec links() :: [{map, non_neg_integer}]
  def links do
    wanted = wanted(settings([]))
    up = Enum.count(wanted, &(&1 in Node.list()))
    [{%{state: :up}, up}, {%{state: :down}, length(wanted) - up}]
  end

  @doc "The event catalogue of this module."
  @spec events() :: [map]
  def events do
    [
      %{
        name: [:bitactor, :cluster, :node],
        measurements: [:count],
        metadata: [:node, :change],
        help: "A node was connected (change: up) or lost (change: down)."
      }
    ]
  end

  @doc "The metrics of this module."
  @spec metrics() :: [map]
  def metrics do
    [
      %{
        name: "bitactor_cluster_peers",
        type: :gauge,
        help: "Peers that the configuration names, by whether they are connected.",
        labels: [:state],
        read: {__MODULE__, :links, []}
      },
      %{
        name: "bitactor_cluster_changes_total",
        type: :counter,
        help: "Nodes connected and lost.",
        labels: [:change],
        event: [:bitactor, :cluster, :node],
        measurement: :count
      }
    ]
  end

  @impl true
  def init(options) do
    if Node.alive?() do
      :ok = :net_kernel.monitor_nodes(true, node_type: :visible)
      send(self(), :dial)
    end

    {:ok, %{options: options, dialling: %{}}}
  end

  @impl true
  def handle_info(:dial, state) do
    options = settings(state.options)
    connect = Keyword.get(options, :connect, &Node.connect/1)
    # DNS may take its time: in a process of its own, too.
    {pid, _} = spawn_monitor(fn -> exit({:wanted, wanted(options)}) end)
    Process.send_after(self(), :dial, @interval_ms)
    {:noreply, %{state | dialling: Map.put_new(state.dialling, pid, {:search, connect})}}
  end

  def handle_info({:DOWN, _, :process, pid, reason}, state) do
    case {Map.pop(state.dialling, pid), reason} do
      {{{:search, connect}, dialling}, {:wanted, wanted}} ->
        busy = Map.values(dialling)
        missing = Enum.reject(wanted, &(&1 in Node.list() or {:dial, &1} in busy))

        dials =
          for node <- missing, into: dialling do
            {dial, _} = spawn_monitor(fn -> connect.(node) end)
            {dial, {:dial, node}}
          end

        {:noreply, %{state | dialling: dials}}

      {{_, dialling}, _} ->
        {:noreply, %{state | dialling: dialling}}
    end
  end

  def handle_info({change, node, _info}, state) when change in [:nodeup, :nodedown] do
    change = if change == :nodeup, do: :up, else: :down
    Logger.notice("cluster: #{node} is #{change}")
    Telemetry.execute([:bitactor, :cluster, :node], %{count: 1}, %{node: node, change: change})
    {:noreply, state}
  end

  def handle_info(_message, state), do: {:noreply, state}

  defp discovered(options) do
    case options[:discovery] do
      :dns -> resolved(options[:dns_name], Keyword.get(options, :resolve, &resolve/1))
      _ -> options[:peers] || []
    end
  end

  defp resolved(name, resolve) do
    [base | _] = String.split(Atom.to_string(node()), "@")

    # A node name is an atom, and is made once per address: no more than the network of the
    # pods has. An answer is cut where it names more than a cluster has.
    for address <- Enum.take(resolve.(name), @addresses_max),
        do: String.to_atom("#{base}@#{:inet.ntoa(address)}")
  end

  defp resolve(name) do
    case :inet_res.getbyname(String.to_charlist(name), :a, @dns_timeout_ms) do
      {:ok, {:hostent, _, _, _, _, addresses}} -> addresses
      {:error, _} -> []
    end
  end

  defp settings(options) do
    keys = [:voters, :peers, :discovery, :dns_name]
    set = for key <- keys, do: {key, Application.get_env(:bitactor, key)}
    Keyword.merge(set, options)
  end
end
