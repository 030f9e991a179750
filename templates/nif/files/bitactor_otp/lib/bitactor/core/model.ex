defmodule BitActor.Core.Model do
  @moduledoc """
  The state of a core as plain data: what `src/cns/bitactor_nif.c` does, without side
  effects. `BitActor.Core.Fallback` runs it; the tests hold the NIF against it.
  """
  import Bitwise

  @mask 0xFFFF_FFFF_FFFF_FFFF
  @payload_bytes_max 24
  # sizeof(struct ba_context) and of a ring's indices, in bitactor.h
  @context_bytes 73_984
  @ring_bytes 640
  @actor_bytes 24

  defstruct actors: 1024,
            slots: 256,
            shift: 0,
            table: %{},
            inbox: [],
            waiting: 0,
            signals: 0,
            unhandled: 0,
            misrouted: 0,
            malformed: 0,
            overflow: 0,
            closed: 0

  @type t :: %__MODULE__{}

  @doc "A core of `actors` native actors and an inbox of `slots` signals."
  @spec new(pos_integer, pos_integer, non_neg_integer) :: t
  def new(actors, slots, shift), do: %__MODULE__{actors: actors, slots: slots, shift: shift}

  @doc "Handles what waits, then the batch."
  @spec process(t, binary) :: {{:ok, non_neg_integer} | {:error, :closed}, t}
  def process(core, batch) do
    core = drain_all(core)

    cond do
      batch == <<>> -> {{:ok, 0}, core}
      core.closed == 1 -> {{:error, :closed}, core}
      true -> {{:ok, div(byte_size(batch), 64)}, fold(core, batch)}
    end
  end

  @doc "Accepts as many signals as the inbox has room for."
  @spec push(t, binary) :: {{:ok, non_neg_integer} | {:error, :closed}, t}
  def push(%{closed: 1} = core, _batch), do: {{:error, :closed}, core}

  def push(core, batch) do
    wanted = div(byte_size(batch), 64)
    accepted = min(wanted, core.slots - core.waiting)
    overflow = if accepted < wanted, do: core.overflow + 1, else: core.overflow
    <<head::binary-size(accepted * 64), _::binary>> = batch
    inbox = if accepted == 0, do: core.inbox, else: [head | core.inbox]

    {{:ok, accepted},
     %{core | inbox: inbox, waiting: core.waiting + accepted, overflow: overflow}}
  end

  @doc "Handles up to `most` waiting signals."
  @spec drain(t, pos_integer) :: {{:ok, non_neg_integer} | {:error, :closed}, t}
  def drain(%{closed: 1, waiting: 0} = core, _most), do: {{:error, :closed}, core}

  def drain(core, most) do
    count = min(most, core.waiting)
    <<head::binary-size(count * 64), rest::binary>> = waiting(core)
    inbox = if rest == <<>>, do: [], else: [rest]
    {{:ok, count}, fold(%{core | inbox: inbox, waiting: core.waiting - count}, head)}
  end

  @doc "What an actor holds."
  @spec actor(t, non_neg_integer) :: {:ok, BitActor.Core.actor()} | {:error, :range}
  def actor(core, index) when index >= core.actors, do: {:error, :range}
  def actor(core, index), do: {:ok, Map.get(core.table, index, {0, 0, 0})}

  @doc "The counters of `BitActor.Core.info/1`."
  @spec info(t) :: BitActor.Core.counters()
  def info(core) do
    bytes = @context_bytes + @ring_bytes + core.slots * 64 + core.actors * @actor_bytes

    core
    |> Map.take([
      :actors,
      :slots,
      :signals,
      :unhandled,
      :misrouted,
      :malformed,
      :waiting,
      :overflow,
      :closed
    ])
    |> Map.put(:bytes, bytes)
  end

  @doc "Refuses further signals."
  @spec close(t) :: t
  def close(core), do: %{core | closed: 1}

  @doc "Splits a batch by the low bits of the destinations."
  @spec split(binary, pos_integer) :: tuple
  def split(batch, partitions) do
    parts = for <<signal::binary-64 <- batch>>, do: {partition(signal, partitions), signal}
    groups = Enum.group_by(parts, &elem(&1, 0), &elem(&1, 1))

    List.to_tuple(for i <- 0..(partitions - 1), do: IO.iodata_to_binary(Map.get(groups, i, [])))
  end

  defp partition(<<_::binary-16, low, _::binary>>, partitions), do: low &&& partitions - 1

  defp waiting(core), do: core.inbox |> Enum.reverse() |> IO.iodata_to_binary()

  defp drain_all(%{waiting: 0} = core), do: core
  defp drain_all(core), do: fold(%{core | inbox: [], waiting: 0}, waiting(core))

  defp fold(
         core,
         <<kind, _flags, size::16-little, _turn::32, _source::64, destination::64-little,
           sequence::64-little, _timestamp::64, word::64-little, _::binary-16, rest::binary>>
       ) do
    core = %{core | signals: core.signals + 1}
    index = destination >>> core.shift

    cond do
      kind != 1 and kind < 64 -> fold(%{core | unhandled: core.unhandled + 1}, rest)
      size > @payload_bytes_max -> fold(%{core | malformed: core.malformed + 1}, rest)
      index >= core.actors -> fold(%{core | misrouted: core.misrouted + 1}, rest)
      true -> fold(%{core | table: fold_actor(core.table, index, word, sequence)}, rest)
    end
  end

  defp fold(core, <<>>), do: core

  defp fold_actor(table, index, word, sequence) do
    case table do
      %{^index => {signals, sum, _}} ->
        %{table | index => {signals + 1, sum + word &&& @mask, sequence}}

      _ ->
        Map.put(table, index, {1, word, sequence})
    end
  end
end
