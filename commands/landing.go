package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// landFlags are the flags of the verbs that land a change.
type landFlags struct {
	checkFlags
	dryRun, commit, allowDirty bool
}

func (l *landFlags) add(cmd *cobra.Command, a *App) {
	cmd.Flags().BoolVar(&l.dryRun, "dry-run", false, "check it and show the diff; change nothing")
	l.addOthers(cmd, a)
}

// addOthers leaves --dry-run to the verb.
func (l *landFlags) addOthers(cmd *cobra.Command, a *App) {
	f := cmd.Flags()
	f.BoolVar(&l.commit, "commit", false, "land it as a git commit too, with what was checked as its message")
	f.BoolVar(&l.allowDirty, "allow-dirty", false, "change files with edits of yours that git has not committed")
	l.checkFlags.add(cmd, "land it although something could not be checked")
	f.BoolVarP(&a.Yes, "yes", "y", false, "do not ask")
}

// check refuses what can't go together. The message is worded as the flags are
// typed.
func (l *landFlags) check(cmd *cobra.Command) error {
	if l.commit && l.dryRun {
		return usageError(cmd, errors.New("--commit and --dry-run exclude each other"))
	}
	return nil
}

// landing takes a change into the tree: consent, checks, report, commit. All verbs
// that change the user's files go through it.
type landing struct {
	*App
	*checking
	cmd    *cobra.Command
	flags  landFlags
	limits workspace.Limits
	events *recorder // of what is told about the change
	ledger *workspace.Ledger
	lander *land.Lander
}

// openLanding makes one ready. The caller closes its tree.
func (a *App) openLanding(cmd *cobra.Command, flags landFlags, limits workspace.Limits) (*landing, error) {
	c, err := a.openChecking(cmd, flags.checkFlags)
	if err != nil {
		return nil, err
	}
	l := &landing{App: a, checking: c, cmd: cmd, flags: flags, limits: limits, events: &recorder{sink: a.Events()}}
	if l.ledger, err = a.openLedger(c.tree); err != nil {
		return nil, errors.Join(err, c.tree.Close())
	}
	l.lander = &land.Lander{
		Tree: c.tree, Box: c.box, Ledger: l.ledger, Checkers: c.checkers, Cache: a.Env.Paths.Cache, Events: a.Events(),
		Rules: check.Rules{AllowUnchecked: flags.allowUnchecked}, NoTests: flags.noTests, Limits: limits,
	}
	return l, nil
}

// consent asks about what the user may not have meant: edits of his own that git
// does not hold, and files that run without being called. Where nobody can be
// asked it wants the flags that say so.
func (l *landing) consent(ctx context.Context, set *workspace.Set) error {
	if err := l.consentDirty(ctx, set); err != nil {
		return err
	}
	return l.consentSensitive(ctx, set)
}

// consentDirty asks about edits of the user's own that git does not hold.
func (l *landing) consentDirty(ctx context.Context, set *workspace.Set) error {
	dirt, err := l.ledger.Dirty(ctx, set, l.Env.Environ)
	if fault.CodeOf(err) == workspace.CodeNoGit {
		l.warn("git is not installed: whether you have uncommitted edits could not be told")
	} else if err != nil {
		return err
	}
	if len(dirt) > 0 && !l.flags.allowDirty {
		var names []string
		for _, d := range dirt {
			names = append(names, d.Path+" ("+d.Why+")")
		}
		conflict := fault.New(fault.Conflict, workspace.CodeDirty, "edits of yours that git has not committed: %s", strings.Join(names, ", ")).
			On(l.cmd.Name(), "").Hint("commit or stash them, or give --allow-dirty: cf undo keeps what was there")
		if err := l.agree(ctx, conflict, "change files with uncommitted edits: "+strings.Join(names, ", ")+"?"); err != nil {
			return err
		}
	}
	return nil
}

