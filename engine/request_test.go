package engine

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
	"github.com/bitactor/cf/workspace"
	"github.com/google/go-cmp/cmp"
)

// A change on top of pending ones sees them, is tried with them, and depends on
// what both of them read.
func TestOnTopOfPendingChanges(t *testing.T) {
	tree := project(t, map[string]string{"limit/limit.go": stub, "limit/old.go": "package limit\n"})
	pending := &workspace.Set{
		Changes: []workspace.Change{
			{Path: "limit/limit_test.go", Content: []byte(tests)},
			{Path: "limit/old.go", Delete: true},
		},
		Reads: map[string]string{"limit/limit_test.go": "", "limit/old.go": workspace.Hash([]byte("package limit\n")), "README": "abc"},
	}
	s, j := script(fence(right)), &judge{text: "n <= Burst"}
	out, err := engineFor(t, tree, s, j, 7e9).Implement(t.Context(), Request{Path: "limit/limit.go", On: pending})
	if err != nil {
		t.Fatal(err)
	}
	if prompt := s.Requests()[0].Messages[1].Content; !strings.Contains(prompt, "got := Allow(n)") {
		t.Errorf("the pending test was not read:\n%s", prompt)
	}
	set := out.Trial().Set
	var paths []string
	for _, c := range set.Changes {
		paths = append(paths, c.Path)
	}
	if diff := cmp.Diff([]string{"limit/limit_test.go", "limit/old.go", "limit/limit.go"}, paths); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{"limit/limit.go": workspace.Hash([]byte(stub))}
	for path, hash := range pending.Reads {
		want[path] = hash
	}
	if diff := cmp.Diff(want, set.Reads); diff != "" {
		t.Error(diff)
	}
	if len(pending.Changes) != 2 || len(pending.Reads) != 3 {
		t.Error("the pending set was changed")
	}

	// The same file once more: one change of it, and its first read is kept.
	full := strings.Replace(right, "n <= Burst", "0 < n && n <= Burst", 1)
	out, err = engineFor(t, tree, script(fence(full)), j, 7e9).Implement(t.Context(), Request{Path: "limit/limit.go", Symbol: "Allow", On: set})
	if err != nil {
		t.Fatal(err)
	}
	if again := out.Trial().Set; len(again.Changes) != 3 || again.Reads["limit/limit.go"] != workspace.Hash([]byte(stub)) ||
		!strings.Contains(string(again.Changes[2].Content), "0 < n &&") {
		t.Errorf("%+v", again)
	}
}

// The user's edit of a file that was only read keeps the change from landing.
func TestWhatWasReadIsRemembered(t *testing.T) {
	tree := project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests, "limit/other.go": "package limit\n"})
	j := &judge{text: "n <= Burst"}
	if _, err := engineFor(t, tree, script(fence(right)), j, 7e9).Implement(t.Context(), Request{Path: "limit/limit.go"}); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests, "limit/other.go": "package limit\n"} {
		if j.sets[0].Reads[path] != workspace.Hash([]byte(text)) {
			t.Errorf("%s is not among what was read", path)
		}
	}
}

