package llmbench

import (
	"fmt"
	"time"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/event"
)

// What a call may take beyond the server's own account of it, and what of its prompt a
// second turn has to find in the server's cache.
const (
	beyondMost  = 20 * time.Millisecond
	reusedLeast = 0.95
)

// served is what the server says that a call took; 0 where it does not tell.
func served(c event.Call) time.Duration { return c.Load + c.Prefill + c.Decode }

func (r *run) report(noise bench.Noise) *bench.Report {
	out := &bench.Report{
		Title: "A model on its server", Time: time.Now().UTC().Truncate(time.Second), Machine: bench.ThisMachine(), Noise: noise,
		Conditions: []string{
			fmt.Sprintf("%s on %s at %s, asked as cf asks it, at temperature 0, one call at a time", r.Model, r.Provider.Name(), r.Provider.URL()),
			fmt.Sprintf("%d answers of at most %d tokens to a prompt that the server has read before, after one that is not counted", len(r.answers), answerTokens),
		},
	}
	t := bench.Table{Title: "Calls", Columns: []string{"figure", "median", "95 % interval", "calls"}}
	add := func(name, unit string, divide float64, values []float64) {
		if e := bench.Estimated(values); e.Runs > 0 {
			t.Rows = append(t.Rows, []string{
				name, fmt.Sprintf("%.1f %s", e.Median/divide, unit),
				fmt.Sprintf("%.1f to %.1f %s", e.Low/divide, e.High/divide, unit), fmt.Sprint(e.Runs),
			})
		}
	}
	var rates, firsts, tokens, beyond []float64
	for _, c := range r.answers {
		firsts = append(firsts, float64(c.FirstToken))
		if c.Decode > 0 && c.OutputTokens > 0 {
			rates = append(rates, float64(c.OutputTokens)/c.Decode.Seconds())
			tokens = append(tokens, float64(c.Decode)/float64(c.OutputTokens))
			beyond = append(beyond, float64(max(0, c.Total-served(c))))
		}
	}
	const ms = float64(time.Millisecond)
	add("tokens a second, as the server counts", "a second", 1, rates)
	add("first token", "ms", ms, firsts)
	add("of a call beyond what the server says that it took", "ms", ms, beyond)
	add("of its prompt that a second turn finds read", "%", 0.01, r.reused)
	if r.warm.Load > 0 {
		add("load before the first call", "ms", ms, []float64{float64(r.warm.Load)})
	}
	out.Tables = []bench.Table{t}
	for _, m := range []bench.Measure{{Case: "a token", Samples: tokens}, {Case: "first token", Samples: firsts}, {Case: "a call beyond the server's time", Samples: beyond}} {
		if len(m.Samples) > 0 {
			m.NS = bench.Estimated(m.Samples)
			out.Measures = append(out.Measures, m)
		}
	}
	out.Latencies = r.latencies()
	out.Claims = r.claims(beyond)
	return out
}

func (r *run) latencies() (list []bench.Latency) {
	how := fmt.Sprintf("one call at a time, %d answers", len(r.answers))
	for _, l := range []bench.Latency{{Case: "first token", How: how, NS: r.first}, {Case: "between pieces of text", How: how, NS: r.between}} {
		if l.NS.Count() > 0 {
			list = append(list, l)
		}
	}
	return list
}

// claims are what the server told enough for.
func (r *run) claims(beyond []float64) (list []bench.Claim) {
	about := fmt.Sprintf("%s, %d answers of at most %d tokens", r.Model, len(r.answers), answerTokens)
	if e := bench.Estimated(beyond); e.Runs > 0 {
		list = append(list, bench.Claim{
			Figure: "of a call beyond what the server says that it took", Goal: fmt.Sprintf("at most %d ms", beyondMost.Milliseconds()),
			Measured: fmt.Sprintf("median %.1f ms", e.Median/float64(time.Millisecond)), Holds: e.Median <= float64(beyondMost),
			Conditions: about + "; connection and stream included, the start of cf is not",
		})
	}
	if e := bench.Estimated(r.reused); e.Runs > 0 {
		list = append(list, bench.Claim{
			Figure: "prompt that a second turn finds read", Goal: fmt.Sprintf("at least %.0f %%", 100*reusedLeast),
			Measured: fmt.Sprintf("median %.1f %%", 100*e.Median), Holds: e.Median >= reusedLeast,
			Conditions: fmt.Sprintf("%s, %d conversations; by the time for the prompt at the first turn's rate", r.Model, e.Runs),
		})
	}
	return append(list, bench.Claim{
		Figure: "loads of the model between calls", Goal: "0", Measured: fmt.Sprint(r.loads), Holds: r.loads == 0,
		Conditions: fmt.Sprintf("%s, %d answers and %d conversations", r.Model, len(r.answers), len(r.reused)),
	})
}
