package check

import (
	"context"
	"path"
	"slices"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/workspace"
)

// GateRequest asks whether a change may land.
type GateRequest struct {
	Base     *workspace.Stage // the tree without the change
	Now      *workspace.Stage // the tree with it
	Checkers []Checker
	Cache    string // as Request.Cache
	Events   event.Sink
	Parallel int
	Rules    Rules
	NoTests  bool // run no tests, on neither side
	// Beside are files that are checked on both sides with those of the change. The
	// same ones with every change of a project let each gate take its first report,
	// and a later Run over them all of its own, from the cache.
	Beside []string
}

// Gated is the outcome of a gate.
type Gated struct {
	Verdict   Verdict
	Change    Change
	Base, Now *Report
}

// Gate checks the files that a change touches, with the tests that cover them,
// before and after it, and judges the difference. Both reports come from the
// cache where nothing that they depend on has changed. Before a test is blamed
// on the change it runs once more, on both sides. Errors as Run.
func Gate(ctx context.Context, g GateRequest) (*Gated, error) {
	out := &Gated{Change: ChangeOf(g.Base, g.Now)}
	scope, err := g.scope(ctx, out.Change)
	if err != nil {
		return nil, err
	}
	if out.Base, err = g.run(ctx, g.Base, scope, nil); err != nil {
		return nil, err
	}
	if out.Now, err = g.run(ctx, g.Now, scope, nil); err != nil {
		return nil, err
	}
	out.Verdict = Judge(out.Base, out.Now, out.Change, g.Rules)
	if len(out.Verdict.NewlyFailing)+len(out.Verdict.Lost) == 0 {
		return out, nil
	}
	if err := g.recheck(ctx, out, scope); err != nil {
		return nil, err
	}
	out.Verdict = Judge(out.Base, out.Now, out.Change, g.Rules)
	return out, nil
}

// Baseline checks the tree without the change, within the scope that Gate
// gives it, and leaves the report in the cache.
func Baseline(ctx context.Context, g GateRequest) (*Report, error) {
	scope, err := g.scope(ctx, ChangeOf(g.Base, g.Now))
	if err != nil {
		return nil, err
	}
	return g.run(ctx, g.Base, scope, nil)
}

// scope returns the paths to be checked on both sides: those of the change
// and, for a file that is on one side only, the files beside it, whose project
// and package it is part of.
func (g GateRequest) scope(ctx context.Context, c Change) ([]string, error) {
	scope := append(c.Paths(), g.Beside...)
	for _, f := range c.Files {
		if g.Base.Kind(f.Path) == "file" && g.Now.Kind(f.Path) == "file" {
			continue
		}
		dir := path.Dir(f.Path)
		for dir != "." && g.Base.Kind(dir) != "folder" {
			dir = path.Dir(dir)
		}
		if g.Base.Kind(dir) != "folder" {
			continue
		}
		l, err := g.Base.List(ctx, workspace.ListOptions{Under: dir})
		if err != nil {
			return nil, err
		}
		for _, beside := range l.Files {
			if path.Dir(beside.Path) == dir && path.Ext(beside.Path) == path.Ext(f.Path) {
				scope = append(scope, beside.Path)
			}
		}
	}
	slices.Sort(scope)
	return slices.Compact(scope), nil
}

// run checks the part of scope that is there. Where nothing is, only checkers
// of the whole tree have anything to say: no paths would mean all.
func (g GateRequest) run(ctx context.Context, s *workspace.Stage, scope, only []string) (*Report, error) {
	var paths []string
	for _, p := range scope {
		if s.Kind(p) == "file" {
			paths = append(paths, p)
		}
	}
	checkers := g.Checkers
	if len(paths) == 0 {
		checkers = slices.DeleteFunc(slices.Clone(checkers), func(c Checker) bool { return !isWhole(c) })
		if len(checkers) == 0 {
			return &Report{Root: s.Root(), Tier: string(s.Box().Tier()), Tests: !g.NoTests}, nil
		}
	}
	return Run(ctx, Request{
		Stage: s, Paths: paths, Checkers: checkers, Tests: !g.NoTests, Changed: paths,
		Cache: g.Cache, Events: g.Events, Parallel: g.Parallel, Only: only,
	})
}

// recheck asks both sides about the tests that differ. On the unchanged tree,
// one that fails there too was flaky or broken before the change; in the changed
// one, a test that seemed lost may only belong to a package that no longer
// imports what changed.
func (g GateRequest) recheck(ctx context.Context, out *Gated, scope []string) error {
	for _, side := range []struct {
		stage  *workspace.Stage
		report *Report
		tests  []Test
	}{{g.Base, out.Base, out.Verdict.NewlyFailing}, {g.Now, out.Now, out.Verdict.Lost}} {
		if len(side.tests) == 0 {
			continue
		}
		var only []string
		for _, t := range side.tests {
			only = append(only, t.Name)
		}
		again, err := g.run(ctx, side.stage, scope, only)
		if err != nil {
			return err
		}
		side.report.merge(again)
	}
	return nil
}

// merge takes the tests of a second run into r: one that passed and fails now is
// flaky, one that was not there is added.
func (r *Report) merge(again *Report) {
	for _, second := range again.Parts {
		p := r.part(second.Checker, second.Project)
		if p == nil {
			r.Parts = append(r.Parts, second)
			continue
		}
		for _, t := range second.Tests {
			i := slices.IndexFunc(p.Tests, func(old Test) bool { return old.Name == t.Name })
			switch {
			case i < 0:
				p.Tests = append(p.Tests, t)
			case p.Tests[i].State == Passed && t.State == Failed:
				p.Tests[i].State = Flaky
			}
		}
	}
}
