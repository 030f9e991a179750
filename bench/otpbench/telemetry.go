package otpbench

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/bench"
)

//go:embed telemetry.exs
var workload string

// Balances renders and compiles the project, puts it under overload with its exporter
// pointed at a collector of this process, reads its metrics, and checks that what it
// tells about itself adds up. The errors are those of Run.
func Balances(ctx context.Context, o Options) ([]bench.Balance, error) {
	r, remove, err := rendered(o)
	if err != nil {
		return nil, err
	}
	defer remove()
	return r.balances(ctx, filepath.Join(filepath.Dir(r.dir), "telemetry.exs"))
}

// balances runs the workload in a project that is rendered.
func (r *run) balances(ctx context.Context, script string) ([]bench.Balance, error) {
	if err := os.WriteFile(script, []byte(workload), 0o600); err != nil {
		return nil, err
	}
	if err := r.compileProject(ctx); err != nil {
		return nil, err
	}
	c := &collector{}
	address, stop, err := c.start(ctx)
	if err != nil {
		return nil, err
	}
	_, _, err = r.mix(ctx, []string{"CF_COLLECTOR=" + address}, "run", "--no-start", script)
	stop()
	if err = errors.Join(c.err, err); err != nil {
		return nil, err
	}
	if c.workload == nil {
		return nil, errors.New("the workload did not say what it sent")
	}
	return conserved(c.workload, c.metrics, c.spans), nil
}

// answers are the results of a dispatch, as bitactor_signals_total labels them.
var answers = []string{"ok", "overloaded", "timeout", "draining", "error"}

// conserved holds what was sent against what the system counts and what it exported.
func conserved(w *loaded, m metrics, spans []span) []bench.Balance {
	var list []bench.Balance
	sum := func(what, left string, a uint64, right string, b uint64) {
		list = append(list, bench.Balance{What: "OTP: " + what, Left: fmt.Sprintf("%s: %d", left, a), Right: fmt.Sprintf("%s: %d", right, b), Holds: a == b})
	}
	var sent uint64
	for _, n := range w.Sent {
		sent += n
	}
	handled, shed := m.sum("bitactor_worker_signals_handled_total"), m.sum("bitactor_worker_shed_total")
	rest := m.sum("bitactor_worker_late_total") + m.sum("bitactor_worker_lost_total") + m.sum("bitactor_signals_in_flight")
	sum("signals sent under overload", "sent", sent, "handled + shed + late + lost + in flight", handled+shed+rest)
	for _, answer := range answers {
		sum("signals answered "+answer, "seen by the senders", w.Sent[answer], "bitactor_signals_total", m.sum(`bitactor_signals_total{result="`+answer+`"}`))
	}
	sum("calls timed", "events", w.Sampled, "histogram's count", m.sum("bitactor_signal_duration_seconds_count"))
	sum("the histogram's last bucket", "le=+Inf", m.sum(`bitactor_signal_duration_seconds_bucket{le="+Inf"}`), "count", m.sum("bitactor_signal_duration_seconds_count"))
	sum("the histogram's buckets", "that hold less than one below", falling(m, "bitactor_signal_duration_seconds"), "allowed", 0)
	dropped, rejected := m.sum("bitactor_spans_dropped_total"), m.sum("bitactor_spans_rejected_total")
	received := uint64(len(spans))
	sum("spans under overload", "ended", w.Spans, "received + dropped + rejected + queued", received+dropped+rejected+m.sum("bitactor_spans_queued"))
	sum("spans sent", "received", received, "bitactor_spans_sent_total", m.sum("bitactor_spans_sent_total"))
	sum("overload of the actors", "reached", min(shed, 1), "needed", 1)
	sum("overload of the exporter", "reached", min(dropped, 1), "needed", 1)
	links := linked(spans)
	sum("spans received twice", "spans", links.twice, "allowed", 0)
	sum("spans that reach over their parent", "spans", links.over, "allowed", 0)
	orphans := min(links.orphans, links.orphans-min(links.orphans, dropped))
	sum("spans whose parent is missing and was not dropped", "spans", orphans, "allowed", 0)
	sum("pairs of a call and its request", "nested", min(links.nested, 1), "at least", 1)
	return list
}

// falling counts the buckets of a histogram that hold less than the one below: they
// count all that is at most their bound.
func falling(m metrics, name string) (n uint64) {
	type bucket struct{ bound, count float64 }
	var list []bucket
	for series, count := range m {
		bound, ok := strings.CutPrefix(series, name+`_bucket{le="`)
		if !ok {
			continue
		}
		var b bucket
		if _, err := fmt.Sscanf(strings.TrimSuffix(bound, `"}`), "%g", &b.bound); err == nil {
			b.count = count
			list = append(list, b)
		}
	}
	for _, a := range list {
		for _, b := range list {
			if a.bound < b.bound && a.count > b.count {
				n++
				break
			}
		}
	}
	return n
}

// linkage says how spans hang together.
type linkage struct{ nested, orphans, over, twice uint64 }

func linked(spans []span) (l linkage) {
	by := map[string]span{}
	for _, s := range spans {
		if _, there := by[s.Trace+s.ID]; there {
			l.twice++
		}
		by[s.Trace+s.ID] = s
	}
	for _, s := range spans {
		if s.Parent == "" {
			continue
		}
		switch parent, there := by[s.Trace+s.Parent]; {
		case !there:
			l.orphans++
		case s.Start < parent.Start || s.End > parent.End:
			l.over++
		default:
			l.nested++
		}
	}
	return l
}
