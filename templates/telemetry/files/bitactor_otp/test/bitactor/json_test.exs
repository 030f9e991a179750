defmodule BitActor.JSONTest do
  use ExUnit.Case, async: true

  alias BitActor.JSON

  doctest JSON

  # Generators; every draw comes from ExUnit's seed, so a failing run can be repeated.
  defp text do
    for _ <- 1..:rand.uniform(12), into: "", do: <<Enum.random(characters())::utf8>>
  end

  defp characters,
    do: [?a, ?", ?\\, ?/, 0, 1, 0x1F, 0x7F, 0x80, 0xE9, 0x7FF, 0xFFFD, 0x1F600, 0x10FFFF]

  defp term(0) do
    Enum.random([nil, true, false, text(), "", :rand.uniform(1_000) - 500, number()])
  end

  defp term(depth) do
    case :rand.uniform(3) do
      1 -> term(0)
      2 -> for _ <- 0..:rand.uniform(4), do: term(depth - 1)
      3 -> for _ <- 0..:rand.uniform(4), into: %{}, do: {text(), term(depth - 1)}
    end
  end

  defp number do
    Enum.random([0.0, 1.5, -2.25e-9, 1.0e300, 5.0e-324, 0x7FFF_FFFF_FFFF_FFFF * 3, :rand.normal()])
  end

  setup do
    :rand.seed(:exsss, ExUnit.configuration()[:seed])
    :ok
  end

  test "what is encoded decodes to the same" do
    for _ <- 1..200 do
      term = term(4)
      assert {:ok, term} == JSON.decode(JSON.encode!(term))
    end
  end

  test "random bytes never raise, and what decodes encodes again to the same value" do
    pieces = [
      ~s({),
      ~s(}),
      ~s([),
      ~s(]),
      ~s("),
      ~s(\\u12),
      ~s(\\),
      "1",
      "-",
      ".",
      "e",
      ",",
      ":",
      <<0xC3>>,
      "true"
    ]

    for _ <- 1..5_000 do
      input = for _ <- 1..:rand.uniform(10), into: "", do: Enum.random(pieces)

      case JSON.decode(input) do
        {:ok, value} ->
          assert {:ok, value} == JSON.decode(JSON.encode!(value))

        {:error, %{position: position, reason: reason}} ->
          assert position in 0..byte_size(input)
          assert is_atom(reason)
      end
    end
  end

  test "strings are escaped, on one line" do
    assert JSON.encode!("a\"b\\c\n\r\t\b\f\x01é😀") == ~S("a\"b\\c\n\r\t\b\f\u0001é😀")
  end

  test "bytes that are not UTF-8 raise, or are replaced one by one" do
    assert_raise ArgumentError, ~r/not UTF-8/, fn -> JSON.encode!(<<"ab", 0xFF, "c">>) end
    assert JSON.encode!(<<"ab", 0xFF, 0xC3, "c">>, invalid: :replace) == ~s("ab\uFFFD\uFFFDc")
    assert JSON.encode!(%{<<0xFF>> => 1}, invalid: :replace) == ~s({"\uFFFD":1})
  end

  test "keys and structs" do
    assert JSON.encode!(%{1 => :ok}) == ~s({"1":"ok"})
    assert JSON.encode!(~U[2024-01-02 03:04:05.000006Z]) == ~s("2024-01-02T03:04:05.000006Z")

    for wrong <- [{1, 2}, self(), %{{1} => 2}, [1 | 2], %URI{}] do
      assert_raise ArgumentError, fn -> JSON.encode!(wrong) end
    end
  end

  test "wrong input is refused where it is wrong" do
    for {input, position, reason} <- [
          {"", 0, :end},
          {"[1", 2, :end},
          {"{\"a\"", 4, :end},
          {"[1,]", 3, :syntax},
          {"{1:2}", 1, :syntax},
          {"nul", 0, :syntax},
          {"01", 0, :number},
          {"-", 1, :number},
          {"1.", 2, :number},
          {"1e", 2, :number},
          {"1e999", 0, :number},
          {"1 2", 2, :trailing},
          {"\"\x01\"", 1, :syntax},
          {<<?", 0xFF, ?">>, 1, :utf8},
          {~S("\ud800"), 2, :syntax},
          {~S("\ud800\u0041"), 2, :syntax},
          {~S("\u12g4"), 2, :syntax},
          {String.duplicate("9", 401), 0, :number}
        ] do
      assert {input, JSON.decode(input)} ==
               {input, {:error, %{position: position, reason: reason}}}
    end
  end

  test "escapes of the input, surrogate pairs included" do
    assert JSON.decode(~S("\u0041\ud83d\ude00\/\b\f\n\r\t\"\\")) == {:ok, "A😀/\b\f\n\r\t\"\\"}
  end

  test "128 levels are read, 129 are not" do
    nested = fn depth -> String.duplicate("[", depth) <> "1" <> String.duplicate("]", depth) end
    assert {:ok, [[_]]} = JSON.decode(nested.(2))
    assert {:ok, _} = JSON.decode(nested.(128))
    assert {:error, %{reason: :depth}} = JSON.decode(nested.(129))
    assert {:error, %{reason: :depth}} = JSON.decode(String.duplicate("[", 1_000_000))
  end

  test "keys become no atoms" do
    unknown = "key_#{System.unique_integer([:positive])}_nobody_has"
    assert {:ok, %{^unknown => 1}} = JSON.decode(~s({"#{unknown}": 1}))
    assert_raise ArgumentError, fn -> String.to_existing_atom(unknown) end
  end
end
