package otpbench

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/bench"
)

// loadReport is a report as the load test writes it.
const loadReport = `{"machine": {"otp": "25", "elixir": "1.14.0", "schedulers": 2, "implementation": "BitActor.NIF", "load_average": "0.1"},
"rounds": 15, "figures": {
"memory of an actor": {"unit": "bytes", "worker": 5000, "bare": 2700, "native": 33.1},
"a call": {"unit": "ns", "worker": {"p50": 1500, "p99": 9000, "p999": 149000, "max": 2000000}, "bare": {"p50": 1200, "p99": 8000, "p999": 90000, "max": 1000000},
  "ratio": {"median": 1.25, "min": 1.1, "max": 1.4, "runs": 15}},
"calls at a fixed rate": {"p50": 1, "p99": 2, "p999": 3, "max": 4, "unit": "ns", "rate": 1000, "seconds": 5},
"native actors, batches of 4,096": {"median": 500000, "min": 400000, "max": 600000, "runs": 15},
"stored actors, batches of 1,000": {"median": 499999, "min": 400000, "max": 600000, "runs": 15},
"a signal in a batch of 256": {"c": {"median": 2.6}, "nif": {"median": 3.2}, "elixir": {"median": 280}, "ratio": {"median": 1.51, "min": 1, "max": 2}},
"a scrape": {"median": 49000000, "min": 1, "max": 60000000, "runs": 15, "lines": 120},
"a crash storm": {"crashes": 4, "others": 999, "unchanged": 998},
"three nodes": {"p50": 1, "p99": 2, "p999": 3, "max": 4, "calls": 10, "actors": [1, 2, 3]}}}`

func TestClaims(t *testing.T) {
	m, err := parse([]byte(loadReport))
	if err != nil {
		t.Fatal(err)
	}
	r := &run{compile: 10*time.Second - 1, suite: 3 * time.Minute, blocks: []string{"app"}, nodes: "x\nintegration: leader killed: [new_leader_ms: 1000, next_write_ms: 3]\n" +
		"integration: leader frozen: [new_leader_ms: 5001, next_write_ms: 3]\nintegration: leader left: [stop_ms: 1]\n" +
		"integration: leader frozen, unsuspected: [new_leader_ms: 5000]\nintegration: rolling restart: [writes: 9, failed: 1]\nintegration: all killed: [rounds: 50, acknowledged: 7]\n"}
	report := r.lay(m, bench.Noise{})
	want := map[string]bool{
		"compiles without a warning":                                    true,
		"the project's tests":                                           false,
		"native actors, batches of 4,096":                               true,
		"stored actors, batches of 1,000":                               false,
		"a call against one to a bare GenServer":                        true,
		"p99.9 of a call":                                               true,
		"a signal in a batch through the NIF":                           false,
		"a scrape of /metrics":                                          true,
		"a new leader, the old one killed":                              true,
		"a new leader, the old one frozen":                              false,
		"a new leader, the old one frozen before ra's detector knew it": true,
		"a rolling restart of three voters under writes":                false,
		"acknowledged writes lost when all three nodes are killed (kill -9) under writes": true,
		"a crash storm of one actor in a thousand":                                        false,
	}
	for _, c := range report.Claims {
		holds, known := want[c.Figure]
		if !known || holds != c.Holds {
			t.Errorf("%s: holds %v (%s, goal %s), want %v", c.Figure, c.Holds, c.Measured, c.Goal, holds)
		}
		delete(want, c.Figure)
	}
	for figure := range want {
		t.Errorf("no claim: %s", figure)
	}
	for _, table := range report.Tables {
		if len(table.Rows) == 0 {
			t.Errorf("%s has no rows", table.Title)
		}
		for _, row := range table.Rows {
			if len(row) != len(table.Columns) {
				t.Errorf("%s: %d cells for %d columns: %q", table.Title, len(row), len(table.Columns), row)
			}
		}
	}
	var text bytes.Buffer
	if err := report.Markdown(&text); err != nil || !strings.Contains(text.String(), "1.25x (1.10 to 1.40)") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// TestUnmeasured: what the load test did not take makes no claim and no row.
func TestUnmeasured(t *testing.T) {
	m, err := parse([]byte(`{"rounds": 6, "figures": {"a scrape": "nonsense", "other": 1}}`))
	if err != nil {
		t.Fatal(err)
	}
	report := (&run{compile: time.Second}).lay(m, bench.Noise{})
	if len(report.Claims) != 1 {
		t.Errorf("claims of nothing: %+v", report.Claims)
	}
	for _, text := range []string{"", "[]", `{"figures": {}}`} {
		if _, err := parse([]byte(text)); err == nil {
			t.Errorf("%q was taken for a report", text)
		}
	}
}

// TestRunAgainstAStandIn runs all steps with a mix that does what it is told: the
// real one takes minutes and has its own target, make bench-otp.
func TestRunAgainstAStandIn(t *testing.T) {
	bin := t.TempDir()
	log := filepath.Join(bin, "log")
	script := "#!/bin/sh\necho \"$MIX_ENV $BITACTOR_LOAD_ROUNDS $*\" >>" + log + "\n" +
		"[ -f mix.exs ] && [ -f ../src/cns/bitactor.c ] || exit 1\n" +
		"[ \"$3\" != load ] || cat " + filepath.Join(bin, "report") + " >\"$BITACTOR_LOAD_REPORT\"\n" +
		"[ -z \"$FAIL\" ] || [ \"$3\" != \"$FAIL\" ] || { echo broken; exit 1; }\n"
	for name, text := range map[string]string{"mix": script, "report": loadReport} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	env, temporary := []string{"PATH=" + bin + ":/usr/bin:/bin"}, t.TempDir()
	t.Setenv("TMPDIR", temporary)
	var steps []int
	report, err := Run(context.Background(), Options{Environ: env, Progress: func(done, total int) { steps = append(steps, done, total) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Claims) < 8 || len(steps) != 8 || steps[6] != steps[7] {
		t.Errorf("%d claims, progress %v", len(report.Claims), steps)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	want := "test  compile --warnings-as-errors\ntest  test --include slow\ntest  test --only integration\ntest 31 test --only load\n"
	if got := string(text); got != want && got != strings.Replace(want, "test  test --only integration\n", "", 1) {
		t.Errorf("mix was run as\n%s", got)
	}
	if _, err := Run(context.Background(), Options{Environ: append(env, "FAIL=load"), Quick: true}); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("a load test that fails: %v", err)
	}
	if _, err := Run(context.Background(), Options{Environ: []string{"PATH=/nonexistent"}}); err == nil {
		t.Error("without mix")
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
