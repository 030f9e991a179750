package otpbench

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bitactor/cf/bench"
)

// Goals of the claims.
const (
	compileMax     = 10 * time.Second
	suiteMax       = 3 * time.Minute
	batchMin       = 500_000.0 // signals a second
	callRatioMax   = 1.3
	batchRatioMax  = 1.5
	callP999MaxUS  = 150.0
	scrapeMaxMS    = 50.0
	claimedBatch   = 256 // the batch length that the NIF's claim is made for
	actorsMeasured = "10,000 actors"
)

// lay makes the common report of what was measured.
func (r *run) lay(m *measured, noise bench.Noise) *bench.Report {
	conditions := []string{
		fmt.Sprintf("OTP %s, Elixir %s, %d schedulers, %s; load average when the load test ended %s", m.Machine.OTP, m.Machine.Elixir, m.Machine.Schedulers, m.Machine.Implementation, m.Machine.Load),
		fmt.Sprintf("the project of %d blocks: %s", len(r.blocks), strings.Join(r.blocks, " ")),
		fmt.Sprintf("what is compared runs in turn; medians of %d rounds, with the smallest and largest", m.Rounds),
		"a bare GenServer holds the same state and is found by its pid: it has no name, store, limit or deadline",
		"a native actor is 24 bytes of counters in the C core, not a process",
	}
	return &bench.Report{
		Title: "What the generated OTP system does", Time: time.Now().UTC().Truncate(time.Second), Machine: bench.ThisMachine(), Noise: noise,
		Conditions: conditions,
		Tables:     []bench.Table{latencies(m), throughput(m), signals(m), memoryTable(m)},
		Measures:   []bench.Measure{},
		Claims:     r.claims(m),
	}
}

func latencies(m *measured) bench.Table {
	t := bench.Table{Title: "Latency of calls, us", Columns: []string{"call", "p50", "p99", "p99.9", "largest"}}
	add := func(name string, q quantiles) {
		t.Rows = append(t.Rows, []string{name, us(q.P50), us(q.P99), us(q.P999), us(q.Max)})
	}
	if c, ok := get[call](m, callName); ok {
		add("one caller, "+actorsMeasured, c.Worker)
		add("one caller, 10,000 bare GenServers", c.Bare)
	}
	if c, ok := get[atRate](m, rateName); ok {
		add(fmt.Sprintf("open loop, %d calls/s for %d s", c.Rate, c.Seconds), c.quantiles)
	}
	if c, ok := get[threeNodes](m, threeName); ok {
		add(fmt.Sprintf("open loop, three nodes on one machine, %v actors, two thirds of the calls to another node", c.Actors), c.quantiles)
	}
	return t
}

func throughput(m *measured) bench.Table {
	t := bench.Table{Title: "Throughput, signals/s", Columns: []string{"way", "median", "smallest", "largest"}}
	for _, name := range []string{nativeName, storedName} {
		if s, ok := get[spread](m, name); ok {
			t.Rows = append(t.Rows, []string{name, round(s.Median), round(s.Min), round(s.Max)})
		}
	}
	return t
}

func signals(m *measured) bench.Table {
	t := bench.Table{Title: "A signal in a batch to native actors, ns", Columns: []string{"batch", "C loop", "NIF", "Elixir", "NIF over C"}}
	for _, length := range batches {
		if s, ok := get[signal](m, batchName(length)); ok {
			t.Rows = append(t.Rows, []string{strconv.Itoa(length), two(s.C.Median), two(s.NIF.Median), two(s.Elixir.Median), two(s.Ratio.Median)})
		}
	}
	return t
}

func memoryTable(m *measured) bench.Table {
	t := bench.Table{Title: "Memory of an actor, bytes", Columns: []string{"actor", "bytes"}}
	if s, ok := get[memory](m, memoryName); ok {
		t.Rows = [][]string{
			{"worker, with its name and its part of the store", round(s.Worker)},
			{"bare GenServer", round(s.Bare)},
			{"native actor, with its share of the core", two(s.Native)},
		}
	}
	return t
}

