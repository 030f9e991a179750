defmodule BitActor.Core.Fallback do
  @moduledoc """
  `BitActor.Core` in Elixir: each core or pool is a process around
  `BitActor.Core.Model` or `BitActor.Core.PoolModel`. It ends when the process that
  opened it ends. Arguments are checked by the caller, so that a wrong one raises
  there, as with the NIF.
  """
  @behaviour BitActor.Core.Implementation
  use GenServer, restart: :temporary

  alias BitActor.Core.{Model, PoolModel}

  @batch_signals_max 65_536
  @split_signals_max 2_048
  @rounds_signals_max 67_108_864
  @uint64_max 0xFFFF_FFFF_FFFF_FFFF

  defguardp is_between(value, min, max) when is_integer(value) and value >= min and value <= max

  defguardp is_power_of_two(value, max)
            when is_between(value, 1, max) and Bitwise.band(value, value - 1) == 0

  defguardp is_batch(batch, signals_max)
            when is_binary(batch) and rem(byte_size(batch), 64) == 0 and
                   div(byte_size(batch), 64) <= signals_max

  defguardp is_handle(id, handle)
            when is_between(id, 0, @uint64_max) and is_between(handle, 0, @uint64_max)

  @impl true
  def open(actors, slots, shift)
      when is_between(actors, 1, 1_048_576) and is_power_of_two(slots, 512) and slots > 1 and
             is_between(shift, 0, 6) do
    GenServer.start(__MODULE__, {Model.new(actors, slots, shift), self()})
  end

  def open(_, _, _), do: badarg()

  @impl true
  def process(core, batch) when is_pid(core) and is_batch(batch, @batch_signals_max) do
    GenServer.call(core, {:process, batch}, :infinity)
  end

  def process(_, _), do: badarg()

  @impl true
  def push(core, batch) when is_pid(core) and is_batch(batch, @batch_signals_max) do
    GenServer.call(core, {:push, batch}, :infinity)
  end

  def push(_, _), do: badarg()

  @impl true
  def drain(core, most) when is_pid(core) and is_between(most, 1, @batch_signals_max) do
    GenServer.call(core, {:drain, most}, :infinity)
  end

  def drain(_, _), do: badarg()

  @impl true
  def actor(core, index) when is_pid(core) and is_between(index, 0, @uint64_max) do
    GenServer.call(core, {:actor, index}, :infinity)
  end

  def actor(_, _), do: badarg()

  @impl true
  def info(core) when is_pid(core), do: GenServer.call(core, :info, :infinity)
  def info(_), do: badarg()

  @impl true
  def close(core) when is_pid(core), do: GenServer.call(core, :close, :infinity)
  def close(_), do: badarg()

  @impl true
  def split(batch, partitions)
      when is_batch(batch, @split_signals_max) and is_power_of_two(partitions, 64) do
    Model.split(batch, partitions)
  end

  def split(_, _), do: badarg()

  @impl true
  def calibrate(batch, actors, rounds)
      when is_batch(batch, @batch_signals_max) and batch != <<>> and
             is_between(actors, 1, 1_048_576) and
             is_between(rounds, 1, @rounds_signals_max) and
             rounds <= div(@rounds_signals_max, div(byte_size(batch), 64)) do
    core = Model.new(actors, 256, 0)

    {us, _} =
      :timer.tc(fn ->
        Enum.reduce(1..rounds, core, fn _, core -> elem(Model.process(core, batch), 1) end)
      end)

    {:ok, us * 1000}
  end

  def calibrate(_, _, _), do: badarg()

  @impl true
  def pool_open(blocks, block_bytes)
      when is_between(blocks, 1, 16_384) and is_between(block_bytes, 64, 65_536) and
             rem(block_bytes, 64) == 0 and blocks * block_bytes <= 67_108_864 do
    pool = PoolModel.new(blocks, block_bytes, System.unique_integer([:positive]))
    GenServer.start(__MODULE__, {pool, self()})
  end

  def pool_open(_, _), do: badarg()

  @impl true
  def pool_put(pool, bytes) when is_pid(pool) and is_binary(bytes) do
    GenServer.call(pool, {:put, bytes}, :infinity)
  end

  def pool_put(_, _), do: badarg()

  @impl true
  def pool_get(pool, {id, handle}) when is_pid(pool) and is_handle(id, handle) do
    GenServer.call(pool, {:get, {id, handle}}, :infinity)
  end

  def pool_get(_, _), do: badarg()

  @impl true
  def pool_give(pool, {id, handle}) when is_pid(pool) and is_handle(id, handle) do
    GenServer.call(pool, {:give, {id, handle}}, :infinity)
  end

  def pool_give(_, _), do: badarg()

  @impl true
  def pool_info(pool) when is_pid(pool), do: GenServer.call(pool, :pool_info, :infinity)
  def pool_info(_), do: badarg()

  @impl GenServer
  def init({state, opener}) do
    _monitor = Process.monitor(opener)
    {:ok, state}
  end

  @impl GenServer
  def handle_call({:process, batch}, _from, core), do: reply(Model.process(core, batch))
  def handle_call({:push, batch}, _from, core), do: reply(Model.push(core, batch))
  def handle_call({:drain, most}, _from, core), do: reply(Model.drain(core, most))
  def handle_call({:actor, index}, _from, core), do: {:reply, Model.actor(core, index), core}
  def handle_call(:info, _from, core), do: {:reply, Model.info(core), core}
  def handle_call(:close, _from, core), do: {:reply, :ok, Model.close(core)}
  def handle_call({:put, bytes}, _from, pool), do: reply(PoolModel.put(pool, bytes))
  def handle_call({:get, handle}, _from, pool), do: {:reply, PoolModel.get(pool, handle), pool}
  def handle_call({:give, handle}, _from, pool), do: reply(PoolModel.give(pool, handle))
  def handle_call(:pool_info, _from, pool), do: {:reply, PoolModel.info(pool), pool}

  @impl GenServer
  def handle_info({:DOWN, _, :process, _, _}, state), do: {:stop, :normal, state}
  def handle_info(_, state), do: {:noreply, state}

  defp reply({answer, state}), do: {:reply, answer, state}

  @spec badarg() :: no_return
  defp badarg, do: raise(ArgumentError)
end
