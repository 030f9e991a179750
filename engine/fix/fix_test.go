package fix

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// project makes a tree of files.
func project(t testing.TB, files map[string]string) *workspace.Tree {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

func TestSubject(t *testing.T) {
	tree := project(t, map[string]string{
		"limit/limit.go":      "package limit\n\nfunc Allow(n int) bool { return true }\n\nfunc Rest(n int) int { return n }\n",
		"limit/stats.go":      "package limit\n\nfunc Count() int { return 0 }\n",
		"limit/limit_test.go": "package limit\n\nfunc TestAllow(t *testing.T) {\n\tif !Allow(1) {\n\t\tt.Error()\n\t}\n}\n\nfunc TestCount(t *testing.T) {\n\tt.Run(\"x\", func(t *testing.T) { Count() })\n}\n\nfunc TestBoth(t *testing.T) {\n\tAllow(Rest(1))\n}\n\nfunc TestNone(t *testing.T) {}\n",
		"shop/cart.py":        "def total(items):\n    return 0\n",
		"shop/other.py":       "def total(items):\n    return 0\n",
		"tests/test_cart.py":  "from shop.cart import total\n\n\ndef test_total():\n    assert total([1]) == 1\n",
		"lib/ring.ex":         "defmodule Ring do\n  def push(r, x), do: [x | r]\nend\n",
		"test/ring_test.exs":  "defmodule RingTest do\n  use ExUnit.Case\n\n  test \"pushes\" do\n    assert Ring.push([], 1) == [1]\n  end\nend\n",
		"ring.c":              "int ring_push(int x) { return x; }\n",
		"test_ring.c":         "int main(void) {\n  return ring_push(1);\n}\n",
	})
	r := &run{Fixer: &Fixer{Tree: tree}}
	for name, tt := range map[string]struct {
		test         check.Test
		file, symbol string
	}{
		"one function":    {check.Test{Name: "example.com/limit.TestAllow", File: "limit/limit_test.go"}, "limit/limit.go", "Allow"},
		"a sub-test":      {check.Test{Name: "example.com/limit.TestCount/x", File: "limit/limit_test.go"}, "limit/stats.go", "Count"},
		"two functions":   {check.Test{Name: "example.com/limit.TestBoth", File: "limit/limit_test.go"}, "limit/limit.go", ""},
		"nothing of ours": {check.Test{Name: "example.com/limit.TestNone", File: "limit/limit_test.go"}, "", ""},
		"named like it":   {check.Test{Name: "tests/test_cart.py::test_total", File: "tests/test_cart.py"}, "shop/cart.py", "total"},
		"no function":     {check.Test{Name: "RingTest: test pushes", File: "test/ring_test.exs", Line: 4}, "lib/ring.ex", "Ring.push/2"},
		"a program":       {check.Test{Name: "test_ring", File: "test_ring.c"}, "ring.c", "ring_push"},
		"no file":         {check.Test{Name: "TestX"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file, symbol := r.subject(t.Context(), tt.test)
			if file != tt.file || symbol != tt.symbol {
				t.Errorf("got %s#%s, want %s#%s", file, symbol, tt.file, tt.symbol)
			}
		})
	}
}

// world judges sets by what their files hold: each "BAD" is a finding, and findings
// of a file that does not "COMPILE" hide those of every other file.
type world struct {
	tree  *workspace.Tree
	files []string
	tried []string // the verdicts, in order: "lands" or "does not"
}

func (w *world) findings(set *workspace.Set) []check.Diagnostic {
	var broken, other []check.Diagnostic
	for _, name := range w.files {
		data, err := w.tree.Read(name)
		if err != nil {
			panic(err)
		}
		text := string(data)
		for _, c := range set.Changes {
			if c.Path == name {
				text = string(c.Content)
			}
		}
		for i, line := range strings.Split(text, "\n") {
			d := check.Diagnostic{File: name, Line: i + 1, Message: strings.TrimSpace(line), Checker: "go", Severity: check.Error}
			switch {
			case strings.Contains(line, "\"os\""):
				broken = append(broken, d)
			case strings.Contains(line, "BAD"):
				d.Severity = check.Warning
				other = append(other, d)
			}
		}
	}
	if len(broken) > 0 {
		return broken
	}
	return other
}

func (w *world) Try(_ context.Context, set *workspace.Set) (*land.Trial, error) {
	before, after := w.findings(&workspace.Set{}), w.findings(set)
	var v check.Verdict
	key := func(d check.Diagnostic) string { return d.File + d.Message }
	for _, d := range after {
		if !slices.ContainsFunc(before, func(o check.Diagnostic) bool { return key(o) == key(d) }) {
			v.New = append(v.New, d)
		}
	}
	for _, d := range before {
		if !slices.ContainsFunc(after, func(o check.Diagnostic) bool { return key(o) == key(d) }) {
			v.Gone = append(v.Gone, d)
		}
	}
	v.Land = len(v.New) == 0
	w.tried = append(w.tried, map[bool]string{true: "lands", false: "does not"}[v.Land])
	return &land.Trial{Set: set, Gated: &check.Gated{Verdict: v}}, nil
}

// model is an engine that takes "BAD" out of the files it can.
type model struct {
	world *world
	able  map[string]bool // files; those that are not there fail
	err   error           // ends every request
	asked []engine.Request
}

func (m *model) Implement(ctx context.Context, r engine.Request) (*engine.Outcome, error) {
	m.asked = append(m.asked, r)
	if m.err != nil {
		return nil, m.err
	}
	out := &engine.Outcome{Path: r.Path, Best: -1}
	if !m.able[r.Path] {
		return out, fault.New(fault.Refused, engine.CodeNoCandidate, "no code")
	}
	set := &workspace.Set{}
	data, err := m.world.tree.Read(r.Path)
	text := string(data)
	if r.On != nil {
		for _, c := range r.On.Changes {
			if c.Path == r.Path {
				text = string(c.Content)
			} else {
				set.Changes = append(set.Changes, c)
			}
		}
	}
	set.Changes = append(set.Changes, workspace.Change{Path: r.Path, Content: []byte(strings.ReplaceAll(text, "BAD", "good"))})
	trial, _ := m.world.Try(ctx, set)
	out.Candidates, out.Best = []engine.Candidate{{Trial: trial}}, 0
	if err == nil && !trial.Verdict.Land {
		err = fault.New(fault.Refused, engine.CodeNoPass, "none passes")
	}
	return out, err
}

func (w *world) report() *check.Report {
	return &check.Report{Parts: []check.Part{{Checker: "go", Project: ".", Outcome: check.Outcome{Diagnostics: w.findings(&workspace.Set{})}}}}
}

func fixer(w *world, m *model) *Fixer {
	return &Fixer{
		Tree: w.tree, Judge: w, Events: event.Discard, Now: time.Now,
		Connect: func(context.Context) (Proposer, error) { return m, m.err },
	}
}

func contents(t *land.Trial) map[string]string {
	if t == nil {
		return nil
	}
	out := map[string]string{}
	for _, c := range t.Set.Changes {
		out[c.Path] = string(c.Content)
	}
	return out
}

const (
	unused  = "package p\n\nimport \"os\"\n\n// A is BAD.\nconst A = 1\n"
	mendedA = "package p\n\n// A is BAD.\nconst A = 1\n"
	fixedA  = "package p\n\n// A is good.\nconst A = 1\n"
)

func TestFix(t *testing.T) {
	plain := "package p\n\nimport \"os\"\n"
	for name, tt := range map[string]struct {
		files map[string]string
		able  []string
		want  map[string]string
		asked string // files, in order
		left  string // files
	}{
		"without a model":                   {map[string]string{"a.go": plain}, nil, map[string]string{"a.go": "package p\n"}, "", ""},
		"with one":                          {map[string]string{"a.go": mendedA}, []string{"a.go"}, map[string]string{"a.go": fixedA}, "a.go", ""},
		"a mend reveals more":               {map[string]string{"a.go": unused}, []string{"a.go"}, map[string]string{"a.go": fixedA}, "a.go", ""},
		"more that can't be mended":         {map[string]string{"a.go": unused}, nil, nil, "a.go", "a.go"},
		"more in a file beside":             {map[string]string{"a.go": plain, "b.go": mendedA}, []string{"b.go"}, map[string]string{"a.go": "package p\n", "b.go": fixedA}, "b.go", ""},
		"one of two files":                  {map[string]string{"a.go": mendedA, "b.go": mendedA}, []string{"b.go"}, map[string]string{"b.go": fixedA}, "a.go b.go", "a.go"},
		"in two files, one after the other": {map[string]string{"a.go": unused, "b.go": mendedA}, []string{"a.go", "b.go"}, map[string]string{"a.go": fixedA, "b.go": fixedA}, "a.go b.go", ""},
		"a test is not for the model":       {map[string]string{"a_test.go": mendedA}, []string{"a_test.go"}, nil, "", "a_test.go"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{tree: project(t, tt.files)}
			for f := range tt.files {
				w.files = append(w.files, f)
			}
			slices.Sort(w.files)
			m := &model{world: w, able: map[string]bool{}}
			for _, f := range tt.able {
				m.able[f] = true
			}
			out, err := fixer(w, m).Fix(t.Context(), w.report())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, contents(out.Trial)); diff != "" {
				t.Error(diff)
			}
			var asked, left []string
			for _, r := range m.asked {
				asked = append(asked, r.Path)
				if len(r.Findings) == 0 {
					t.Errorf("%s was asked for without a finding", r.Path)
				}
			}
			for _, l := range out.Left {
				left = append(left, l.File)
			}
			if got := strings.Join(asked, " "); got != tt.asked {
				t.Errorf("the model was asked for %q, want %q", got, tt.asked)
			}
			if got := strings.Join(left, " "); got != tt.left {
				t.Errorf("left %q, want %q", got, tt.left)
			}
		})
	}
}

