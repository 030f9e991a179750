defmodule BitActor.Core.Implementation do
  @moduledoc """
  What implements cores and pools; `BitActor.Core` documents the functions. Arguments
  out of range raise `ArgumentError` before anything changes.
  """
  alias BitActor.Core

  @callback open(actors :: pos_integer, slots :: pos_integer, shift :: non_neg_integer) ::
              {:ok, Core.t()} | {:error, :enomem}
  @callback process(Core.t(), Core.batch()) :: {:ok, non_neg_integer} | {:error, :closed}
  @callback push(Core.t(), Core.batch()) :: {:ok, non_neg_integer} | {:error, :closed}
  @callback drain(Core.t(), pos_integer) :: {:ok, non_neg_integer} | {:error, :closed}
  @callback actor(Core.t(), non_neg_integer) :: {:ok, Core.actor()} | {:error, :range}
  @callback info(Core.t()) :: Core.counters()
  @callback close(Core.t()) :: :ok
  @callback split(Core.batch(), partitions :: pos_integer) :: tuple
  @callback calibrate(Core.batch(), actors :: pos_integer, rounds :: pos_integer) ::
              {:ok, nanoseconds :: integer} | {:error, :enomem}
  @callback pool_open(blocks :: pos_integer, block_bytes :: pos_integer) ::
              {:ok, Core.pool()} | {:error, :enomem}
  @callback pool_put(Core.pool(), binary) :: {:ok, Core.handle()} | {:error, :full | :too_large}
  @callback pool_get(Core.pool(), Core.handle()) ::
              {:ok, binary} | {:error, :stale | :range | :foreign}
  @callback pool_give(Core.pool(), Core.handle()) :: :ok | {:error, :stale | :range | :foreign}
  @callback pool_info(Core.pool()) :: Core.counters()
end
