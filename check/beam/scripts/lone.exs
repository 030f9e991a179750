# lone.exs REPORT LIST: compiles files that belong to no project, those of one
# folder together. Of a script (.exs) only the modules: its other code would run.
[report, list] = System.argv()
device = Cf.Report.open(report)
Code.compiler_options(ignore_module_conflict: true)

install? = fn ast ->
  {_, found} =
    Macro.prewalk(ast, false, fn
      {{:., _, [{:__aliases__, _, [:Mix]}, :install]}, _, _} = call, _ -> {call, true}
      other, found -> {other, found}
    end)

  found
end

# modules returns a copy of a script without its other code, line by line.
modules = fn file ->
  source = File.read!(file)
  ast = Code.string_to_quoted!(source, file: file, token_metadata: true)

  forms =
    case ast do
      {:__block__, _, forms} -> forms
      form -> [form]
    end

  ranges =
    for {kind, meta, _} <- forms, kind in [:defmodule, :defprotocol, :defimpl] do
      meta[:line]..(get_in(meta, [:end, :line]) || meta[:line])
    end

  text =
    source
    |> String.split("\n")
    |> Enum.with_index(1)
    |> Enum.map_join("\n", fn {line, n} -> if Enum.any?(ranges, &(n in &1)), do: line, else: "" end)

  {text, install?.(ast)}
end

compile = fn files ->
  result = Kernel.ParallelCompiler.compile(files, return_diagnostics: true)
  Cf.Report.compiled(device, result)
  with {:ok, compiled, _} <- result, do: compiled, else: (_ -> [])
end

list
|> File.read!()
|> String.split("\n", trim: true)
|> Enum.group_by(&Path.dirname/1)
|> Enum.each(fn {_, files} ->
  {scripts, sources} = Enum.split_with(files, &(Path.extname(&1) == ".exs"))
  loaded = if sources == [], do: [], else: compile.(sources)

  for file <- scripts do
    case modules.(file) do
      {_, true} ->
        Cf.Report.put(device, "skipped", [file])

      {text, false} ->
        # The compiler takes files: the copy takes the script's place in a
        # tree that is thrown away.
        File.write!(file, text)
        compile.([file])
    end
  end

  for module <- loaded do
    :code.purge(module)
    :code.delete(module)
  end
end)

Cf.Report.put(device, "done", [])