// Whatever the model can and can't do: what is kept may land, and mends more than
// nothing.
func TestOnlyWhatIsBetterIsKept(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		files, able := map[string]string{}, map[string]bool{}
		w := &world{}
		for _, name := range []string{"a.go", "b.go", "c.go"} {
			files[name] = rapid.SampledFrom([]string{"package p\n", unused, mendedA, "package p\n\nimport \"os\"\n", "package p\n\nimport \"os\" // BAD\n"}).Draw(rt, name)
			able[name] = rapid.Bool().Draw(rt, "able "+name)
			w.files = append(w.files, name)
		}
		w.tree = project(t, files)
		m := &model{world: w, able: able}
		if rapid.Bool().Draw(rt, "no server") {
			m.err = fault.New(fault.Unreachable, "refused", "nobody answers")
		}
		out, err := fixer(w, m).Fix(t.Context(), w.report())
		if err != nil && m.err == nil {
			rt.Fatal(err)
		}
		if out.Trial == nil {
			return
		}
		if !out.Trial.Verdict.Land || gain(out.Trial) == 0 {
			rt.Errorf("kept %+v", out.Trial.Verdict)
		}
		if again, _ := w.Try(t.Context(), out.Trial.Set); !again.Verdict.Land {
			rt.Errorf("what was kept does not land: %+v", again.Verdict)
		}
	})
}

