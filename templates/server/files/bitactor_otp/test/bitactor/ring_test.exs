defmodule BitActor.RingTest do
  use ExUnit.Case, async: true
  doctest BitActor.Ring

  alias BitActor.Ring

  @keys for n <- 1..20_000, do: {:key, n}

  defp owners(members) do
    ring = Ring.new(members)
    Map.new(@keys, &{&1, Ring.owner(ring, &1)})
  end

  test "the order of the members does not matter" do
    assert owners([:a, :b, :c]) == owners([:c, :a, :b, :a])
  end

  test "keys are shared about evenly" do
    counts = Enum.frequencies(Map.values(owners([:a, :b, :c, :d])))
    for {_member, count} <- counts, do: assert_in_delta(count, 5_000, 1_000)
    assert map_size(counts) == 4
  end

  test "a member that comes takes keys, none moves between the others" do
    before = owners([:a, :b, :c])
    later = owners([:a, :b, :c, :d])
    moved = for key <- @keys, before[key] != later[key], do: later[key]
    assert Enum.uniq(moved) == [:d]
    assert_in_delta length(moved), 5_000, 1_000
  end

  test "a member that goes leaves its keys, none moves between the others" do
    before = owners([:a, :b, :c])
    later = owners([:a, :b])
    for key <- @keys, before[key] != :c, do: assert(later[key] == before[key])
  end

  # The placement is a format: nodes of two versions must agree about it.
  test "the placement is the one of version 0.1" do
    ring = Ring.new([:"a@10.0.0.1", :"b@10.0.0.2", :"c@10.0.0.3"])

    assert for(n <- 1..12, do: Ring.slot({:key, n})) == [
             20,
             330,
             303,
             372,
             206,
             798,
             766,
             192,
             767,
             546,
             436,
             677
           ]

    assert Enum.map_join(1..24, &(Atom.to_string(Ring.owner(ring, &1)) |> String.first())) ==
             "ccaacacaccbbcaacabbbbbaa"
  end
end
