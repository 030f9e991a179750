package check

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// shape writes a report in short: one line a part, one a finding.
func shape(r *Report) string {
	var b strings.Builder
	for _, p := range r.Parts {
		fmt.Fprintf(&b, "%s %s: %s %v", p.Checker, p.Project, p.State, p.Files)
		if p.Why != "" {
			fmt.Fprintf(&b, " (%s)", p.Why)
		}
		b.WriteByte('\n')
		for _, d := range p.Diagnostics {
			fmt.Fprintf(&b, "  %s:%d [%s] %s | %s\n", d.File, d.Line, d.Code, d.Message, d.Source)
		}
		for _, t := range p.Tests {
			fmt.Fprintf(&b, "  test %s %s\n", t.Name, t.State)
		}
		for _, g := range p.Gaps {
			fmt.Fprintf(&b, "  gap %s %s\n", g.What, g.Why)
		}
	}
	for _, f := range r.Unmatched {
		fmt.Fprintf(&b, "unmatched %s\n", f)
	}
	return b.String()
}

func four() []Checker {
	return []Checker{newFake("aa", "aa.mod"), newFake("bb", "bb.proj", "bb.lock"), newFake("cc"), newFake("dd", "dd.toml")}
}

// monorepo holds four languages, projects inside projects, and files of none.
var monorepo = map[string]string{
	"aa.mod": "", "x.aa": "ok\n", "svc/one/aa.mod": "", "svc/one/deep/y.aa": "fine\nBAD loose it is loose\n",
	"svc/two/bb.proj": "", "svc/two/z.bb": "", "svc/two/inner/bb.lock": "", "svc/two/inner/w.bb": "BAD w w\n",
	"conf/a.cc": "", "conf/b.cc": "BAD c c\n", "dd/dd.toml": "", "dd/src/v.dd": "TEST one passed\n", "readme.txt": "", "lib/old.java": "",
}

