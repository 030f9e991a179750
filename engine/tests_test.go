package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
	"github.com/google/go-cmp/cmp"
)

const (
	written   = "package limit\n\n// Burst is the size of the bucket.\nconst Burst = 3\n\n// Allow tells whether n fit.\nfunc Allow(n int) bool { return n <= Burst }\n"
	moreTests = "package limit\n\nimport \"testing\"\n\nfunc TestNone(t *testing.T) {\n\tif !Allow(0) {\n\t\tt.Errorf(\"Allow(0) = false, want true\")\n\t}\n}\n"
)

// fakeMutants scores by what the tests hold.
type fakeMutants struct{ asked []string }

func (m *fakeMutants) Can(path string) bool { return strings.HasSuffix(path, ".go") }

func (m *fakeMutants) Score(_ context.Context, set *workspace.Set, path string, _ []string, _ int64) (Mutation, error) {
	m.asked = append(m.asked, path)
	text := string(set.Changes[len(set.Changes)-1].Content)
	switch {
	case strings.Contains(text, "few"):
		return Mutation{Killed: 3, Valid: 3}, nil
	case strings.Contains(text, "Allow(0)"):
		return Mutation{Killed: 7, Valid: 10}, nil
	}
	return Mutation{Killed: 6, Valid: 10, Survived: []string{"line 7: <= became <"}}, nil
}

func testJudge() *judge {
	return &judge{shape: func(t *land.Trial) { t.Verdict.TestsBefore, t.Verdict.TestsNow = 1, 2; t.Now.Tests = true }}
}

func TestTestsMustKillMutants(t *testing.T) {
	weak := strings.ReplaceAll(moreTests, "Allow(0)", "Allow(1)")
	few := strings.ReplaceAll(moreTests, "TestNone", "Test_few")
	for name, test := range map[string]struct {
		replies []string
		request Request
		why     []string
		code    string
	}{
		"strong":             {[]string{fence(moreTests)}, Request{}, []string{""}, ""},
		"weak, then strong":  {[]string{fence(weak), fence(moreTests)}, Request{}, []string{"the tests kill 6 of 10 mutants of the code", ""}, ""},
		"too few to tell":    {[]string{fence(few)}, Request{Level: Normal}, []string{"only 3 mutants of the code are valid, of 5 that are needed to tell what the tests are worth", "the same as candidate 1"}, CodeNoPass},
		"allowed unweighed":  {[]string{fence(weak)}, Request{Unweighed: true}, []string{""}, ""},
		"named by their own": {[]string{fence(moreTests)}, Request{Path: "limit/limit_test.go"}, []string{""}, ""},
		"they skip": {
			[]string{fence(strings.Replace(moreTests, "{\n\tif", "{\n\tt.Skip()\n\tif", 1))},
			Request{Level: Normal},
			[]string{"test-skipped: line 6: t.Skip()", "test-skipped: line 6: t.Skip()", "test-skipped: line 6: t.Skip()"},
			CodeNoCandidate,
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := project(t, map[string]string{"limit/limit.go": written})
			m := &fakeMutants{}
			e := engineFor(t, tree, script(test.replies...), testJudge(), 5e8)
			e.Mutants = m
			test.request.Focus = FocusTests
			if test.request.Path == "" {
				test.request.Path = "limit/limit.go"
			} else {
				test.request.Focus = "" // a test file needs none
			}
			out, err := e.Implement(t.Context(), test.request)
			if fault.CodeOf(err) != test.code {
				t.Fatalf("fault %v, want %q", err, test.code)
			}
			var why []string
			for _, c := range out.Candidates {
				why = append(why, c.Why)
			}
			if diff := cmp.Diff(test.why, why); diff != "" {
				t.Error(diff)
			}
			if err == nil {
				if set := out.Trial().Set; len(set.Changes) != 1 || set.Changes[0].Path != "limit/limit_test.go" {
					t.Errorf("%+v", set.Changes)
				}
				if out.Candidates[out.Best].Mutation == nil {
					t.Error("the receipt would not say what the tests are worth")
				}
			}
			for _, path := range m.asked {
				if path != "limit/limit.go" {
					t.Errorf("mutants of %s", path)
				}
			}
		})
	}
}

