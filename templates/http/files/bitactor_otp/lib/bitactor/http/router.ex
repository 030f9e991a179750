defmodule BitActor.HTTP.Router do
  @moduledoc """
  Finds the handler of a request: by exact path, then by method.

  HEAD is answered by the handler of GET.
  """

  alias BitActor.HTTP

  @opaque t :: %{String.t() => %{String.t() => HTTP.handler()}}

  @doc """
  Makes a table of routes. Two handlers for one method and path are a mistake of the project
  and raise `ArgumentError`.
  """
  @spec new([HTTP.route()]) :: t()
  def new(routes) do
    Enum.reduce(routes, %{}, fn {method, path, handler}, table ->
      methods = Map.get(table, path, %{})

      if is_map_key(methods, method) do
        raise ArgumentError, "two handlers for #{method} #{path}"
      end

      Map.put(table, path, Map.put(methods, method, handler))
    end)
  end

  @doc "The handler, `:not_found`, or the methods that the path does have."
  @spec find(t(), String.t(), String.t()) ::
          {:ok, HTTP.handler()} | :not_found | {:other_methods, [String.t()]}
  def find(table, method, path) do
    case table do
      %{^path => %{^method => handler}} -> {:ok, handler}
      %{^path => %{"GET" => handler}} when method == "HEAD" -> {:ok, handler}
      %{^path => methods} -> {:other_methods, allowed(Map.keys(methods))}
      _ -> :not_found
    end
  end

  defp allowed(methods) do
    if "GET" in methods, do: Enum.sort(Enum.uniq(["HEAD" | methods])), else: Enum.sort(methods)
  end
end
