defmodule BitActor.HTTP.Request do
  @moduledoc """
  A request, and the reading of its head after RFC 9110 and RFC 9112.

  `parse/2` is a pure function of the bytes received so far. It is stricter than the RFCs
  allow to be lenient: lines end in CRLF, nothing else.
  """

  @enforce_keys [:method, :path]
  defstruct [
    :method,
    :path,
    :peer,
    :version,
    query: %{},
    headers: %{},
    body: "",
    content_length: 0
  ]

  @typedoc """
  `path` is percent-decoded, without the query; `headers` has lower-case names, repeated
  fields joined by ", "; `version` is 0 or 1, the minor one.
  """
  @type t :: %__MODULE__{
          method: String.t(),
          path: String.t(),
          query: %{String.t() => String.t()},
          headers: %{String.t() => String.t()},
          body: binary(),
          peer: {:inet.ip_address(), :inet.port_number()} | nil,
          version: 0 | 1,
          content_length: non_neg_integer()
        }

  @typedoc "A status code for the client."
  @type refusal :: 400 | 411 | 413 | 414 | 417 | 431 | 505

  # tchar of RFC 9110, section 5.6.2.
  defguardp token?(byte)
            when byte in ?a..?z or byte in ?A..?Z or byte in ?0..?9 or byte in '!#$%&\'*+-.^_`|~'

  defguardp hex?(byte) when byte in ?0..?9 or byte in ?a..?f or byte in ?A..?F

  @doc """
  Reads a head out of `buffer`; `from` is where the search for its end may start (the size
  of the buffer at the last `:more`).
  """
  @spec parse(binary(), map(), non_neg_integer()) ::
          {:ok, t(), rest :: binary()} | :more | {:error, refusal()}
  def parse(buffer, limits, from \\ 0)
  # An empty line before the request line is skipped (RFC 9112, section 2.2).
  def parse(<<"\r\n", rest::binary>>, limits, from), do: parse(rest, limits, max(from - 2, 0))

  def parse(buffer, limits, from) do
    start = max(from - 3, 0)

    case :binary.match(buffer, "\r\n\r\n", scope: {start, byte_size(buffer) - start}) do
      {at, 4} when at + 4 > limits.head_max -> {:error, too_long(buffer, limits)}
      {at, 4} -> split(buffer, at, limits)
      :nomatch when byte_size(buffer) >= limits.head_max -> {:error, too_long(buffer, limits)}
      :nomatch -> early(buffer, limits)
    end
  end

  # A first line that is too long is told at once, not when the head is full.
  defp early(buffer, %{request_line_max: max}) when byte_size(buffer) > max do
    if first_line(buffer) > max, do: {:error, 414}, else: :more
  end

  defp early(_, _), do: :more

  defp too_long(buffer, limits) do
    if first_line(buffer) > limits.request_line_max, do: 414, else: 431
  end

  defp first_line(buffer) do
    case :binary.match(buffer, "\r\n") do
      {at, 2} -> at
      :nomatch -> byte_size(buffer)
    end
  end

  defp split(buffer, at, limits) do
    <<head::binary-size(at), "\r\n\r\n", rest::binary>> = buffer
    [line | lines] = :binary.split(head, "\r\n", [:global])

    with :ok <- within(byte_size(line), limits.request_line_max, 414),
         :ok <- within(length(lines), limits.headers_max, 431),
         {:ok, request} <- request_line(line),
         {:ok, headers} <- headers(lines, %{}),
         {:ok, request} <- complete(request, headers, limits) do
      {:ok, request, rest}
    end
  end

  defp within(value, max, _) when value <= max, do: :ok
  defp within(_, _, status), do: {:error, status}

  defp request_line(line) do
    with [method, target, version] <- :binary.split(line, " ", [:global]),
         true <- token(method) == "",
         {:ok, minor} <- version(version),
         {:ok, path, query} <- target(target) do
      {:ok, %__MODULE__{method: method, path: path, query: query, version: minor}}
    else
      {:error, status} -> {:error, status}
      _ -> {:error, 400}
    end
  end

  defp version("HTTP/1.1"), do: {:ok, 1}
  defp version("HTTP/1.0"), do: {:ok, 0}

  defp version(<<"HTTP/", major, ".", minor>>) when major in ?0..?9 and minor in ?0..?9,
    do: {:error, 505}

  defp version(_), do: {:error, 400}

  # origin-form, and the absolute-form that servers must take (RFC 9112, section 3.2.2).
  defp target(<<"/", _::binary>> = target), do: origin(target)

  defp target(<<"http://", rest::binary>>) do
    case :binary.split(rest, "/") do
      [_authority, path] -> origin("/" <> path)
      [_authority] -> {:ok, "/", %{}}
    end
  end

  defp target("*"), do: {:ok, "*", %{}}
  defp target(_), do: {:error, 400}

  defp origin(target) do
    {path, query} =
      case :binary.split(target, "?") do
        [path, query] -> {path, query}
        [path] -> {path, ""}
      end

    if visible?(target), do: decode(path, query), else: {:error, 400}
  end

  defp decode(path, query) do
    path = URI.decode(path)
    query = URI.decode_query(query)

    if text?(path) and Enum.all?(query, fn {name, value} -> text?(name) and text?(value) end),
      do: {:ok, path, query},
      else: {:error, 400}
  end

  # A percent sign has two hex digits behind it, or the decoders would raise or let it pass.
  defp visible?(<<"%", high, low, rest::binary>>) when hex?(high) and hex?(low),
    do: visible?(rest)

  defp visible?(<<byte, rest::binary>>) when byte in 0x21..0x7E and byte != ?%, do: visible?(rest)
  defp visible?(rest), do: rest == ""

  defp text?(text), do: String.valid?(text) and not String.contains?(text, <<0>>)

  defp headers([], done), do: {:ok, done}

  defp headers([line | lines], done) do
    with <<":", value::binary>> <- token(line),
         size when size > 0 <- byte_size(line) - byte_size(value) - 1,
         value = trim(value),
         true <- value?(value) do
      name = String.downcase(binary_part(line, 0, size), :ascii)
      headers(lines, Map.update(done, name, value, fn first -> first <> ", " <> value end))
    else
      _ -> {:error, 400}
    end
  end

  defp token(<<byte, rest::binary>>) when token?(byte), do: token(rest)
  defp token(rest), do: rest

  defp trim(value), do: String.trim(value, " ") |> String.trim("\t") |> String.trim(" ")

  defp value?(<<byte, rest::binary>>) when byte >= 0x20 and byte != 0x7F, do: value?(rest)
  defp value?(<<?\t, rest::binary>>), do: value?(rest)
  defp value?(rest), do: rest == ""

  defp complete(request, headers, limits) do
    with :ok <- host(request, headers),
         :ok <- coding(headers),
         :ok <- expectation(headers),
         {:ok, length} <- content_length(Map.get(headers, "content-length", "0")),
         :ok <- within(length, limits.body_max, 413) do
      {:ok, %{request | headers: headers, content_length: length}}
    end
  end

  # Exactly one in HTTP/1.1; two were joined by a comma, which no host holds.
  defp host(%{version: 1}, headers) when not is_map_key(headers, "host"), do: {:error, 400}

  defp host(_, headers) do
    if String.contains?(Map.get(headers, "host", ""), [",", " "]), do: {:error, 400}, else: :ok
  end

  # A server may ask for a length instead of decoding chunks (RFC 9110, section 15.5.12).
  defp coding(%{"transfer-encoding" => _, "content-length" => _}), do: {:error, 400}
  defp coding(%{"transfer-encoding" => _}), do: {:error, 411}
  defp coding(_), do: :ok

  defp expectation(%{"expect" => expect}) do
    if String.downcase(expect, :ascii) == "100-continue", do: :ok, else: {:error, 417}
  end

  defp expectation(_), do: :ok

  defp content_length(text) when byte_size(text) in 1..15 do
    if digits?(text), do: {:ok, String.to_integer(text)}, else: {:error, 400}
  end

  defp content_length(text),
    do: if(text != "" and digits?(text), do: {:error, 413}, else: {:error, 400})

  defp digits?(<<byte, rest::binary>>) when byte in ?0..?9, do: digits?(rest)
  defp digits?(rest), do: rest == ""
end
