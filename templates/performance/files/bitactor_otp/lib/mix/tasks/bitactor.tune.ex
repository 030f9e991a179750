defmodule Mix.Tasks.Bitactor.Tune do
  @shortdoc "Proposes settings that this machine runs faster with; changes none"

  @moduledoc """
      mix bitactor.tune [--rounds 21]

  Tries other values of some settings on a workload of calls and batches, both values
  in turn in one run, and prints what each did before and after. A value is proposed
  only where the 95 % confidence interval of its gain lies above 1 and the gain is at
  least 5 %. Nothing is written: what to take over is yours to decide.

  Run it where nothing else runs, with the settings of production (`MIX_ENV=prod`), and
  not on a node that serves.
  """
  use Mix.Task

  alias BitActor.Performance

  @impl Mix.Task
  def run(arguments) do
    {options, rest} = OptionParser.parse!(arguments, strict: [rounds: :integer])
    rounds = Keyword.get(options, :rounds, 21)

    if rest != [] or rounds < 7,
      do: Mix.raise("usage: mix bitactor.tune [--rounds COUNT], COUNT at least 7")

    Mix.Task.run("app.start")

    verdicts =
      for candidate <- Performance.candidates(), do: show(Performance.compare(candidate, rounds))

    case for(v <- verdicts, v.verdict == :faster, do: "  #{v.name}: #{inspect(v.after)}") do
      [] -> Mix.shell().info("no change proposed")
      proposals -> Mix.shell().info("proposed:\n" <> Enum.join(proposals, "\n"))
    end
  end

  defp show(v) do
    Mix.shell().info(
      "#{v.name}: #{inspect(v.before)} -> #{inspect(v.after)}: " <>
        "#{ms(v.before_ns)} -> #{ms(v.after_ns)} ms, " <>
        "#{ratio(v.gain)} times as fast (#{ratio(v.low)} to #{ratio(v.high)}), #{v.verdict}"
    )

    v
  end

  defp ms(ns), do: :erlang.float_to_binary(ns / 1.0e6, decimals: 2)
  defp ratio(value), do: :erlang.float_to_binary(value * 1.0, decimals: 2)
end
