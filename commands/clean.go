package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/clean"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// cleanTargets are the values of --target.
var cleanTargets = map[string][]clean.Target{
	"mocks": {clean.Mocks}, "mock": {clean.Mocks}, "errors": {clean.Errors}, "error": {clean.Errors}, "all": {clean.Mocks, clean.Errors},
}

// cleanFlags are the flags of cf clean.
type cleanFlags struct {
	landFlags
	target string
	review bool
}

func newCleanCmd(a *App) *cobra.Command {
	var flags cleanFlags
	cmd := &cobra.Command{
		Use:   "clean [PATH]",
		Short: "Find code that pretends or hides failures, and mend it",
		Long: "Looks at the product code at PATH (the current folder if none is given), not at its tests.\n\n" +
			"mocks: stubs, test doubles and work that is only pretended; each is listed with why.\n" +
			"errors: handling that hides failures. In Elixir a rescue that turns every failure into a value\n" +
			"is dropped, so that the process crashes and its supervisor starts it anew; at boundaries (input,\n" +
			"files, sockets, other processes) it is kept. In Go and Python the cause is passed on.\n\n" +
			"Mends are made by the syntax tree, checked against the unchanged tree, and land as one change;\n" +
			"a file whose mend the checks refuse is left and listed. No model is asked. It ends with 3 if\n" +
			"something is left.",
		Example: "  cf clean --target errors --dry-run\n  cf clean src --target all --commit\n  cf clean --target mocks --json",
		Args:    cobra.MaximumNArgs(1), Annotations: map[string]string{annotEffect: effectWrite},
		RunE: func(cmd *cobra.Command, args []string) error { return a.clean(cmd, args, flags) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&flags.target, "target", "all", "`WHAT` to look for: mocks, errors or all")
	f.BoolVar(&flags.review, "review", false, "ask on the terminal about each hunk before it lands")
	flags.add(cmd, a)
	return cmd
}

// cleaning is one run of cf clean.
type cleaning struct {
	*landing
	review bool
	path   string
	result *clean.Result
	mended map[string]bool // files whose mends landed, or would
}

func (a *App) clean(cmd *cobra.Command, args []string, flags cleanFlags) (err error) {
	targets, known := cleanTargets[flags.target]
	switch {
	case !known:
		return usageError(cmd, fmt.Errorf("--target %q: there is mocks, errors and all", flags.target))
	case flags.review && !a.asks():
		return usageError(cmd, errors.New("--review asks on a terminal, and there is none"))
	}
	if err := flags.check(cmd); err != nil {
		return err
	}
	patterns, err := clean.For(targets...)
	if err != nil {
		return err
	}
	l, err := a.openLanding(cmd, flags.landFlags, workspace.Limits{Files: clean.FilesMax})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tree.Close()) }()
	w := &cleaning{landing: l, review: flags.review, mended: map[string]bool{}}
	if len(args) == 0 {
		args = []string{"."}
	}
	if w.path, err = l.tree.Resolve(args[0]); err != nil {
		return err
	}
	if err := w.find(cmd.Context(), patterns); err != nil {
		return err
	}
	if len(w.result.Set.Changes) > 0 {
		if err := w.mend(cmd.Context()); err != nil {
			return err
		}
	}
	return w.report()
}

// find looks at the files below the path.
func (w *cleaning) find(ctx context.Context, patterns []*clean.Pattern) error {
	var files []string
	switch w.tree.Kind(w.path) {
	case "file":
		files = []string{w.path}
	case "folder":
		list, err := w.tree.List(ctx, workspace.ListOptions{Under: w.path})
		if err != nil {
			return err
		}
		for _, f := range list.Files {
			files = append(files, f.Path)
		}
		if list.Stopped != "" {
			w.warn("not all files were looked at: " + list.Stopped)
		}
	default:
		return fault.New(fault.Usage, check.CodeNoPath, "no file or folder is there").On("clean", w.path)
	}
	var err error
	if w.result, err = clean.Tree(ctx, w.tree, files, patterns); err == nil && len(w.result.Later) > 0 {
		w.warn(count(len(w.result.Later), "file") + " more than one change may hold; cf clean mends them when it runs again")
	}
	return err
}

// mend lands the mends: all of them if the checks say yes, else as many as pass.
func (w *cleaning) mend(ctx context.Context) error {
	if err := w.consent(ctx, w.result.Set); err != nil {
		return err
	}
	for _, c := range w.result.Set.Changes { // so that all trials share what the unchanged tree gave
		w.lander.Beside = append(w.lander.Beside, c.Path)
	}
	trial, err := w.passing(ctx)
	if err != nil || trial == nil {
		return err
	}
	changes, err := w.changes(trial)
	if err != nil {
		return err
	}
	if err := w.show(trial, changes); err != nil {
		return err
	}
	if w.review {
		if trial, changes.Files, err = w.reviewed(ctx, trial, changes.Files); err != nil {
			return err
		}
	}
	if _, err := w.land(ctx, trial, "Clean "+w.path, changes.Files); err != nil {
		return err
	}
	for _, c := range trial.Set.Changes {
		w.mended[c.Path] = true
	}
	return nil
}

// report lists what is left: findings, and as notes what was kept on purpose.
func (w *cleaning) report() error {
	left, kept, mended := 0, 0, 0
	for _, f := range w.result.Findings {
		d := event.Diagnostic{
			File: f.File, Line: f.Line, Severity: string(check.Warning), Rule: f.Pattern.ID, Message: f.Pattern.Why, Checker: "clean", Tool: "cf clean", Source: f.Text,
		}
		switch {
		case f.Kept != "":
			kept++
			d.Severity, d.Message = string(check.Note), "kept: "+f.Kept
		case f.Mends() && w.mended[f.File]:
			mended++
			continue
		default:
			left++
		}
		w.Events().Emit(d)
	}
	for _, file := range slices.Sorted(maps.Keys(w.result.Unread)) {
		w.Events().Emit(event.Gap{File: file, Checker: "clean", What: "patterns", Why: w.result.Unread[file]})
	}
	w.Events().Emit(event.Note{Level: "info", Text: fmt.Sprintf("%s looked at: %d mended, %d kept at boundaries, %d left", count(w.result.Files, "file"), mended, kept, left)})
	if left == 0 {
		return nil
	}
	return fault.New(fault.Refused, codeFindings, "%s left", count(left, "finding")).On("clean", w.path).
		Hint("cf implement FILE#SYMBOL has the model write what is only pretended")
}
