package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/workspace"
)

// gate runs Gate over files with some of them changed; "" deletes one.
func gate(t *testing.T, files, changes map[string]string, rules Rules, checkers ...Checker) *Gated {
	t.Helper()
	stage := tree(t, files)
	set := &workspace.Set{}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		set.Changes = append(set.Changes, workspace.Change{Path: name, Content: []byte(changes[name]), Delete: changes[name] == ""})
	}
	g, err := Gate(t.Context(), GateRequest{Base: stage(&workspace.Set{}), Now: stage(set), Checkers: checkers, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func testable(name string) *fake {
	f := newFake(name)
	f.testable = true
	return f
}

// sketch writes a verdict in short.
func sketch(v Verdict) string {
	var parts []string
	list := func(name string, items []string) {
		if len(items) > 0 {
			parts = append(parts, name+" "+strings.Join(items, ","))
		}
	}
	diagnostics := func(ds []Diagnostic) (out []string) {
		for _, d := range ds {
			out = append(out, fmt.Sprintf("%s:%d:%s", d.File, d.Line, d.Code))
		}
		return out
	}
	names := func(ts []Test) (out []string) {
		for _, t := range ts {
			out = append(out, t.Name)
		}
		return out
	}
	list("new", diagnostics(v.New))
	list("gone", diagnostics(v.Gone))
	list("failing", names(v.NewlyFailing))
	list("still", names(v.StillFailing))
	list("fixed", names(v.Fixed))
	list("flaky", names(v.Flaky))
	list("lost", names(v.Lost))
	for _, f := range v.Files {
		parts = append(parts, fmt.Sprintf("%s %s %d/%d", f.File, f.State, f.Executed, f.Lines))
	}
	for _, g := range v.NotChecked {
		parts = append(parts, fmt.Sprintf("unchecked %s%s %v", g.Checker, g.File, g.Blocks))
	}
	return fmt.Sprintf("%v; %s", v.Land, strings.Join(parts, "; "))
}

func TestGate(t *testing.T) {
	needy := newFake("bb")
	needy.tools = []Tool{{Program: "cf-no-such-program", For: "compile", Needed: true}}
	for _, c := range []struct {
		name           string
		files, changes map[string]string
		rules          Rules
		want           string
	}{
		{
			"a clean change that a test executes",
			map[string]string{"a.aa": "one\nTEST t passed\nRUN 1\n"},
			map[string]string{"a.aa": "uno\nTEST t passed\nRUN 1\n"},
			Rules{},
			"true; a.aa tested 1/1",
		},
		{
			"one whose lines no test executes",
			map[string]string{"a.aa": "one\nTEST t passed\nCOUNT 1\n"},
			map[string]string{"a.aa": "uno\nTEST t passed\nCOUNT 1\n"},
			Rules{},
			"true; a.aa compiled only 0/1",
		},
		{
			"one without tests",
			map[string]string{"a.aa": "one\n"},
			map[string]string{"a.aa": "uno\n"},
			Rules{},
			"true; a.aa compiled only 0/0",
		},
		{
			"one whose coverage nobody knows",
			map[string]string{"a.aa": "one\nTEST t passed\n"},
			map[string]string{"a.aa": "uno\nTEST t passed\n"},
			Rules{},
			"true; a.aa tests passed, coverage unknown 0/0",
		},
		{
			"a kind that has no tests",
			map[string]string{"a.bb": "one\n"},
			map[string]string{"a.bb": "uno\n"},
			Rules{},
			"true; a.bb checked 0/0",
		},
		{
			"known findings move to other lines",
			map[string]string{"a.bb": "BAD x was at line 1\nBAD x was at line 1\n"},
			map[string]string{"a.bb": "top\n\nBAD x was at line 1\nBAD x was at line 1\n"},
			Rules{},
			"true; a.bb checked 0/0",
		},
		{
			"one more of a known finding",
			map[string]string{"a.bb": "BAD x m\n"},
			map[string]string{"a.bb": "BAD x m\nBAD x m\n"},
			Rules{},
			"false; new a.bb:2:x; a.bb checked 0/0",
		},
		{
			"one finding for another",
			map[string]string{"a.bb": "BAD x m\n"},
			map[string]string{"a.bb": "BAD y m\n"},
			Rules{},
			"false; new a.bb:1:y; gone a.bb:1:x; a.bb checked 0/0",
		},
		{
			"tests that fail, are mended, stay broken",
			map[string]string{"a.aa": "TEST f passed\nTEST m failed\nTEST s failed\n"},
			map[string]string{"a.aa": "TEST f failed\nTEST m passed\nTEST s failed\n"},
			Rules{},
			"false; failing f; still s; fixed m; a.aa tests passed, coverage unknown 0/0",
		},
		{
			"a flaky test is not blamed on the change",
			map[string]string{"a.aa": "TEST f passed\nTEST s sometimes\n"},
			map[string]string{"a.aa": "TEST f passed\nTEST s sometimes\n#\n"},
			Rules{},
			"true; flaky s; a.aa tests passed, coverage unknown 0/0",
		},
		{
			"tests deleted and skipped",
			map[string]string{"a.aa": "TEST d passed\nTEST k passed\nTEST o passed\n"},
			map[string]string{"a.aa": "TEST k skipped\nTEST o passed\n"},
			Rules{},
			"false; lost d,k; a.aa tests passed, coverage unknown 0/0",
		},
		{
			"the same, allowed",
			map[string]string{"a.aa": "TEST d passed\nTEST o passed\n"},
			map[string]string{"a.aa": "TEST o passed\n"},
			Rules{AllowLostTests: true},
			"true; lost d; a.aa tests passed, coverage unknown 0/0",
		},
		{
			"a checker without its tool",
			map[string]string{"a.cc": "one\n"},
			map[string]string{"a.cc": "uno\n"},
			Rules{},
			"false; a.cc not checked 0/0; unchecked cc true",
		},
		{
			"the same, allowed",
			map[string]string{"a.cc": "one\n"},
			map[string]string{"a.cc": "uno\n"},
			Rules{AllowUnchecked: true},
			"true; a.cc not checked 0/0; unchecked cc true",
		},
		{
			"code that nobody knows, and a text",
			map[string]string{"a.java": "one\n", "b.txt": "one\n"},
			map[string]string{"a.java": "uno\n", "b.txt": "uno\n"},
			Rules{},
			"false; a.java not checked 0/0; b.txt not checked 0/0; unchecked a.java true; unchecked b.txt false",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tools := newFake("cc")
			tools.tools = needy.tools
			g := gate(t, c.files, c.changes, c.rules, testable("aa"), newFake("bb"), tools)
			if got := sketch(g.Verdict); got != c.want {
				t.Errorf("got  %s\nwant %s\nwhy  %q", got, c.want, g.Verdict.Why)
			}
			if g.Verdict.Land == (len(g.Verdict.Why) > 0) {
				t.Errorf("lands: %v, because of %q", g.Verdict.Land, g.Verdict.Why)
			}
		})
	}
}

func TestATestOfTheChangeMustPass(t *testing.T) {
	before := Report{Parts: []Part{{Checker: "c", Outcome: Outcome{Tests: []Test{{Name: "t", File: "t_test.c", State: Failed}}}}}}
	v := Judge(&before, &before, Change{Files: []Edited{{Path: "t_test.c"}}}, Rules{})
	if v.Land || len(v.NewlyFailing) != 1 {
		t.Errorf("a failing test in a changed file: %s", sketch(v))
	}
	if v := Judge(&before, &before, Change{Files: []Edited{{Path: "other.c"}}}, Rules{}); !v.Land || len(v.StillFailing) != 1 {
		t.Errorf("one that failed before, elsewhere: %s", sketch(v))
	}
}

func TestARenamedFileKeepsItsFindings(t *testing.T) {
	report := func(file string) *Report {
		return &Report{Parts: []Part{{Checker: "c", Outcome: Outcome{Diagnostics: []Diagnostic{{Checker: "c", File: file, Line: 3, Code: "x", Source: "text"}}}}}}
	}
	c := Change{Files: []Edited{{Path: "new.c", From: "old.c"}, {Path: "old.c", Deleted: true}}}
	if v := Judge(report("old.c"), report("new.c"), c, Rules{}); len(v.New)+len(v.Gone) > 0 {
		t.Errorf("%s", sketch(v))
	}
}

// TestAFileIsTestedOnlyByItsOwnLines keeps the line between tested and compiled.
func TestAFileIsTestedOnlyByItsOwnLines(t *testing.T) {
	part := Part{Checker: "c", Files: []string{"a.c"}, Outcome: Outcome{
		Testable: true, Tests: []Test{{Name: "t", State: Passed}},
		Executed: map[string]map[int]bool{"a.c": {1: true, 2: false, 3: false}, "other.c": {2: true}},
	}}
	now := &Report{Tests: true, Parts: []Part{part}}
	for _, c := range []struct {
		lines []int
		want  FileState
	}{{[]int{1}, Tested}, {[]int{2, 3}, Compiled}, {[]int{1, 2}, Tested}, {[]int{9}, Compiled}, {nil, Compiled}} {
		v := Judge(&Report{}, now, Change{Files: []Edited{{Path: "a.c", Lines: c.lines}}}, Rules{})
		if v.Files[0].State != c.want {
			t.Errorf("lines %v: %s, want %s", c.lines, v.Files[0].State, c.want)
		}
	}
}

// TestMovingLinesMakesNothingNew: findings that keep the text of their line are
// known wherever they move, and one more is always found.
func TestMovingLinesMakesNothingNew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sources := rapid.SliceOfN(rapid.SampledFrom([]string{"a := 1", "b := 2", "return"}), 1, 20).Draw(t, "sources")
		report := func(shift int, extra bool) *Report {
			var ds []Diagnostic
			for i, s := range sources {
				ds = append(ds, Diagnostic{Checker: "c", File: "f", Line: i + shift, Code: "x", Message: fmt.Sprintf("see line %d", i+shift), Source: s})
			}
			if extra {
				ds = append(ds, ds[rapid.IntRange(0, len(ds)-1).Draw(t, "twice")])
			}
			return &Report{Parts: []Part{{Checker: "c", Outcome: Outcome{Diagnostics: ds}}}}
		}
		shift := rapid.IntRange(0, 1000).Draw(t, "shift")
		if v := Judge(report(1, false), report(1+shift, false), Change{}, Rules{}); len(v.New)+len(v.Gone) > 0 {
			t.Fatalf("moved by %d: %s", shift, sketch(v))
		}
		if v := Judge(report(1, false), report(1+shift, true), Change{}, Rules{}); len(v.New) != 1 || v.Land {
			t.Fatalf("one more: %s", sketch(v))
		}
	})
}

