package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/finish"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// finishFlags are the flags of cf finish.
type finishFlags struct {
	landFlags
	merge, noMerge bool
}

func newFinishCmd(a *App) *cobra.Command {
	var flags finishFlags
	cmd := &cobra.Command{
		Use:   "finish PATH",
		Short: "Bring work to done: unite tests, list what is open, check",
		Long: "Unites the tests that lie scattered around PATH (queue_extra_test.go, queue_2_test.go and the\n" +
			"like) in their canonical file, by syntax tree: imports and helpers once, a case dropped only\n" +
			"where one with the same body stays. It lands only if every case runs as before. Then rejected\n" +
			"candidates for PATH are removed, PATH is checked as cf validate does, and what is still open is\n" +
			"listed: marks of work to do, stubs, skipped tests, sections of a document without text. It ends\n" +
			"with 3 if anything is. Go, Elixir, Erlang, Python and C; no model is asked.",
		Example: "  cf finish src/queue --dry-run\n  cf finish bitactor_otp --merge-tests\n  cf finish docs/operations.md",
		Args:    cobra.ExactArgs(1), Annotations: map[string]string{annotEffect: effectWrite},
		RunE: func(cmd *cobra.Command, args []string) error { return a.finishWork(cmd, args[0], flags) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&flags.merge, "merge-tests", false, "unite scattered tests (it is done anyhow, unless --no-merge-tests is given)")
	f.BoolVar(&flags.noMerge, "no-merge-tests", false, "leave files of tests as they are")
	cmd.MarkFlagsMutuallyExclusive("merge-tests", "no-merge-tests")
	flags.add(cmd, a)
	return cmd
}

// finishing is one run of cf finish.
type finishing struct {
	*landing
	path string // relative to the root
}

func (a *App) finishWork(cmd *cobra.Command, arg string, flags finishFlags) (err error) {
	if err := flags.check(cmd); err != nil {
		return err
	}
	l, err := a.openLanding(cmd, flags.landFlags, workspace.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tree.Close()) }()
	w := &finishing{landing: l}
	if w.path, err = l.tree.Resolve(arg); err != nil {
		return err
	}
	if l.tree.Kind(w.path) == "" {
		return fault.New(fault.Usage, check.CodeNoPath, "no file or folder is there").On("finish", w.path)
	}
	var set *workspace.Set
	if !flags.noMerge {
		if set, err = w.unite(cmd.Context()); err != nil {
			return err
		}
	}
	if !flags.dryRun {
		set = nil // it is in the tree by now
		w.forget()
	}
	return w.report(cmd.Context(), set)
}

// unite lands the union of scattered tests, and returns the set of a dry run.
func (w *finishing) unite(ctx context.Context) (*workspace.Set, error) {
	list, err := w.tree.List(ctx, workspace.ListOptions{})
	if err != nil {
		return nil, err
	}
	var files []string
	for _, f := range list.Files {
		files = append(files, f.Path)
	}
	groups := finish.Find(files, []string{w.path})
	plan, err := finish.Merge(ctx, w.tree, groups)
	if err != nil {
		return nil, err
	}
	for _, m := range plan.Merged {
		w.Events().Emit(event.Note{Level: "info", Text: mergedText(m)})
	}
	if len(plan.Set.Changes) == 0 {
		return nil, nil
	}
	if err := w.consent(ctx, plan.Set); err != nil {
		return nil, err
	}
	w.lander.Rules.AllowLostTests = true // a case may have another name by now: Proof knows
	trial, err := w.try(ctx, plan.Set)
	if err != nil {
		return nil, err
	}
	if err := plan.Proof(trial.Base, trial.Now); err != nil && !w.flags.noTests {
		return nil, err
	}
	trial.Verdict.Lost = nil
	changes, err := w.changes(trial)
	if err != nil {
		return nil, err
	}
	if err := w.show(trial, changes); err != nil {
		return nil, err
	}
	if !trial.Verdict.Land {
		return nil, land.Refusal(trial.Verdict)
	}
	if _, err := w.land(ctx, trial, "Unite the tests of "+w.path, changes.Files); err != nil {
		return nil, err
	}
	if w.tree.Kind(w.path) == "" { // it was one of those that are gone
		w.path = groups[0].Canonical
	}
	return plan.Set, nil
}

func mergedText(m finish.Merged) string {
	if m.Why != "" {
		return fmt.Sprintf("%s stays beside %s: %s", m.File, m.Into, m.Why)
	}
	text := fmt.Sprintf("%s: %s into %s", m.File, count(m.Cases, "case"), m.Into)
	if len(m.Dropped) > 0 {
		text += ", there already: " + strings.Join(m.Dropped, ", ")
	}
	for _, was := range slices.Sorted(maps.Keys(m.Renamed)) {
		text += fmt.Sprintf(", %s is called %s", was, m.Renamed[was])
	}
	return text
}

// forget removes the rejected candidates that are about the path alone.
func (w *finishing) forget() {
	n, err := dropRejected(w.tree, func(file string) bool {
		return w.path == "." || file == w.path || strings.HasPrefix(file, w.path+"/")
	})
	if err != nil {
		w.warn("rejected candidates could not be removed: " + err.Error())
	}
	if n > 0 {
		w.Events().Emit(event.Note{Level: "info", Text: "removed " + count(n, "rejected candidate")})
	}
}

// report checks the path and lists what is open. A set of a dry run is laid over the
// tree.
func (w *finishing) report(ctx context.Context, set *workspace.Set) (err error) {
	stage, err := w.stage(ctx, set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	p := w.progress("checking")
	report, err := check.Run(ctx, check.Request{
		Stage: stage, Paths: []string{w.path}, Checkers: w.checking.checkers, Tests: !w.flags.noTests, Cache: w.Env.Paths.Cache, Events: p,
	})
	p.Close()
	if err != nil {
		return err
	}
	var files []string
	for _, part := range report.Parts {
		files = append(files, part.Files...)
	}
	open, err := finish.Open(ctx, stage, append(files, report.Unmatched...))
	if err != nil {
		return err
	}
	if len(open) > 0 {
		report.Parts = append(report.Parts, check.Part{Checker: "finish", Project: ".", State: check.Findings, Outcome: check.Outcome{Diagnostics: open}})
	}
	return w.showReport(report, w.flags.allowUnchecked)
}
