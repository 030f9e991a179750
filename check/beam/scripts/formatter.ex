# A formatter of ExUnit that reports tests as records, and which lines they
# executed where `mix test --cover` counts them.
defmodule Cf.Formatter do
  use GenServer

  @impl true
  def init(_options) do
    device = Cf.Report.open(System.fetch_env!("CF_REPORT"))
    {:ok, %{device: device}}
  end

  @impl true
  def handle_cast({:test_finished, %ExUnit.Test{} = test}, state) do
    {outcome, output} = outcome(test)
    name = "#{inspect(test.module)}: #{test.name}"
    Cf.Report.put(state.device, "test", [outcome, name, test.tags[:file], test.tags[:line], output])
    {:noreply, state}
  end

  def handle_cast({:suite_finished, _times}, state) do
    if :code.which(:cover) != :non_existing, do: lines(state.device)
    Cf.Report.put(state.device, "done", [])
    {:noreply, state}
  end

  def handle_cast(_event, state), do: {:noreply, state}

  defp outcome(%{state: nil}), do: {"passed", ""}
  defp outcome(%{state: {skip, _}}) when skip in [:skipped, :excluded], do: {"skipped", ""}

  defp outcome(%{state: {:failed, failures}} = test) do
    {"failed", ExUnit.Formatter.format_test_failure(test, failures, 1, 100, &plain/2)}
  end

  defp outcome(%{state: {:invalid, module}}) do
    case module do
      %{state: {:failed, failures}} ->
        {"failed", ExUnit.Formatter.format_test_all_failure(module, failures, 1, 100, &plain/2)}

      _ ->
        {"failed", "its setup_all failed"}
    end
  end

  defp plain(:diff_enabled?, _), do: false
  defp plain(_, text), do: text

  defp lines(device) do
    for module <- :cover.modules(),
        source = module.module_info(:compile)[:source],
        {:ok, calls} <- [:cover.analyse(module, :calls, :line)] do
      {hit, missed} = Enum.split_with(calls, fn {_, n} -> n > 0 end)
      numbers = fn some -> some |> Enum.map(fn {{_, line}, _} -> line end) |> Enum.uniq() |> Enum.join(" ") end
      Cf.Report.put(device, "lines", [List.to_string(source), numbers.(hit), numbers.(missed)])
    end
  end
end
