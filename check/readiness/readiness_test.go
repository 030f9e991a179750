package readiness_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check/readiness"
)

// update is the flag of package sourcetest: rewrite the goldens.
func update() bool { return flag.Lookup("update").Value.String() == "true" }

// text is a card, a line for each point.
func text(c *readiness.Card) string {
	var b strings.Builder
	for _, a := range c.Areas {
		for _, p := range a.Points {
			fmt.Fprintf(&b, "%s: %s: %s\n  %s | %s | %s\n", p.ID, p.State, p.Asks, p.Figure, p.Evidence, p.Why)
			for _, place := range p.Places {
				fmt.Fprintf(&b, "  %s\n", place)
			}
		}
	}
	fmt.Fprintf(&b, "%d passed, %d failed, %d not checked, %d do not apply\n", c.Passed, c.Failed, c.NotChecked, c.NoSubject)
	return b.String()
}

// TestCleanTree holds the card of a tree without a fault against its golden: every
// point passes, and says by what.
func TestCleanTree(t *testing.T) {
	c := card(t, shop(t), inputs{})
	const golden = "testdata/shop.golden"
	got := text(c)
	if update() {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
	if c.Failed+c.NotChecked+c.NoSubject > 0 {
		t.Errorf("of a clean tree: %v fail, %v were not checked, %v do not apply", names(points(c, readiness.Fail)), names(points(c, readiness.NotChecked)), names(points(c, readiness.NoSubject)))
	}
	for id, p := range points(c, readiness.Pass) {
		if p.Evidence == "" || p.Figure == "" {
			t.Errorf("%s passes without evidence or figure: %+v", id, p)
		}
	}
}

// TestSameInputsSameCard holds invariant 2.
func TestSameInputsSameCard(t *testing.T) {
	one, two := card(t, shop(t), inputs{}), card(t, shop(t), inputs{})
	if d := cmp.Diff(one, two); d != "" {
		t.Error(d)
	}
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		paths, file string
		want        bool
	}{
		{".", "a.go", true},
		{".", "lib/a.go", true},
		{".", "lib/testdata/a.go", false},
		{".", "templates/a/k8s.yaml", false},
		{".", "vendor/x/a.go", false},
		{".", "web/node_modules/x/a.js", false},
		{".", "deps/ra/src/ra.erl", false},
		{".", "testdata.go", true},
		{".", ".git", false},
		{"lib", "a.go", false},
		{"lib", "library/a.go", false},
		{"lib lib2", "lib2/a.go", true},
		{"templates/a", "templates/a/k8s.yaml", true},
		{"templates/a", "templates/a/vendor/k8s.yaml", false},
		{"testdata/a.go", "testdata/a.go", true},
		{"", "a.go", true},
		{"", "testdata/a.go", false},
	} {
		if got := readiness.Counts(strings.Fields(c.paths), c.file); got != c.want {
			t.Errorf("%s of %q: %t", c.file, c.paths, got)
		}
	}
}
