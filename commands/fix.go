package commands

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/fix"
	"github.com/bitactor/cf/engine/receipt"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

func newFixCmd(a *App) *cobra.Command {
	var flags engineFlags
	cmd := &cobra.Command{
		Use:   "fix [flags] [PATH...]",
		Short: "Repair what the checks report",
		Long: "Runs the checks as cf validate does, then mends file by file: first what needs no model\n" +
			"(imports, unused names, the formatters that the checks ask for), then by the model, which is\n" +
			"only asked if something is left. A file is kept only if the whole gets better by it: no new\n" +
			"finding, no newly failing or lost test. All that is kept lands as one change. Tests are not\n" +
			"changed by the model. It ends with 0 if nothing is left to repair, else with 3, and the best\n" +
			"that the model came to for a file that is left is kept under .cf/rejected.",
		Example: "  cf fix\n  cf fix src/queue.go --dry-run\n  cf fix --review\n  cf fix --ai-level high --budget 10m --commit",
		Args:    cobra.ArbitraryArgs, Annotations: map[string]string{annotEffect: effectAsk},
		RunE: func(cmd *cobra.Command, args []string) error { return a.fix(cmd, args, flags) },
	}
	cmd.Flags().SortFlags = false
	flags.add(cmd, a)
	return cmd
}

func (a *App) fix(cmd *cobra.Command, args []string, flags engineFlags) (err error) {
	if err := flags.check(cmd, a); err != nil {
		return err
	}
	l, err := a.openLanding(cmd, flags.landFlags, workspace.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tree.Close()) }()
	if len(args) == 0 {
		args = []string{"."}
	}
	paths := make([]string, len(args))
	for i, arg := range args {
		if paths[i], err = l.tree.Resolve(arg); err != nil {
			return err
		}
	}
	r := &repairing{carrying: carrying{landing: l, flags: flags, verb: "fix"}, paths: paths}
	defer r.close()
	return r.run(cmd.Context())
}

// repairing is one run of cf fix.
type repairing struct {
	carrying
	paths []string
}

func (r *repairing) run(ctx context.Context) error {
	report, err := r.report(ctx, nil)
	if err != nil {
		return err
	}
	if !report.Failing() {
		r.Events().Emit(event.Note{Level: "info", Text: "there is nothing to repair"})
		return r.showReport(report, r.flags.allowUnchecked)
	}
	if err := r.consent(ctx, touched(report)); err != nil {
		return err
	}
	began := r.Env.Now()
	result, err := r.mend(ctx, report)
	if result == nil {
		return err
	}
	rec := receipt.Receipt{}
	if r.engine != nil {
		rec = r.begun(r.engine, engine.Level(r.flags.level), result.Outcomes, result.Trial, r.title(result))
	}
	if err = r.end(ctx, result, &rec, err); r.engine == nil {
		return err // no model was asked: there is nothing to tell beyond the landing
	}
	return r.note(rec, began, err)
}

// title is what the landing or, where nothing was kept, the try is for.
func (r *repairing) title(result *fix.Result) string {
	if result.Trial == nil {
		return "Repair " + strings.Join(r.paths, " ")
	}
	return "Repair " + count(len(result.Trial.Set.Changes), "file")
}

// end lands what the mends came to and reports what is left. err is theirs.
func (r *repairing) end(ctx context.Context, result *fix.Result, rec *receipt.Receipt, err error) error {
	if ctx.Err() != nil { // nothing lands after a signal
		r.keepLeft(result, rec, err, true)
		return err
	}
	var set *workspace.Set
	if result.Trial != nil {
		set = result.Trial.Set
		if failed := r.take(ctx, result, rec); failed != nil {
			r.keepLeft(result, rec, failed, true)
			return failed
		}
	}
	for _, left := range result.Left {
		r.Events().Emit(event.Note{Level: "warn", Text: "not repaired: " + left.Text()})
	}
	if err != nil { // of the model's server
		r.keepLeft(result, rec, err, false)
		return err
	}
	if !r.flags.dryRun {
		set = nil // it is in the tree by now
	}
	report, err := r.report(ctx, set)
	if err != nil {
		return err
	}
	err = r.showReport(report, r.flags.allowUnchecked)
	if err != nil {
		r.keepLeft(result, rec, err, false)
	}
	return err
}

// keepLeft keeps the best that the model came to for each file that it did not
// repair; with mended also what was mended, where that can't land.
func (r *repairing) keepLeft(result *fix.Result, rec *receipt.Receipt, err error, mended bool) {
	if r.flags.dryRun || fault.KindOf(err) == fault.Usage {
		return
	}
	if mended && result.Trial != nil {
		rec.Rejected = r.keepSet(result.Trial.Set, err)
	}
	for _, o := range result.Outcomes {
		if t := o.Trial(); len(o.Won) > 0 || t != nil && t == result.Trial {
			continue
		}
		if dir := r.keepSet(bestOf(o), err); dir != "" {
			rec.Rejected = dir
		}
	}
}

// report checks the paths, with a set laid over the tree.
func (r *repairing) report(ctx context.Context, set *workspace.Set) (report *check.Report, err error) {
	stage, err := r.stage(ctx, set)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	p := r.progress("checking")
	defer p.Close()
	return check.Run(ctx, check.Request{
		Stage: stage, Paths: r.paths, Checkers: r.checking.checkers, Tests: !r.flags.noTests, Cache: r.Env.Paths.Cache, Events: p,
	})
}

// touched is a set of the files with findings, to ask for consent about.
func touched(report *check.Report) *workspace.Set {
	set, seen := &workspace.Set{}, map[string]bool{}
	for _, d := range report.Diagnostics() {
		if d.File != "" && !seen[d.File] {
			seen[d.File] = true
			set.Changes = append(set.Changes, workspace.Change{Path: d.File})
		}
	}
	return set
}

// mend finds the change.
func (r *repairing) mend(ctx context.Context, report *check.Report) (*fix.Result, error) {
	budget, err := r.budget(r.flags.budget)
	if err != nil {
		return nil, err
	}
	f := &fix.Fixer{
		Tree: r.tree, Box: r.box, Checkers: r.checking.checkers, Judge: judge{r.landing}, Events: r.Events(), Level: engine.Level(r.flags.level),
		Budget: budget, Removals: r.flags.removals, Now: r.Env.Now,
		Connect: func(ctx context.Context) (fix.Proposer, error) {
			err := r.connect(ctx)
			return r.engine, err
		},
	}
	return f.Fix(ctx, report)
}

// take lands what was kept; rec says so.
func (r *repairing) take(ctx context.Context, result *fix.Result, rec *receipt.Receipt) error {
	changes, err := r.changes(result.Trial)
	if err != nil {
		return err
	}
	rec.Files = changes.Files
	if err := r.consent(ctx, result.Trial.Set); err != nil {
		return err
	}
	if err := r.show(result.Trial, changes); err != nil {
		return err
	}
	whole := true
	if r.flags.review {
		trial, files, err := r.reviewed(ctx, result.Trial, changes.Files)
		if err != nil {
			return err
		}
		whole = trial == result.Trial
		result.Trial, rec.Files = trial, files
	}
	landed, err := r.land(ctx, result.Trial, r.title(result), rec.Files)
	if err != nil || landed == nil {
		return err
	}
	rec.Landed, rec.Git = landed.Landed.ID, landed.Landed.Git
	if r.engine != nil && whole { // an answer of which a part was taken is no example
		r.remember(ctx, r.engine.Memory, result.Examples)
	}
	return nil
}
