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
	"github.com/bitactor/cf/clean"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/finish"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// finishFlags are the flags of cf finish.
type finishFlags struct {
	landFlags
	settle         settleFlags
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
			"with 3 if anything is. Go, Elixir, Erlang, Python and C.\n\n" +
			"With --settle each function of product code that holds a stub or a mark is put to the model. An\n" +
			"answer lands, with the tests as one change, only if the stub or mark is gone, the checks agree\n" +
			"and a test that passes runs what was written; else the place stays and is listed. Where no model\n" +
			"answers, all are listed. Without --settle no model is asked.",
		Example: "  cf finish src/queue --dry-run\n  cf finish bitactor_otp --merge-tests\n  cf finish src/queue --settle --budget 10m\n  cf finish docs/operations.md",
		Args:    cobra.ExactArgs(1), Annotations: map[string]string{annotEffect: effectAsk},
		RunE: func(cmd *cobra.Command, args []string) error { return a.finishWork(cmd, args[0], flags) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&flags.merge, "merge-tests", false, "unite scattered tests (it is done anyhow, unless --no-merge-tests is given)")
	f.BoolVar(&flags.noMerge, "no-merge-tests", false, "leave files of tests as they are")
	cmd.MarkFlagsMutuallyExclusive("merge-tests", "no-merge-tests")
	flags.settle.add(cmd, "settle", "put stubs and marks in product code to the model")
	flags.add(cmd, a)
	return cmd
}

// finishing is one run of cf finish.
type finishing struct {
	*landing
	flags    finishFlags
	path     string    // relative to the root
	settling *settling // nil where no model is asked
}

func (a *App) finishWork(cmd *cobra.Command, arg string, flags finishFlags) (err error) {
	if err := flags.settle.check(cmd); err != nil {
		return err
	}
	if err := flags.landFlags.check(cmd); err != nil {
		return err
	}
	l, err := a.openLanding(cmd, flags.landFlags, workspace.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tree.Close()) }()
	w := &finishing{landing: l, flags: flags}
	if w.path, err = l.tree.Resolve(arg); err != nil {
		return err
	}
	if l.tree.Kind(w.path) == "" {
		return fault.New(fault.Usage, check.CodeNoPath, "no file or folder is there").On("finish", w.path)
	}
	return w.run(cmd.Context())
}

// run has the model settle what is open where that is asked for, unites tests, lands
// both as one change, and tells what is left.
func (w *finishing) run(ctx context.Context) error {
	if !w.flags.settle.on {
		_, err := w.land(ctx, nil, "Unite the tests of "+w.path)
		return err
	}
	s := newSettling(w.landing, w.flags.settle, "Finish "+w.path)
	w.settling = s
	defer s.close()
	s.find = func(ctx context.Context, file string, text []byte) ([]check.Diagnostic, error) {
		return finish.Open(ctx, given(text), []string{file})
	}
	files, err := w.product(ctx)
	if err != nil {
		return err
	}
	settled, asked := s.run(ctx, files, nil, judge{w.landing})
	if ctx.Err() != nil { // nothing lands after a signal
		return s.end(ctx, nil, asked)
	}
	landed, err := w.land(ctx, settled, s.title)
	return s.end(ctx, landed, errors.Join(asked, err))
}

// land takes what was settled, nil for nothing, and the union of tests on top of it
// into the tree, and tells what is left.
func (w *finishing) land(ctx context.Context, trial *land.Trial, title string) (landed *land.Receipt, err error) {
	if !w.flags.noMerge {
		if trial, err = w.unite(ctx, trial); err != nil {
			return nil, err
		}
	}
	if landed, err = w.take(ctx, trial, title); err != nil {
		return nil, err
	}
	var set *workspace.Set
	if !w.flags.dryRun {
		w.forget()
	} else if trial != nil {
		set = trial.Set
	}
	return landed, w.report(ctx, set)
}

// given is the text of the one file that is looked at.
type given []byte

// Read is finish.Reader.
func (g given) Read(string) ([]byte, error) { return g, nil }

// product lists the files of product code below the path.
func (w *finishing) product(ctx context.Context) ([]string, error) {
	list, err := w.tree.List(ctx, workspace.ListOptions{})
	if err != nil {
		return nil, err
	}
	var files []string
	for _, f := range list.Files {
		if w.below(f.Path) && clean.Product(f.Path) && !engine.IsTest(f.Path) {
			files = append(files, f.Path)
		}
	}
	return files, nil
}

// below tells whether a file lies at the path.
func (w *finishing) below(file string) bool {
	return w.path == "." || file == w.path || strings.HasPrefix(file, w.path+"/")
}

// unite returns the trial of the union of scattered tests on top of another, nil for
// the tree; that other one where there are none to unite.
func (w *finishing) unite(ctx context.Context, on *land.Trial) (*land.Trial, error) {
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
		return on, nil
	}
	if err := w.consent(ctx, plan.Set); err != nil {
		return nil, err
	}
	w.lander.Rules.AllowLostTests = true // a case may have another name by now: Proof knows
	trial, err := w.try(ctx, joined(on, plan.Set))
	if err != nil {
		return nil, err
	}
	if err := plan.Proof(before(on, trial.Base), trial.Now); err != nil && !w.flags.noTests {
		return nil, err
	}
	trial.Verdict.Lost = nil
	if slices.ContainsFunc(plan.Set.Changes, func(c workspace.Change) bool { return c.Path == w.path && c.Delete }) {
		w.path = groups[0].Canonical // it is one of those that go
	}
	return trial, nil
}

// joined is the set of a trial, nil for none, with the changes of other files.
func joined(on *land.Trial, more *workspace.Set) *workspace.Set {
	if on == nil {
		return more
	}
	set := &workspace.Set{Changes: slices.Concat(on.Set.Changes, more.Changes), Reads: maps.Clone(on.Set.Reads)}
	if set.Reads == nil {
		set.Reads = map[string]string{}
	}
	maps.Copy(set.Reads, more.Reads)
	return set
}

// before is what the checks said before tests are united: of the trial that the union
// stands on, and of the tree where that trial did not look.
func before(on *land.Trial, tree *check.Report) *check.Report {
	if on == nil {
		return tree
	}
	report := *tree
	report.Parts = slices.Clone(on.Now.Parts)
	for _, p := range tree.Parts {
		if !slices.ContainsFunc(on.Now.Parts, func(o check.Part) bool { return o.Checker == p.Checker && o.Project == p.Project }) {
			report.Parts = append(report.Parts, p)
		}
	}
	return &report
}

// take shows and lands a trial; nil: there is none. The receipt of a dry run is nil.
func (w *finishing) take(ctx context.Context, trial *land.Trial, title string) (*land.Receipt, error) {
	if trial == nil {
		return nil, nil
	}
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
	if w.settling != nil {
		w.settling.files = changes.Files
	}
	return w.landing.land(ctx, trial, title, changes.Files)
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
	n, err := dropRejected(w.tree, w.below)
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
