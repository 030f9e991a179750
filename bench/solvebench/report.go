package solvebench

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/bench"
)

func (r *run) report(noise bench.Noise) *bench.Report {
	out := &bench.Report{
		Title: "Tasks that the model solves through cf", Time: time.Now().UTC().Truncate(time.Second), Machine: bench.ThisMachine(), Noise: noise,
		Conditions: []string{
			fmt.Sprintf("%s, asked by cf implement at its usual level, seed 1, without memory; a task ends with its first answer that the checks let land", r.Model),
			"solved: visible and hidden tests pass in a fresh copy; written tests pass and find 70 % of planted faults",
			fmt.Sprintf("%d of %d tasks in %s, one of each kind and language in turn; many models have seen tasks like these, so they tell models apart and are no promise for other work",
				len(r.done), r.total, time.Since(r.began).Round(time.Second)),
		},
		Tables: []bench.Table{r.byKind(), r.each()},
	}
	if len(r.missing) > 0 {
		out.Conditions = append(out.Conditions, "left out, their tools are not here: "+strings.Join(r.missing, ", "))
	}
	var took []float64
	right, landed := 0, 0
	for _, o := range r.done {
		took = append(took, float64(o.took))
		switch o.as {
		case solved:
			right++
			landed++
		case wrong:
			landed++
		}
	}
	out.Measures = []bench.Measure{{Case: "a task", Samples: took, NS: bench.Estimated(took)}}
	out.Claims = []bench.Claim{{
		Figure: "tasks solved", Goal: "at least one", Measured: fmt.Sprintf("%d of %d", right, len(r.done)),
		Holds: right > 0, Conditions: r.Model,
	}, {
		Figure: "landed, but fails hidden tests", Goal: "none", Measured: fmt.Sprintf("%d of %d that landed", landed-right, landed),
		Holds: landed == right, Conditions: "what passed all visible tests and is wrong all the same: the share of landed changes that want another look",
	}}
	return out
}

// byKind counts the outcomes of each language and kind.
func (r *run) byKind() bench.Table {
	t := bench.Table{Title: "Solved", Columns: []string{"kind", "solved", "landed, wrong", "nothing landed"}}
	for _, kind := range kinds {
		count := map[string]int{}
		for _, o := range r.done {
			if o.task.Kind == kind {
				count[o.as]++
				count[""]++
			}
		}
		if count[""] > 0 {
			t.Rows = append(t.Rows, []string{kind, fmt.Sprintf("%d of %d", count[solved], count[""]), fmt.Sprint(count[wrong]), fmt.Sprint(count[refused])})
		}
	}
	return t
}

// each lists the tasks.
func (r *run) each() bench.Table {
	t := bench.Table{Title: "Tasks", Columns: []string{"task", "outcome", "seconds", "what cf said"}}
	done := slices.Clone(r.done)
	slices.SortFunc(done, func(a, b outcome) int { return strings.Compare(a.task.Name, b.task.Name) })
	for _, o := range done {
		t.Rows = append(t.Rows, []string{o.task.Name, o.as, fmt.Sprintf("%.0f", o.took.Seconds()), firstLine(o.words)})
	}
	return t
}

// firstLine is what fits into a cell.
func firstLine(words string) string {
	words, _, _ = strings.Cut(words, "\n")
	if runes := []rune(words); len(runes) > 100 {
		return string(runes[:99]) + "…"
	}
	return words
}
