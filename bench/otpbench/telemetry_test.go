package otpbench

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bitactor/cf/bench"
)

// told is a run whose sums come out.
func told(t *testing.T) (*loaded, metrics, []span) {
	t.Helper()
	m, err := parseMetrics(`# HELP bitactor_signals_total x
bitactor_signals_total{result="ok"} 90
bitactor_signals_total{result="overloaded"} 10
bitactor_worker_signals_handled_total 90
bitactor_worker_shed_total 10
bitactor_signal_duration_seconds_bucket{le="0.001"} 1
bitactor_signal_duration_seconds_bucket{le="1"} 2
bitactor_signal_duration_seconds_bucket{le="+Inf"} 2
bitactor_signal_duration_seconds_sum 0.5
bitactor_signal_duration_seconds_count 2
bitactor_spans_sent_total 3
bitactor_spans_dropped_total 4
bitactor_spans_rejected_total 0
bitactor_spans_queued 1
`)
	if err != nil {
		t.Fatal(err)
	}
	spans := []span{{"t", "a", "", "outer", 10, 20}, {"t", "b", "a", "inner", 11, 19}, {"t", "c", "gone", "inner", 1, 2}}
	return &loaded{Sent: map[string]uint64{"ok": 90, "overloaded": 10}, Spans: 8, Sampled: 2}, m, spans
}

func off(list []bench.Balance) (names []string) {
	for _, b := range list {
		if !b.Holds {
			names = append(names, b.What+" ("+b.Left+", "+b.Right+")")
		}
	}
	return names
}

// TestConserved: sums come out, and one that is off by one anywhere is seen.
func TestConserved(t *testing.T) {
	w, m, spans := told(t)
	if names := off(conserved(w, m, spans)); len(names) > 0 {
		t.Fatalf("off: %q", names)
	}
	for series := range m {
		if strings.HasSuffix(series, "_sum") {
			continue
		}
		miscounted := maps.Clone(m)
		miscounted[series] += 2
		if series == `bitactor_signal_duration_seconds_bucket{le="1"}` || series == `bitactor_signal_duration_seconds_bucket{le="0.001"}` {
			miscounted[series] += 5
		}
		if len(off(conserved(w, miscounted, spans))) == 0 {
			t.Errorf("%s is counted wrong, and all sums come out", series)
		}
	}
	for name, change := range map[string]func(w *loaded, spans []span) []span{
		"a signal of which nobody knows": func(w *loaded, s []span) []span { w.Sent["ok"]++; return s },
		"a span that is lost":            func(_ *loaded, s []span) []span { return s[:2] },
		"a span of which nobody knows":   func(w *loaded, s []span) []span { w.Spans++; return s },
		"a span that comes twice":        func(w *loaded, s []span) []span { s[2] = s[1]; return s },
		"a span that outlives its parent": func(_ *loaded, s []span) []span {
			s[1].End = 21
			return s
		},
		"spans without a link": func(_ *loaded, s []span) []span { s[1].Parent = ""; return s },
		"a call that is not timed": func(w *loaded, s []span) []span {
			w.Sampled++
			return s
		},
	} {
		w, m, spans := told(t)
		if changed := change(w, slices.Clone(spans)); len(off(conserved(w, m, changed))) == 0 {
			t.Errorf("%s: all sums come out", name)
		}
	}
}

// TestTelemetryOfTheSystem runs the generated system: its telemetry adds up under
// overload, and an exporter that drops spans without counting them is found.
func TestTelemetryOfTheSystem(t *testing.T) {
	if os.Getenv("CF_SCAFFOLD_LONG") == "" {
		t.Skip("compiles the generated system twice: CF_SCAFFOLD_LONG=1, as make test-scaffold does")
	}
	if _, err := exec.LookPath("mix"); err != nil {
		t.Skip("no mix here")
	}
	dir := t.TempDir()
	r := &run{Options: Options{Environ: os.Environ()}, dir: filepath.Join(dir, "project")}
	if err := r.render(); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "telemetry.exs")
	list, err := r.balances(t.Context(), script)
	if err != nil {
		t.Fatal(err)
	}
	if names := off(list); len(names) > 0 {
		t.Errorf("off: %q", names)
	}
	name := filepath.Join(r.dir, "bitactor_otp/lib/bitactor/telemetry/exporter.ex")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	planted := strings.Replace(string(text), ":atomics.add(counters, @dropped, spans)", ":atomics.add(counters, @dropped, spans - 1)", 1)
	if planted == string(text) {
		t.Fatal("the exporter has no such line")
	}
	if err := os.WriteFile(name, []byte(planted), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err = r.balances(t.Context(), script); err != nil {
		t.Fatal(err)
	}
	if names := strings.Join(off(list), "\n"); !strings.Contains(names, "spans under overload") {
		t.Errorf("drops that nobody counts: off are %q", names)
	}
}
