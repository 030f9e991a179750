# mix cf.check REPORT LIST: compares the files that LIST names with their
# formatted form, then compiles the project anew.
defmodule Mix.Tasks.Cf.Check do
  use Mix.Task

  @impl true
  def run([report, list]) do
    device = Cf.Report.open(report)
    files = String.split(File.read!(list), "\n", trim: true)
    dependencies = guard(device, "dependencies", fn -> Mix.Task.run("deps.loadpaths", []) end)
    if File.exists?(".formatter.exs"), do: Enum.each(files, &format(device, &1))
    if dependencies == :ok, do: guard(device, "compile", fn -> compile(device) end)
    tests(device)
    Cf.Report.put(device, "done", [])
  end

  defp guard(device, step, work) do
    work.()
    :ok
  rescue
    error -> Cf.Report.put(device, "failure", [step, Exception.message(error)])
  catch
    kind, reason -> Cf.Report.put(device, "failure", [step, Exception.format(kind, reason, [])])
  end

  # Everything again: Mix decides by times and sizes what is stale, and a staged
  # file may be older than what was last built from another one.
  defp compile(device) do
    options = ["--force", "--return-errors", "--all-warnings"]

    # An umbrella gives a list of results, one an app.
    for {status, found} <- "compile" |> Mix.Task.run(options) |> List.wrap() |> List.flatten(), is_list(found) do
      Enum.each(found, &Cf.Report.diagnostic(device, nil, &1))
      Cf.Report.put(device, "compiled", [status])
    end
  end

  defp format(device, file) do
    guard(device, "format", fn ->
      source = File.read!(file)
      {formatter, _options} = Mix.Tasks.Format.formatter_for_file(file)
      formatted = formatter.(source)

      if formatted != source do
        Cf.Report.put(device, "format", [file, first_difference(source, formatted)])
      end
    end)
  end

  defp first_difference(source, formatted) do
    wanted = String.split(formatted, "\n")

    source
    |> String.split("\n")
    |> Enum.with_index()
    |> Enum.find_value(1, fn {line, i} -> if Enum.at(wanted, i) != line, do: i + 1 end)
  end

  defp tests(device) do
    config = Mix.Project.config()
    paths = config[:test_paths] || ["test"]
    pattern = config[:test_pattern] || "*_test.exs"
    found = Enum.flat_map(paths, fn p -> Path.wildcard(Path.join([p, "**", pattern])) end)
    Enum.each(found, &Cf.Report.put(device, "testfile", [Path.expand(&1)]))
  end
end

# mix cf.tests REPORT LIST: only compiles the test files that LIST names, to say
# what is wrong with them after `mix test` could not load them.
defmodule Mix.Tasks.Cf.Tests do
  use Mix.Task

  @impl true
  def run([report, list]) do
    device = Cf.Report.open(report)
    Mix.Task.run("app.start", [])
    Application.ensure_all_started(:ex_unit)
    ExUnit.start(autorun: false)
    helper = "test/test_helper.exs"
    helpers = if File.exists?(helper), do: [helper], else: []
    files = String.split(File.read!(list), "\n", trim: true)
    # The helper starts ExUnit anew, with autorun; nothing runs before the end.
    result = Kernel.ParallelCompiler.require(helpers, return_diagnostics: true)
    Application.put_env(:ex_unit, :autorun, false)
    Cf.Report.compiled(device, result)
    Cf.Report.compiled(device, Kernel.ParallelCompiler.require(files, return_diagnostics: true))
    Cf.Report.put(device, "done", [])
    System.halt(0)
  end
end
