package settle_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/fix"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/engine/settle"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

const file = "a.go"

// world is a file of Go in which "STUB" is a place, a line with "ran" one that a test
// ran, and "fewer" takes a test away. The model writes a function's line as it is told.
type world struct {
	tree    *workspace.Tree
	replies map[string]string // by function: its body
	asked   []string
	now     time.Time
}

func newWorld(t *testing.T, text string, replies map[string]string) *world {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return &world{tree: tree, replies: replies, now: time.Unix(0, 0)}
}

func find(_ context.Context, _ string, text []byte) (out []check.Diagnostic, err error) {
	for i, line := range strings.Split(string(text), "\n") {
		if strings.Contains(line, "STUB") {
			out = append(out, check.Diagnostic{File: file, Line: i + 1, Code: "stub", Message: "STUB"})
		}
	}
	return out, nil
}

// Try is engine.Judge: whatever compiles may land, as far as it goes.
func (w *world) Try(_ context.Context, set *workspace.Set) (*land.Trial, error) {
	text := string(set.Changes[0].Content)
	v := check.Verdict{Land: true, TestsNow: 9 - strings.Count(text, "fewer")}
	if ran := strings.Count(text, "ran"); ran > 0 {
		v.Files = []check.FileVerdict{{File: file, State: check.Tested, Executed: ran}}
	}
	return &land.Trial{Set: set, Gated: &check.Gated{Verdict: v}}, nil
}

// proposer writes what the world's replies say, once, and takes a minute for it.
type proposer struct {
	*world
	judge engine.Judge
}

func (p proposer) Implement(ctx context.Context, r engine.Request) (*engine.Outcome, error) {
	p.asked = append(p.asked, r.Symbol)
	p.now = p.now.Add(time.Minute)
	text, err := p.tree.Read(file)
	if err != nil {
		return nil, err
	}
	if r.On != nil {
		text = r.On.Changes[0].Content
	}
	old := fmt.Sprintf("func %s() { STUB }", r.Symbol)
	now := strings.Replace(string(text), old, fmt.Sprintf("func %s() { %s }", r.Symbol, p.replies[r.Symbol]), 1)
	trial, err := p.judge.Try(ctx, &workspace.Set{Changes: []workspace.Change{{Path: file, Content: []byte(now)}}})
	if err != nil {
		return nil, err
	}
	out := &engine.Outcome{Path: file, Candidates: []engine.Candidate{{Trial: trial}}, Best: 0}
	if !trial.Verdict.Land {
		return out, fault.New(fault.Refused, engine.CodeNoPass, "%s", strings.Join(trial.Verdict.Why, "; "))
	}
	return out, nil
}

// settled runs it over the world's file.
func (w *world) settled(t *testing.T, budget time.Duration) (text string, left []string) {
	t.Helper()
	s := &settle.Settler{
		Tree: w.tree, Find: find, Judge: w, Events: event.Discard, Budget: budget, Now: func() time.Time { return w.now },
		Connect: func(_ context.Context, j engine.Judge) (fix.Proposer, error) { return proposer{w, j}, nil },
	}
	groups, outside, err := s.Places(t.Context(), []string{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := s.Settle(t.Context(), groups, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range append(outside, result.Left...) {
		left = append(left, l.File+": "+l.Why)
	}
	if result.Trial != nil {
		text = string(result.Trial.Set.Changes[0].Content)
	}
	return text, left
}

func TestSettle(t *testing.T) {
	const two = "package a\n\nfunc A() { STUB }\n\nfunc B() { STUB }\n"
	for name, tt := range map[string]struct {
		text    string
		replies map[string]string
		want    string
		left    string // of each that is left, a part of its line
	}{
		"both of two functions": {two, map[string]string{"A": "ran(1)", "B": "ran(2)"}, "package a\n\nfunc A() { ran(1) }\n\nfunc B() { ran(2) }\n", ""},
		"one that no test runs": {two, map[string]string{"A": "ran(1)", "B": "two()"}, "package a\n\nfunc A() { ran(1) }\n\nfunc B() { STUB }\n", "a.go#B: no test that passes runs"},
		"none":                  {two, map[string]string{"A": "one()", "B": "two()"}, "", "a.go#A: no test that passes runs|a.go#B: no test that passes runs"},
		"still there":           {two, map[string]string{"A": "ran(STUB)", "B": "ran(2)"}, "package a\n\nfunc A() { STUB }\n\nfunc B() { ran(2) }\n", "a.go#A: still open: STUB (in A)"},
		"another one came":      {two, map[string]string{"A": "ran(1) }\n\nfunc C() { STUB", "B": "ran(2)"}, "package a\n\nfunc A() { STUB }\n\nfunc B() { ran(2) }\n", "a.go#A: still open: STUB (in C)"},
		"a test less":           {two, map[string]string{"A": "ran(1)", "B": "ran(fewer)"}, "package a\n\nfunc A() { ran(1) }\n\nfunc B() { STUB }\n", "a.go#B: 8 of 9 tests run"},
		"in no function":        {"package a\n\nvar x = STUB\n", nil, "", "a.go:3: it stands in no function"},
	} {
		t.Run(name, func(t *testing.T) {
			got, left := newWorld(t, tt.text, tt.replies).settled(t, 0)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			var want []string
			if tt.left != "" {
				want = strings.Split(tt.left, "|")
			}
			if len(left) != len(want) {
				t.Fatalf("left %q, want %q", left, want)
			}
			for i := range want {
				if !strings.Contains(strings.ReplaceAll(left[i], "\n", " "), strings.SplitN(want[i], ": ", 2)[1]) || !strings.HasPrefix(left[i], strings.SplitN(want[i], ": ", 2)[0]+":") {
					t.Errorf("left %q, want %q", left[i], want[i])
				}
			}
		})
	}
}

// TestBounds: one run asks for so many functions, and stops asking when its time is up.
func TestBounds(t *testing.T) {
	var text strings.Builder
	text.WriteString("package a\n")
	replies := map[string]string{}
	for i := range settle.Most + 2 {
		name := fmt.Sprintf("F%02d", i)
		fmt.Fprintf(&text, "\nfunc %s() { STUB }\n", name)
		replies[name] = fmt.Sprintf("ran(%d)", i)
	}
	w := newWorld(t, text.String(), replies)
	got, left := w.settled(t, 0)
	if len(w.asked) != settle.Most || strings.Count(got, "STUB") != 2 || len(left) != 2 || !strings.Contains(left[1], "one run puts 16 functions") {
		t.Errorf("asked for %d, %d left in the text, told: %q", len(w.asked), strings.Count(got, "STUB"), left)
	}
	w = newWorld(t, text.String(), replies)
	got, left = w.settled(t, 150*time.Second)
	if len(w.asked) != 3 || strings.Count(got, "STUB") != settle.Most-1 || !strings.Contains(left[0], "the time is up") {
		t.Errorf("asked for %d, %d left in the text, told: %q", len(w.asked), strings.Count(got, "STUB"), left)
	}
}