// TestChangedLines compares with the definition: take the changed lines out of
// the new text, and what is left must be lines of the old one, in order.
func TestChangedLines(t *testing.T) {
	if got := changedLines([]byte("a\nb\nc\n"), []byte("a\nx\nc\nd\n")); !slices.Equal(got, []int{2, 4}) {
		t.Errorf("got %v", got)
	}
	if got := changedLines(nil, []byte("a\nb\n")); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("a new file: %v", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 12)
		old, now := word.Draw(t, "old"), word.Draw(t, "now")
		text := func(lines []string) []byte { return []byte(strings.Join(append(lines, ""), "\n")) }
		changed := changedLines(text(old), text(now))
		at := 0
		for i, line := range now {
			if slices.Contains(changed, i+1) {
				continue
			}
			for at < len(old) && old[at] != line {
				at++
			}
			if at == len(old) {
				t.Fatalf("line %d (%q) of %q counts as unchanged from %q; changed: %v", i+1, line, now, old, changed)
			}
			at++
		}
	})
}

func FuzzUnpackLines(f *testing.F) {
	f.Add("3-5y 7-7n ")
	f.Add("1-1")
	f.Fuzz(func(t *testing.T, text string) {
		lines, ok := unpackLines(map[string]string{"f": text})
		if !ok {
			return
		}
		again, ok := unpackLines(packLines(lines))
		if !ok || !cmp.Equal(lines, again) {
			t.Fatalf("%q: %v became %v", text, lines, again)
		}
	})
}

