//go:build cgo && linux

package corebench

import (
	"fmt"
	"strconv"
	"time"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/core"
)

// report lays the results out; rows and results go side by side.
func report(list []row, results []bench.Result, noise bench.Noise) *bench.Report {
	by := map[string]bench.Result{}
	for _, r := range results {
		if r.Enough() {
			by[r.Name] = r
		}
	}
	cycle := results[0].Ticks.Median // ticks of one core cycle
	columns := []string{"case", "ticks", "95 % interval", "least", "ns", "batch", "slots", "trace", "limit, ticks", "share of the limit"}
	limitTable := bench.Table{Title: "Limits of this machine", Columns: []string{"operation", "ticks", "95 % interval", "least", "ns"}}
	caseTable := bench.Table{Title: "A 64-byte signal: written in place, handed over, dispatched", Columns: columns}
	var missed []string
	for i, r := range list {
		ticks := results[i].Ticks
		if !results[i].Enough() {
			missed = append(missed, fmt.Sprintf("%s: not measured, in %d of %d runs a thread lost its core", r.name, results[i].Disturbed, results[i].Disturbed+ticks.Runs))
			continue
		}
		line := []string{r.name, number(ticks.Median), number(ticks.Low) + " to " + number(ticks.High), number(ticks.Least), number(results[i].NS.Median)}
		if i < len(limits()) {
			limitTable.Rows = append(limitTable.Rows, line)
			continue
		}
		limit, share := "-", "-"
		if l, ok := by[r.limit]; ok {
			limit = number(l.Ticks.Median)
			share = fmt.Sprintf("%.0f %%", 100*l.Ticks.Median/ticks.Median)
		}
		line = append(line, strconv.Itoa(int(r.setup.Batch)), strconv.Itoa(int(r.setup.Slots)), onOff(r.setup.TraceRecords != 0), limit, share)
		caseTable.Rows = append(caseTable.Rows, line)
	}
	tickNS := results[1].NS.Median / results[1].Ticks.Median
	return &bench.Report{
		Title: "What a signal costs", Time: time.Now(), Machine: bench.ThisMachine(), Noise: noise,
		Conditions: append([]string{
			fmt.Sprintf("ticks are of the processor's constant-rate counter: %.3f ns each, %.2f core cycles each", tickNS, 1/cycle),
			fmt.Sprintf("medians of %d interleaved runs of 8192 signals, amortised per signal; the interval is that of the median", results[0].Ticks.Runs),
			"40 of the 64 bytes written per signal; an empty handler, called through the table; one kind unless it says random",
			"rings of 64 slots (batch 128: 256), so in the first cache, unless it says cold; Go's memory is C's: " + onOff(core.InC),
			"the share of the limit is the limit's ticks over the case's: 100 % would be free of any ring",
			"of two threads only runs count in which neither lost its core",
		}, missed...),
		Tables: []bench.Table{caseTable, limitTable},
		Claims: claims(by),
	}
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// claims holds the figures against their bounds.
func claims(by map[string]bench.Result) []bench.Claim {
	const oneCore = "amortised per signal, one core, SPSC, in place, ring in the first cache, one kind, empty handler, %s"
	var list []bench.Claim
	atMost := func(name, conditions string, bound float64) {
		got := by[name].Ticks.Median
		list = append(list, bench.Claim{Text: fmt.Sprintf("%.2f ticks, at most %.2f", got, bound), Conditions: conditions, Holds: got <= bound})
	}
	atMost("SPSC, one core, no batch", fmt.Sprintf(oneCore, "not batched, not timed"), 7.5)
	atMost("SPSC, one core, batch 8", fmt.Sprintf(oneCore, "batch 8, not timed"), 6)
	atMost("SPSC, one core, batch 32", fmt.Sprintf(oneCore, "batch 32, not timed"), 6.7)
	atMost("timed, batch 128", fmt.Sprintf(oneCore, "timed per batch of 128"), 8)
	ratio := func(name, against, conditions string, bound float64) {
		if _, ok := by[name]; !ok {
			return
		}
		got := by[name].Ticks.Median / by[against].Ticks.Median
		list = append(list, bench.Claim{Text: fmt.Sprintf("%.2fx, at most %.2fx", got, bound), Conditions: conditions, Holds: got <= bound})
	}
	ratio("MPSC, one core, one claim a signal, drained by 32", limitMPSC, "MPSC, one core, against compare-and-swap + table call", 1.1)
	ratio("SPSC, one core, Go over the same memory, batch 64", cLoop, "Go filling and draining the ring's memory, against the C loop, batch 64", 1.1)
	ck, hasCK := by[peerCK]
	if dpdk, ok := by[peerDPDK]; ok && hasCK {
		better, name := peerDPDK, "DPDK's ring"
		if ck.Ticks.Median < dpdk.Ticks.Median {
			better, name = peerCK, "ck_ring"
		}
		ratio("SPSC, two cores, batch 64", better, "two cores, batch 64, 512 slots, against the better of ck_ring and DPDK's ring: "+name, 1.15)
	}
	return list
}
