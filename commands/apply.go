package commands

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/patch"
)

// applyFlags are the flags of cf apply.
type applyFlags struct {
	landFlags
	limits patch.Limits
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
	flags.add(cmd, a)
	f.IntVar(&flags.limits.Files, "max-files", patch.FilesMax, "most `FILES` that it may change")
	f.Int64Var(&flags.limits.FileBytes, "max-file-bytes", patch.FileBytesMax, "most `BYTES` of one file")
	return cmd
}

// application is one run of cf apply.
type application struct {
	*landing
	name   string // of the diff, for people
	diff   []byte
	limits patch.Limits
	result *patch.Result
}

func (a *App) apply(cmd *cobra.Command, name string, flags applyFlags) (err error) {
	if flags.limits.Files <= 0 || flags.limits.FileBytes <= 0 {
		return usageError(cmd, errors.New("--max-files and --max-file-bytes are at least 1"))
	}
	if err := flags.check(cmd); err != nil {
		return err
	}
	diff, err := a.readInput(cmd.Context(), name, flags.limits.DiffBytes())
	if err != nil {
		return err
	}
	l, err := a.openLanding(cmd, flags.landFlags, workspace.Limits{Files: flags.limits.Files, FileBytes: flags.limits.FileBytes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tree.Close()) }()
	p := &application{landing: l, name: "standard input", diff: diff, limits: flags.limits}
	if name != "-" {
		p.name = filepath.Base(name)
	}
	if err := p.prepare(); err != nil {
		return p.refused(err)
	}
	if err := p.consent(cmd.Context(), p.result.Set); err != nil {
		return err
	}
	trial, err := p.try(cmd.Context(), p.result.Set)
	if err != nil {
		return p.refused(err)
	}
	changes := changesEvent(p.result, trial.Verdict)
	if err := p.show(trial, changes); err != nil {
		return err
	}
	if !trial.Verdict.Land {
		return p.refused(land.Refusal(trial.Verdict))
	}
	_, err = p.land(cmd.Context(), trial, "Apply "+p.name, changes.Files)
	return err
}

// prepare turns the diff into a set that may be tried.
func (p *application) prepare() error {
	parsed, err := patch.Parse(p.diff, p.limits)
	if err != nil {
		return err
	}
	if p.result, err = parsed.Apply(p.tree); err != nil {
		if m := patch.AsMismatch(err); m != nil {
			p.events.Emit(event.Mismatch{File: m.File, Hunk: m.Hunk, DiffLine: m.DiffLine, Line: m.Line, Want: m.Want, Have: m.Have, Why: m.Why})
		}
		return err
	}
	if err := p.result.Set.CheckWithin(p.tree, p.landing.limits); err != nil {
		return err
	}
	return p.ledger.Ready()
}

// refused keeps a refused diff as it was given, where it is of worth.
func (p *application) refused(err error) error {
	switch fault.CodeOf(err) {
	case patch.CodeEmpty, patch.CodeBig, workspace.CodeMerging:
		return err
	}
	return p.landing.refused(err, p.diff)
}
