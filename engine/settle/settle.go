// Package settle has the engine write what product code only marks or pretends:
// stubs, marks of work to do, hard-coded answers.
//
// Each function with such a place is one task. It asks the way that package fix
// does, and asks more of an answer: the place is gone, no other came, and a test
// ran what was written and passes. The package must never write a file, touch a
// test, or take an answer that no test ran.
//
// Invariants:
//  1. The trial that is returned may land, whatever became of the last task.
//  2. A place that is not settled is told with the reason why.
//  3. No more than Most functions are put to the model in one run.
package settle

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/fix"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// Most is how many functions one run puts to the model.
const Most = 16

// Settler works for one root. Set the fields before first use; it serves one call
// at a time.
type Settler struct {
	Tree *workspace.Tree
	// Find lists the places of one file's text.
	Find func(ctx context.Context, file string, text []byte) ([]check.Diagnostic, error)
	// Judge tries a set as the landing does.
	Judge engine.Judge
	// Connect makes the engine, when the first place needs one; its candidates are
	// judged by j. It is called for each place, and may return the same engine.
	Connect func(ctx context.Context, j engine.Judge) (fix.Proposer, error)
	Events  event.Sink
	Level   engine.Level
	Budget  time.Duration // for model and checks together; 0 means none
	Now     func() time.Time
}

// Places lists what can be put to the model in some files, as they are with the set
// of a trial: one group for each function. left are the places that stand in none.
// Files that can't be read or parsed have no places: their checkers say so.
func (s *Settler) Places(ctx context.Context, files []string, on *land.Trial) (groups []fix.Group, left []fix.Left, err error) {
	for _, file := range files {
		text, err := s.read(file, on)
		if err != nil {
			continue
		}
		found, err := s.find(ctx, file, text)
		if err != nil {
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			continue
		}
		first := len(groups)
		for _, p := range found {
			if p.symbol == "" {
				left = append(left, fix.Left{File: fmt.Sprintf("%s:%d", file, p.Line), Why: "it stands in no function"})
				continue
			}
			i := slices.IndexFunc(groups[first:], func(g fix.Group) bool { return g.Symbol == p.symbol })
			if i < 0 {
				groups = append(groups, fix.Group{File: file, Symbol: p.symbol})
				i = len(groups) - 1 - first
			}
			groups[first+i].Findings = append(groups[first+i].Findings, p.Diagnostic)
		}
	}
	return groups, left, nil
}

// Settle puts groups of Places to the model, one after another, each on top of what
// was kept before, the first on a trial that may land; nil: on the tree. Nothing is
// written. The errors are those of fix.Fixer.Ask and of Connect; what was kept until
// then is in the result all the same.
func (s *Settler) Settle(ctx context.Context, groups []fix.Group, on *land.Trial) (*fix.Result, error) {
	out := &fix.Result{Trial: on}
	began := s.Now()
	for i, g := range groups {
		name := g.File + "#" + g.Symbol
		if i >= Most {
			out.Left = append(out.Left, fix.Left{File: name, Why: fmt.Sprintf("one run puts %d functions to the model", Most)})
			continue
		}
		g, err := s.fresh(ctx, g, out.Trial)
		if err != nil {
			return out, err
		}
		j := &judge{settler: s, group: g, on: out.Trial}
		fixer := &fix.Fixer{
			Tree: s.Tree, Judge: j, Events: s.Events, Level: s.Level, Proven: true, Now: s.Now,
			Connect: func(ctx context.Context) (fix.Proposer, error) { return s.Connect(ctx, j) },
		}
		if s.Budget > 0 {
			if fixer.Budget = s.Budget - s.Now().Sub(began); fixer.Budget <= 0 {
				out.Left = append(out.Left, fix.Left{File: name, Why: "the time is up"})
				continue
			}
		}
		got, err := fixer.Ask(ctx, []fix.Group{g}, out.Trial)
		out.Trial = got.Trial
		out.Outcomes = append(out.Outcomes, got.Outcomes...)
		out.Examples = append(out.Examples, got.Examples...)
		for _, l := range got.Left {
			out.Left = append(out.Left, fix.Left{File: name, Why: l.Why})
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// fresh is a group with the lines that its places have by now.
func (s *Settler) fresh(ctx context.Context, g fix.Group, on *land.Trial) (fix.Group, error) {
	now, _, err := s.Places(ctx, []string{g.File}, on)
	if i := slices.IndexFunc(now, func(n fix.Group) bool { return n.Symbol == g.Symbol }); i >= 0 {
		return now[i], err
	}
	return g, err
}

// read returns a file as it is with the set of a trial.
func (s *Settler) read(file string, on *land.Trial) ([]byte, error) {
	if on != nil {
		for _, c := range on.Set.Changes {
			if c.Path == file {
				return c.Content, nil
			}
		}
	}
	return s.Tree.Read(file)
}

// place is a finding and the function that it stands in, "" if in none. Its message
// names the function, so that two of one file are told apart whatever their lines.
type place struct {
	check.Diagnostic
	symbol string
}

// find lists the places of a text.
func (s *Settler) find(ctx context.Context, file string, text []byte) ([]place, error) {
	found, err := s.Find(ctx, file, text)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	lang := syntax.Of(file, text[:min(len(text), 128)])
	if lang == nil {
		return nil, nil
	}
	tree, err := syntax.Parse(ctx, lang, text)
	if err != nil {
		return nil, err
	}
	out := make([]place, len(found))
	for i, d := range found {
		out[i] = place{Diagnostic: d}
		for _, f := range tree.Symbols() {
			if (f.Kind == syntax.Function || f.Kind == syntax.Method) && tree.Line(f.Range.Start) <= d.Line && d.Line <= f.EndLine {
				out[i].symbol = f.FullName()
				out[i].Message += " (in " + f.FullName() + ")"
				break // the outermost: a function in it has no name of its own to be asked for
			}
		}
	}
	return out, nil
}
