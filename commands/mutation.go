package commands

import (
	"context"

	"github.com/bitactor/cf/check/mutants"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/workspace"
)

// mutation weighs tests by the mutants of the code that they kill.
type mutation struct {
	*landing
	cache string
}

// Can is engine.Mutants.
func (m mutation) Can(path string) bool { return mutants.Can(path) }

// Score is engine.Mutants. Only the tests of the set count: those of the tree may
// be strong already.
func (m mutation) Score(ctx context.Context, set *workspace.Set, path string, symbols []string, seed int64) (engine.Mutation, error) {
	r := mutants.Request{
		Tree: m.tree, Box: m.box, Set: set, Checkers: m.checking.checkers, Cache: m.cache, Path: path,
		Options: mutants.Options{Seed: uint64(seed), Symbols: symbols}, Want: engine.KilledShareMin, Least: engine.ValidMin,
	}
	for _, c := range set.Changes {
		if engine.IsTest(c.Path) && !c.Delete {
			r.Tests = append(r.Tests, c.Path)
		}
	}
	progress := m.progress("trying the tests on mutants")
	defer progress.Close()
	r.Events = progress
	report, err := mutants.Kill(ctx, r)
	if err != nil {
		return engine.Mutation{}, err
	}
	out := engine.Mutation{Killed: report.Killed, Valid: report.Valid}
	for _, s := range report.Survivors() {
		out.Survived = append(out.Survived, s.String())
	}
	return out, nil
}
