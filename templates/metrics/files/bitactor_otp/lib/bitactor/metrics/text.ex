defmodule BitActor.Metrics.Text do
  @moduledoc """
  The Prometheus text format, version 0.0.4
  (https://prometheus.io/docs/instrumenting/exposition_formats/). Pure.
  """

  alias BitActor.Metrics.Definition

  @type sample :: {labels :: [String.t()], number() | {[non_neg_integer()], number()}}

  @doc "The media type of what `encode/1` returns."
  @spec content_type() :: String.t()
  def content_type, do: "text/plain; version=0.0.4; charset=utf-8"

  @doc "Encodes metrics with their samples, in the order given; one without samples is left out."
  @spec encode([{Definition.t(), [sample()]}]) :: iodata()
  def encode(families), do: Enum.map(families, &family/1)

  defp family({_, []}), do: []

  defp family({definition, samples}) do
    [
      ["# HELP ", definition.name, " ", escape(definition.help, false), "\n"],
      ["# TYPE ", definition.name, " ", Atom.to_string(definition.type), "\n"],
      samples |> Enum.sort() |> Enum.map(fn sample -> sample(definition, sample) end)
    ]
  end

  defp sample(%{type: :histogram} = definition, {values, {counts, sum}}) do
    %{name: name, labels: labels, buckets: buckets} = definition
    bounds = Enum.map(buckets, &bound/1) ++ ["+Inf"]

    {lines, total} =
      Enum.zip(bounds, counts)
      |> Enum.map_reduce(0, fn {bound, count}, below ->
        {line([name, "_bucket"], labels ++ [:le], values ++ [bound], below + count),
         below + count}
      end)

    [
      lines,
      line([name, "_sum"], labels, values, sum),
      line([name, "_count"], labels, values, total)
    ]
  end

  defp sample(%{name: name, labels: labels}, {values, value}),
    do: line(name, labels, values, value)

  defp line(name, labels, values, value),
    do: [name, set(labels, values), " ", number(value), "\n"]

  defp set([], []), do: []

  defp set(labels, values) do
    pairs =
      Enum.zip_with(labels, values, fn label, value ->
        [Atom.to_string(label), "=\"", escape(value, true), "\""]
      end)

    ["{", Enum.intersperse(pairs, ","), "}"]
  end

  @doc """
  The text of a bucket's bound: a plain decimal, so that rules may name it.

      iex> Enum.map([0.0001, 0.25, 1, 2.0], &BitActor.Metrics.Text.bound/1)
      ["0.0001", "0.25", "1", "2"]
  """
  @spec bound(number()) :: String.t()
  def bound(value) when is_integer(value), do: Integer.to_string(value)

  def bound(value) do
    :erlang.float_to_binary(value, [:compact, decimals: 12]) |> String.trim_trailing(".0")
  end

  defp number(value) when is_integer(value), do: Integer.to_string(value)
  defp number(value), do: :erlang.float_to_binary(value, [:short])

  # Help texts leave quotes as they are, label values do not.
  defp escape(text, quotes?) do
    if String.contains?(text, ["\\", "\n", "\""]) do
      text = text |> String.replace("\\", "\\\\") |> String.replace("\n", "\\n")
      if quotes?, do: String.replace(text, "\"", "\\\""), else: text
    else
      text
    end
  end
end
