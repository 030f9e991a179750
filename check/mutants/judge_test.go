package mutants

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// fake is a checker of Go that runs nothing: outcome says what becomes of a text
// of a.go.
type fake struct {
	outcome func(ctx context.Context, text string) (check.Outcome, error)
	asked   atomic.Int32
	mu      sync.Mutex
	tests   string // the text of a_test.go in the last check
}

func (*fake) Name() string                     { return "fake" }
func (*fake) Match(path string, _ []byte) bool { return strings.HasSuffix(path, ".go") }
func (*fake) Markers() []string                { return nil }
func (*fake) Tools() []check.Tool              { return nil }
func (*fake) Canaries() []check.Canary         { return nil }
func (f *fake) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	f.asked.Add(1)
	text, err := t.Stage.Read("a.go")
	if err != nil {
		return check.Outcome{}, err
	}
	tests, err := t.Stage.Read("a_test.go")
	if err != nil {
		return check.Outcome{}, err
	}
	f.mu.Lock()
	f.tests = string(tests)
	f.mu.Unlock()
	o, err := f.outcome(ctx, string(text))
	o.Diagnostics, o.Tests, o.Gaps = slices.Clone(o.Diagnostics), slices.Clone(o.Tests), slices.Clone(o.Gaps) // check.Run writes into them
	return o, err
}

// code has ten numbers, one a line, and so at least ten mutants.
var code = "package a\n\nfunc f() {\n" + strings.Repeat("\tg(1)\n", 10) + "}\n"

func fakeRequest(t *testing.T, outcome func(context.Context, string) (check.Outcome, error)) (Request, *fake) {
	t.Helper()
	f := &fake{outcome: outcome}
	r := request(t, map[string]string{"a.go": code, "a_test.go": "package a\n"}, "a.go", "a_test.go")
	r.Checkers, r.Cache, r.Max = []check.Checker{f}, "", 10
	return r, f
}

func tested(state check.TestState) check.Outcome {
	return check.Outcome{Testable: true, Tests: []check.Test{{Name: "one", File: "a_test.go", State: state}, {Name: "other", File: "b_test.go", State: check.Passed}}}
}

// TestStates: what each outcome of a mutant counts as.
func TestStates(t *testing.T) {
	failing := func(d ...check.Diagnostic) check.Outcome {
		o := tested(check.Failed)
		o.Diagnostics = d
		return o
	}
	broken := check.Diagnostic{File: "a.go", Line: 1, Severity: check.Error, Code: "x", Message: "no such thing"}
	warning := broken
	warning.Severity = check.Warning
	for name, c := range map[string]struct {
		outcome check.Outcome
		err     error
		want    State
		by      string
	}{
		"passes":            {tested(check.Passed), nil, Survived, ""},
		"fails":             {tested(check.Failed), nil, Killed, "one"},
		"skips":             {tested(check.Skipped), nil, Survived, ""},
		"is gone":           {check.Outcome{Testable: true}, nil, Killed, "one"},
		"does not compile":  {check.Outcome{Diagnostics: []check.Diagnostic{broken}}, nil, Invalid, "no such thing"},
		"warns":             {check.Outcome{Diagnostics: []check.Diagnostic{warning}, Tests: tested(check.Passed).Tests}, nil, Survived, ""},
		"warns and fails":   {failing(warning), nil, Killed, "one"},
		"fails with errors": {failing(broken), nil, Killed, "one"},
		"tests were ended":  {check.Outcome{Gaps: []check.Gap{{What: "tests", Why: "too much memory", Blocks: true}}}, nil, TimedOut, "too much memory"},
		"build was ended":   {check.Outcome{Gaps: []check.Gap{{What: "compile", Why: "too long", Blocks: true}}}, nil, Invalid, "too long"},
		"the checker fails": {check.Outcome{}, errors.New("boom"), Invalid, "boom"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := fakeRequest(t, func(_ context.Context, text string) (check.Outcome, error) {
				if text == code {
					return tested(check.Passed), nil
				}
				return c.outcome, c.err
			})
			report, err := Kill(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if got := report.Mutants[0]; got.State != c.want || got.By != c.by {
				t.Errorf("%s by %q, want %s by %q", got.State, got.By, c.want, c.by)
			}
		})
	}
}

