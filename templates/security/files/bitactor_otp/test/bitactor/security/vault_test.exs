defmodule BitActor.Security.VaultTest do
  use ExUnit.Case, async: true

  alias BitActor.Security.Vault

  defp ring(ids) do
    {:ok, ring} = ids |> Enum.map_join("\n", &Vault.create/1) |> Vault.parse()
    ring
  end

  test "what is sealed opens in its context, and differs each time" do
    ring = ring(["k1"])

    for plain <- ["", "x", :crypto.strong_rand_bytes(100_000), ["io", ?d]] do
      sealed = Vault.seal(ring, plain, "here")
      assert {:ok, IO.iodata_to_binary(plain)} == Vault.open(ring, sealed, "here")
      assert Vault.seal(ring, plain, "here") != sealed
    end
  end

  test "any flipped bit, another context and another key are found" do
    ring = ring(["k1"])
    sealed = Vault.seal(ring, "secret", "here")
    refute sealed =~ "secret"
    assert {:error, :not_authentic} = Vault.open(ring, sealed, "there")
    assert {:error, :not_authentic} = Vault.open(ring(["k1"]), sealed, "here")
    assert {:error, :unknown_key} = Vault.open(ring(["k2"]), sealed, "here")

    for at <- 0..(byte_size(sealed) - 1), bit <- 0..7 do
      <<before::binary-size(at), byte, rest::binary>> = sealed
      changed = <<before::binary, Bitwise.bxor(byte, Bitwise.bsl(1, bit)), rest::binary>>
      assert {:error, _} = Vault.open(ring, changed, "here")
    end

    for size <- 0..(byte_size(sealed) - 1) do
      assert {:error, _} = Vault.open(ring, binary_part(sealed, 0, size), "here")
    end
  end

  test "a rotated key opens the old and seals the new" do
    [old] = ring(["k1"])
    sealed = Vault.seal([old], "x", "c")
    [new] = ring(["k2"])
    assert {:ok, "x"} = Vault.open([new, old], sealed, "c")
    assert {:error, :unknown_key} = Vault.open([old], Vault.seal([new, old], "x", "c"), "c")
  end

  test "a key file is read, and a wrong line is named by its number only" do
    good = Vault.create("k1")
    assert {:ok, [{"k1", _}]} = Vault.parse("# keys\n\n#{good}\n")
    [_, key] = String.split(good, ":")

    for {content, expected} <- [
          {"", "no key"},
          {"# only a comment", "no key"},
          {good <> "\n" <> good, "an id twice"},
          {good <> "\nk2:" <> String.slice(key, 1..-1), "line 2"},
          {"k 2:" <> key, "line 1"},
          {key, "line 1"}
        ] do
      assert {:error, message} = Vault.parse(content)
      assert message =~ expected
      refute message =~ String.slice(key, 0, 8)
    end
  end

  test "a ring shows no key when it is printed" do
    {:ok, [{_, key}] = ring} = Vault.parse(Vault.create("k1"))

    for text <- [
          inspect(ring, limit: :infinity),
          to_string(:io_lib.format("~p ~w", [ring, ring]))
        ] do
      refute text =~ Base.encode64(key.())
      refute text =~ inspect(key.())
      refute text =~ to_string(:io_lib.format("~w", [key.()]))
    end
  end
end
