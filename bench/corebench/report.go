package corebench

import (
	"fmt"
	"strconv"
	"time"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/core"
	"github.com/bitactor/cf/core/cases"
)

// report lays the results out; rows and results go side by side.
func report(list []row, results []bench.Result, noise bench.Noise, allocations float64) *bench.Report {
	by := map[string]bench.Result{}
	for _, r := range results {
		if r.Enough() {
			by[r.Name] = r
		}
	}
	columns := []string{"case", "ticks", "95 % interval", "least", "ns", "batch", "slots", "trace", "limit, ticks", "share of the limit"}
	limitTable := bench.Table{Title: "Limits of this machine", Columns: columns[:5]}
	limitTable.Columns = append([]string{"operation"}, columns[1:5]...)
	caseTable := bench.Table{Title: "A 64-byte signal: written in place, handed over, dispatched", Columns: columns}
	var missed []string
	var measures []bench.Measure
	for i, r := range list {
		m := measure(r, results[i], by)
		measures = append(measures, m)
		if !results[i].Enough() {
			missed = append(missed, fmt.Sprintf("%s: not measured, in %d of %d runs a thread lost its core", r.name, m.Disturbed, m.Disturbed+m.Ticks.Runs))
			continue
		}
		line := []string{r.name, number(m.Ticks.Median), number(m.Ticks.Low) + " to " + number(m.Ticks.High), number(m.Ticks.Least), number(m.NS.Median)}
		if i < len(limits()) {
			limitTable.Rows = append(limitTable.Rows, line)
			continue
		}
		limit, share := "-", "-"
		if m.LimitTicks > 0 {
			limit, share = number(m.LimitTicks), fmt.Sprintf("%.0f %%", 100*m.Share)
		}
		line = append(line, strconv.Itoa(m.Batch), strconv.Itoa(m.Slots), onOff(m.Trace), limit, share)
		caseTable.Rows = append(caseTable.Rows, line)
	}
	return &bench.Report{
		Title: "What a signal costs", Time: time.Now().UTC().Truncate(time.Second), Machine: bench.ThisMachine(), Noise: noise,
		Conditions: append(conditions(results), missed...),
		Tables:     []bench.Table{caseTable, limitTable},
		Measures:   measures,
		Claims:     claims(by, allocations),
	}
}

func measure(r row, result bench.Result, by map[string]bench.Result) bench.Measure {
	m := bench.Measure{
		Case: r.name, Ticks: result.Ticks, NS: result.NS, Disturbed: result.Disturbed, Samples: result.Samples,
		Batch: int(r.setup.Batch), Slots: int(r.setup.Slots), Trace: r.setup.TraceRecords != 0,
	}
	if l, ok := by[r.limit]; ok && result.Enough() {
		m.Limit, m.LimitTicks, m.Share = r.limit, l.Ticks.Median, l.Ticks.Median/result.Ticks.Median
	}
	return m
}

// conditions are those that hold for every row.
func conditions(results []bench.Result) []string {
	cycle, tick := results[0], results[1]
	language := "the workloads are C; rows that say Go are the plain Go implementation over the same memory"
	if !cases.InC {
		language = "this program was built without cgo: every row is the plain Go implementation, in Go memory, and two cores are two goroutines bound to none"
	}
	return []string{
		fmt.Sprintf("ticks are of the processor's constant-rate counter: %.3f ns each, %.2f core cycles each",
			tick.NS.Median/tick.Ticks.Median, 1/cycle.Ticks.Median),
		fmt.Sprintf("medians of %d interleaved runs of %d signals, amortised per signal, at %d places in memory; the interval is that of the median", cycle.Ticks.Runs, signals, places),
		"one core unless it says two; 40 of the 64 bytes written per signal, in place unless it says copied; an empty handler, called through the table; one kind unless it says random",
		"rings of 64 slots (batch 128: 256; two cores: 512), so in the first cache, unless it says cold: 2048 rings, 9.7 MB",
		"MPSC: one producer, one claim a signal unless it says one claim for 32",
		language + "; memory shared with C: " + onOff(core.InC),
		"the share of the limit is the limit's ticks over the case's: 100 % would be free of any ring",
		"of two threads only runs count in which neither lost its core",
	}
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}