// consentSensitive asks about files that run without being called.
func (l *landing) consentSensitive(ctx context.Context, set *workspace.Set) error {
	var runs []string
	for _, s := range set.Sensitive() {
		runs = append(runs, s.Path+" ("+s.Why+")")
	}
	if len(runs) == 0 || l.Yes {
		return nil
	}
	unasked := usageError(l.cmd, fmt.Errorf("it changes what runs without being called: %s", strings.Join(runs, ", "))).
		Hint("look at it with --dry-run, then give --yes")
	return l.agree(ctx, unasked, "it changes what runs without being called: "+strings.Join(runs, ", ")+". Go on?")
}

// agree asks if it can, and returns refusal if it can't or the answer is no. A dry
// run only warns.
func (l *landing) agree(ctx context.Context, refusal *fault.Error, question string) error {
	if l.flags.dryRun {
		l.warn(refusal.Err.Error())
		return nil
	}
	if !l.asks() {
		return refusal
	}
	yes, err := l.askYes(ctx, question)
	if err == nil && !yes {
		return refusal
	}
	return err
}

// asks tells whether there is somebody to be asked.
func (a *App) asks() bool { return a.Env.StdinTTY && a.Env.StderrTTY && !a.JSON }

// try checks a set.
func (l *landing) try(ctx context.Context, set *workspace.Set) (*land.Trial, error) {
	progress := l.progress("checking the change")
	defer progress.Close()
	l.lander.Events = progress
	return l.lander.Try(ctx, set)
}

// judge is a landing as the engine asks it: while a try takes long, what runs is
// shown.
type judge struct{ *landing }

// Try is engine.Judge.
func (j judge) Try(ctx context.Context, set *workspace.Set) (*land.Trial, error) {
	return j.try(ctx, set)
}

// land commits the trial under that title, or, in a dry run, says what would be;
// there the receipt is nil.
func (l *landing) land(ctx context.Context, t *land.Trial, title string, files []event.FileChange) (*land.Receipt, error) {
	if l.flags.dryRun {
		landed := event.Landed{DryRun: true}
		for _, f := range files {
			landed.Files = append(landed.Files, event.Touch{Path: f.Path, Action: f.Action})
		}
		l.events.Emit(landed)
		return nil, nil
	}
	shown := len(l.ledger.Recovered())
	receipt, err := l.lander.Land(ctx, t, land.Options{Title: title, Git: l.flags.commit, Env: l.Env.Environ})
	l.showRecovered(l.ledger, shown)
	if err != nil {
		return nil, err
	}
	l.events.Emit(event.Landed{
		ID: receipt.Landed.ID, Files: touches(receipt.Landed.Files), Git: receipt.Landed.Git, Notes: receipt.Landed.Notes,
	})
	return receipt, nil
}

func touches(files []workspace.Touch) []event.Touch {
	out := make([]event.Touch, len(files))
	for i, f := range files {
		out[i] = event.Touch{Path: f.Path, Action: f.Action}
	}
	return out
}

// refused keeps a refused change with what was found, and returns err. Only a
// fault of kind Refused makes it one; a dry run keeps nothing.
func (l *landing) refused(err error, diff []byte) error {
	if !l.flags.dryRun && fault.KindOf(err) == fault.Refused && len(diff) > 0 {
		l.kept(err, diff)
	}
	return err
}

// kept stores a change that did not land because of err, and returns its folder,
// "" if that could not be made.
func (l *landing) kept(err error, diff []byte) string {
	what := "refused change"
	if fault.KindOf(err) != fault.Refused {
		what = "best candidate so far"
	}
	id, dir, failed := keepRejected(l.tree, l.Env.Now(), diff, append(l.events.lines, eventLine(exitOf(err))...))
	if failed != nil {
		l.warn("the " + what + " could not be kept: " + failed.Error())
		return ""
	}
	l.Events().Emit(event.Saved{What: what, ID: id, Path: dir})
	return dir
}