// A model that can repair is told which mutants no test noticed.
func TestSurvivorsAreTold(t *testing.T) {
	tree := project(t, map[string]string{"limit/limit.go": written})
	s := script(fence(strings.ReplaceAll(moreTests, "Allow(0)", "Allow(1)")), fence(moreTests))
	e := engineFor(t, tree, s, testJudge(), 7e9)
	e.Mutants = &fakeMutants{}
	if _, err := e.Implement(t.Context(), Request{Path: "limit/limit.go", Focus: FocusTests}); err != nil {
		t.Fatal(err)
	}
	again := s.Requests()[1].Messages
	if last := again[len(again)-1].Content; !strings.Contains(last, "no test fails where in the code line 7: <= became <") {
		t.Errorf("got %s", last)
	}
}

func TestTestsThatNothingCanWeighDoNotLand(t *testing.T) {
	tree := project(t, map[string]string{"limit/limit.go": written})
	e := engineFor(t, tree, script(fence(moreTests)), testJudge(), 5e8)
	if _, err := e.Implement(t.Context(), Request{Path: "limit/limit.go", Focus: FocusTests}); fault.CodeOf(err) != CodeNoMutants {
		t.Errorf("got %v", err)
	}
	if _, err := e.Implement(t.Context(), Request{Path: "limit/limit.go", Focus: FocusTests, Unweighed: true}); err != nil {
		t.Errorf("got %v", err)
	}
}

// New tests go behind those that are there, whose every byte stays; of the same
// name none is taken.
func TestNewTestsAreAdded(t *testing.T) {
	elixir := "defmodule LimitTest do\n  use ExUnit.Case\n\n  test \"three fit\" do\n    assert Limit.allow(3)\n  end\nend\n"
	for name, test := range map[string]struct{ code, source, present, answer, want string }{
		"limit/limit_test.go": {"limit/limit.go", written, tests, moreTests, tests + strings.TrimPrefix(moreTests, "package limit\n\nimport \"testing\"\n")},
		"test/limit_test.exs": {
			"lib/limit.ex", "defmodule Limit do\n  def allow(n), do: n <= 3\nend\n", elixir,
			"defmodule LimitTest do\n  use ExUnit.Case\n\n  test \"three fit\" do\n    assert true\n  end\n\n  test \"four do not\" do\n    refute Limit.allow(4)\n  end\nend\n",
			strings.Replace(elixir, "  end\nend", "  end\n\n  test \"four do not\" do\n    refute Limit.allow(4)\n  end\nend", 1),
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := project(t, map[string]string{test.code: test.source, name: test.present})
			e := engineFor(t, tree, script("```\n"+test.answer+"```\n"), testJudge(), 7e9)
			out, err := e.Implement(t.Context(), Request{Path: test.code, Focus: FocusTests, Unweighed: true})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(out.Trial().Set.Changes[0].Content)); diff != "" {
				t.Error(diff)
			}
		})
	}
	tree := project(t, map[string]string{"limit/limit.go": written, "limit/limit_test.go": tests})
	e := engineFor(t, tree, script(fence(tests)), testJudge(), 7e9)
	out, err := e.Implement(t.Context(), Request{Path: "limit/limit.go", Focus: FocusTests, Unweighed: true})
	if fault.CodeOf(err) != CodeNoCandidate || out.Candidates[0].Why != "no test of a new name" {
		t.Errorf("got %v", err)
	}
}

