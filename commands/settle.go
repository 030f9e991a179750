package commands

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/fix"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/engine/settle"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// settleFlags are the flags of the verbs that may put to the model what code only
// marks or pretends. A model is asked only where one says so: it costs minutes.
type settleFlags struct {
	on     bool
	level  string
	budget time.Duration
}

// add adds them; name is the flag that asks for it.
func (s *settleFlags) add(cmd *cobra.Command, name, usage string) {
	cmd.Flags().BoolVar(&s.on, name, false, usage)
	addAsking(cmd, &s.level, &s.budget)
}

// check refuses values that mean nothing.
func (s *settleFlags) check(cmd *cobra.Command) error { return checkAsking(cmd, s.level, s.budget) }

// settling is a run that puts places to the model, for a landing.
type settling struct {
	carrying
	find   func(ctx context.Context, file string, text []byte) ([]check.Diagnostic, error)
	title  string             // of the landing
	files  []event.FileChange // of the landing
	began  time.Time
	result *fix.Result // nil: nothing was asked
}

// newSettling makes one. The caller calls close.
func newSettling(l *landing, flags settleFlags, title string) *settling {
	return &settling{
		carrying: carrying{landing: l, flags: engineFlags{landFlags: l.flags, level: flags.level, budget: flags.budget}, verb: l.cmd.Name()},
		title:    title, began: l.Env.Now(),
	}
}

// run returns the trial of what the model settled in files, on top of another; that
// one where it settled nothing. Where no model can be had, that is told and no fault.
// The judge is the landing's own. A fault of the model's server comes with the trial.
func (s *settling) run(ctx context.Context, files []string, on *land.Trial, j engine.Judge) (*land.Trial, error) {
	budget, err := s.budget(s.flags.budget)
	if err != nil {
		return on, err
	}
	settler := &settle.Settler{
		Tree: s.tree, Find: s.find, Judge: j, Events: s.Events(), Level: engine.Level(s.flags.level), Budget: budget, Now: s.Env.Now,
		Connect: func(ctx context.Context, j engine.Judge) (fix.Proposer, error) {
			err := s.connect(ctx)
			if err == nil {
				s.engine.Judge = j
			}
			return s.engine, err
		},
	}
	groups, left, err := settler.Places(ctx, files, on)
	if err != nil {
		return on, err
	}
	s.left(left)
	if len(groups) == 0 {
		return on, nil
	}
	set := &workspace.Set{}
	for _, g := range groups {
		set.Changes = append(set.Changes, workspace.Change{Path: g.File})
	}
	if err := s.consent(ctx, set); err != nil {
		return on, err
	}
	if err := s.connect(ctx); err != nil {
		if kind := fault.KindOf(err); kind == fault.Unreachable || kind == fault.ModelMissing {
			s.warn("nothing was put to a model, what is open is only listed: " + err.Error())
			return on, nil
		}
		return on, err
	}
	s.result, err = settler.Settle(ctx, groups, on)
	s.left(s.result.Left)
	return s.result.Trial, err
}

// left tells what is not settled, and why.
func (s *settling) left(list []fix.Left) {
	for _, l := range list {
		s.Events().Emit(event.Note{Level: "warn", Text: "not settled: " + l.Text()})
	}
}

// end keeps the best answers that did not pass, leaves the receipt of a run with a
// model, and returns err. landed is nil where nothing landed.
func (s *settling) end(ctx context.Context, landed *land.Receipt, err error) error {
	if s.result == nil {
		return err
	}
	rec := s.begun(s.engine, engine.Level(s.flags.level), s.result.Outcomes, s.result.Trial, s.title)
	rec.Files = s.files
	if landed != nil {
		rec.Landed, rec.Git = landed.Landed.ID, landed.Landed.Git
		if landed.Trial == s.result.Trial { // an answer of which a part was taken is no example
			s.remember(ctx, s.engine.Memory, s.result.Examples)
		}
	}
	if !s.flags.dryRun && fault.KindOf(err) != fault.Usage {
		for _, o := range s.result.Outcomes {
			if len(o.Won) > 0 {
				continue
			}
			if dir := s.keepSet(bestOf(o), err); dir != "" {
				rec.Rejected = dir
			}
		}
	}
	return s.note(rec, s.began, err)
}
