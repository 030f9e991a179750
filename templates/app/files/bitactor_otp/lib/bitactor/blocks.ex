defmodule BitActor.Blocks do
  @moduledoc """
  What the building blocks of this project contribute. Generated: `cf scaffold apply` writes it
  anew from the blocks that are present. Nobody calls it but `BitActor.Catalogue`, whose
  functions document these.
  """

  def children do
    [⟦ range $i, $c := .Children ⟧⟦ if $i ⟧,⟦ end ⟧
      ⟦ $c.Spec ⟧⟦ end ⟧⟦ if .Children ⟧
    ⟦ end ⟧]
  end

  def health_checks do
    [⟦ range $i, $c := .HealthChecks ⟧⟦ if $i ⟧,⟦ end ⟧
      {:⟦ $c.Name ⟧, &⟦ $c.Call ⟧}⟦ end ⟧⟦ if .HealthChecks ⟧
    ⟦ end ⟧]
  end

  def event_sources do
    [⟦ range $i, $m := .EventSources ⟧⟦ if $i ⟧,⟦ end ⟧
      ⟦ $m ⟧⟦ end ⟧⟦ if .EventSources ⟧
    ⟦ end ⟧]
  end

  def metric_sources do
    [⟦ range $i, $m := .MetricSources ⟧⟦ if $i ⟧,⟦ end ⟧
      ⟦ $m ⟧⟦ end ⟧⟦ if .MetricSources ⟧
    ⟦ end ⟧]
  end

  def routes do
    [⟦ range $i, $r := .Routes ⟧⟦ if $i ⟧,⟦ end ⟧
      {"⟦ $r.Method ⟧", "⟦ $r.Path ⟧", &⟦ $r.Call ⟧}⟦ end ⟧⟦ if .Routes ⟧
    ⟦ end ⟧]
  end
end
