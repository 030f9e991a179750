defmodule BitActor.Signal do
  @moduledoc """
  The signal: what actors send one another.

  `encode/1` and `decode/1` follow the 64-byte layout of the C core (`struct ba_signal` of
  `src/cns/bitactor.h`), little-endian:

  | bytes | field | |
  | --- | --- | --- |
  | 0 | kind | 0..255; from 64 on they are the application's |
  | 1 | flags | |
  | 2..3 | size | bytes of payload in use, 0..24 |
  | 4..7 | turn | the ring's own; 0 outside a ring |
  | 8..15 | source | the sender's address, 0 = none |
  | 16..23 | destination | the receiver's address, 0 = whoever drains |
  | 24..31 | sequence | the sender's count |
  | 32..39 | timestamp | nanoseconds |
  | 40..63 | payload | zero beyond size |

  Within Erlang a payload may have any length; the 24 bytes bind what is encoded only.
  """

  import Bitwise, only: [<<<: 2]

  @payload_bytes_max 24
  @first_user_kind 64
  @u64 1 <<< 64

  # A payload may be a customer's: it is never written to a log or a crash report.
  @derive {Inspect, except: [:payload]}
  @enforce_keys [:kind]
  defstruct kind: nil,
            flags: 0,
            source: 0,
            destination: 0,
            sequence: 0,
            timestamp: 0,
            payload: <<>>

  @type u64 :: 0..0xFFFF_FFFF_FFFF_FFFF
  @type t :: %__MODULE__{
          kind: byte,
          flags: byte,
          source: u64,
          destination: u64,
          sequence: u64,
          timestamp: u64,
          payload: binary
        }
  @type wire :: <<_::512>>

  defguardp is_u64(n) when is_integer(n) and n >= 0 and n < @u64
  defguardp is_u8(n) when is_integer(n) and n >= 0 and n < 256

  @doc "The most bytes of payload that one encoded signal carries."
  @spec payload_bytes_max() :: pos_integer
  def payload_bytes_max, do: @payload_bytes_max

  @doc "The first kind that belongs to the application; those below are the core's."
  @spec first_user_kind() :: pos_integer
  def first_user_kind, do: @first_user_kind

  @doc """
  Makes a signal, stamped with the system's time unless `:timestamp` is given.

      iex> BitActor.Signal.new(64, "tick", timestamp: 1).payload
      "tick"
  """
  @spec new(byte, binary, keyword) :: t
  def new(kind, payload \\ <<>>, fields \\ []) when is_u8(kind) and is_binary(payload) do
    fields = Keyword.put_new_lazy(fields, :timestamp, fn -> System.os_time(:nanosecond) end)
    struct!(%__MODULE__{kind: kind, payload: payload}, fields)
  end

  @doc """
  Says whether every field is in its range. The payload's length is not looked at.
  """
  @spec valid?(term) :: boolean
  def valid?(%__MODULE__{kind: k, flags: f, source: s, destination: d, sequence: q} = signal)
      when is_u8(k) and is_u8(f) and is_u64(s) and is_u64(d) and is_u64(q),
      do: is_u64(signal.timestamp) and is_binary(signal.payload)

  def valid?(_other), do: false

  @doc """
  Encodes a signal into the core's 64 bytes.

      iex> {:ok, bytes} = BitActor.Signal.encode(%BitActor.Signal{kind: 64, payload: "tick"})
      iex> byte_size(bytes)
      64
      iex> BitActor.Signal.encode(%BitActor.Signal{kind: 64, payload: String.duplicate("x", 25)})
      {:error, :payload_too_large}
      iex> BitActor.Signal.encode(%BitActor.Signal{kind: 256})
      {:error, :invalid}
  """
  @spec encode(t) :: {:ok, wire} | {:error, :payload_too_large | :invalid}
  def encode(%__MODULE__{payload: payload})
      when is_binary(payload) and byte_size(payload) > @payload_bytes_max,
      do: {:error, :payload_too_large}

  def encode(%__MODULE__{} = signal) do
    if valid?(signal), do: {:ok, bytes(signal)}, else: {:error, :invalid}
  end

  @doc """
  Decodes the core's 64 bytes. Anything else is an error, never an exception.

      iex> {:ok, bytes} = BitActor.Signal.encode(%BitActor.Signal{kind: 64, payload: "tick"})
      iex> BitActor.Signal.decode(bytes)
      {:ok, %BitActor.Signal{kind: 64, payload: "tick"}}
      iex> BitActor.Signal.decode("short")
      {:error, :length}
  """
  @spec decode(binary) :: {:ok, t} | {:error, :length | :size | :padding}
  def decode(
        <<kind, flags, size::16-little, _turn::32, source::64-little, destination::64-little,
          sequence::64-little, timestamp::64-little, rest::binary-size(@payload_bytes_max)>>
      )
      when size <= @payload_bytes_max do
    <<payload::binary-size(size), padding::binary>> = rest

    # Bytes beyond the size would be lost in silence: a sender that fills them is told.
    if padding == zeros(byte_size(padding)) do
      signal = %__MODULE__{
        kind: kind,
        flags: flags,
        source: source,
        destination: destination,
        sequence: sequence,
        timestamp: timestamp,
        payload: :binary.copy(payload)
      }

      {:ok, signal}
    else
      {:error, :padding}
    end
  end

  def decode(<<_::512>>), do: {:error, :size}
  def decode(bytes) when is_binary(bytes), do: {:error, :length}

  defp bytes(%__MODULE__{payload: payload} = signal) do
    size = byte_size(payload)

    <<signal.kind, signal.flags, size::16-little, 0::32, signal.source::64-little,
      signal.destination::64-little, signal.sequence::64-little, signal.timestamp::64-little,
      payload::binary, zeros(@payload_bytes_max - size)::binary>>
  end

  defp zeros(count), do: <<0::size(count)-unit(8)>>
end
