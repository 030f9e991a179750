package plan

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
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

// attempt is what the engine makes of a step.
type attempt struct {
	err      error // nil: the step passes
	wrong    check.Verdict
	still    []check.Test // failing before and now
	mutation bool         // it is tests that were held against mutants
	blocked  bool         // something could not be checked
}

// fake is the engine: it writes "NAME by STEP" into the file of a step, or fails as
// it was told for that file.
type fake struct {
	attempts map[string][]attempt // by file, the last one from then on
	asked    []engine.Request
	tried    int
}

func (f *fake) Implement(ctx context.Context, r engine.Request) (*engine.Outcome, error) {
	f.asked = append(f.asked, r)
	if ctx.Err() != nil {
		return nil, fault.New(fault.Interrupted, "interrupted", "%w", ctx.Err())
	}
	a := attempt{}
	if list := f.attempts[r.Path]; len(list) > 0 {
		a = list[0]
		f.attempts[r.Path] = list[min(1, len(list)-1):]
	}
	if a.err != nil && fault.CodeOf(a.err) != engine.CodeNoPass {
		return &engine.Outcome{Path: r.Path, Best: -1}, a.err
	}
	set := &workspace.Set{Reads: map[string]string{r.Path: ""}}
	if r.On != nil {
		set.Changes = append(set.Changes, r.On.Changes...)
		maps.Copy(set.Reads, r.On.Reads)
	}
	set.Changes = append(set.Changes, workspace.Change{Path: r.Path, Content: []byte(r.Path + " by the model")})
	v := check.Verdict{Land: a.err == nil, New: a.wrong.New, StillFailing: a.still}
	if a.blocked {
		v.NotChecked = []check.Gap{{What: "everything", Blocks: true}}
	}
	c := engine.Candidate{Source: "x", Wrong: a.wrong, Trial: &land.Trial{Set: set, Gated: &check.Gated{Verdict: v}}}
	if a.mutation {
		c.Mutation = &engine.Mutation{}
	}
	return &engine.Outcome{Path: r.Path, Candidates: []engine.Candidate{c}}, a.err
}

// Try lets everything land.
func (f *fake) Try(_ context.Context, set *workspace.Set) (*land.Trial, error) {
	f.tried++
	return &land.Trial{Set: set, Gated: &check.Gated{Verdict: check.Verdict{Land: true}}}, nil
}

func noPass() error { return fault.New(fault.Refused, engine.CodeNoPass, "none passes") }

func work(files ...string) *Work {
	p := &Plan{Task: "count the rejected ones"}
	for _, f := range files {
		p.Steps = append(p.Steps, Step{File: f, Kind: Change, What: p.Task})
	}
	return NewWork("custom", p, time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC))
}

func runner(t testing.TB, f *fake) *Runner {
	t.Helper()
	store, err := OpenStore(filepath.Join(t.TempDir(), "plans"))
	if err != nil {
		t.Fatal(err)
	}
	return &Runner{Engine: f, Judge: f, Store: store, Events: event.Discard, Now: time.Now}
}

func paths(set *workspace.Set) string {
	var names []string
	for _, c := range set.Changes {
		names = append(names, c.Path)
	}
	return strings.Join(names, " ")
}

