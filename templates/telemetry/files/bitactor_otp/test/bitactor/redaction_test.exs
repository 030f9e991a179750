defmodule BitActor.RedactionTest do
  use ExUnit.Case, async: true

  alias BitActor.Redaction

  doctest Redaction

  test "no value under a sensitive key is left, at any depth and in any container" do
    for word <- Redaction.words() do
      secret = "s3cr3t-" <> word
      upper = String.upcase("my_" <> word)

      term = %{
        upper => secret,
        list: [
          {String.to_atom(word), secret},
          {String.to_charlist(word), secret} | {word, secret}
        ],
        deep: {:ok, %URI{host: "h", userinfo: "u", query: %{word => secret}}},
        kept: "visible"
      }

      shown = inspect(Redaction.redact(term))
      refute shown =~ secret
      assert shown =~ "visible"
    end
  end

  test "any term passes" do
    terms = [
      1,
      1.5,
      self(),
      make_ref(),
      fn -> 1 end,
      <<1::3>>,
      [1 | 2],
      {},
      [],
      %{{1} => 2},
      'abc'
    ]

    for term <- terms, do: assert(Redaction.redact(term) == term)
  end

  test "structs keep their type" do
    assert %URI{host: "h"} = Redaction.redact(%URI{host: "h"})
  end
end
