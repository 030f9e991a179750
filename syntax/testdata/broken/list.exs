defmodule A do
  def f(x) do
    [1, 2
  end
  def g("abc), do: 1
end