// TestTestsMustPassFirst: tests that fail on the code as it is say nothing about
// mutants, and no mutant is run.
func TestTestsMustPassFirst(t *testing.T) {
	gap := tested(check.Passed)
	gap.Gaps = []check.Gap{{What: "tests", Why: "cut off", Blocks: true}}
	broken := check.Outcome{Diagnostics: []check.Diagnostic{{File: "a.go", Line: 1, Severity: check.Error, Code: "x", Message: "m"}}}
	for name, c := range map[string]struct {
		outcomes []check.Outcome // of the runs on the code as it is; the last one again and again
		want     string
		asked    int32
	}{
		"fail":             {[]check.Outcome{tested(check.Failed)}, CodeTestsFail, 2},
		"fail alone":       {[]check.Outcome{tested(check.Passed), tested(check.Failed)}, CodeTestsFail, 2},
		"are flaky":        {[]check.Outcome{tested(check.Failed), tested(check.Passed)}, CodeTestsFail, 2},
		"are none":         {[]check.Outcome{tested(check.Skipped)}, CodeNoTests, 1},
		"do not compile":   {[]check.Outcome{broken}, CodeTestsFail, 1},
		"were not checked": {[]check.Outcome{gap}, CodeNotChecked, 1},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			r, f := fakeRequest(t, func(_ context.Context, text string) (check.Outcome, error) {
				n++
				return c.outcomes[min(n, len(c.outcomes))-1], nil
			})
			r.Parallel = 1
			_, err := Kill(t.Context(), r)
			if fault.CodeOf(err) != c.want || fault.KindOf(err) != fault.Refused || f.asked.Load() != c.asked {
				t.Errorf("%v after %d runs", err, f.asked.Load())
			}
		})
	}
}

// TestVerdicts ends as soon as it is sure, and not before. The first mutants are
// killed, the others survive; the order of the runs must not matter.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		killed, invalid int // of ten mutants, in their order
		verdict         Verdict
		valid           int
	}{
		{10, 0, Strong, 7},
		{7, 0, Strong, 7},
		{6, 0, Weak, 10},
		{0, 0, Weak, 5},
		{4, 0, Weak, 8},
		{0, 6, TooFew, 0},
		{0, 5, Weak, 5},
		{10, 5, Strong, 5},
	} {
		for _, parallel := range []int{1, 4} {
			made, err := Make(t.Context(), "a.go", []byte(code), Options{Seed: 1, Max: 10})
			if err != nil || len(made) != 10 {
				t.Fatal(len(made), err)
			}
			r, _ := fakeRequest(t, func(_ context.Context, text string) (check.Outcome, error) {
				for i, m := range made {
					switch {
					case text != string(m.Apply([]byte(code))):
					case i < c.invalid:
						return check.Outcome{Diagnostics: []check.Diagnostic{{File: "a.go", Severity: check.Error, Code: "x", Message: "m"}}}, nil
					case i < c.killed:
						return tested(check.Failed), nil
					}
				}
				return tested(check.Passed), nil
			})
			r.Parallel = parallel
			report, err := Kill(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if report.Verdict != c.verdict || report.Valid != c.valid {
				t.Errorf("%+v, %d at one time: %s, %d valid (%s)", c, parallel, report.Verdict, report.Valid, report.Why)
			}
		}
	}
}

