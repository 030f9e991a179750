package golang

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/workspace"
)

// gate runs the gate over the good module with changes; "" deletes a file.
func gate(t *testing.T, changes map[string]string) *check.Gated {
	t.Helper()
	base := stage(t, good(), nil)
	set := &workspace.Set{}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		set.Changes = append(set.Changes, workspace.Change{Path: name, Content: []byte(changes[name]), Delete: changes[name] == ""})
	}
	tree, err := workspace.OpenFolder(base.Root())
	must(t, err)
	t.Cleanup(func() { tree.Close() })
	now, err := tree.Stage(t.Context(), set, base.Box())
	must(t, err)
	t.Cleanup(func() { now.Close() })
	g, err := check.Gate(t.Context(), check.GateRequest{
		Base: base, Now: now, Checkers: []check.Checker{New()}, Cache: filepath.Join(home(), "cache"),
	})
	must(t, err)
	return g
}

// TestGate shows what a model might try: each must be told from good work.
func TestGate(t *testing.T) {
	a, aTest, bTest := good()["a/a.go"], good()["a/a_test.go"], good()["b/b_test.go"]
	for _, c := range []struct {
		name    string
		changes map[string]string
		land    bool
		why     string          // in a reason against landing
		state   check.FileState // of a/a.go
	}{
		{"a change that tests execute", map[string]string{"a/a.go": strings.Replace(a, "n > 3", "n >= 4", 1)}, true, "", check.Tested},
		{"one that no test executes", map[string]string{"a/a.go": a + "\n// H is new.\nfunc H() int {\n\treturn 1\n}\n"}, true, "", check.Compiled},
		{"one with a test of its own", map[string]string{
			"a/a.go":      a + "\n// H is new.\nfunc H() int {\n\treturn 1\n}\n",
			"a/h_test.go": "package a\n\nimport \"testing\"\n\nfunc TestH(t *testing.T) {\n\tif H() != 1 {\n\t\tt.Error(H())\n\t}\n}\n",
		}, true, "", check.Tested},
		{"a comment", map[string]string{"a/a.go": "// Package a is first.\n" + a}, true, "", check.Compiled},
		{"a caller breaks", map[string]string{"a/a.go": strings.ReplaceAll(a, "n int", "n, m int")}, false, "new diagnostic", ""},
		{"a test breaks", map[string]string{"a/a.go": strings.Replace(a, "n > 3", "n > 0", 1)}, false, "1 failing test", ""},
		{"a dependency is invented", map[string]string{"a/a.go": strings.Replace(a, "package a\n", "package a\n\nimport _ \"github.com/nobody/invented\"\n", 1)}, false, "new diagnostic", ""},
		{"a test is deleted", map[string]string{"a/a.go": a + "\n", "b/b_test.go": ""}, false, "gone or skipped", ""},
		{"a test is skipped", map[string]string{"a/a_test.go": strings.Replace(aTest, "\tif", "\tt.Skip(\"later\")\n\tif", 1)}, false, "gone or skipped", ""},
		{"tests end well before they run", map[string]string{
			"b/b_test.go": strings.Replace(bTest, "import \"testing\"\n", "import (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) { os.Exit(0) }\n", 1),
		}, false, "gone or skipped", ""},
		{"a build tag hides tests", map[string]string{"a/a_test.go": "//go:build never\n\n" + aTest}, false, "gone or skipped", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := gate(t, c.changes)
			v := g.Verdict
			if v.Land != c.land || !strings.Contains(strings.Join(v.Why, "; "), c.why) {
				t.Errorf("lands: %v, because of %q; new %+v, gaps %+v", v.Land, v.Why, v.New, v.NotChecked)
			}
			for _, f := range v.Files {
				if f.File == "a/a.go" && c.state != "" && f.State != c.state {
					t.Errorf("%s is %q (%s), want %q", f.File, f.State, f.Why, c.state)
				}
			}
		})
	}
}

func TestCallersAreMarkedAsBeside(t *testing.T) {
	g := gate(t, map[string]string{"a/a.go": strings.ReplaceAll(good()["a/a.go"], "n int", "n, m int")})
	var files []string
	for _, d := range g.Verdict.New {
		if d.Beside {
			files = append(files, d.File)
		}
	}
	if !slices.Contains(files, "b/b.go") {
		t.Errorf("the caller in b/b.go is not marked: %+v", g.Verdict.New)
	}
}
