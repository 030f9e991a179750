defmodule BitActor.JSON do
  @moduledoc """
  JSON after RFC 8259, for log lines, health answers and OTLP payloads.

  OTP 25 has no `:json` (it came with OTP 27) and Elixir 1.14 no `JSON` (1.18), so the
  system carries its own, small and strict.

  Invariants:

    1. What `encode!/2` returns is valid JSON in valid UTF-8, on one line.
    2. `decode/1` never raises and never creates an atom: keys and strings are binaries.
    3. `decode(encode!(term))` gives `term` back when it is made of maps with string keys,
       lists, valid strings, integers, floats, booleans and nil.
    4. Nesting deeper than #{128} and numbers longer than #{400} bytes are refused, so a short
       input cannot cost more than time linear in its size.
  """

  @max_depth 128
  @max_number 400

  @type value ::
          nil
          | boolean()
          | number()
          | String.t()
          | atom()
          | [value()]
          | %{optional(key()) => value()}
  @type key :: String.t() | atom() | integer()
  @type error :: %{position: non_neg_integer(), reason: atom()}

  @doc """
  Encodes `term` to a binary.

  Maps (keys: strings, atoms, integers), lists, strings, numbers, booleans, nil, other atoms
  (as strings) and the four calendar structs (ISO 8601) are encoded; anything else raises
  `ArgumentError`. A string that is not UTF-8 raises too, unless `invalid: :replace` is
  given: then each wrong byte becomes U+FFFD.

      iex> BitActor.JSON.encode!(%{"a" => [1, 2.5, nil, "x\\ny"]})
      ~S({"a":[1,2.5,null,"x\\ny"]})
  """
  @spec encode!(term(), invalid: :raise | :replace) :: String.t()
  def encode!(term, options \\ []), do: IO.iodata_to_binary(encode_to_iodata!(term, options))

  @doc "Encodes like `encode!/2`, without joining the parts."
  @spec encode_to_iodata!(term(), invalid: :raise | :replace) :: iodata()
  def encode_to_iodata!(term, options \\ []) do
    value(term, Keyword.get(options, :invalid, :raise))
  end

  defp value(nil, _), do: "null"
  defp value(true, _), do: "true"
  defp value(false, _), do: "false"
  defp value(atom, invalid) when is_atom(atom), do: string(Atom.to_string(atom), invalid)
  defp value(binary, invalid) when is_binary(binary), do: string(binary, invalid)
  defp value(integer, _) when is_integer(integer), do: Integer.to_string(integer)
  defp value(float, _) when is_float(float), do: :erlang.float_to_binary(float, [:short])
  defp value([], _), do: "[]"

  defp value([first | rest], invalid) do
    [?[, value(first, invalid) | tail(rest, invalid)]
  end

  defp value(%module{} = struct, invalid) when module in [DateTime, NaiveDateTime, Date, Time] do
    string(module.to_iso8601(struct), invalid)
  end

  defp value(%_{} = struct, _), do: raise(ArgumentError, "not JSON: #{inspect(struct)}")

  defp value(map, invalid) when is_map(map) do
    case :maps.to_list(map) do
      [] -> "{}"
      [pair | rest] -> [?{, pair(pair, invalid) | pairs(rest, invalid)]
    end
  end

  defp value(other, _), do: raise(ArgumentError, "not JSON: #{inspect(other)}")

  defp tail([], _), do: [?]]
  defp tail([next | rest], invalid), do: [?,, value(next, invalid) | tail(rest, invalid)]
  defp tail(improper, _), do: raise(ArgumentError, "not JSON: list ends in #{inspect(improper)}")

  defp pairs([], _), do: [?}]
  defp pairs([next | rest], invalid), do: [?,, pair(next, invalid) | pairs(rest, invalid)]

  defp pair({key, value}, invalid), do: [key(key, invalid), ?:, value(value, invalid)]

  defp key(key, invalid) when is_binary(key), do: string(key, invalid)
  defp key(key, invalid) when is_atom(key), do: string(Atom.to_string(key), invalid)
  defp key(key, _) when is_integer(key), do: [?", Integer.to_string(key), ?"]
  defp key(key, _), do: raise(ArgumentError, "not a JSON key: #{inspect(key)}")

  defp string(binary, invalid), do: [?", escape(binary, binary, 0, 0, invalid), ?"]

  # Runs of bytes that need no escape are handed on as sub-binaries of `whole`: `skip` is
  # where the run starts, `length` its bytes so far.
  defp escape(<<byte, rest::bits>>, whole, skip, length, invalid)
       when byte >= 0x20 and byte < 0x80 and byte != ?" and byte != ?\\ do
    escape(rest, whole, skip, length + 1, invalid)
  end

  defp escape(<<>>, whole, 0, length, _) when byte_size(whole) == length, do: whole
  defp escape(<<>>, whole, skip, length, _), do: binary_part(whole, skip, length)

  defp escape(<<byte, rest::bits>>, whole, skip, length, invalid) when byte < 0x80 do
    [
      binary_part(whole, skip, length),
      escaped(byte) | escape(rest, whole, skip + length + 1, 0, invalid)
    ]
  end

  defp escape(<<char::utf8, rest::bits>>, whole, skip, length, invalid) do
    escape(rest, whole, skip, length + utf8_size(char), invalid)
  end

  defp escape(<<_, rest::bits>>, whole, skip, length, :replace) do
    [
      binary_part(whole, skip, length),
      "\uFFFD" | escape(rest, whole, skip + length + 1, 0, :replace)
    ]
  end

  defp escape(_, whole, _, _, :raise) do
    raise ArgumentError, "not UTF-8: #{inspect(binary_part(whole, 0, min(byte_size(whole), 40)))}"
  end

  defp utf8_size(char) when char < 0x800, do: 2
  defp utf8_size(char) when char < 0x10000, do: 3
  defp utf8_size(_), do: 4

  defp escaped(?"), do: "\\\""
  defp escaped(?\\), do: "\\\\"
  defp escaped(?\n), do: "\\n"
  defp escaped(?\r), do: "\\r"
  defp escaped(?\t), do: "\\t"
  defp escaped(?\b), do: "\\b"
  defp escaped(?\f), do: "\\f"

  defp escaped(control) do
    ["\\u00", Base.encode16(<<control>>, case: :lower)]
  end

  @doc """
  Decodes one JSON value.

  The error names the byte offset and what is wrong there: `:syntax`, `:end`, `:depth`,
  `:number`, `:utf8` or `:trailing`. Of two equal keys the later one counts.

      iex> BitActor.JSON.decode(~S({"a": [1, -2.5e3, true]}))
      {:ok, %{"a" => [1, -2500.0, true]}}
      iex> BitActor.JSON.decode("[1,]")
      {:error, %{position: 3, reason: :syntax}}
  """
  @spec decode(binary()) :: {:ok, value()} | {:error, error()}
  def decode(binary) when is_binary(binary) do
    {value, rest} = parse(space(binary), 0)

    case space(rest) do
      <<>> -> {:ok, value}
      left -> {:error, %{position: byte_size(binary) - byte_size(left), reason: :trailing}}
    end
  catch
    {:json, reason, left} ->
      {:error, %{position: byte_size(binary) - byte_size(left), reason: reason}}
  end

  defp space(<<byte, rest::bits>>) when byte in [?\s, ?\n, ?\r, ?\t], do: space(rest)
  defp space(rest), do: rest

  defp parse(input, depth) when depth > @max_depth, do: fail(:depth, input)
  defp parse(<<?", rest::bits>>, _), do: text(rest, rest, 0, [])
  defp parse(<<?{, rest::bits>>, depth), do: object(space(rest), depth + 1)
  defp parse(<<?[, rest::bits>>, depth), do: array(space(rest), depth + 1)
  defp parse(<<"true", rest::bits>>, _), do: {true, rest}
  defp parse(<<"false", rest::bits>>, _), do: {false, rest}
  defp parse(<<"null", rest::bits>>, _), do: {nil, rest}

  defp parse(<<byte, _::bits>> = input, _) when byte == ?- or byte in ?0..?9 do
    number(input)
  end

  defp parse(<<>>, _), do: fail(:end, <<>>)
  defp parse(input, _), do: fail(:syntax, input)

  defp array(<<?], rest::bits>>, _), do: {[], rest}
  defp array(input, depth), do: elements(input, depth, [])

  defp elements(input, depth, done) do
    {value, rest} = parse(input, depth)

    case space(rest) do
      <<?,, rest::bits>> -> elements(space(rest), depth, [value | done])
      <<?], rest::bits>> -> {Enum.reverse(done, [value]), rest}
      <<>> -> fail(:end, <<>>)
      left -> fail(:syntax, left)
    end
  end

  defp object(<<?}, rest::bits>>, _), do: {%{}, rest}
  defp object(input, depth), do: members(input, depth, [])

  defp members(<<?", rest::bits>>, depth, done) do
    {key, rest} = text(rest, rest, 0, [])
    {value, rest} = rest |> space() |> colon() |> space() |> parse(depth)
    done = [{key, value} | done]

    case space(rest) do
      <<?,, rest::bits>> -> members(space(rest), depth, done)
      <<?}, rest::bits>> -> {:maps.from_list(Enum.reverse(done)), rest}
      <<>> -> fail(:end, <<>>)
      left -> fail(:syntax, left)
    end
  end

  defp members(<<>>, _, _), do: fail(:end, <<>>)
  defp members(input, _, _), do: fail(:syntax, input)

  defp colon(<<?:, rest::bits>>), do: rest
  defp colon(<<>>), do: fail(:end, <<>>)
  defp colon(input), do: fail(:syntax, input)

  # As in escape/5: `run` is where the bytes taken over unchanged start, `length` how many.
  defp text(<<?", rest::bits>>, run, length, []), do: {binary_part(run, 0, length), rest}

  defp text(<<?", rest::bits>>, run, length, done) do
    {IO.iodata_to_binary(Enum.reverse(done, [binary_part(run, 0, length)])), rest}
  end

  defp text(<<?\\, rest::bits>>, run, length, done) do
    {char, rest} = unescape(rest)
    text(rest, rest, 0, [char, binary_part(run, 0, length) | done])
  end

  defp text(<<byte, rest::bits>>, run, length, done) when byte >= 0x20 and byte < 0x80 do
    text(rest, run, length + 1, done)
  end

  defp text(<<byte, _::bits>> = input, _, _, _) when byte < 0x20, do: fail(:syntax, input)

  defp text(<<char::utf8, rest::bits>>, run, length, done) do
    text(rest, run, length + utf8_size(char), done)
  end

  defp text(<<>>, _, _, _), do: fail(:end, <<>>)
  defp text(input, _, _, _), do: fail(:utf8, input)

  defp unescape(<<?", rest::bits>>), do: {?", rest}
  defp unescape(<<?\\, rest::bits>>), do: {?\\, rest}
  defp unescape(<<?/, rest::bits>>), do: {?/, rest}
  defp unescape(<<?n, rest::bits>>), do: {?\n, rest}
  defp unescape(<<?r, rest::bits>>), do: {?\r, rest}
  defp unescape(<<?t, rest::bits>>), do: {?\t, rest}
  defp unescape(<<?b, rest::bits>>), do: {?\b, rest}
  defp unescape(<<?f, rest::bits>>), do: {?\f, rest}

  defp unescape(<<?u, hex::binary-size(4), rest::bits>> = input) do
    case {hex(hex), rest} do
      {high, <<"\\u", low_hex::binary-size(4), after_low::bits>>} when high in 0xD800..0xDBFF ->
        {surrogate(high, hex(low_hex), input), after_low}

      {char, _} when char in 0..0xD7FF or char in 0xE000..0xFFFF ->
        {<<char::utf8>>, rest}

      _ ->
        fail(:syntax, input)
    end
  end

  defp unescape(input), do: fail(:syntax, input)

  defp surrogate(high, low, _) when low in 0xDC00..0xDFFF do
    <<0x10000 + Bitwise.bsl(high - 0xD800, 10) + low - 0xDC00::utf8>>
  end

  defp surrogate(_, _, input), do: fail(:syntax, input)

  defp hex(<<a, b, c, d>>) do
    digits = [digit(a), digit(b), digit(c), digit(d)]
    if :error in digits, do: :error, else: Integer.undigits(digits, 16)
  end

  defp digit(byte) when byte in ?0..?9, do: byte - ?0
  defp digit(byte) when byte in ?a..?f, do: byte - ?a + 10
  defp digit(byte) when byte in ?A..?F, do: byte - ?A + 10
  defp digit(_), do: :error

  defp number(input) do
    {sign, rest} = sign(input)
    {whole, rest} = digits(rest, 0, rest)
    if leading_zero?(input, sign, whole), do: fail(:number, input)
    {fraction, rest} = fraction(rest)
    {exponent, rest} = exponent(rest)
    length = sign + whole + fraction + exponent
    if length > @max_number, do: fail(:number, input)
    {convert(binary_part(input, 0, length), sign + whole, fraction, exponent, input), rest}
  end

  defp sign(<<?-, rest::bits>>), do: {1, rest}
  defp sign(rest), do: {0, rest}

  defp digits(<<byte, rest::bits>>, count, start) when byte in ?0..?9 do
    digits(rest, count + 1, start)
  end

  defp digits(_, 0, start), do: fail(:number, start)
  defp digits(rest, count, _), do: {count, rest}

  defp leading_zero?(input, sign, whole) do
    whole > 1 and binary_part(input, sign, 1) == "0"
  end

  defp fraction(<<?., rest::bits>>) do
    {count, rest} = digits(rest, 0, rest)
    {count + 1, rest}
  end

  defp fraction(rest), do: {0, rest}

  defp exponent(<<e, sign, rest::bits>>) when e in [?e, ?E] and sign in [?+, ?-] do
    {count, rest} = digits(rest, 0, rest)
    {count + 2, rest}
  end

  defp exponent(<<e, rest::bits>>) when e in [?e, ?E] do
    {count, rest} = digits(rest, 0, rest)
    {count + 1, rest}
  end

  defp exponent(rest), do: {0, rest}

  defp convert(text, _, 0, 0, _), do: String.to_integer(text)
  defp convert(text, _, fraction, _, input) when fraction > 0, do: float(text, input)

  # Erlang's float syntax wants a fraction: 1e3 becomes 1.0e3.
  defp convert(text, whole, 0, _, input) do
    <<digits::binary-size(whole), rest::binary>> = text
    float(digits <> ".0" <> rest, input)
  end

  # The only way left to fail is a value beyond the range of a double.
  defp float(text, input) do
    :erlang.binary_to_float(text)
  rescue
    ArgumentError -> fail(:number, input)
  end

  @spec fail(atom(), binary()) :: no_return()
  defp fail(reason, left), do: throw({:json, reason, left})
end
