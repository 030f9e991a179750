package corebench

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/core/cases"
)

// TestRunReportsEveryCase holds the report to its promises: no case is left out
// silently, and no claim stands without its conditions.
func TestRunReportsEveryCase(t *testing.T) {
	r, err := Run(t.Context(), Options{Rounds: 6, Warmup: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, row := range append(limits(), rows()...) {
		if row.name == peerCK || row.name == peerDPDK {
			continue
		}
		if !strings.Contains(b.String(), row.name) {
			t.Errorf("no word of %q", row.name)
		}
	}
	for _, table := range r.Tables {
		for _, row := range table.Rows {
			if len(row) != len(table.Columns) {
				t.Errorf("%d cells under %d columns: %v", len(row), len(table.Columns), row)
			}
		}
	}
	if len(r.Claims) < 6 || len(r.Measures) < len(r.Tables[0].Rows)+len(r.Tables[1].Rows) {
		t.Errorf("%d claims, %d measures", len(r.Claims), len(r.Measures))
	}
	for _, c := range r.Claims {
		if c.Conditions == "" || c.Measured == "" || c.Goal == "" {
			t.Errorf("claim %+v", c)
		}
	}
	last := r.Claims[len(r.Claims)-1]
	if last.Figure != "allocations per signal" || !last.Holds {
		t.Errorf("%+v", last)
	}
	if goOnly := strings.Contains(b.String(), "built without cgo"); goOnly == cases.InC {
		t.Error("the report does not tell which implementation it measured")
	}
}

// TestNothingIsClaimedOfWhatWasNotMeasured: a case that was always disturbed has no
// figure, so it must not pass for a fast one.
func TestNothingIsClaimedOfWhatWasNotMeasured(t *testing.T) {
	sound := func(ticks float64) bench.Result { return bench.Result{Ticks: bench.Estimate{Median: ticks, Runs: 50}} }
	by := map[string]bench.Result{noBatch: sound(7), mpscBy32: sound(28), swap: sound(20), tableCall: sound(5), limitMPSC: sound(21), goDrain: sound(5)}
	var names []string
	for _, c := range claims(by, 0.5) {
		names = append(names, c.Figure+" "+c.Measured)
		if c.Figure == "allocations per signal" && c.Holds {
			t.Errorf("%+v", c)
		}
	}
	want := []string{noBatch + " 7.00 ticks", "MPSC 1.12x (28.00 of 25.00 ticks)", "allocations per signal 0.5"}
	if !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Options{}); err == nil {
		t.Error("a cancelled run reports")
	}
}