func TestMonorepo(t *testing.T) {
	r := mustRun(t, Request{Stage: tree(t, monorepo)(&workspace.Set{}), Checkers: four(), Tests: true})
	want := `aa .: passed [x.aa]
aa svc/one: findings [svc/one/deep/y.aa]
  svc/one/deep/y.aa:2 [loose] it is loose | BAD loose it is loose
bb svc/two: passed [svc/two/z.bb]
bb svc/two/inner: findings [svc/two/inner/w.bb]
  svc/two/inner/w.bb:1 [w] w | BAD w w
cc .: findings [conf/a.cc conf/b.cc]
  conf/b.cc:1 [c] c | BAD c c
dd dd: passed [dd/src/v.dd]
  test one passed
unmatched aa.mod
unmatched dd/dd.toml
unmatched lib/old.java
unmatched readme.txt
unmatched svc/one/aa.mod
unmatched svc/two/bb.proj
unmatched svc/two/inner/bb.lock
`
	if diff := cmp.Diff(want, shape(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	blocking := map[string]bool{}
	for _, g := range r.Gaps() {
		blocking[g.File] = g.Blocks
	}
	if !blocking["lib/old.java"] || blocking["readme.txt"] {
		t.Errorf("code that nobody checks must block, other files not: %v", blocking)
	}
}

func TestOrderDoesNotDependOnTheSchedule(t *testing.T) {
	s := tree(t, monorepo)(&workspace.Set{})
	want := shape(mustRun(t, Request{Stage: s, Checkers: four(), Parallel: 1}))
	for range 20 {
		if diff := cmp.Diff(want, shape(mustRun(t, Request{Stage: s, Checkers: four(), Parallel: 8}))); diff != "" {
			t.Fatalf("(-one +eight at a time)\n%s", diff)
		}
	}
}

func TestPaths(t *testing.T) {
	stage := tree(t, monorepo)
	for _, c := range []struct {
		paths []string
		files []string // looked at
		code  string   // of the fault
	}{
		{[]string{"svc"}, []string{"svc/one/deep/y.aa", "svc/two/z.bb", "svc/two/inner/w.bb"}, ""},
		{[]string{"svc/one/deep/y.aa"}, []string{"svc/one/deep/y.aa"}, ""},
		{[]string{"./svc/one/", "svc/one/deep/y.aa", "conf/a.cc"}, []string{"svc/one/deep/y.aa", "conf/a.cc"}, ""},
		{[]string{"gone.aa"}, nil, CodeNoPath},
	} {
		r, err := Run(t.Context(), Request{Stage: stage(&workspace.Set{}), Paths: c.paths, Checkers: four()})
		if fault.CodeOf(err) != c.code || (err != nil) != (c.code != "") {
			t.Errorf("%q: error %v, want code %q", c.paths, err, c.code)
			continue
		}
		var files []string
		if r != nil {
			for _, p := range r.Parts {
				files = append(files, p.Files...)
			}
		}
		if !slices.Equal(files, c.files) {
			t.Errorf("%q: looked at %q, want %q", c.paths, files, c.files)
		}
	}
}

func TestWhatCanNotBeCheckedIsNotChecked(t *testing.T) {
	blind, needy, tooled, panics := newFake("aa"), newFake("bb"), newFake("cc"), newFake("dd")
	blind.blind = true
	needy.tools = []Tool{{Program: "cf-no-such-program", For: "compile", Needed: true, Hint: "install it"}}
	tooled.tools = []Tool{{Program: "cf-no-such-formatter", For: "format", Hint: "get it"}}
	files := map[string]string{"a.aa": "BAD x x\n", "b.bb": "", "c.cc": "", "d.dd": "PANIC\n", "e.ee": "GAP tests it hung\n"}
	r := mustRun(t, Request{Stage: tree(t, files)(&workspace.Set{}), Checkers: []Checker{blind, needy, tooled, panics, newFake("ee")}})
	want := `aa .: not checked [a.aa] (it missed canary 1, planted at c.aa:2; it saw nothing)
bb .: not checked [b.bb] (cf-no-such-program is not installed)
cc .: passed [c.cc]
  gap format cf-no-such-formatter is not installed
dd .: not checked [d.dd] (check: dd: the checker itself failed: a hostile file)
ee .: not checked [e.ee] (tests: it hung)
  gap tests it hung
`
	if diff := cmp.Diff(want, shape(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if needy.runs.Load() != 0 {
		t.Error("a checker without its tool ran")
	}
}

func TestFlakyTestsAreNotFindings(t *testing.T) {
	files := map[string]string{"a.aa": "TEST steady passed\nTEST shaky sometimes\n", "b.bb": "TEST broken failed\nTEST shaky sometimes\n"}
	r := mustRun(t, Request{Stage: tree(t, files)(&workspace.Set{}), Checkers: four(), Tests: true})
	want := `aa .: flaky [a.aa]
  test shaky flaky
  test steady passed
bb .: findings [b.bb]
  test broken failed
  test shaky flaky
`
	if diff := cmp.Diff(want, shape(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDiagnosticsAreBoundedAndEachIsThereOnce(t *testing.T) {
	text := strings.Repeat("BAD many "+strings.Repeat("m", 9000)+"\n", 30)
	r := mustRun(t, Request{Stage: tree(t, map[string]string{"a.aa": text})(&workspace.Set{}), Checkers: four(), DiagnosticsMax: 10})
	p := r.Parts[0]
	if len(p.Diagnostics) != 10 || p.Dropped != 20 {
		t.Errorf("%d kept, %d dropped", len(p.Diagnostics), p.Dropped)
	}
	if d := p.Diagnostics[0]; len(d.Message) > messageBytesMax || len(d.Source) > sourceBytesMax {
		t.Errorf("a message of %d bytes, a source line of %d", len(d.Message), len(d.Source))
	}
}

func TestTwoToolsThatSayTheSameAreOneFinding(t *testing.T) {
	r := running{Request: Request{Stage: tree(t, map[string]string{"a.aa": "text\n"})(&workspace.Set{}), DiagnosticsMax: 10}}
	p := Part{Checker: "aa", Outcome: Outcome{Diagnostics: []Diagnostic{
		{File: "./a.aa", Line: 1, Code: "x", Message: "m", Tool: "one"},
		{File: filepath.Join(r.Stage.Root(), "a.aa"), Line: 1, Code: "x", Message: "m ", Tool: "two"},
		{File: "/usr/include/x.h", Line: 1, Code: "x", Message: "m", Tool: "two"},
	}}}
	r.tidy(&p)
	if len(p.Diagnostics) != 2 || p.Diagnostics[1].File != "a.aa" || p.Diagnostics[1].Source != "text" || !p.Diagnostics[0].Beside {
		t.Errorf("%+v", p.Diagnostics)
	}
}

func TestCacheSparesWhatDidNotChange(t *testing.T) {
	stage := tree(t, monorepo)
	cache := t.TempDir()
	checkers := four()
	run := func(set *workspace.Set) (*Report, int32) {
		var before, after int32
		for _, c := range checkers {
			before += c.(*fake).runs.Load()
		}
		r := mustRun(t, Request{Stage: stage(set), Checkers: checkers, Cache: cache, Tests: true})
		for _, c := range checkers {
			after += c.(*fake).runs.Load()
		}
		return r, after - before
	}
	first, n := run(&workspace.Set{})
	if n != 6+4 { // six projects and four canaries
		t.Errorf("the first run called checkers %d times", n)
	}
	again, n := run(&workspace.Set{})
	if n != 0 || shape(again) != shape(first) {
		t.Errorf("the second run called checkers %d times:\n%s", n, cmp.Diff(shape(first), shape(again)))
	}
	// A change in svc/two touches that project, the one inside it, and the two
	// checkers whose project is the root.
	changed, n := run(&workspace.Set{Changes: []workspace.Change{{Path: "svc/two/z.bb", Content: []byte("BAD new new\n")}}})
	if n != 4 {
		t.Errorf("after a change checkers were called %d times", n)
	}
	if shape(changed) == shape(first) {
		t.Error("the change was not seen")
	}
	damage(t, filepath.Join(cache, "check", "outcome"))
	if healed, n := run(&workspace.Set{}); n != 6 || shape(healed) != shape(first) {
		t.Errorf("with a damaged cache checkers were called %d times:\n%s", n, cmp.Diff(shape(first), shape(healed)))
	}
}

// damage changes one byte of every file in dir.
func damage(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%s: %v, %d entries", dir, err, len(entries))
	}
	for _, e := range entries {
		full := filepath.Join(dir, e.Name())
		data, err := os.ReadFile(full)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(full, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFlakyAndUncheckedAreNotKept(t *testing.T) {
	files := map[string]string{"a.aa": "TEST shaky sometimes\n", "e.bb": "GAP tests it hung\n"}
	stage, cache, checkers := tree(t, files), t.TempDir(), four()
	for range 2 {
		for _, p := range mustRun(t, Request{Stage: stage(&workspace.Set{}), Checkers: checkers, Cache: cache, Tests: true}).Parts {
			if p.Cached {
				t.Errorf("%s came from the cache: %s", p.Checker, p.State)
			}
		}
	}
}

func TestTheEndOfTheContextIsNoFinding(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Run(ctx, Request{Stage: tree(t, monorepo)(&workspace.Set{}), Checkers: four()})
	if fault.KindOf(err) != fault.Interrupted {
		t.Errorf("got %v", err)
	}
}

func TestEventsTellWhatHappens(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]event.State{}
	sink := event.Func(func(e event.Event) {
		mu.Lock()
		defer mu.Unlock()
		if s, ok := e.(event.Step); ok {
			seen[s.ID] = s.State
		}
	})
	mustRun(t, Request{Stage: tree(t, monorepo)(&workspace.Set{}), Checkers: four(), Events: sink})
	want := map[string]event.State{
		"check.aa": event.Done, "check.aa.svc/one": event.Failing, "check.bb.svc/two": event.Done, "check.bb.svc/two/inner": event.Failing,
		"check.cc": event.Failing, "check.dd.dd": event.Done,
		"canary.aa": event.Done, "canary.bb": event.Done, "canary.cc": event.Done, "canary.dd": event.Done,
	}
	if !maps.Equal(seen, want) {
		t.Errorf("(-want +got)\n%s", cmp.Diff(want, seen))
	}
}

// waits is a checker whose work on a file of its own ends with the context alone.
type waits struct{ *fake }

func (w waits) Check(ctx context.Context, t Target) (Outcome, error) {
	if slices.ContainsFunc(t.Files, func(f string) bool { return strings.HasPrefix(f, "slow") }) {
		<-ctx.Done()
		return Outcome{}, ctx.Err()
	}
	return w.fake.Check(ctx, t)
}

// TestLimit ends a check that takes too long: it is not checked, what was done counts,
// and nothing of it is kept for the next run.
func TestLimit(t *testing.T) {
	stage := tree(t, map[string]string{"slow.aa": "", "b.bb": "BAD loose it is loose\n"})(&workspace.Set{})
	request := Request{Stage: stage, Checkers: []Checker{waits{newFake("aa")}, newFake("bb")}, Parallel: 2, Cache: t.TempDir(), Limit: 2 * time.Second}
	want := `aa .: not checked [slow.aa] (not done within 2s)
bb .: findings [b.bb]
  b.bb:1 [loose] it is loose | BAD loose it is loose
`
	for range 2 {
		r := mustRun(t, request)
		if d := cmp.Diff(want, shape(r)); d != "" {
			t.Fatal(d)
		}
		if !r.Parts[0].Cut || r.Parts[1].Cut {
			t.Error("which part was cut off is not told")
		}
	}
}
