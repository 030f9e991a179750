defmodule BitActor.Ring do
  @moduledoc """
  Which member owns a key, as a value: every node that knows the same members gives the same
  answer, whatever order it learned them in.

  A key falls into one of 1,024 slots; each slot belongs to the member with the highest hash of
  slot and name (rendezvous hashing, Thaler and Ravishankar, 1998). So a member that comes takes
  about its share of the slots and no other slot moves; one that goes leaves its slots to the
  others and no other slot moves. Asking costs one hash and one look into a tuple.
  """

  @slots 1_024
  @hash_range 0x1_0000_0000

  @enforce_keys [:members, :slots]
  defstruct [:members, :slots]

  @opaque t :: %__MODULE__{members: [term, ...], slots: tuple}

  @doc """
  The ring of some members; their order and repetitions do not matter.

      iex> ring = BitActor.Ring.new([:b, :a, :b])
      iex> BitActor.Ring.members(ring)
      [:a, :b]
      iex> BitActor.Ring.owner(ring, "key") in [:a, :b]
      true
  """
  @spec new([term, ...]) :: t
  def new([_ | _] = members) do
    members = Enum.sort(Enum.uniq(members))
    slots = for slot <- 0..(@slots - 1), do: highest(slot, members)
    %__MODULE__{members: members, slots: List.to_tuple(slots)}
  end

  @doc "The members, sorted."
  @spec members(t) :: [term, ...]
  def members(%__MODULE__{members: members}), do: members

  @doc "The member that owns `key`."
  @spec owner(t, key :: term) :: term
  def owner(%__MODULE__{slots: slots}, key), do: elem(slots, slot(key))

  @doc "The slot of `key`: 0 to 1,023."
  @spec slot(key :: term) :: non_neg_integer
  def slot(key), do: :erlang.phash2(key, @slots)

  # phash2 is the same on every node and release (erlang(3)). Equal hashes fall to the greater
  # name, so the answer never depends on the order of the list.
  defp highest(slot, members) do
    Enum.max_by(members, &{:erlang.phash2({slot, &1}, @hash_range), &1})
  end
end
