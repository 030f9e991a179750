//go:build cgo && linux

package corebench

import (
	"context"
	"strings"
	"testing"
	"time"
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
	if len(r.Claims) < 6 {
		t.Errorf("%d claims", len(r.Claims))
	}
	for _, c := range r.Claims {
		if c.Conditions == "" || !strings.Contains(c.Text, "at most") {
			t.Errorf("claim %+v", c)
		}
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Options{}); err == nil {
		t.Error("a cancelled run reports")
	}
}
