defmodule BitActor.HTTP.Response do
  @moduledoc """
  Writes responses: pure functions from status, headers and body to iodata.

  Every response gets `date`, `x-content-type-options: nosniff` and, unless the handler
  says otherwise, `cache-control: no-store`: what this listener serves is the state of now.
  """

  @reasons %{
    100 => "Continue",
    200 => "OK",
    201 => "Created",
    202 => "Accepted",
    204 => "No Content",
    304 => "Not Modified",
    400 => "Bad Request",
    401 => "Unauthorized",
    403 => "Forbidden",
    404 => "Not Found",
    405 => "Method Not Allowed",
    408 => "Request Timeout",
    409 => "Conflict",
    411 => "Length Required",
    413 => "Content Too Large",
    414 => "URI Too Long",
    415 => "Unsupported Media Type",
    417 => "Expectation Failed",
    422 => "Unprocessable Content",
    429 => "Too Many Requests",
    431 => "Request Header Fields Too Large",
    500 => "Internal Server Error",
    501 => "Not Implemented",
    503 => "Service Unavailable",
    504 => "Gateway Timeout",
    505 => "HTTP Version Not Supported"
  }

  @doc """
  The reason phrase of a status code; empty for one that is not in RFC 9110's or RFC 6585's
  lists of those used here.

      iex> BitActor.HTTP.Response.reason(431)
      "Request Header Fields Too Large"
  """
  @spec reason(integer()) :: String.t()
  def reason(status), do: Map.get(@reasons, status, "")

  @doc "A plain answer for `status`: its reason phrase as text."
  @spec plain(integer()) :: {integer(), [{String.t(), String.t()}], String.t()}
  def plain(status) do
    {status, [{"content-type", "text/plain; charset=utf-8"}], reason(status) <> "\n"}
  end

  @doc """
  Encodes a whole response. `connection` is `:close` or `:keep_alive`; with `head?` the body
  is left out and its length kept.
  """
  @spec encode(integer(), [{String.t(), iodata()}], iodata(), :close | :keep_alive, boolean()) ::
          iodata()
  def encode(status, headers, body, connection, head? \\ false) do
    [
      start(status, headers, connection),
      length(status, body),
      "\r\n",
      if(head? or bodiless?(status), do: [], else: body)
    ]
  end

  # A 204 or 304 has no body and, so that nobody waits for one, no length.
  defp length(status, _) when status in [204, 304], do: []

  defp length(_, body) do
    ["content-length: ", Integer.to_string(IO.iodata_length(body)), "\r\n"]
  end

  defp bodiless?(status), do: status in [204, 304]

  @doc "Encodes the head of a streamed response: chunked for HTTP/1.1, else until closed."
  @spec encode_stream([{String.t(), iodata()}], 0 | 1) :: iodata()
  def encode_stream(headers, version) do
    [
      start(200, headers, :close),
      if(version == 1, do: "transfer-encoding: chunked\r\n\r\n", else: "\r\n")
    ]
  end

  @doc """
  Encodes one piece of a chunked body (RFC 9112, section 7.1).

      iex> IO.iodata_to_binary(BitActor.HTTP.Response.chunk(["hello ", "you"]))
      "9\\r\\nhello you\\r\\n"
  """
  @spec chunk(iodata()) :: iodata()
  def chunk(data) do
    case IO.iodata_length(data) do
      # A chunk of length 0 would end the body.
      0 -> []
      size -> [Integer.to_string(size, 16), "\r\n", data, "\r\n"]
    end
  end

  @doc "The end of a chunked body."
  @spec last_chunk() :: iodata()
  def last_chunk, do: "0\r\n\r\n"

  defp start(status, headers, connection) do
    [
      "HTTP/1.1 #{status} #{reason(status)}\r\n",
      "date: #{date()}\r\nx-content-type-options: nosniff\r\n",
      if(connection == :close, do: "connection: close\r\n", else: []),
      if(List.keymember?(headers, "cache-control", 0), do: [], else: "cache-control: no-store\r\n"),
      Enum.map(headers, &header/1)
    ]
  end

  defp header({name, value}) do
    value = IO.iodata_to_binary(value)

    # A line break in a value would let whoever chose it write headers of their own.
    if String.contains?(value, ["\r", "\n", <<0>>]) do
      raise ArgumentError, "line break in the value of header #{name}"
    end

    [name, ": ", value, "\r\n"]
  end

  # IMF-fixdate of RFC 9110, section 5.6.7.
  defp date, do: Calendar.strftime(DateTime.utc_now(), "%a, %d %b %Y %H:%M:%S GMT")
end
