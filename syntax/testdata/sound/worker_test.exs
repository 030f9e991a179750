defmodule MyApp.WorkerTest do
  use ExUnit.Case, async: true

  @moduletag timeout: 1000

  setup do
    {:ok, worker: start_supervised!(MyApp.Worker)}
  end

  test "starts", %{worker: worker} do
    assert Process.alive?(worker)
  end

  describe "push/1" do
    @tag :skip
    test "adds an item", %{worker: worker} do
      assert :ok = GenServer.call(worker, {:push, 1})
    end

    @tag skip: "slow"
    property "keeps the order" do
      check all x <- integer(), do: assert(x == x)
    end
  end

  test "not written yet"
end
