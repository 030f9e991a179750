package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bitactor/cf/engine/plan"
	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// applyOptions are the flags of cf ultrathink about the change that its plan becomes.
type applyOptions struct {
	apply bool
	flags engineFlags
	other []string // names of the flags that mean nothing without --apply
}

func (p *applyOptions) add(cmd *cobra.Command, a *App) {
	cmd.Flags().BoolVar(&p.apply, "apply", false, "carry out the steps of the plan as one change")
	known := map[string]bool{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
	p.flags.addOwn(cmd)
	p.flags.addOthers(cmd, a)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !known[f.Name] {
			p.other = append(p.other, f.Name)
		}
	})
}

// check refuses flags that mean nothing, and a change that nobody could be asked
// about, before a model is.
func (p *applyOptions) check(cmd *cobra.Command, a *App, dryRun bool) error {
	p.flags.dryRun = dryRun
	if !p.apply {
		for _, name := range p.other {
			if cmd.Flags().Changed(name) && !a.Interactive() {
				return usageError(cmd, fmt.Errorf("--%s needs --apply", name))
			}
		}
		return nil
	}
	if !a.asks() && !a.Yes && !dryRun {
		return usageError(cmd, errors.New("--apply changes files, and nobody can be asked")).Hint("give --yes, or look at it with --dry-run")
	}
	return p.flags.check(cmd, a)
}

// planned returns the last turn of a session that has steps, nil if none has.
func planned(s *session.Session) *session.Turn {
	for i := len(s.Turns) - 1; i >= 0; i-- {
		if len(s.Turns[i].Steps) > 0 {
			return &s.Turns[i]
		}
	}
	return nil
}

// applyPlan carries out the last plan of a session, or, of it, what was picked.
func (a *App) applyPlan(cmd *cobra.Command, o ultrathinkOptions, s *session.Session, picked []int) (err error) {
	t := planned(s)
	if t == nil {
		return fault.New(fault.Unusable, plan.CodeNoPlan, "the session has no steps").On("apply", s.ID).
			Hint(`name the files: cf custom "..." PATH...`)
	}
	steps := t.Steps
	if picked != nil {
		steps = nil
		for _, i := range picked {
			steps = append(steps, t.Steps[i])
		}
	}
	l, err := a.openLanding(cmd, o.flags.landFlags, workspace.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tree.Close()) }()
	// The work is cf custom's: that is what goes on with it.
	c := &carrying{landing: l, flags: o.flags, verb: "custom", confirm: true}
	if err := c.openStore(); err != nil {
		return err
	}
	p, err := plan.Of(cmd.Context(), l.tree, t.Task, steps, a.Events())
	if err != nil {
		return err
	}
	c.work = plan.NewWork(c.verb, p, a.Env.Now())
	return c.carryOut(cmd.Context())
}

// confirmed asks whether a plan of the model's is to be carried out.
func (c *carrying) confirmed(ctx context.Context) (bool, error) {
	if !c.confirm || c.Yes || c.flags.dryRun {
		return true, nil
	}
	yes, err := c.askYes(ctx, fmt.Sprintf("carry out %s as one change?", count(len(c.work.Plan.Steps), "step")))
	if err == nil && !yes {
		c.Events().Emit(event.Note{Level: "info", Text: "nothing was changed"})
	}
	return yes, err
}
