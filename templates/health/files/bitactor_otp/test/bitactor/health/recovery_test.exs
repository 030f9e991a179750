defmodule BitActor.Health.RecoveryTest do
  use ExUnit.Case, async: true

  alias BitActor.Health.Recovery

  @settings %{failures_min: 2, backoff_ms: 100, backoff_max_ms: 350, budget: 4, window_ms: 10_000}

  # Verdicts at times, decisions out.
  defp decisions(verdicts, settings \\ @settings) do
    {decisions, _} =
      Enum.map_reduce(verdicts, %Recovery{}, fn {now, verdict}, state ->
        Recovery.step(state, verdict, now, settings)
      end)

    decisions
  end

  defp fail(times), do: Enum.map(times, &{&1, :failed})

  test "one failure is not acted upon, the second in a row is" do
    assert decisions([{0, :failed}, {1, :ok}, {2, :failed}, {3, :failed}]) == [
             :wait,
             :none,
             :wait,
             :recover
           ]
  end

  test "the pause doubles up to its maximum" do
    # Acts at 10, 110 (100 later), 310 (200 later), 660 (350, not 400, later).
    times = [0, 10, 109, 110, 309, 310, 659, 660]
    expected = [:wait, :recover, :wait, :recover, :wait, :recover, :wait, :recover]
    assert decisions(fail(times)) == expected
  end

  test "the budget ends it, said once; time brings it back" do
    times = [0, 10, 110, 310, 660, 2_000, 3_000, 10_011]
    expected = [:wait, :recover, :recover, :recover, :recover, :exhausted, :wait, :recover]
    assert decisions(fail(times)) == expected
  end

  test "good rounds bring the first pause back, not the budget" do
    good = [{1_000, :ok}, {1_001, :ok}]
    verdicts = fail([0, 10, 110]) ++ good ++ fail([1_002, 1_003, 1_102, 1_103, 1_303])

    expected = [
      :wait,
      :recover,
      :recover,
      :none,
      :none,
      :wait,
      :recover,
      :wait,
      :recover,
      :exhausted
    ]

    assert decisions(verdicts) == expected
  end

  test "never more than the budget within the window, for any sequence" do
    :rand.seed(:exsss, ExUnit.configuration()[:seed])

    for _ <- 1..200 do
      times = Enum.scan(1..300, fn _, time -> time + :rand.uniform(400) end)
      verdicts = for time <- times, do: {time, Enum.random([:ok, :failed, :failed, :failed])}
      acted = for {{time, _}, :recover} <- Enum.zip(verdicts, decisions(verdicts)), do: time

      for time <- acted do
        within = Enum.count(acted, &(&1 > time - @settings.window_ms and &1 <= time))
        assert within <= @settings.budget
      end
    end
  end
end