func TestATestNamedByItsFileMovesWithIt(t *testing.T) {
	report := func(name string) *Report {
		return &Report{Parts: []Part{{Checker: "c", Outcome: Outcome{Tests: []Test{{Name: name, File: name, State: Passed}}}}}}
	}
	c := Change{Files: []Edited{{Path: "new_test.c", From: "old_test.c"}, {Path: "old_test.c", Deleted: true}}}
	if v := Judge(report("old_test.c"), report("new_test.c"), c, Rules{}); len(v.Lost) > 0 {
		t.Errorf("%s", sketch(v))
	}
}

// TestASecondLookAtBothSides: what only one side ran is asked of the other.
func TestASecondLookAtBothSides(t *testing.T) {
	// The fake runs a test that is not asked for by name only where its line says
	// so; these files give each side another set.
	g := gate(t, map[string]string{"a.aa": "TEST t passed\nHIDDEN b failed\n"}, map[string]string{"a.aa": "TEST b failed\nHIDDEN t passed\n"}, Rules{}, testable("aa"))
	if got := sketch(g.Verdict); got != "true; still b; a.aa tests passed, coverage unknown 0/0" {
		t.Errorf("%s, because of %q", got, g.Verdict.Why)
	}
}

func TestATestThatWasFlakyBeforeIsNotBlamed(t *testing.T) {
	report := func(s TestState) *Report {
		return &Report{Parts: []Part{{Checker: "c", Outcome: Outcome{Tests: []Test{{Name: "t", State: s}}}}}}
	}
	if v := Judge(report(Flaky), report(Failed), Change{}, Rules{}); !v.Land || len(v.Flaky) != 1 {
		t.Errorf("%s", sketch(v))
	}
}

// TestScope: a file that is on one side only brings its neighbours in, from the
// nearest folder that both sides have.
func TestScope(t *testing.T) {
	stage := tree(t, map[string]string{"a.aa": "", "b.bb": "", "sub/c.aa": "", "sub/d.aa": "", "sub/deep/e.aa": ""})
	for _, c := range []struct {
		change workspace.Change
		want   []string
	}{
		{workspace.Change{Path: "a.aa", Content: []byte("x\n")}, []string{"a.aa"}},
		{workspace.Change{Path: "sub/new.aa", Content: []byte("x\n")}, []string{"sub/c.aa", "sub/d.aa", "sub/new.aa"}},
		{workspace.Change{Path: "new/far/n.aa", Content: []byte("x\n")}, []string{"a.aa", "new/far/n.aa"}},
		{workspace.Change{Path: "sub/c.aa", Delete: true}, []string{"sub/c.aa", "sub/d.aa"}},
	} {
		g := GateRequest{Base: stage(&workspace.Set{}), Now: stage(&workspace.Set{Changes: []workspace.Change{c.change}})}
		got, err := g.scope(t.Context(), ChangeOf(g.Base, g.Now))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.change.Path, got, err, c.want)
		}
	}
}
