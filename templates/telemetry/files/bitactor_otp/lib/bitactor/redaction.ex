defmodule BitActor.Redaction do
  @moduledoc """
  Decides which values may leave the system in log lines and span attributes.

  A value is hidden by the name of its key, not by its content: a key is sensitive when one
  of the words in `words/0` is part of it (`api_token`, `Authorization`, `"db_password"`).

  Invariants:

    1. `redact/1` returns no value that stood under a sensitive key, at any depth.
    2. It never raises, whatever the term.
  """

  @words ~w(authorization cookie credential passphrase password passwd private_key secret token)
  @hidden "[redacted]"

  @doc "The parts of a key's name that make it sensitive, lower case."
  @spec words() :: [String.t()]
  def words, do: @words

  @doc """
  Says whether values under `key` are hidden.

      iex> BitActor.Redaction.sensitive?(:api_token)
      true
      iex> BitActor.Redaction.sensitive?("queue")
      false
  """
  @spec sensitive?(term()) :: boolean()
  def sensitive?(key) when is_atom(key), do: sensitive?(Atom.to_string(key))
  def sensitive?(key) when is_binary(key), do: found?(String.downcase(key, :ascii))

  def sensitive?(key) when is_list(key) do
    List.ascii_printable?(key) and sensitive?(List.to_string(key))
  end

  def sensitive?(_), do: false

  # One clause a word: the compiler makes one decision tree of them, which reads each byte
  # once. Every key of every log line and span passes here.
  for word <- @words do
    defp found?(<<unquote(word), _::binary>>), do: true
  end

  defp found?(<<_, rest::binary>>), do: found?(rest)
  defp found?(<<>>), do: false

  @doc """
  Replaces each value under a sensitive key of a map, struct, keyword list or list of pairs
  by #{inspect(@hidden)}. Everything else keeps its shape.
  """
  @spec redact(term()) :: term()
  def redact(%module{} = struct) do
    struct |> Map.from_struct() |> redact() |> Map.put(:__struct__, module)
  end

  def redact(map) when is_map(map) do
    Map.new(map, fn {key, value} -> {key, under(key, value)} end)
  end

  def redact([head | tail]), do: [redact(head) | redact(tail)]
  def redact({key, value}), do: {redact(key), under(key, value)}

  def redact(tuple) when is_tuple(tuple) do
    tuple |> Tuple.to_list() |> redact() |> List.to_tuple()
  end

  def redact(other), do: other

  defp under(key, value) do
    if sensitive?(key), do: @hidden, else: redact(value)
  end
end
