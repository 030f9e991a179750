defmodule Shop do
  @moduledoc "1 + 1"
  require Logger
  @limit 10

  @spec price([integer], boolean) :: integer
  def price([], _member), do: 0

  def price(items, member) when is_list(items) do
    total = Enum.reduce(items, 0, &Kernel.+/2)
    Logger.info("total #{total + 1}")
    send(self(), total)

    if member and total > @limit do
      div(total * 9, 10)
    else
      total
    end
  end

  defp kind(n) do
    case n do
      0 -> :none
      n when n < 0 -> :minus
      _ -> true
    end
  end
end
