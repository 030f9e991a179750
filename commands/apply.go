package commands

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/patch"
)

// applyFlags are the flags of cf apply.
type applyFlags struct {
	checkFlags
	dryRun, commit, allowDirty bool
	limits                     patch.Limits
}

func newApplyCmd(a *App) *cobra.Command {
	var flags applyFlags
	cmd := &cobra.Command{
		Use:   "apply DIFF",
		Short: "Land a diff: staged, checked, all of it or nothing",
		Long: "DIFF is a unified diff as git diff or diff -u writes it; - reads it from standard input. It is\n" +
			"laid over the tree in a stage and checked there against the unchanged tree: no new diagnostic,\n" +
			"no newly failing or lost test, nothing unchecked. Then it lands whole, and cf undo takes it\n" +
			"back. A hunk lands only on the text that it names, at its place or at the only other place\n" +
			"that holds it. What is refused (exit code 3) is kept under .cf/rejected.",
		Example: "  cf apply fix.diff --dry-run\n  git diff main..topic | cf apply - --commit\n  cf apply fix.diff --test \"./run-tests\"",
		Args:    cobra.ExactArgs(1), Annotations: map[string]string{annotEffect: effectWrite},
		RunE: func(cmd *cobra.Command, args []string) error { return a.apply(cmd, args[0], flags) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&flags.dryRun, "dry-run", false, "check it and show the diff; change nothing")
	f.BoolVar(&flags.commit, "commit", false, "land it as a git commit too, with what was checked as its message")
	f.BoolVar(&flags.allowDirty, "allow-dirty", false, "change files with edits of yours that git has not committed")
	flags.add(cmd, "land it although something could not be checked")
	f.BoolVarP(&a.Yes, "yes", "y", false, "do not ask")
	f.IntVar(&flags.limits.Files, "max-files", patch.FilesMax, "most `FILES` that it may change")
	f.Int64Var(&flags.limits.FileBytes, "max-file-bytes", patch.FileBytesMax, "most `BYTES` of one file")
	return cmd
}

// application is one run of cf apply.
type application struct {
	*App
	cmd    *cobra.Command
	flags  applyFlags
	name   string // of the diff, for people
	diff   []byte
	events *recorder
	tree   *workspace.Tree
	ledger *workspace.Ledger
	result *patch.Result
}

func (a *App) apply(cmd *cobra.Command, name string, flags applyFlags) (err error) {
	if flags.limits.Files <= 0 || flags.limits.FileBytes <= 0 {
		return usageError(cmd, errors.New("--max-files and --max-file-bytes are at least 1"))
	}
	if flags.commit && flags.dryRun {
		return usageError(cmd, errors.New("--commit and --dry-run exclude each other"))
	}
	diff, err := a.readInput(cmd.Context(), name, flags.limits.DiffBytes())
	if err != nil {
		return err
	}
	c, err := a.openChecking(cmd, flags.checkFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.tree.Close()) }()
	p := &application{App: a, cmd: cmd, flags: flags, name: "standard input", diff: diff, events: &recorder{sink: a.Events()}, tree: c.tree}
	if name != "-" {
		p.name = filepath.Base(name)
	}
	if p.ledger, err = a.openLedger(c.tree); err != nil {
		return err
	}
	if err := p.prepare(); err != nil {
		return p.refused(err)
	}
	if err := p.consent(cmd.Context()); err != nil {
		return err
	}
	progress := a.progress("checking the change")
	lander := &land.Lander{
		Tree: c.tree, Box: c.box, Ledger: p.ledger, Checkers: c.checkers, Cache: a.Env.Paths.Cache, Events: progress,
		Rules: check.Rules{AllowUnchecked: flags.allowUnchecked}, NoTests: flags.noTests, Limits: p.limits(),
	}
	trial, err := lander.Try(cmd.Context(), p.result.Set)
	progress.Close()
	if err != nil {
		return p.refused(err)
	}
	if err := p.show(trial); err != nil {
		return err
	}
	if !trial.Verdict.Land {
		return p.refused(land.Refusal(trial.Verdict))
	}
	return p.land(cmd.Context(), lander, trial)
}

func (p *application) limits() workspace.Limits {
	return workspace.Limits{Files: p.flags.limits.Files, FileBytes: p.flags.limits.FileBytes}
}