// claims are the figures that the generated system is held to.
func (r *run) claims(m *measured) []bench.Claim {
	list := []bench.Claim{{
		Figure: "compiles without a warning", Goal: "under 10 s", Measured: seconds(r.compile), Holds: r.compile < compileMax,
		Conditions: fmt.Sprintf("all %d blocks, from an empty folder, NIF included", len(r.blocks)),
	}}
	if r.suite > 0 {
		list = append(list, bench.Claim{
			Figure: "the project's tests", Goal: "under 3 min", Measured: seconds(r.suite), Holds: r.suite < suiteMax,
			Conditions: "mix test --include slow, without the load and integration tests",
		})
	}
	for _, way := range []struct{ name, means string }{
		{nativeName, "through a process for each partition"},
		{storedName, "a process for each actor, 10 signals for each of 100 actors a batch, all in the store"},
	} {
		if s, ok := get[spread](m, way.name); ok {
			list = append(list, bench.Claim{
				Figure: way.name, Goal: "at least 500,000 signals/s", Holds: s.Median >= batchMin,
				Measured:   fmt.Sprintf("%s signals/s (%s to %s)", round(s.Median), round(s.Min), round(s.Max)),
				Conditions: fmt.Sprintf("%s, %s; %d callers that wait for each batch's answer", actorsMeasured, way.means, m.Machine.Schedulers),
			})
		}
	}
	return slices.Concat(list, ratios(m), storms(m), r.threeNodes())
}

func ratios(m *measured) (list []bench.Claim) {
	if c, ok := get[call](m, callName); ok {
		list = append(list, bench.Claim{
			Figure: "a call against one to a bare GenServer", Goal: "at most 1.3x", Measured: times(c.Ratio), Holds: c.Ratio.Median <= callRatioMax,
			Conditions: fmt.Sprintf("medians of calls into %s, in turn: p50 %s us against %s us", actorsMeasured, us(c.Worker.P50), us(c.Bare.P50)),
		}, bench.Claim{
			Figure: "p99.9 of a call", Goal: "under 150 us", Measured: us(c.Worker.P999) + " us", Holds: c.Worker.P999/1000 < callP999MaxUS,
			Conditions: fmt.Sprintf("one caller, %s in turn; a bare GenServer in the same run: %s us", actorsMeasured, us(c.Bare.P999)),
		})
	}
	if s, ok := get[signal](m, batchName(claimedBatch)); ok {
		list = append(list, bench.Claim{
			Figure: "a signal in a batch through the NIF", Goal: "at most 1.5x of the C loop", Measured: times(s.Ratio), Holds: s.Ratio.Median <= batchRatioMax,
			Conditions: fmt.Sprintf("batches of %d, %s ns against %s ns in C and %s ns in Elixir", claimedBatch, two(s.NIF.Median), two(s.C.Median), two(s.Elixir.Median)),
		})
	}
	if s, ok := get[scrape](m, scrapeName); ok {
		list = append(list, bench.Claim{
			Figure: "a scrape of /metrics", Goal: "under 50 ms", Measured: two(s.Median/1e6) + " ms", Holds: s.Median/1e6 < scrapeMaxMS,
			Conditions: fmt.Sprintf("%s, %d lines, up to %s ms", actorsMeasured, s.Lines, two(s.Max/1e6)),
		})
	}
	return list
}

// storms holds what a crash storm did to the actors beside it against its goal.
func storms(m *measured) []bench.Claim {
	s, ok := get[storm](m, stormName)
	if !ok {
		return nil
	}
	return []bench.Claim{{
		Figure: "a crash storm of one actor in a thousand", Goal: "999 pids unchanged", Measured: fmt.Sprintf("%d of %d unchanged", s.Unchanged, s.Others),
		Holds:      s.Others == 999 && s.Unchanged == s.Others && s.Crashes > 1,
		Conditions: fmt.Sprintf("200 tries to kill it, %d crashes: one that crashes too often waits; beside %s", s.Crashes, actorsMeasured),
	}}
}

func us(ns float64) string { return strconv.FormatFloat(ns/1000, 'f', 1, 64) }

func two(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

func round(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }

func seconds(d time.Duration) string {
	return fmt.Sprintf("%.1f s on %d cores", d.Seconds(), runtime.NumCPU())
}

func times(s spread) string { return fmt.Sprintf("%.2fx (%.2f to %.2f)", s.Median, s.Min, s.Max) }
