defmodule BitActor.ApplicationTest do
  # stops and starts the application: nothing may run beside it
  use ExUnit.Case, async: false
  doctest BitActor

  setup do
    on_exit(fn -> {:ok, _started} = Application.ensure_all_started(:bitactor) end)
  end

  defp set(key, value) do
    saved = Application.get_env(:bitactor, key)
    on_exit(fn -> restore(key, saved) end)
    Application.put_env(:bitactor, key, value)
  end

  defp restore(key, nil), do: Application.delete_env(:bitactor, key)
  defp restore(key, value), do: Application.put_env(:bitactor, key, value)

  test "a started node serves, a stopped one does not" do
    assert BitActor.phase() == :serving
    assert BitActor.accepting?()
    assert BitActor.version() =~ ~r/^\d+\.\d+\.\d+/

    :ok = Application.stop(:bitactor)
    assert BitActor.phase() == :closed
    refute BitActor.accepting?()
    assert BitActor.draining?()
  end

  test "readiness goes first, requests are taken until the delay is over" do
    set(:drain_delay_ms, 100)
    test = self()

    :ok =
      BitActor.on_drain(:probe, fn _deadline ->
        send(test, {:hook, BitActor.phase()})
        :ok
      end)

    stop = Task.async(fn -> Application.stop(:bitactor) end)
    await_phase(:draining)
    assert BitActor.accepting?()
    assert BitActor.draining?()
    assert_receive {:hook, :closed}, 1_000
    assert Task.await(stop) == :ok
  end

  test "a hook that hangs or raises ends with the drain's time, the others run" do
    set(:drain_timeout_ms, 200)
    test = self()
    :ok = BitActor.on_drain(:a_raises, fn _ -> raise "no" end)
    :ok = BitActor.on_drain(:b_runs, fn deadline -> send(test, {:ran, deadline}) && :ok end)
    :ok = BitActor.on_drain(:c_hangs, fn _ -> Process.sleep(:infinity) end)

    {microseconds, :ok} = :timer.tc(fn -> Application.stop(:bitactor) end)
    assert_received {:ran, deadline} when is_integer(deadline)
    assert microseconds in 200_000..1_500_000
  end

  test "a NIF that is required and not there keeps the node from starting" do
    if BitActor.nif() == :absent do
      :ok = Application.stop(:bitactor)
      set(:nif, :required)
      assert {:error, {{:nif, :absent}, _}} = Application.start(:bitactor)
    else
      set(:nif, :off)
      :ok = Application.stop(:bitactor)
      :ok = Application.start(:bitactor)
      assert {:fallback, _why} = BitActor.nif()
    end
  end

  defp await_phase(phase, left \\ 1_000) do
    cond do
      BitActor.phase() == phase ->
        :ok

      left == 0 ->
        flunk("never #{phase}")

      true ->
        receive do
        after
          1 -> await_phase(phase, left - 1)
        end
    end
  end
end