// TestReportsDoNotDependOnTheSchedule: with several at one time, later mutants
// end first.
func TestReportsDoNotDependOnTheSchedule(t *testing.T) {
	var reports []*Report
	for _, parallel := range []int{1, 4} {
		slow := make(chan struct{})
		var others atomic.Int32
		r, _ := fakeRequest(t, func(ctx context.Context, text string) (check.Outcome, error) {
			switch {
			case text == code:
				return tested(check.Passed), nil
			case parallel > 1 && strings.Contains(text, "f() {\n\tg(1)\n\tg(1)\n\tg(1)"): // a mutant of a later line
				if others.Add(1) == 3 {
					close(slow)
				}
			case parallel > 1:
				select { // the first lines' wait for the others
				case <-slow:
				case <-ctx.Done():
				}
			}
			return tested(check.Failed), nil
		})
		r.Parallel = parallel
		report, err := Kill(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, report)
	}
	if diff := cmp.Diff(reports[0], reports[1], cmpopts.IgnoreFields(Result{}, "Elapsed"), cmp.AllowUnexported(Mutant{})); diff != "" {
		t.Error(diff)
	}
}

// TestTimeAndCancel: a mutant that hangs costs its limit, the context ends all.
func TestTimeAndCancel(t *testing.T) {
	hang := func(ctx context.Context, text string) (check.Outcome, error) {
		if text == code {
			return tested(check.Passed), nil
		}
		<-ctx.Done()
		return check.Outcome{}, fault.New(fault.Interrupted, "", "%w", context.Cause(ctx))
	}
	r, _ := fakeRequest(t, hang)
	r.Limit = 10 * time.Millisecond
	report, err := Kill(t.Context(), r)
	if err != nil || report.TimedOut != report.Valid || report.Verdict != Strong {
		t.Errorf("%+v %v", report, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, f := fakeRequest(t, func(ctx context.Context, text string) (check.Outcome, error) {
		if text != code {
			cancel()
		}
		return hang(ctx, text)
	})
	if _, err := Kill(ctx, r); fault.KindOf(err) != fault.Interrupted {
		t.Errorf("%v", err)
	}
	if n := f.asked.Load(); n > 2+int32(parallelMax) {
		t.Errorf("%d runs after the end", n)
	}
}

// TestNewTestsCountAlone: a weak test that is added to a file of strong ones does
// not look strong; where the set only changes tests, all of the file count.
func TestNewTestsCountAlone(t *testing.T) {
	for _, c := range []struct {
		set, name string
		want      Verdict
		tests     int
	}{{"package a // old, new\n", "adds a weak test", Weak, 1}, {"package a // old, changed\n", "changes the tests", Strong, 1}, {"", "changes nothing", Strong, 1}} {
		t.Run(c.name, func(t *testing.T) {
			r, f := fakeRequest(t, nil)
			f.outcome = func(_ context.Context, text string) (check.Outcome, error) {
				o := tested(check.Passed)
				if text != code {
					o.Tests[0].State = check.Failed
				}
				if strings.Contains(f.tests, "new") {
					o.Tests = append(o.Tests, check.Test{Name: "new", File: "a_test.go", State: check.Passed})
				}
				return o, nil
			}
			r.Parallel = 1 // f.tests is of the last check
			if c.set != "" {
				r.Set = &workspace.Set{Changes: []workspace.Change{{Path: "a_test.go", Content: []byte(c.set)}}}
			}
			report, err := Kill(t.Context(), r)
			if err != nil || report.Verdict != c.want || report.Tests != c.tests {
				t.Errorf("%+v %v", report, err)
			}
		})
	}
}

// TestLinesThatNoTestRuns are survivors without a run.
func TestLinesThatNoTestRuns(t *testing.T) {
	r, f := fakeRequest(t, func(_ context.Context, text string) (check.Outcome, error) {
		o := tested(check.Passed)
		o.Executed = map[string]map[int]bool{"a.go": {}}
		for line := range bytes.Count([]byte(code), []byte("\n")) {
			o.Executed["a.go"][line+1] = false
		}
		return o, nil
	})
	report, err := Kill(t.Context(), r)
	if err != nil || report.Verdict != Weak || f.asked.Load() != 2 || len(report.Survivors()) != 5 {
		t.Errorf("%+v %v, %d runs", report, err, f.asked.Load())
	}
	if got := fmt.Sprint(report.Survivors()[0].Mutant); !strings.HasPrefix(got, "line ") {
		t.Error(got)
	}
}
