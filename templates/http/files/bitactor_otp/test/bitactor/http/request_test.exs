defmodule BitActor.HTTP.RequestTest do
  use ExUnit.Case, async: true

  alias BitActor.HTTP.Request

  @limits %{head_max: 512, request_line_max: 100, headers_max: 5, body_max: 1_000}

  defp head(line, headers \\ ["Host: h"]), do: Enum.join([line | headers], "\r\n") <> "\r\n\r\n"

  defp parse(line, headers \\ ["Host: h"]), do: Request.parse(head(line, headers), @limits)

  test "a request line and its target" do
    for {target, path, query} <- [
          {"/", "/", %{}},
          {"/a/b", "/a/b", %{}},
          {"/a%20b", "/a b", %{}},
          {"/a?x=1&y=a+b%21&z", "/a", %{"x" => "1", "y" => "a b!", "z" => ""}},
          {"http://h:80/a?x=1", "/a", %{"x" => "1"}},
          {"http://h", "/", %{}},
          {"*", "*", %{}}
        ] do
      assert {:ok, request, "rest"} =
               Request.parse(head("GET #{target} HTTP/1.1") <> "rest", @limits)

      assert {target, request.path, request.query} == {target, path, query}
      assert request.method == "GET" and request.version == 1
    end

    assert {:ok, %Request{version: 0}, ""} = parse("POST /x HTTP/1.0", [])
    assert {:ok, %Request{}, ""} = Request.parse("\r\n" <> head("GET / HTTP/1.1"), @limits)
  end

  test "header names are lower case, values trimmed, repeated ones joined" do
    headers = ["HOST:h", "X-A: \t one ", "x-a: two", "Content-Length: 12"]
    assert {:ok, request, ""} = parse("POST / HTTP/1.1", headers)
    assert request.headers["x-a"] == "one, two"
    assert request.headers["host"] == "h"
    assert request.content_length == 12
  end

  test "what is not HTTP, or could be read in two ways, is 400" do
    for line <- [
          "GET /",
          "GET  / HTTP/1.1",
          "GET / HTTP/1.1 ",
          "GET / http/1.1",
          "G(T / HTTP/1.1",
          " GET / HTTP/1.1",
          "GET a HTTP/1.1",
          "GET /%zz HTTP/1.1",
          "GET /%ff HTTP/1.1",
          "GET /%00 HTTP/1.1",
          "GET /a?b=%f HTTP/1.1",
          "GET /é HTTP/1.1"
        ] do
      assert {line, parse(line)} == {line, {:error, 400}}
    end

    for headers <- [
          [],
          ["Host: a", "Host: b"],
          ["Host: a b"],
          ["Host: h", "no colon"],
          ["Host: h", ": no name"],
          ["Host: h", "space : 1"],
          ["Host: h", "x: 1", " folded"],
          ["Host: h", "x: a\rb"],
          ["Host: h", "x: a\nb"],
          ["Host: h", "x: a\0b"],
          ["Host: h", "Content-Length: 1", "Content-Length: 1"],
          ["Host: h", "Content-Length: -1"],
          ["Host: h", "Content-Length: +1"],
          ["Host: h", "Content-Length: 0x1"],
          ["Host: h", "Content-Length:"],
          ["Host: h", "Content-Length: 1", "Transfer-Encoding: chunked"]
        ] do
      assert {headers, parse("POST / HTTP/1.1", headers)} == {headers, {:error, 400}}
    end
  end

  test "limits: exactly reached is fine, one more is refused" do
    line = fn size -> "GET /" <> String.duplicate("a", size - 14) <> " HTTP/1.1" end
    assert {:ok, _, ""} = parse(line.(100))
    assert parse(line.(101)) == {:error, 414}

    fields = fn count -> ["Host: h" | for(n <- 2..count, do: "x#{n}: 1")] end
    assert {:ok, _, ""} = parse("GET / HTTP/1.1", fields.(5))
    assert parse("GET / HTTP/1.1", fields.(6)) == {:error, 431}

    rest = byte_size(head("GET / HTTP/1.1", ["Host: h", "x: "]))
    filled = fn size -> ["Host: h", "x: " <> String.duplicate("v", size - rest)] end
    assert {:ok, _, ""} = parse("GET / HTTP/1.1", filled.(512))
    assert parse("GET / HTTP/1.1", filled.(513)) == {:error, 431}

    assert {:ok, _, ""} = parse("GET / HTTP/1.1", ["Host: h", "Content-Length: 1000"])
    assert parse("GET / HTTP/1.1", ["Host: h", "Content-Length: 1001"]) == {:error, 413}
    big = "Content-Length: " <> String.duplicate("9", 40)
    assert parse("GET / HTTP/1.1", ["Host: h", big]) == {:error, 413}
  end

  test "what does not end is refused as soon as it is too long" do
    assert Request.parse("GET /" <> String.duplicate("a", 95), @limits) == :more
    assert Request.parse("GET /" <> String.duplicate("a", 96), @limits) == {:error, 414}
    open = "GET / HTTP/1.1\r\nx: "
    assert Request.parse(open <> String.duplicate("v", 511 - byte_size(open)), @limits) == :more
    full = open <> String.duplicate("v", 512 - byte_size(open))
    assert Request.parse(full, @limits) == {:error, 431}
  end

  test "other refusals" do
    assert parse("GET / HTTP/2.0") == {:error, 505}
    assert parse("GET / HTTP/x.y") == {:error, 400}
    assert parse("POST / HTTP/1.1", ["Host: h", "Transfer-Encoding: chunked"]) == {:error, 411}
    assert parse("POST / HTTP/1.1", ["Host: h", "Expect: miracles"]) == {:error, 417}
    assert {:ok, _, ""} = parse("POST / HTTP/1.1", ["Host: h", "Expect: 100-Continue"])
  end

  test "bytes in any portions give what the whole gives" do
    whole =
      "\r\n" <> head("POST /a?b=c HTTP/1.1", ["Host: h", "X: y", "Content-Length: 3"]) <> "abc"

    expected = Request.parse(whole, @limits)
    assert {:ok, _, "abc"} = expected

    for cut <- 1..(byte_size(whole) - 4) do
      part = binary_part(whole, 0, cut)
      assert {cut, Request.parse(part, @limits)} == {cut, :more}
      assert Request.parse(whole, @limits, cut) == expected
    end
  end

  test "random input never raises" do
    :rand.seed(:exsss, ExUnit.configuration()[:seed])

    pieces =
      ["GET ", "/", "%4", "%41", "?", "=", " HTTP/1.1", " HTTP/1.0", "\r\n", "\r", "\n", ":", " "] ++
        ["Host: h", "Content-Length: ", "7", "é", <<0>>, <<0xFF>>, "Transfer-Encoding: x"]

    for _ <- 1..5_000 do
      input = for _ <- 1..:rand.uniform(14), into: "", do: Enum.random(pieces)
      input = if :rand.uniform(2) == 1, do: input <> "\r\n\r\n", else: input

      case Request.parse(input, @limits) do
        {:ok, %Request{} = request, rest} ->
          assert String.valid?(request.path)
          assert String.ends_with?(input, rest)

        other ->
          assert other == :more or match?({:error, status} when status in 400..505, other)
      end
    end
  end
end