func TestBudget(t *testing.T) {
	w := &world{tree: project(t, map[string]string{"a.go": mendedA, "b.go": mendedA}), files: []string{"a.go", "b.go"}}
	m := &model{world: w, able: map[string]bool{"a.go": true, "b.go": true}}
	f := fixer(w, m)
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	f.Now = func() time.Time { now = now.Add(20 * time.Second); return now }
	f.Budget = time.Minute
	out, err := f.Fix(t.Context(), w.report())
	if err != nil {
		t.Fatal(err)
	}
	if len(m.asked) != 1 || len(out.Left) != 1 || out.Left[0].Text() != "b.go: the time is up" {
		t.Errorf("asked %d times, left %v", len(m.asked), out.Left)
	}
	if diff := cmp.Diff(map[string]string{"a.go": fixedA}, contents(out.Trial)); diff != "" {
		t.Error(diff)
	}
}

// What passed is what the next file builds on, not what it was made from.
func TestWhatPassedTakesThePlaceOfWhatWorked(t *testing.T) {
	trial := func() *land.Trial { return &land.Trial{Set: &workspace.Set{}, Gated: &check.Gated{}} }
	r := &run{Fixer: &Fixer{}, out: &Result{}, working: trial()}
	passed := trial()
	if r.take(&engine.Outcome{Candidates: []engine.Candidate{{Trial: passed}}, Best: 0}, true) || r.latest() != passed {
		t.Error("the next file would build on what may not land")
	}
}
