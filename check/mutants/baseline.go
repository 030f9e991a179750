package mutants

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// baseline is what the tests do on the code as it is.
type baseline struct {
	source   []byte
	tests    []string     // names of those that count; all of them pass
	executed map[int]bool // lines of the code that coverage counts; nil where it is not known
	elapsed  time.Duration
}

// baseline runs the tests twice: all that cover the code, which says what they
// execute and may come from the cache, then those that count alone, as each
// mutant will see them.
func (r *Request) baseline(ctx context.Context) (*baseline, error) {
	b := &baseline{}
	var err error
	if b.source, err = r.read(ctx, r.Set, r.Path); err != nil {
		return nil, err
	}
	report, err := r.run(ctx, r.Set, nil)
	if err != nil {
		return nil, err
	}
	if b.tests, err = r.passing(report); err != nil {
		return nil, err
	}
	if b.tests, err = r.added(ctx, b.tests); err != nil {
		return nil, err
	}
	for _, p := range report.Parts {
		if lines, ok := p.Executed[r.Path]; ok {
			b.executed = lines
		}
	}
	began := time.Now()
	if report, err = r.run(ctx, r.Set, b.tests); err != nil {
		return nil, err
	}
	b.elapsed = time.Since(began)
	if state, by := b.judge(report); state != Survived {
		return nil, fault.New(fault.Refused, CodeTestsFail, "run alone, the tests do not pass on the code as it is: %s", by).On("mutate", r.Path)
	}
	return b, nil
}

// added leaves out the tests that the tree has without the set, if others are
// left.
func (r *Request) added(ctx context.Context, tests []string) ([]string, error) {
	bare := &workspace.Set{}
	had := func(path string) bool {
		_, err := r.read(ctx, bare, path)
		return err == nil
	}
	changed := slices.ContainsFunc(r.Set.Changes, func(c workspace.Change) bool { return slices.Contains(r.Tests, c.Path) && had(c.Path) })
	if !changed || !had(r.Path) {
		return tests, nil // there were no other tests, or no code that they could pass on
	}
	report, err := r.run(ctx, bare, nil)
	if err != nil {
		return nil, err
	}
	old := map[string]bool{}
	for _, p := range report.Parts {
		for _, t := range p.Tests {
			old[t.Name] = true
		}
	}
	fresh := slices.DeleteFunc(slices.Clone(tests), func(name string) bool { return old[name] })
	if len(fresh) == 0 {
		return tests, nil
	}
	return fresh, nil
}

// read returns a file as a set leaves it.
func (r *Request) read(ctx context.Context, set *workspace.Set, path string) (text []byte, err error) {
	stage, err := r.Tree.Stage(ctx, set, r.Box)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	return stage.Read(path)
}

// passing returns the names of the tests that count; an error where one fails,
// none is there, or it can't be told.
func (r *Request) passing(report *check.Report) ([]string, error) {
	var names []string
	for _, p := range report.Parts {
		for _, t := range p.Tests {
			// Some kinds do not tell the file of a test that passes.
			if len(r.Tests) > 0 && t.File != "" && !slices.Contains(r.Tests, t.File) {
				continue
			}
			switch t.State {
			case check.Passed:
				names = append(names, t.Name)
			case check.Failed, check.Flaky:
				return nil, fault.New(fault.Refused, CodeTestsFail, "on the code as it is %s is %s", t.Name, t.State).On("mutate", r.Path)
			}
		}
	}
	if why := broken(report); why != "" {
		return nil, fault.New(fault.Refused, CodeTestsFail, "the code or its tests do not compile: %s", why).On("mutate", r.Path)
	}
	if g := blocking(report); g != nil {
		e := fault.New(fault.Refused, CodeNotChecked, "%s: %s", g.What, g.Why).On("mutate", r.Path)
		if g.Hint != "" {
			return nil, e.Hint(g.Hint)
		}
		return nil, e
	}
	if len(names) == 0 {
		return nil, fault.New(fault.Refused, CodeNoTests, "no test that counts ran").On("mutate", r.Path)
	}
	return names, nil
}

// broken returns the first error that is no failing test.
func broken(report *check.Report) string {
	for _, d := range report.Diagnostics() {
		if d.Severity == check.Error {
			return d.Message
		}
	}
	return ""
}

// blocking returns the first gap that keeps something from being checked, nil
// where all was.
func blocking(report *check.Report) *check.Gap {
	for _, p := range report.Parts {
		for i, g := range p.Gaps {
			if g.Blocks {
				return &p.Gaps[i]
			}
		}
		if p.State == check.NotChecked {
			return &check.Gap{What: "everything", Why: p.Why, Hint: p.Hint, Blocks: true, Checker: p.Checker}
		}
	}
	return nil
}

// judge says what the tests made of a mutant, and which one noticed it. The
// order matters: a test that fails has run, so the mutant compiles.
func (b *baseline) judge(report *check.Report) (State, string) {
	ran := map[string]check.Test{}
	for _, p := range report.Parts {
		for _, t := range p.Tests {
			ran[t.Name] = t
		}
	}
	missing := ""
	for _, name := range b.tests {
		t, ok := ran[name]
		if t.State == check.Failed {
			return Killed, name
		}
		if !ok && missing == "" {
			missing = name
		}
	}
	if why := broken(report); why != "" {
		return Invalid, why
	}
	switch g := blocking(report); {
	case g == nil:
	case g.What == "tests": // the mutant ended them, by a crash or a limit
		return TimedOut, g.Why
	default:
		return Invalid, g.Why
	}
	if missing != "" {
		return Killed, missing
	}
	return Survived, ""
}
