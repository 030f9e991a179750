package commands

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/commands/view"
)

// Benchmark is what `cf benchmark` measured.
type Benchmark struct {
	Suite string `json:"suite"`
	Quick bool   `json:"quick"` // few rounds: not to be quoted
	bench.Report
	markdown bool
}

// Type names the event.
func (Benchmark) Type() string { return "benchmark" }

// PlainText renders the measures as tables that fit a terminal, then the claims. The
// whole report is what --report prints.
func (m Benchmark) PlainText(width int) string {
	var b strings.Builder
	if m.markdown {
		_ = m.Markdown(&b) // a Builder takes all
		return b.String()
	}
	// The table of measures has ticks; where none were read the suite's own say more.
	if slices.ContainsFunc(m.Measures, func(c bench.Measure) bool { return c.Ticks.Runs > 0 }) {
		b.WriteString(m.measures(width))
	} else {
		b.WriteString(m.tables(width))
	}
	for _, line := range append(m.Where(), m.Conditions...) {
		b.WriteString("- " + line + "\n")
	}
	b.WriteString("\n")
	for _, c := range m.Claims {
		mark := "yes"
		if !c.Holds {
			mark = "no "
		}
		fmt.Fprintf(&b, "%s  %s: %s, goal %s; %s\n", mark, c.Figure, c.Measured, c.Goal, c.Conditions)
	}
	if m.Quick {
		b.WriteString("\na quick run: not to be quoted\n")
	}
	return b.String()
}

// measures lays the measured cases beside the machine's limits.
func (m Benchmark) measures(width int) string {
	limits := [][]string{{"LIMIT OF THIS MACHINE", "TICKS", "NS"}}
	rows := [][]string{{"CASE", "TICKS", "NS", "BATCH/SLOTS", "LIMIT", "SHARE"}}
	isLimit := map[string]bool{}
	if len(m.Tables) > 1 {
		for _, row := range m.Tables[1].Rows {
			isLimit[row[0]] = true
		}
	}
	for _, c := range m.Measures {
		ticks, ns := fmt.Sprintf("%.2f", c.Ticks.Median), fmt.Sprintf("%.2f", c.NS.Median)
		if c.Ticks.Runs == 0 {
			ticks, ns = "-", "-"
		}
		if isLimit[c.Case] {
			limits = append(limits, []string{c.Case, ticks, ns})
			continue
		}
		limit, share := "-", "-"
		if c.LimitTicks > 0 {
			limit, share = fmt.Sprintf("%.2f", c.LimitTicks), fmt.Sprintf("%.0f %%", 100*c.Share)
		}
		rows = append(rows, []string{c.Case, ticks, ns, fmt.Sprintf("%d/%d", c.Batch, c.Slots), limit, share})
	}
	return view.Table(rows, width) + "\n" + view.Table(limits, width) + "\n"
}

// tables lays out the report's own tables, for suites whose rows are no cases.
func (m Benchmark) tables(width int) string {
	var b strings.Builder
	for _, t := range m.Tables {
		header := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			header[i] = strings.ToUpper(c)
		}
		b.WriteString(t.Title + "\n" + view.Table(append([][]string{header}, t.Rows...), width) + "\n")
	}
	return b.String()
}
