package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/scaffold"
	"github.com/bitactor/cf/workspace"
)

// blocks is building blocks on their way into the tree.
type blocks struct {
	*landing
	project *scaffold.Project
	title   string
	asked   []string // the blocks that the user named or asked for
}

// widen lets a landing have as many files as blocks bring.
func (l *landing) widen() {
	l.limits.Files = scaffoldFilesMax
	l.lander.Limits = l.limits
}

// apply lands what is wanted as one change. Where all is so already, the files of
// the blocks that were asked for are checked as they are.
func (b *blocks) apply(ctx context.Context, want scaffold.Want) error {
	plan, err := b.plan(want)
	if err != nil {
		return err
	}
	return b.take(ctx, plan)
}

// take lands a plan.
func (b *blocks) take(ctx context.Context, plan *scaffold.Plan) error {
	if len(plan.Set.Changes) == 0 {
		if !b.flags.dryRun {
			if err := plan.Landed(); err != nil {
				return err
			}
		}
		return b.unchanged(ctx, plan)
	}
	trial, err := b.trial(ctx, plan)
	if err != nil {
		return err
	}
	return b.commit(ctx, plan, trial)
}

// plan shows what would be done. Conflicts with the user's edits are its error.
func (b *blocks) plan(want scaffold.Want) (*scaffold.Plan, error) {
	plan, err := b.project.Plan(want)
	if err != nil {
		return nil, err
	}
	b.events.Emit(planEvent(plan, b.asked))
	return plan, plan.Err() // the plan is of use with its conflicts too
}

// trial has the checks judge a plan. Nobody is asked about files that run without
// being called: a block's are part of cf, and nobody else wrote in them but the
// user.
func (b *blocks) trial(ctx context.Context, plan *scaffold.Plan) (*land.Trial, error) {
	if err := b.ledger.Ready(); err != nil {
		return nil, err
	}
	if err := b.consentDirty(ctx, plan.Set); err != nil {
		return nil, err
	}
	b.lander.Beside = there(plan)
	return b.try(ctx, plan.Set)
}

// commit shows what the checks said of the plan, and lands it.
func (b *blocks) commit(ctx context.Context, plan *scaffold.Plan, trial *land.Trial) error {
	changes, err := b.changes(trial)
	if err != nil {
		return err
	}
	if err := b.show(trial, changes); err != nil {
		return err
	}
	if !trial.Verdict.Land {
		diff, err := b.diff(plan.Set)
		if err != nil {
			return err
		}
		return b.refused(land.Refusal(trial.Verdict), diff)
	}
	if !b.flags.dryRun {
		if err := plan.Remember(); err != nil {
			return err
		}
	}
	if landed, err := b.land(ctx, trial, b.title, changes.Files); landed == nil || err != nil {
		return err
	}
	return plan.Landed()
}

// unchanged says that there is nothing to land, and checks what is there.
func (b *blocks) unchanged(ctx context.Context, plan *scaffold.Plan) error {
	b.events.Emit(event.Note{Level: "info", Text: "nothing to change: the files are as the blocks have them, or as you edited them; their checks run"})
	return b.checkFiles(ctx, plan)
}

// checkFiles checks the files of all blocks that are there: they were made to work
// together, and a second time nothing has to run again.
func (b *blocks) checkFiles(ctx context.Context, plan *scaffold.Plan) (err error) {
	paths := there(plan)
	if len(paths) == 0 {
		return nil
	}
	stage, err := b.stage(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	progress := b.progress("checking")
	report, err := check.Run(ctx, check.Request{
		Stage: stage, Paths: paths, Checkers: b.checking.checkers, Tests: !b.flags.noTests, Cache: b.Env.Paths.Cache, Events: progress,
	})
	progress.Close()
	if err != nil {
		return err
	}
	return b.showReport(report, b.flags.allowUnchecked)
}

// there lists the files of all blocks that a plan leaves in the tree.
func there(plan *scaffold.Plan) []string {
	var paths []string
	for _, f := range plan.Files {
		if f.Action != scaffold.Deleted {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

func newScaffoldCheckCmd(a *App) *cobra.Command {
	var flags checkFlags
	var dir string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the blocks of a project, and say how their files stand",
		Long: "Lists the files of the blocks that are there: as rendered, edited by you, deleted, or behind what\n" +
			"this cf renders. Then they are checked as cf validate does. It ends with 3 if something was found\n" +
			"or could not be checked, and with 4 if your edits keep a block from being applied again.",
		Example: "  cf scaffold check\n  cf scaffold check --dir shop --no-tests",
		Args:    cobra.NoArgs, Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(cmd *cobra.Command, _ []string) error { return a.scaffoldCheck(cmd, dir, flags) },
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&dir, "dir", "", "the project's `FOLDER`; usual is the current one")
	flags.add(cmd, "end with 0 although something could not be checked")
	return cmd
}

func (a *App) scaffoldCheck(cmd *cobra.Command, dir string, flags checkFlags) (err error) {
	c, err := scaffold.Own()
	if err != nil {
		return err
	}
	if dir != "" {
		a.Env.Dir = a.path(dir)
	}
	l, err := a.openLanding(cmd, landFlags{checkFlags: flags, dryRun: true}, workspace.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tree.Close()) }()
	p, err := scaffold.OpenProject(c, l.tree, l.tree.Working())
	if err != nil {
		return err
	}
	if !p.Marked() {
		return fault.New(fault.Usage, scaffold.CodeNoBlock, "no block is there").On("scaffold check", "").Hint("cf scaffold list names all blocks")
	}
	b := &blocks{landing: l, project: p, asked: p.Present()}
	plan, err := b.plan(scaffold.Want{})
	if err != nil {
		return err
	}
	return b.checkFiles(cmd.Context(), plan)
}
