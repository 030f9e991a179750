defmodule A do
  def f(x) do
    if x do
      1
  end

  def g(y), do: y +
end
