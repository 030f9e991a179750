defmodule BitActor.Security.TokensTest do
  use ExUnit.Case, async: true

  alias BitActor.Security.{Roles, Tokens}

  @today ~D[2027-01-15]

  test "a token opens what its line says, and the line does not hold it" do
    {token, line} = Tokens.create("alice", [:admin, :viewer])
    "bat.alice." <> secret = token
    assert byte_size(secret) == 43
    refute line =~ secret
    assert {:ok, table} = Tokens.parse("# who\n\n" <> line <> "\n")
    assert {:ok, %{name: "alice", roles: [:admin, :viewer]}} = Tokens.verify(table, token, @today)
    refute inspect(table) =~ secret
  end

  test "no other token does" do
    {token, line} = Tokens.create("alice", [:admin])
    {other, _} = Tokens.create("alice", [:admin])
    {bobs, bob} = Tokens.create("bob", [:viewer])
    {:ok, table} = Tokens.parse(line <> "\n" <> bob)
    "bat.bob." <> bobs_secret = bobs

    for wrong <- [
          other,
          "bat.alice." <> bobs_secret,
          String.upcase(token),
          token <> "x",
          String.slice(token, 0..-2),
          "bat.alice.",
          "bat.nobody." <> bobs_secret,
          "",
          nil,
          "bat..",
          String.duplicate("x", 10_000),
          <<0xFF>>
        ] do
      assert {:error, :bad_token} = Tokens.verify(table, wrong, @today)
    end

    # The hash itself, which whoever reads the file has, is no token.
    [_, _, hash] = String.split(line, ":")
    assert {:error, :bad_token} = Tokens.verify(table, "bat.alice." <> hash, @today)
    assert {:error, :bad_token} = Tokens.verify(%{}, token, @today)
  end

  test "a token ends after its last day" do
    {token, line} = Tokens.create("alice", [:admin], @today)
    {:ok, table} = Tokens.parse(line)
    assert {:ok, _} = Tokens.verify(table, token, @today)
    assert {:error, :expired} = Tokens.verify(table, token, Date.add(@today, 1))
  end

  test "a wrong line is named by its number only" do
    hash = String.duplicate("ab", 32)

    for wrong <- [
          "alice:admin",
          "alice:root:#{hash}",
          "alice::#{hash}",
          "Alice:admin:#{hash}",
          "alice:admin:#{String.slice(hash, 2..-1)}",
          "alice:admin:#{hash}:tomorrow",
          "alice:admin:#{hash}:2027-01-01:more",
          "good:admin:#{hash}"
        ] do
      assert {:error, message} = Tokens.parse("good:viewer:#{hash}\n" <> wrong)
      assert message =~ "line 2"
      refute message =~ "ab"
    end
  end

  test "roles: what is not in the table is denied" do
    for action <- Roles.actions() do
      assert Roles.allowed?([:admin], action)
      refute Roles.allowed?([], action)
      refute Roles.allowed?([:unknown], action)
    end

    assert Roles.allowed?([:viewer], :read_status)
    refute Roles.allowed?([:viewer], :read_audit)
    refute Roles.allowed?([:viewer, :operator], :reload_secrets)
    refute Roles.allowed?(Roles.all(), :not_an_action)
  end
end
