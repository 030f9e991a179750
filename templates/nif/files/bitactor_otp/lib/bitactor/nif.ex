defmodule BitActor.NIF do
  @moduledoc """
  The C core as functions: `src/cns/bitactor_nif.c` over `src/cns/bitactor.c`.

  `BitActor.Core` documents the functions and chooses between this module and the one
  in Elixir; applications call that. A call works for about 50 us at most before it
  yields to the scheduler, or runs on a dirty one.

  Without the library the module loads all the same, and `loaded?/0` tells; a library
  that is there and cannot be loaded is logged.
  """
  @behaviour BitActor.Core.Implementation
  @on_load :load

  require Logger

  @doc false
  def load do
    with priv when is_list(priv) <- :code.priv_dir(:bitactor),
         path = Path.join(priv, "bitactor_nif"),
         true <- File.exists?(path <> ".so"),
         {:error, {reason, text}} <- :erlang.load_nif(String.to_charlist(path), 0) do
      Logger.warning("NIF not loaded (#{reason}): #{text}")
    end

    :ok
  end

  @doc "Whether the library was loaded."
  @spec loaded?() :: boolean
  def loaded? do
    is_tuple(version())
  rescue
    ErlangError -> false
  end

  @doc """
  Health check: the library answers rightly; without it, `:ok` unless the configuration
  requires it.
  """
  @spec healthy() :: :ok | {:error, String.t()}
  def healthy do
    case {loaded?(), Application.get_env(:bitactor, :nif, :auto)} do
      {true, _} -> round_trip()
      {false, :required} -> {:error, "the NIF is not loaded"}
      {false, _} -> :ok
    end
  end

  # A signal through a core of its own: what was written must come back.
  defp round_trip do
    signal =
      <<1, 0, 8::16-little, 0::32, 0::64, 1::64-little, 7::64-little, 0::64, 42::64-little,
        0::128>>

    with {:ok, core} <- open(2, 2, 0),
         {:ok, 1} <- process(core, signal),
         {:ok, {1, 42, 7}} <- actor(core, 1) do
      :ok
    else
      other -> {:error, "the NIF answered #{inspect(other)}"}
    end
  end

  @doc false
  @spec events() :: [map]
  def events, do: []

  @doc false
  @spec metrics() :: [map]
  def metrics do
    [
      %{
        name: "bitactor_nif_loaded",
        type: :gauge,
        help: "1 where the NIF is loaded, 0 where the fallback in Elixir works.",
        labels: [],
        read: {__MODULE__, :loaded_gauge, []}
      }
    ]
  end

  @doc false
  @spec loaded_gauge() :: 0 | 1
  def loaded_gauge, do: if(loaded?(), do: 1, else: 0)

  @doc "The version of the C core."
  @spec version() :: {major :: non_neg_integer, minor :: non_neg_integer}
  def version, do: :erlang.nif_error(:not_loaded)

  @impl true
  def open(_actors, _slots, _shift), do: :erlang.nif_error(:not_loaded)
  @impl true
  def process(_core, _batch), do: :erlang.nif_error(:not_loaded)
  @impl true
  def push(_core, _batch), do: :erlang.nif_error(:not_loaded)
  @impl true
  def drain(_core, _most), do: :erlang.nif_error(:not_loaded)
  @impl true
  def actor(_core, _index), do: :erlang.nif_error(:not_loaded)
  @impl true
  def info(_core), do: :erlang.nif_error(:not_loaded)
  @impl true
  def close(_core), do: :erlang.nif_error(:not_loaded)
  @impl true
  def split(_batch, _partitions), do: :erlang.nif_error(:not_loaded)
  @impl true
  def calibrate(_batch, _actors, _rounds), do: :erlang.nif_error(:not_loaded)
  @impl true
  def pool_open(_blocks, _block_bytes), do: :erlang.nif_error(:not_loaded)
  @impl true
  def pool_put(_pool, _bytes), do: :erlang.nif_error(:not_loaded)
  @impl true
  def pool_get(_pool, _handle), do: :erlang.nif_error(:not_loaded)
  @impl true
  def pool_give(_pool, _handle), do: :erlang.nif_error(:not_loaded)
  @impl true
  def pool_info(_pool), do: :erlang.nif_error(:not_loaded)
end