func TestRun(t *testing.T) {
	finding := func(file string) check.Verdict { return check.Verdict{New: []check.Diagnostic{{File: file}}} }
	failing := check.Test{Name: "TestB", File: "b_test.go", State: check.Failed}
	for name, tt := range map[string]struct {
		attempts map[string][]attempt
		code     string
		done     int
		land     bool
	}{
		"all pass":                             {nil, "", 3, true},
		"the first has no answer":              {map[string][]attempt{"a.go": {{err: fault.New(fault.Refused, engine.CodeNoCandidate, "no code")}}}, engine.CodeNoCandidate, 0, false},
		"the second does not pass":             {map[string][]attempt{"b.go": {{err: noPass(), wrong: finding("b.go")}}}, engine.CodeNoPass, 1, false},
		"the last does not pass":               {map[string][]attempt{"c.go": {{err: noPass(), wrong: finding("c.go")}}}, engine.CodeNoPass, 2, false},
		"wrong is only a later file":           {map[string][]attempt{"a.go": {{err: noPass(), wrong: finding("c.go")}}}, "", 3, true},
		"wrong is an earlier file":             {map[string][]attempt{"b.go": {{err: noPass(), wrong: finding("a.go")}}}, engine.CodeNoPass, 1, false},
		"not all wrong is later":               {map[string][]attempt{"a.go": {{err: noPass(), wrong: check.Verdict{New: append(finding("c.go").New, finding("z.go").New...)}}}}, engine.CodeNoPass, 0, false},
		"it waits for a test that passes then": {map[string][]attempt{"a.go": {{err: noPass(), wrong: check.Verdict{NewlyFailing: []check.Test{failing}}, still: []check.Test{failing}}}}, "", 3, true},
		"it waits for a test that fails for good": {map[string][]attempt{
			"a.go": {{err: noPass(), wrong: check.Verdict{NewlyFailing: []check.Test{failing}}, still: []check.Test{failing}}}, "c.go": {{still: []check.Test{failing}}},
		}, "", 3, false},
		"it breaks a test":           {map[string][]attempt{"a.go": {{err: noPass(), wrong: check.Verdict{NewlyFailing: []check.Test{failing}}}}}, engine.CodeNoPass, 0, false},
		"tests that test nothing":    {map[string][]attempt{"a.go": {{err: noPass(), mutation: true}}}, engine.CodeNoPass, 0, false},
		"nothing says what is wrong": {map[string][]attempt{"a.go": {{err: noPass()}}}, engine.CodeNoPass, 0, false},
		"not checked":                {map[string][]attempt{"a.go": {{err: noPass(), wrong: finding("b.go"), blocked: true}}}, engine.CodeNoPass, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{attempts: tt.attempts}
			r, w := runner(t, f), work("a.go", "b.go", "c.go")
			out, err := r.Run(t.Context(), w)
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("fault %v, want %q", err, tt.code)
			}
			kept, failed := r.Store.Latest("custom")
			if failed != nil || kept.Done != tt.done || w.Done != tt.done {
				t.Fatalf("%d steps done, stored %+v, %v; want %d", w.Done, kept, failed, tt.done)
			}
			if got, want := paths(kept.Set), strings.Join([]string{"a.go", "b.go", "c.go"}[:tt.done], " "); got != want {
				t.Errorf("the stored set holds %q, want %q", got, want)
			}
			if err != nil {
				return
			}
			if out.Trial.Verdict.Land != tt.land || paths(out.Trial.Set) != "a.go b.go c.go" {
				t.Errorf("lands %v, %s: %v", out.Trial.Verdict.Land, paths(out.Trial.Set), out.Trial.Verdict.Why)
			}
		})
	}
}

// What was done before a stop is not done again, and the outcome is the same as
// without one.
func TestContinue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(rt, "steps")
		stop := rapid.IntRange(0, n).Draw(rt, "stopped before")
		var files []string
		for i := range n {
			files = append(files, fmt.Sprintf("f%d.go", i))
		}
		f := &fake{attempts: map[string][]attempt{}}
		if stop < n {
			f.attempts[files[stop]] = []attempt{{err: fault.New(fault.Interrupted, "interrupted", "stopped")}, {}}
		}
		r := runner(t, f)
		if _, err := r.Run(t.Context(), work(files...)); (err != nil) != (stop < n) {
			rt.Fatal(err)
		}
		w, err := r.Store.Latest("custom")
		if err != nil {
			rt.Fatal(err)
		}
		before := len(f.asked)
		out, err := r.Run(t.Context(), w)
		if err != nil {
			rt.Fatal(err)
		}
		if asked := len(f.asked) - before; asked != n-stop {
			rt.Errorf("%d steps were asked for again, want %d", asked, n-stop)
		}
		if got := paths(out.Trial.Set); got != strings.Join(files, " ") {
			rt.Errorf("the set is %s", got)
		}
		if stop == n && f.tried != 1 {
			rt.Errorf("work that was all done was tried %d times", f.tried)
		}
		if err := r.Store.Remove(w.ID); err != nil {
			rt.Fatal(err)
		}
		if _, err := r.Store.Latest("custom"); fault.CodeOf(err) != CodeNoWork {
			rt.Errorf("after it landed: %v", err)
		}
	})
}