// Both is one change: the code, then its tests on top of it; without one of them
// there is none.
func TestBoth(t *testing.T) {
	j := testJudge()
	for name, test := range map[string]struct {
		replies []string
		code    string
		won     []int
	}{
		"both":     {[]string{fence(right), fence(moreTests)}, "", []int{0, 1}},
		"no tests": {[]string{fence(right), "I can't."}, CodeNoCandidate, []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			tree := project(t, map[string]string{"limit/limit.go": stub})
			e := engineFor(t, tree, script(test.replies...), j, 7e9)
			e.Mutants = &fakeMutants{}
			out, err := e.Implement(t.Context(), Request{Path: "limit/limit.go", Focus: FocusBoth})
			if fault.CodeOf(err) != test.code {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(test.won, out.Won); diff != "" {
				t.Error(diff)
			}
			set := out.Trial().Set
			if want := len(test.won); len(set.Changes) != want || !strings.Contains(string(set.Changes[0].Content), "n <= Burst") {
				t.Errorf("%d changes, want %d", len(set.Changes), want)
			}
		})
	}
}

func TestFolder(t *testing.T) {
	files := map[string]string{
		"limit/limit.go": stub, "limit/limit_test.go": tests, "limit/full.go": "package limit\n\nfunc Full() bool { return true }\n",
		"limit/more/more.go": "package more\n\nfunc More() int {\n\tpanic(\"not implemented\")\n}\n",
	}
	tree := project(t, files)
	e := engineFor(t, tree, script(fence(right), fence("func More() int {\n\treturn 1\n}")), &judge{}, 7e9)
	out, err := e.Implement(t.Context(), Request{Path: "limit"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Allow", "More"}, out.Symbols()); diff != "" {
		t.Error(diff)
	}
	if set := out.Trial().Set; len(set.Changes) != 2 || set.Changes[1].Path != "limit/more/more.go" {
		t.Errorf("%+v", set.Changes)
	}
	for name, test := range map[string]struct {
		request Request
		code    string
	}{
		"nothing to write":     {Request{Path: "limit/none"}, CodeNothing},
		"a symbol of a folder": {Request{Path: "limit", Symbol: "Allow"}, CodeNoSymbol},
		"no such thing":        {Request{Path: "core_module"}, CodeNoFile},
		"tests, as code":       {Request{Path: "limit/limit_test.go", Focus: FocusCode}, CodeFocus},
		"tests, as both":       {Request{Path: "limit/limit_test.go", Focus: FocusBoth}, CodeFocus},
		"tests of no code":     {Request{Path: "limit/gone_test.go"}, CodeNoFile},
		"tests of no kind":     {Request{Path: "limit/data.json", Focus: FocusTests}, CodeFocus},
	} {
		files["limit/none/full.go"] = "package none\n"
		e := engineFor(t, project(t, files), script("no"), &judge{}, 7e9)
		if _, err := e.Implement(t.Context(), test.request); fault.CodeOf(err) != test.code || fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A package that has tests and runs none after the change has lost them,
// whatever kept them from running.
func TestTestsThatNoLongerRun(t *testing.T) {
	tree := project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests})
	j := &judge{shape: func(tr *land.Trial) { tr.Now = &check.Report{Tests: true}; tr.Verdict.TestsNow = 0 }}
	out, err := engineFor(t, tree, script(fence(right)), j, 7e9).Implement(t.Context(), Request{Path: "limit/limit.go"})
	if fault.CodeOf(err) != CodeNoPass || out.Candidates[0].Why != "there are tests of it, and none ran" {
		t.Errorf("got %v", err)
	}
	exit := "func Allow(n int) bool {\n\tos.Exit(0)\n\treturn true\n}"
	out, err = engineFor(t, tree, script(fence(exit)), &judge{}, 7e9).Implement(t.Context(), Request{Path: "limit/limit.go"})
	if fault.CodeOf(err) != CodeNoCandidate || !strings.Contains(out.Candidates[0].Why, "early-exit") {
		t.Errorf("got %v", err)
	}
}
