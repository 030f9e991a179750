package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/bitactor/cf/tools/report"
)

// goals are what cf is held to where the raw shot solves enough to compare with.
var goals = []struct {
	arm   string
	times float64 // what the raw shot solves
}{{"normal", 1}, {"high", 1.3}, {"hyper", 1.7}}

// comparable is how many tasks the raw shot must solve for a ratio to mean
// something.
const comparable = 5

// figures returns the goals of a model with what was measured.
func figures(r *results, model string, tasks []*task) []report.Figure {
	var list []report.Figure
	for _, goal := range goals {
		both := r.shared([]string{"raw", goal.arm}, tasks)
		if len(both) == 0 {
			continue
		}
		raw, cf := r.tally("raw", both), r.tally(goal.arm, both)
		figure := report.Figure{
			Name: fmt.Sprintf("%s: solved by cf %s", model, goal.arm), Goal: fmt.Sprintf("at least %.1fx one raw shot", goal.times),
			Measured: fmt.Sprintf("%d of %d, raw %d", cf.solved, cf.tasks, raw.solved), Pass: float64(cf.solved) >= goal.times*float64(raw.solved),
			Conditions: fmt.Sprintf("%d of %d tasks, hidden tests; %d landed and fail them (raw %d)", len(both), len(tasks), cf.wrong, raw.wrong),
		}
		if raw.solved < comparable {
			figure.Conditions += fmt.Sprintf("; the goal holds where the raw shot solves %d or more", comparable)
		}
		list = append(list, figure)
	}
	if both := r.shared([]string{"raw8", "hyper"}, tasks); len(both) > 0 {
		raw, cf := r.tally("raw8", both), r.tally("hyper", both)
		list = append(list, report.Figure{
			Name: model + ": tokens of cf hyper", Goal: "fewer than eight raw shots",
			Measured: fmt.Sprintf("%d, eight raw shots %d", cf.prompt+cf.completion, raw.prompt+raw.completion), Pass: cf.prompt+cf.completion < raw.prompt+raw.completion,
			Conditions: fmt.Sprintf("%d of %d tasks; prompt (%d, %d) and completion (%d, %d) as the server counts them", len(both), len(tasks), cf.prompt, raw.prompt, cf.completion, raw.completion),
		})
	}
	return list
}

// table shows each arm over all tasks that it was measured on, by kind.
func table(r *results, arms []string, tasks []*task) string {
	var b strings.Builder
	b.WriteString("| arm | tasks | solved | function | large | fix | tests | landed, but fails hidden tests | prompt tokens | completion tokens | calls | seconds |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, arm := range r.arms(arms, tasks) {
		sum := r.tally(arm, tasks)
		fmt.Fprintf(&b, "| %s | %d | %d |", arm, sum.tasks, sum.solved)
		for _, kind := range []string{kindFunction, kindLarge, kindFix, kindTests} {
			part := r.tally(arm, ofKind(tasks, kind))
			fmt.Fprintf(&b, " %d of %d |", part.solved, part.tasks)
		}
		fmt.Fprintf(&b, " %d | %d | %d | %d | %.0f |\n", sum.wrong, sum.prompt, sum.completion, sum.calls, sum.seconds)
	}
	return b.String()
}

func ofKind(tasks []*task, kind string) []*task {
	var list []*task
	for _, t := range tasks {
		if t.Kind == kind {
			list = append(list, t)
		}
	}
	return list
}

// ablation shows what a level solves without each of its parts, on the tasks that
// were measured both ways.
func ablation(r *results, tasks []*task) string {
	var b strings.Builder
	for _, level := range levels {
		for _, part := range left {
			both := r.shared([]string{level, level + "-" + part}, tasks)
			if len(both) == 0 {
				continue
			}
			with, without := r.tally(level, both), r.tally(level+"-"+part, both)
			fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %d |\n", level, part, len(both), with.solved, without.solved,
				with.prompt+with.completion, without.prompt+without.completion)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n| level | without | tasks | solved with | solved without | tokens with | tokens without |\n| --- | --- | --- | --- | --- | --- | --- |\n" + b.String()
}

// document replaces the part about a model in a Markdown file, between marks.
func document(path, model, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := fmt.Sprintf("<!-- begin %s -->\n", model), fmt.Sprintf("<!-- end %s -->\n", model)
	part := begin + fmt.Sprintf("\n### %s\n\n", model) + text + "\n" + end
	head, rest, found := strings.Cut(string(old), begin)
	if !found {
		return os.WriteFile(path, []byte(strings.TrimRight(head, "\n")+"\n\n"+part), 0o644)
	}
	_, rest, found = strings.Cut(rest, end)
	if !found {
		return fmt.Errorf("%s: %q has no end", path, strings.TrimSpace(begin))
	}
	return os.WriteFile(path, []byte(head+part+rest), 0o644)
}