// prepare turns the diff into a set that may be tried.
func (p *application) prepare() error {
	parsed, err := patch.Parse(p.diff, p.flags.limits)
	if err != nil {
		return err
	}
	if p.result, err = parsed.Apply(p.tree); err != nil {
		if m := patch.AsMismatch(err); m != nil {
			p.events.Emit(event.Mismatch{File: m.File, Hunk: m.Hunk, DiffLine: m.DiffLine, Line: m.Line, Want: m.Want, Have: m.Have, Why: m.Why})
		}
		return err
	}
	if err := p.result.Set.CheckWithin(p.tree, p.limits()); err != nil {
		return err
	}
	return p.ledger.Ready()
}

// consent asks about what the user may not have meant: edits of his own that git
// does not hold, and files that run without being called. Where nobody can be
// asked it wants the flags that say so.
func (p *application) consent(ctx context.Context) error {
	dirt, err := p.ledger.Dirty(ctx, p.result.Set, p.Env.Environ)
	if fault.CodeOf(err) == workspace.CodeNoGit {
		p.warn("git is not installed: whether you have uncommitted edits could not be told")
	} else if err != nil {
		return err
	}
	asks := p.Env.StdinTTY && p.Env.StderrTTY && !p.JSON
	if len(dirt) > 0 && !p.flags.allowDirty {
		var names []string
		for _, d := range dirt {
			names = append(names, d.Path+" ("+d.Why+")")
		}
		conflict := fault.New(fault.Conflict, workspace.CodeDirty, "edits of yours that git has not committed: %s", strings.Join(names, ", ")).
			On("apply", "").Hint("commit or stash them, or give --allow-dirty: cf undo keeps what was there")
		if err := p.agree(ctx, asks, conflict, "change files with uncommitted edits: "+strings.Join(names, ", ")+"?"); err != nil {
			return err
		}
	}
	var runs []string
	for _, s := range p.result.Set.Sensitive() {
		runs = append(runs, s.Path+" ("+s.Why+")")
	}
	if len(runs) == 0 || p.Yes {
		return nil
	}
	unasked := usageError(p.cmd, fmt.Errorf("it changes what runs without being called: %s", strings.Join(runs, ", "))).
		Hint("look at it with --dry-run, then give --yes")
	return p.agree(ctx, asks, unasked, "it changes what runs without being called: "+strings.Join(runs, ", ")+". Go on?")
}

// agree asks if it can, and returns refusal if it can't or the answer is no. A dry
// run only warns.
func (p *application) agree(ctx context.Context, asks bool, refusal *fault.Error, question string) error {
	if p.flags.dryRun {
		p.warn(refusal.Err.Error())
		return nil
	}
	if !asks {
		return refusal
	}
	yes, err := p.askYes(ctx, question)
	if err == nil && !yes {
		return refusal
	}
	return err
}

// land commits the trial, or says what would be.
func (p *application) land(ctx context.Context, l *land.Lander, t *land.Trial) error {
	if p.flags.dryRun {
		landed := event.Landed{DryRun: true}
		for _, f := range p.result.Files {
			landed.Files = append(landed.Files, event.Touch{Path: f.Path, Action: f.Action})
		}
		p.events.Emit(landed)
		return nil
	}
	shown := len(p.ledger.Recovered())
	receipt, err := l.Land(ctx, t, land.Options{Title: "Apply " + p.name, Git: p.flags.commit, Env: p.Env.Environ})
	p.showRecovered(p.ledger, shown)
	if err != nil {
		return err
	}
	p.events.Emit(event.Landed{
		ID: receipt.Landed.ID, Files: touches(receipt.Landed.Files), Git: receipt.Landed.Git, Notes: receipt.Landed.Notes,
	})
	return nil
}

func touches(files []workspace.Touch) []event.Touch {
	out := make([]event.Touch, len(files))
	for i, f := range files {
		out[i] = event.Touch{Path: f.Path, Action: f.Action}
	}
	return out
}

// refused keeps a refused diff with what was found, and returns err.
func (p *application) refused(err error) error {
	var f *fault.Error
	if p.flags.dryRun || !errors.As(err, &f) || f.Kind != fault.Refused {
		return err
	}
	switch f.Code {
	case patch.CodeEmpty, patch.CodeBig, workspace.CodeMerging:
		return err // nothing of worth in it
	}
	id, dir, failed := keepRejected(p.tree, p.Env.Now(), p.diff, append(p.events.lines, eventLine(exitOf(err))...))
	if failed != nil {
		p.warn("the refused diff could not be kept: " + failed.Error())
		return err
	}
	p.Events().Emit(event.Saved{What: "refused change", ID: id, Path: dir})
	return err
}