// A test that failed before and fails still does not pass a change that is about
// it, although the gate lets the change land.
func TestFailingTestsMustPass(t *testing.T) {
	before := check.Test{Name: "limit.TestAllow", File: "limit/limit_test.go", State: check.Failed, Output: "panic: not implemented"}
	other := check.Test{Name: "limit.TestRest", File: "limit/rest_test.go", State: check.Failed}
	rest := "package limit\n\nimport \"testing\"\n\nfunc TestRest(t *testing.T) {\n\tif Rest(1) != 2 {\n\t\tt.Fail()\n\t}\n}\n"
	for name, test := range map[string]struct {
		still   []check.Test
		request Request
		why     string
	}{
		"of what is written":  {[]check.Test{before}, Request{}, "1 test fails as before"},
		"of something else":   {[]check.Test{other}, Request{}, ""},
		"named":               {[]check.Test{other}, Request{Tests: regexp.MustCompile("Rest")}, "1 test fails as before"},
		"not named":           {[]check.Test{before}, Request{Tests: regexp.MustCompile("TestNothing")}, "no test of that name ran: TestNothing"},
		"asked to be mended":  {[]check.Test{other}, Request{Failing: []check.Test{other}}, "1 test fails as before"},
		"others, when mended": {[]check.Test{before}, Request{Failing: []check.Test{other}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tree := project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests, "limit/rest_test.go": rest})
			j := &judge{text: "Allow", shape: func(tr *land.Trial) {
				tr.Verdict.StillFailing = test.still
				tr.Now = &check.Report{Parts: []check.Part{{Outcome: check.Outcome{Tests: test.still}}}}
			}}
			test.request.Path, test.request.Symbol = "limit/limit.go", "Allow"
			out, err := engineFor(t, tree, script(fence(right)), j, 7e9).Implement(t.Context(), test.request)
			if got := out.Candidates[0].Why; got != test.why || (err == nil) != (test.why == "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// Findings say what is written and what the model is told, and a candidate with
// one of them left does not pass.
func TestFindingsAreMended(t *testing.T) {
	finding := check.Diagnostic{File: "limit/limit.go", Line: 13, Severity: check.Error, Code: "x", Message: "line 13 is odd", Checker: "go", Tool: "go vet"}
	full := strings.Replace(stub, "panic(\"not implemented\")", "return true", 1)
	tree := project(t, map[string]string{"limit/limit.go": full})
	moved := finding
	moved.Line, moved.Message = 20, "line 20 is odd"
	mended := "func Rest(n int) int { return max(Burst-n, 0) }"
	s := script(fence("func Rest(n int) int { return Burst - n + 0 }"), fence(mended))
	j := &judge{text: "Rest", shape: func(tr *land.Trial) {
		if !strings.Contains(string(tr.Set.Changes[0].Content), "max(") {
			tr.Now = &check.Report{Parts: []check.Part{{Outcome: check.Outcome{Diagnostics: []check.Diagnostic{moved}}}}}
		}
	}}
	out, err := engineFor(t, tree, s, j, 7e9).Implement(t.Context(), Request{Path: "limit/limit.go", Findings: []check.Diagnostic{finding}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Rest"}, out.Symbols()); diff != "" {
		t.Error(diff)
	}
	if out.Candidates[0].Why != "1 of 1 findings still there" || !strings.Contains(out.Candidates[1].Source, mended) {
		t.Errorf("%q, %q", out.Candidates[0].Why, out.Candidates[1].Source)
	}
	first := s.Requests()[0].Messages
	if last := first[len(first)-1].Content; !strings.Contains(last, "That is wrong with it now:\n- limit/limit.go line 13: line 13 is odd") {
		t.Errorf("the model is not told:\n%s", last)
	}
	again := s.Requests()[1].Messages
	if last := again[len(again)-1].Content; !strings.Contains(last, "line 20 is odd") {
		t.Errorf("the repair does not tell:\n%s", last)
	}
}

type fakeMap struct{ asked []MapQuery }

func (m *fakeMap) Map(_ context.Context, q MapQuery) (string, error) {
	m.asked = append(m.asked, q)
	return "other.go: func Other()", nil
}

type fakeMemory struct {
	examples []Example
	kept     []Example
}

func (m *fakeMemory) Near(context.Context, Task, int) ([]Example, error) {
	if m.examples == nil {
		return nil, errors.New("no memory here")
	}
	return m.examples, nil
}

func (m *fakeMemory) Keep(_ context.Context, e []Example) error {
	m.kept = append(m.kept, e...)
	return nil
}

// Examples come before the files, the map before the file's own outline, and the
// task last; none of them is needed.
func TestHooks(t *testing.T) {
	tree := project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests})
	near := Example{Task{Path: "b.go", Language: "go", Symbol: "the function B", Present: "func B() {}"}, "func B() { b() }\n"}
	far := Example{Task{Path: "c.go", Language: "go", Symbol: "the function C", Present: "func C() {}"}, "func C() { c() }\n"}
	s, m := script(fence(right)), &fakeMap{}
	e := engineFor(t, tree, s, &judge{text: "n <= Burst"}, 7e9)
	e.Map, e.Memory = m, &fakeMemory{examples: []Example{near, far}}
	out, err := e.Implement(t.Context(), Request{Path: "limit/limit.go"})
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, m := range s.Requests()[0].Messages {
		all.WriteString(string(m.Role) + ": " + m.Content + "\n")
	}
	at := -1
	for _, want := range []string{
		"system: ", "func C() {}", "assistant: ```go\nfunc C() { c() }\n```", "func B() {}", "func B() { b() }",
		"Definitions in other files of the project:\n```\nother.go: func Other()", "func Rest(n int) int", "Write the function Allow",
	} {
		next := strings.Index(all.String(), want)
		if next <= at {
			t.Errorf("%q stands at %d, not behind %d:\n%s", want, next, at, all.String())
		}
		at = next
	}
	if q := m.asked[0]; q.Path != "limit/limit.go" || q.Symbols[0] != "Allow" || q.Budget <= 0 {
		t.Errorf("%+v", q)
	}
	got := out.Examples()
	if len(got) != 1 || got[0].Code != right+"\n" || got[0].Task.Symbol != "the function Allow" {
		t.Errorf("%+v", got)
	}

	e.Memory = &fakeMemory{}
	if _, err := e.Implement(t.Context(), Request{Path: "limit/limit.go"}); err != nil {
		t.Errorf("a memory that fails ended the request: %v", err)
	}
}

func TestProfileRules(t *testing.T) {
	tree := project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests})
	whole := strings.Replace(stub, "panic(\"not implemented\")", "return n <= Burst", 1)
	s := script(fence(wrong), fence(whole))
	e := engineFor(t, tree, s, &judge{text: "n <= Burst"}, 5e8)
	e.Profile = &Profile{Layout: LayoutBare, Edit: EditFile, Temperature: 0.3, Context: 2000}
	if _, err := e.Implement(t.Context(), Request{Path: "limit/limit.go", Level: High}); fault.CodeOf(err) != "" {
		t.Fatal(err)
	}
	for i, r := range s.Requests() {
		text := r.Messages[len(r.Messages)-1].Content
		if !strings.Contains(text, "Write the whole file limit/limit.go") || strings.Contains(text, "got := Allow") || r.MaxTokens > 1000 {
			t.Errorf("%d tokens for\n%s", r.MaxTokens, text)
		}
		if want := []float64{0, 0.3}[i]; r.Temperature != want {
			t.Errorf("call %d at temperature %g", i, r.Temperature)
		}
	}
}

