# Writes what the other scripts find, one record a line (see check/tool).
defmodule Cf.Report do
  def open(path), do: File.open!(path, [:append, :raw])

  def put(device, kind, fields) do
    line = Enum.map_join([kind | fields], "\t", &escape/1)
    :file.write(device, [line, "\n"])
  end

  defp escape(field) do
    field
    |> text()
    |> String.replace("\\", "\\\\")
    |> String.replace("\t", "\\t")
    |> String.replace("\n", "\\n")
    |> String.replace("\r", "\\r")
  end

  defp text(field) when is_binary(field), do: field
  defp text(nil), do: ""
  defp text(field) when is_integer(field), do: Integer.to_string(field)
  defp text(field) when is_atom(field), do: Atom.to_string(field)
  defp text(field), do: IO.chardata_to_string(field)

  # A diagnostic of the compiler: a struct of Mix, a map of Elixir 1.15 and
  # later, or the tuple of 1.14.
  def diagnostic(device, _severity, %{severity: severity, file: file, position: position} = d) do
    {line, column} = place(position)
    put(device, "diagnostic", [severity, file || "", line, column, d.message])
  end

  def diagnostic(device, severity, {file, position, message}) do
    {line, column} = place(position)
    put(device, "diagnostic", [severity, file || "", line, column, message])
  end

  def diagnostic(_device, _severity, _other), do: :ok

  defp place({line, column}) when is_integer(line) and is_integer(column), do: {line, column}
  defp place({line, column, _, _}), do: {line, column}
  defp place(line) when is_integer(line), do: {line, 0}
  defp place(_), do: {0, 0}

  # The result of Kernel.ParallelCompiler, whose third element is a list up to
  # Elixir 1.14 and a map after it.
  def compiled(device, {status, found, warnings}) do
    if status == :error, do: Enum.each(found, &diagnostic(device, "error", &1))
    Enum.each(flat(warnings), &diagnostic(device, "warning", &1))
  end

  defp flat(%{} = by_time), do: by_time |> Map.values() |> Enum.concat()
  defp flat(list), do: list

  def failure(device, kind, reason, stack) do
    put(device, "failure", [Exception.format(kind, reason, stack)])
  end
end