func TestStepsBuildOnEachOther(t *testing.T) {
	f := &fake{}
	w := work("a.go", "b.go")
	w.Plan.Steps[1].What = "report the count"
	if _, err := runner(t, f).Run(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if f.asked[0].On != nil || f.asked[0].Instructions != "count the rejected ones" {
		t.Errorf("first step: %+v", f.asked[0])
	}
	if got := f.asked[1]; paths(got.On) != "a.go" || got.Instructions != "report the count\nIt is part of this task: count the rejected ones" {
		t.Errorf("second step: %+v", got)
	}
}

// The budget is that of all steps together.
func TestBudget(t *testing.T) {
	f := &fake{}
	r := runner(t, f)
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	r.Now = func() time.Time { now = now.Add(20 * time.Second); return now }
	r.Budget = time.Minute
	w := work("a.go", "b.go", "c.go")
	if _, err := r.Run(t.Context(), w); fault.CodeOf(err) != engine.CodeBudget || fault.KindOf(err) != fault.Refused {
		t.Fatalf("fault %v", err)
	}
	if w.Done == 0 || w.Done == 3 {
		t.Errorf("%d steps done", w.Done)
	}
	for i, r := range f.asked {
		if r.Budget <= 0 || r.Budget >= time.Minute || i > 0 && r.Budget >= f.asked[i-1].Budget {
			t.Errorf("step %d may take %s", i, r.Budget)
		}
	}
}

func TestFresh(t *testing.T) {
	tree := project(t, "a.go")
	data, err := tree.Read("a.go")
	if err != nil {
		t.Fatal(err)
	}
	w := work("a.go", "new.go")
	w.Set = &workspace.Set{Reads: map[string]string{"a.go": workspace.Hash(data), "new.go": ""}}
	if err := w.Fresh(tree); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"new.go", "a.go"} {
		full := filepath.Join(tree.Root(), name)
		if err := os.WriteFile(full, []byte("package y\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := w.Fresh(tree); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), name) {
			t.Errorf("after a change of %s: %v", name, err)
		}
	}
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plans")
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore("plans"); fault.CodeOf(err) != CodeBadState {
		t.Errorf("a relative folder: %v", err)
	}
	if _, err := s.Latest("custom"); fault.CodeOf(err) != CodeNoWork || fault.KindOf(err) != fault.Usage {
		t.Errorf("an empty store: %v", err)
	}
	var last *Work
	for i := range kept + 3 {
		w := NewWork("custom", &work("a.go").Plan, time.Date(2026, 11, 26, 0, 0, i, 0, time.UTC))
		w.Set = &workspace.Set{Changes: []workspace.Change{{Path: "a.go", Content: []byte("x\x00\xff"), Mode: 0o755}}, Reads: map[string]string{"a.go": "1"}}
		if err := s.Save(w); err != nil {
			t.Fatal(err)
		}
		last = w
	}
	if ids, err := s.files.IDs(); err != nil || len(ids) != kept {
		t.Errorf("%d kept, %v", len(ids), err)
	}
	other := NewWork("ultrathink", &work("b.go").Plan, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	if err := s.Save(other); err != nil {
		t.Fatal(err)
	}
	got, err := s.Latest("custom")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(last, got); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(filepath.Join(dir, last.ID+".json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for name, text := range map[string]string{"no JSON": "{", "another format": `{"format":2,"verb":"custom"}`, "no step": `{"format":1,"verb":"custom","id":"` + last.ID + `"}`} {
		if err := os.WriteFile(filepath.Join(dir, last.ID+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Latest("custom"); fault.CodeOf(err) != CodeBadState {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTitle(t *testing.T) {
	for task, want := range map[string]string{
		" count  them\nand more":    "count them",
		strings.Repeat("word ", 20): strings.TrimSpace(strings.Repeat("word ", 13)) + "...",
		strings.Repeat("ü", 60):     strings.Repeat("ü", 34) + "...",
	} {
		if got := title(task); got != want || len(got) > titleBytesMax {
			t.Errorf("%q becomes %q, want %q", task, got, want)
		}
	}
}