// Each part that is left out shows in what is asked.
func TestWithout(t *testing.T) {
	for part, check := range map[Part]func(first string, calls int) bool{
		PartLayout: func(first string, _ int) bool {
			return strings.Contains(first, "Write the whole file") && strings.Contains(first, "t.Errorf")
		},
		PartExamples: func(first string, _ int) bool {
			return !strings.Contains(first, "got := Allow") && !strings.Contains(first, "func B()")
		},
		PartMap:     func(first string, _ int) bool { return !strings.Contains(first, "func Other()") },
		PartSamples: func(_ string, calls int) bool { return calls == 3 },
		PartRepair:  func(_ string, calls int) bool { return calls == 4 },
	} {
		t.Run(string(part), func(t *testing.T) {
			tree := project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests})
			n := 0
			s := &llmtest.Script{Reply: func(int, llm.Request) (string, error) {
				n++
				return fence(strings.Replace(wrong, "n <", strings.Repeat("-", 2*n)+"n <", 1)), nil
			}}
			e := engineFor(t, tree, s, &judge{text: "never"}, 7e9)
			e.Map, e.Memory, e.Without = &fakeMap{}, &fakeMemory{examples: []Example{{Task{Path: "b.go", Language: "go"}, "func B() {}\n"}}}, []Part{part}
			if _, err := e.Implement(t.Context(), Request{Path: "limit/limit.go", Level: High}); fault.CodeOf(err) != CodeNoPass && fault.CodeOf(err) != CodeNoCandidate {
				t.Fatal(err)
			}
			var first strings.Builder
			for _, m := range s.Requests()[0].Messages {
				first.WriteString(m.Content)
			}
			if !check(first.String(), len(s.Requests())) {
				t.Errorf("%d calls, the first:\n%s", len(s.Requests()), first.String())
			}
		})
	}
}

// upper is a formatter that asks for capitals in comments.
type upper struct{ calls int }

func (u *upper) Format(_ context.Context, t *land.Trial, path string) ([]byte, error) {
	u.calls++
	for _, d := range t.Verdict.New {
		if d.Code == "form" && d.File == path {
			source := string(t.Set.Changes[len(t.Set.Changes)-1].Content)
			return []byte(strings.ReplaceAll(source, "// low", "// LOW")), nil
		}
	}
	return nil, nil
}

