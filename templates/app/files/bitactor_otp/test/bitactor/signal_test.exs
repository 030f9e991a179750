defmodule BitActor.SignalTest do
  use ExUnit.Case, async: true
  doctest BitActor.Signal

  alias BitActor.Signal

  @full %Signal{
    kind: 200,
    flags: 5,
    source: 0x0102030405060708,
    destination: 0x1112131415161718,
    sequence: 0x2122232425262728,
    timestamp: 0x3132333435363738,
    payload: "abcdefghijklmnopqrstuvwx"
  }

  test "the layout is the C core's, byte by byte" do
    {:ok, bytes} = Signal.encode(%Signal{@full | payload: "abc"})

    assert bytes ==
             <<200, 5, 3, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1>> <>
               <<0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11>> <>
               <<0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21>> <>
               <<0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31>> <>
               "abc" <> <<0::168>>
  end

  test "what is encoded comes back" do
    for payload <- ["", "a", @full.payload] do
      signal = %Signal{@full | payload: payload}
      assert {:ok, bytes} = Signal.encode(signal)
      assert Signal.decode(bytes) == {:ok, signal}
    end
  end

  test "the turn of a ring's slot is ignored" do
    {:ok, <<head::binary-4, _turn::32, tail::binary>>} = Signal.encode(@full)
    assert Signal.decode(<<head::binary, 7::32, tail::binary>>) == {:ok, @full}
  end

  test "what is no signal is refused" do
    {:ok, bytes} = Signal.encode(%Signal{kind: 1})
    assert Signal.decode(<<bytes::binary, 0>>) == {:error, :length}
    assert Signal.decode(binary_part(bytes, 0, 63)) == {:error, :length}
    <<head::binary-2, _size::16, tail::binary>> = bytes
    assert Signal.decode(<<head::binary, 25::16-little, tail::binary>>) == {:error, :size}
    assert Signal.decode(binary_part(bytes, 0, 63) <> <<1>>) == {:error, :padding}
  end

  test "fields out of range are refused, not truncated" do
    for change <- [
          %{kind: -1},
          %{kind: 256},
          %{flags: 256},
          %{source: -1},
          %{destination: 0x1_0000_0000_0000_0000},
          %{sequence: 1.0},
          %{timestamp: nil},
          %{payload: :atom}
        ] do
      assert Signal.encode(Map.merge(@full, change)) == {:error, :invalid}, inspect(change)
    end
  end

  test "a payload is not printed" do
    refute inspect(%Signal{kind: 1, payload: "secret"}) =~ "secret"
  end

  test "new/3 stamps the time and refuses an unknown field" do
    before = System.os_time(:nanosecond)
    assert Signal.new(64).timestamp >= before
    assert_raise KeyError, fn -> Signal.new(64, "", nope: 1) end
  end
end
