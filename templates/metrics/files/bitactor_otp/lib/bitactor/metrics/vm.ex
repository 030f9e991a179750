defmodule BitActor.Metrics.VM do
  @moduledoc """
  What the virtual machine says of itself: memory by kind, processes, ports and atoms against
  their limits, run queues, reductions, garbage collections, distribution links.

  Everything is read at the scrape; nothing walks over all processes.
  """

  @doc "The metrics of this module."
  @spec metrics() :: [map()]
  def metrics do
    for {name, type, labels, help} <- table() do
      key = String.to_existing_atom(name)

      %{
        name: "bitactor_" <> name,
        type: type,
        help: help,
        labels: labels,
        read: {__MODULE__, :read, [key]}
      }
    end
  end

  defp table do
    [
      {"build_info", :gauge, [:version, :otp], "1, with the versions as labels."},
      {"vm_memory_bytes", :gauge, [:kind], "Memory that the VM has allocated, by kind."},
      {"vm_processes", :gauge, [], "Processes."},
      {"vm_process_limit", :gauge, [], "Most processes that can be."},
      {"vm_ports", :gauge, [], "Ports."},
      {"vm_port_limit", :gauge, [], "Most ports that can be."},
      {"vm_atoms", :gauge, [], "Atoms; they are never freed."},
      {"vm_atom_limit", :gauge, [], "Most atoms that can be: the VM ends beyond."},
      {"vm_ets_tables", :gauge, [], "ETS tables."},
      {"vm_schedulers", :gauge, [], "Schedulers online."},
      {"vm_run_queue_length", :gauge, [], "Processes that could run and wait for a scheduler."},
      {"vm_reductions_total", :counter, [], "Reductions: the VM's measure of work done."},
      {"vm_context_switches_total", :counter, [], "Times a scheduler took another process."},
      {"vm_garbage_collections_total", :counter, [], "Garbage collections of processes."},
      {"vm_garbage_reclaimed_bytes_total", :counter, [], "Memory that collections gave back."},
      {"vm_io_bytes_total", :counter, [:direction], "Bytes through ports, by direction."},
      {"vm_dist_links", :gauge, [], "Connected nodes, hidden ones included."},
      {"vm_uptime_seconds", :gauge, [], "Time since the VM started."}
    ]
  end

  @doc false
  def read(:build_info) do
    otp = List.to_string(:erlang.system_info(:otp_release))
    [{%{version: BitActor.version(), otp: otp}, 1}]
  end

  # The kinds that add up to the total, which is left to whoever sums.
  def read(:vm_memory_bytes) do
    memory = Map.new(:erlang.memory())
    named = for kind <- [:processes, :atom, :binary, :code, :ets], do: {kind, memory[kind]}
    other = memory.total - Enum.sum(Enum.map(named, &elem(&1, 1)))
    for {kind, bytes} <- [{:other, max(other, 0)} | named], do: {%{kind: kind}, bytes}
  end

  def read(:vm_processes), do: :erlang.system_info(:process_count)
  def read(:vm_process_limit), do: :erlang.system_info(:process_limit)
  def read(:vm_ports), do: :erlang.system_info(:port_count)
  def read(:vm_port_limit), do: :erlang.system_info(:port_limit)
  def read(:vm_atoms), do: :erlang.system_info(:atom_count)
  def read(:vm_atom_limit), do: :erlang.system_info(:atom_limit)
  def read(:vm_ets_tables), do: :erlang.system_info(:ets_count)
  def read(:vm_schedulers), do: :erlang.system_info(:schedulers_online)
  def read(:vm_run_queue_length), do: :erlang.statistics(:total_run_queue_lengths)
  def read(:vm_reductions_total), do: elem(:erlang.statistics(:reductions), 0)
  def read(:vm_context_switches_total), do: elem(:erlang.statistics(:context_switches), 0)

  def read(:vm_garbage_collections_total) do
    elem(:erlang.statistics(:garbage_collection), 0)
  end

  def read(:vm_garbage_reclaimed_bytes_total) do
    elem(:erlang.statistics(:garbage_collection), 1) * :erlang.system_info(:wordsize)
  end

  def read(:vm_io_bytes_total) do
    {{:input, input}, {:output, output}} = :erlang.statistics(:io)
    [{%{direction: :in}, input}, {%{direction: :out}, output}]
  end

  def read(:vm_dist_links), do: length(:erlang.nodes(:connected))
  def read(:vm_uptime_seconds), do: elem(:erlang.statistics(:wall_clock), 0) / 1_000
end