// An answer that lacks only the form that its project asks for is given it; one that
// is wrong besides stays what it is, and what its fault is stays told.
func TestFormatters(t *testing.T) {
	const answer = "func Allow(n int) bool {\n\treturn n <= Burst // low\n}"
	for name, test := range map[string]struct {
		answer string
		off    []Part
		lands  bool
	}{
		"the form alone":      {answer, nil, true},
		"without mends":       {answer, []Part{PartMends}, false},
		"and a failing test":  {strings.Replace(answer, "<=", "<", 1), nil, false},
		"nothing of the form": {right, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			j := &judge{text: "n <= Burst", shape: func(tr *land.Trial) {
				if source := string(tr.Set.Changes[len(tr.Set.Changes)-1].Content); strings.Contains(source, "// low") {
					tr.Verdict.Land, tr.Verdict.Why = false, []string{"1 new diagnostic"}
					tr.Verdict.New = []check.Diagnostic{{File: "limit/limit.go", Code: "form", Message: "capitals"}}
				}
			}}
			e := engineFor(t, project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests}), script(fence(test.answer)), j, 5e8)
			e.Formats, e.Without = &upper{}, test.off
			out, err := e.Implement(t.Context(), Request{Path: "limit/limit.go"})
			if (err == nil) != test.lands {
				t.Fatalf("%v", err)
			}
			best := out.Candidates[out.Best]
			if got := strings.Contains(best.Source, "// LOW"); got != (test.answer != right && test.off == nil) {
				t.Errorf("formatted: %t\n%s", got, best.Source)
			}
			if string(best.Trial.Set.Changes[0].Content) != best.Source {
				t.Error("what was tried is not what is kept")
			}
		})
	}
}

// What stands beside the function in an answer does not keep it from gofmt's form,
// where the file has that; a file without it stays as it is beside the function.
func TestTheFormOfTheFile(t *testing.T) {
	answer := fence("type T struct { a, b int c }\n\nfunc Allow(n int) bool {\n    return n <= Burst\n}")
	for name, present := range map[string]string{"formatted": stub, "not": strings.Replace(stub, "const Burst = 3", "const Burst  =  3", 1)} {
		e := engineFor(t, project(t, map[string]string{"limit.go": present}), script(answer), &judge{text: "Burst"}, 5e8)
		out, err := e.Implement(t.Context(), Request{Path: "limit.go"})
		if err != nil {
			t.Fatal(err)
		}
		source := out.Candidates[out.Best].Source
		if name == "formatted" && !strings.Contains(source, "\n\treturn n <= Burst\n") || name == "not" && !strings.Contains(source, "const Burst  =  3") {
			t.Errorf("%s:\n%s", name, source)
		}
	}
}

// A search ends at the first answer that passes. Without that all are taken, and the
// best of those that pass is the change; how many there are at the most can be set.
func TestStopAndSamples(t *testing.T) {
	short := strings.Replace(right, "{\n\treturn n <= Burst\n}", "{ return n <= Burst }", 1)
	long := strings.Replace(right, "return", "// It is the most.\n\treturn", 1)
	for name, test := range map[string]struct {
		without []Part
		samples int
		calls   int
		won     []int
	}{
		"the usual":              {nil, 0, 2, []int{1}},
		"without early stop":     {[]Part{PartStop}, 4, 4, []int{2}},
		"one answer":             {nil, 1, 1, nil},
		"as many as are needed":  {nil, 2, 2, []int{1}},
		"stop off, none passes":  {[]Part{PartStop}, 1, 1, nil},
		"stop off, the last one": {[]Part{PartStop}, 2, 2, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			tree := project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests})
			s := script(fence(wrong), fence(long), fence(short), fence(wrong))
			e := engineFor(t, tree, s, &judge{text: "n <= Burst"}, 5e8)
			e.Without, e.Samples = test.without, test.samples
			out, err := e.Implement(t.Context(), Request{Path: "limit/limit.go", Level: High})
			if (err == nil) != (test.won != nil) || err != nil && fault.CodeOf(err) != CodeNoPass {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.won, out.Won); diff != "" || len(s.Requests()) != test.calls {
				t.Errorf("%d calls, want %d; %s", len(s.Requests()), test.calls, diff)
			}
		})
	}
}
