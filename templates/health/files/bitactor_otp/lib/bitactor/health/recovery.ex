defmodule BitActor.Health.Recovery do
  @moduledoc """
  Decides when a failed check is worth a recovery action. Pure: time comes in, a decision
  comes out.

  An action is taken when a check has failed `failures_min` (2) times in a row, then again
  after a pause that doubles from `backoff_ms` (1,000) to `backoff_max_ms` (300,000); never more
  than `budget` (5) times within `window_ms` (3,600,000). What an action cannot mend, people
  must: `:exhausted` is said once, when the budget has run out.

  After `failures_min` good rounds in a row the pause starts from `backoff_ms` again; the budget
  comes back with time only.
  """

  defstruct failures: 0, successes: 0, attempts: 0, not_before: nil, spent: [], exhausted: false

  @type t :: %__MODULE__{
          failures: non_neg_integer(),
          successes: non_neg_integer(),
          attempts: non_neg_integer(),
          not_before: integer() | nil,
          spent: [integer()],
          exhausted: boolean()
        }

  @type settings :: %{
          failures_min: pos_integer(),
          backoff_ms: pos_integer(),
          backoff_max_ms: pos_integer(),
          budget: pos_integer(),
          window_ms: pos_integer()
        }

  @doc "The settings and their defaults."
  @spec default_settings() :: settings()
  def default_settings do
    %{
      failures_min: 2,
      backoff_ms: 1_000,
      backoff_max_ms: 300_000,
      budget: 5,
      window_ms: 3_600_000
    }
  end

  @doc """
  Takes the verdict of one round at `now` (monotonic milliseconds).

  `:none`: nothing to do; `:recover`: act, which is counted; `:wait`: failed, but it is not time
  yet, or the budget is spent; `:exhausted`: the first time that the budget is spent.
  """
  @spec step(t(), :ok | :failed, integer(), settings()) ::
          {:none | :recover | :wait | :exhausted, t()}
  def step(state, :ok, _, settings) do
    successes = state.successes + 1
    state = %{state | failures: 0, successes: successes}

    if successes >= settings.failures_min,
      do: {:none, %{state | attempts: 0, not_before: nil, exhausted: false}},
      else: {:none, state}
  end

  def step(state, :failed, now, settings) do
    spent = Enum.filter(state.spent, fn time -> time > now - settings.window_ms end)
    state = %{state | failures: state.failures + 1, successes: 0, spent: spent}

    cond do
      state.failures < settings.failures_min -> {:wait, state}
      state.not_before != nil and now < state.not_before -> {:wait, state}
      length(spent) < settings.budget -> {:recover, act(state, now, settings)}
      state.exhausted -> {:wait, state}
      true -> {:exhausted, %{state | exhausted: true}}
    end
  end

  defp act(state, now, settings) do
    pause = settings.backoff_ms * Integer.pow(2, min(state.attempts, 30))

    %{
      state
      | attempts: state.attempts + 1,
        not_before: now + min(pause, settings.backoff_max_ms),
        spent: [now | state.spent],
        exhausted: false
    }
  end
end
