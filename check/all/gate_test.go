package all

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/workspace"
)

// TestGateRunsTestsBeside changes a source and no test. The gate asks about the
// changed file alone, and every checker that knows tests must find those that lie
// beside it.
func TestGateRunsTestsBeside(t *testing.T) {
	for _, c := range All() {
		for _, canary := range c.Canaries() {
			if canary.Test == "" {
				continue
			}
			t.Run(c.Name(), func(t *testing.T) {
				t.Parallel()
				part := gateOne(t, c, canary)
				if part.State == check.NotChecked {
					if os.Getenv("CF_TEST_REQUIRE") == "1" {
						t.Fatal(part.Why)
					}
					t.Skip(part.Why)
				}
				if !slices.ContainsFunc(part.Tests, func(test check.Test) bool { return test.Name == canary.Test }) {
					t.Errorf("%s did not run; tests %+v, diagnostics %+v, gaps %+v", canary.Test, part.Tests, part.Diagnostics, part.Gaps)
				}
			})
		}
	}
}

// gateOne changes the source of a canary by an empty line and returns what the
// checker says of it.
func gateOne(t *testing.T, c check.Checker, canary check.Canary) check.Part {
	t.Helper()
	base := checktest.Stage(t, canary.Files)
	set := &workspace.Set{}
	for _, name := range slices.Sorted(maps.Keys(canary.Files)) {
		if c.Match(name, nil) && !strings.Contains(name, "test") && !slices.Contains(c.Markers(), name) {
			set.Changes = append(set.Changes, workspace.Change{Path: name, Content: []byte(canary.Files[name] + "\n")})
		}
	}
	if len(set.Changes) == 0 {
		t.Skip("all of the canary is tests")
	}
	tree, err := workspace.OpenFolder(base.Root())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	now, err := tree.Stage(t.Context(), set, base.Box())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = now.Close() })
	gated, err := check.Gate(t.Context(), check.GateRequest{Base: base, Now: now, Checkers: []check.Checker{c}, Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if len(gated.Now.Parts) != 1 {
		t.Fatalf("%d parts, want one", len(gated.Now.Parts))
	}
	return gated.Now.Parts[0]
}
