defmodule BitActor.HTTP.ResponseTest do
  use ExUnit.Case, async: true

  alias BitActor.HTTP.{Response, Router}

  doctest Response

  defp encode(status, headers, body, connection, head? \\ false) do
    IO.iodata_to_binary(Response.encode(status, headers, body, connection, head?))
  end

  test "status, headers, length, body" do
    text = encode(200, [{"content-type", "text/plain"}], ["a", ?b], :keep_alive)
    assert ["HTTP/1.1 200 OK" | lines] = String.split(text, "\r\n")
    assert "content-length: 2" in lines
    assert "content-type: text/plain" in lines
    assert "cache-control: no-store" in lines
    assert "x-content-type-options: nosniff" in lines
    refute "connection: close" in lines
    assert String.ends_with?(text, "\r\n\r\nab")

    assert Enum.any?(
             lines,
             &(&1 =~ ~r/^date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT$/)
           )
  end

  test "HEAD keeps the length and leaves the body; 204 has neither" do
    assert encode(200, [], "abc", :close, true) =~ ~r/content-length: 3\r\n\r\n$/
    refute encode(204, [], "", :close) =~ "content-length"
    assert encode(200, [], "", :close) =~ "connection: close\r\n"
  end

  test "a handler's cache-control stands alone" do
    text = encode(200, [{"cache-control", "max-age=1"}], "", :close)
    assert length(String.split(text, "cache-control")) == 2
  end

  test "a value with a line break is an error, not a header of its own" do
    for value <- ["a\r\nset-cookie: x", "a\nb", "a\0b"] do
      assert_raise ArgumentError, fn -> encode(200, [{"x", value}], "", :close) end
    end
  end

  test "streams are chunked in HTTP/1.1 and run to the end of the connection in 1.0" do
    assert IO.iodata_to_binary(Response.encode_stream([], 1)) =~
             "transfer-encoding: chunked\r\n\r\n"

    refute IO.iodata_to_binary(Response.encode_stream([], 0)) =~ "transfer-encoding"
    assert IO.iodata_to_binary(Response.chunk("")) == ""
    assert IO.iodata_to_binary(Response.chunk(String.duplicate("x", 26))) =~ ~r/^1A\r\nx{26}\r\n$/
  end

  test "routes: exact path, then method; HEAD by GET; one handler each" do
    get = fn _ -> :get end
    table = Router.new([{"GET", "/a", get}, {"POST", "/a", get}, {"POST", "/b", get}])
    assert Router.find(table, "GET", "/a") == {:ok, get}
    assert Router.find(table, "HEAD", "/a") == {:ok, get}
    assert Router.find(table, "HEAD", "/b") == {:other_methods, ["POST"]}
    assert Router.find(table, "PUT", "/a") == {:other_methods, ["GET", "HEAD", "POST"]}
    assert Router.find(table, "GET", "/a/") == :not_found
    assert_raise ArgumentError, fn -> Router.new([{"GET", "/a", get}, {"GET", "/a", get}]) end
  end
end
