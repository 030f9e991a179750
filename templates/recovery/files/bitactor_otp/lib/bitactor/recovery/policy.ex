defmodule BitActor.Recovery.Policy do
  @moduledoc """
  When a failed child is started again, as a value: nothing here waits or reads a clock.

  The pause doubles with each failure, from `:delay_ms_min` to `:delay_ms_max`, and is then
  shortened by chance to between a half and the whole, so that many that failed together do not
  come back together. A child that ran for `:calm_ms` starts from the shortest pause again.
  After `:failures_max` failures without calm it is given up (`:infinity`: never).
  """

  @defaults [delay_ms_min: 100, delay_ms_max: 30_000, calm_ms: 60_000, failures_max: :infinity]

  @enforce_keys [:delay_ms_min, :delay_ms_max, :calm_ms, :failures_max]
  defstruct @enforce_keys ++ [failures: 0]

  @type t :: %__MODULE__{
          delay_ms_min: pos_integer,
          delay_ms_max: pos_integer,
          calm_ms: pos_integer,
          failures_max: pos_integer | :infinity,
          failures: non_neg_integer
        }

  @doc "A policy; options are the fields, #{inspect(@defaults)}."
  @spec new(keyword) :: t
  def new(options \\ []), do: struct!(__MODULE__, Keyword.merge(@defaults, options))

  @doc """
  What to do about a failure after `ran_ms` of running. `chance` is a number from 0 to 1.
  """
  @spec failed(t, ran_ms :: non_neg_integer, chance :: float) ::
          {:restart, delay_ms :: pos_integer, t} | {:give_up, t}
  def failed(%__MODULE__{} = policy, ran_ms, chance) do
    before = if ran_ms >= policy.calm_ms, do: 0, else: policy.failures
    policy = %{policy | failures: before + 1}

    # :infinity is an atom, and greater than any number.
    if policy.failures > policy.failures_max,
      do: {:give_up, policy},
      else: {:restart, delay_ms(policy, chance), policy}
  end

  defp delay_ms(policy, chance) do
    # 2^20 of the shortest is beyond any longest, and bounds the number.
    doubled = policy.delay_ms_min * Integer.pow(2, min(policy.failures - 1, 20))
    whole = min(doubled, policy.delay_ms_max)
    max(1, round(whole * (1 - chance / 2)))
  end
end
