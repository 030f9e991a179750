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
	"github.com/bitactor/cf/engine/land"
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
	settle settleFlags
	target string
	review bool
}

func newCleanCmd(a *App) *cobra.Command {
	var flags cleanFlags
	cmd := &cobra.Command{
		Use:   "clean [PATH]",
		Short: "Find code that pretends or hides failures, and mend it",
		Long: "Looks at the product code at PATH (the current folder if none is given), not at its tests.\n\n" +
			"mocks: stubs, test doubles and work that is only pretended; each is listed with why. With\n" +
			"--replace each function that holds one is put to the model, and what it writes lands only if the\n" +
			"place is gone, the checks agree and a test that passes runs it; else it stays listed.\n" +
			"errors: handling that hides failures. In Elixir a rescue that turns every failure into a value\n" +
			"is dropped, so that the process crashes and its supervisor starts it anew; at boundaries (input,\n" +
			"files, sockets, other programs) it is kept. In Go and Python the cause is passed on.\n\n" +
			"Mends are made by the syntax tree, checked against the unchanged tree, and land as one change;\n" +
			"a file whose mend the checks refuse is left and listed. Without --replace no model is asked. It\n" +
			"ends with 3 if something is left. With each it says how many of its kind two readers called\n" +
			"right in code of others that its pattern had not been tried on, if they read five or more.",
		Example: "  cf clean --target errors --dry-run\n  cf clean src --target all --commit\n  cf clean --target mocks --replace --budget 10m\n  cf clean --target mocks --json",
		Args:    cobra.MaximumNArgs(1), Annotations: map[string]string{annotEffect: effectAsk},
		RunE: func(cmd *cobra.Command, args []string) error { return a.clean(cmd, args, flags) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&flags.target, "target", "all", "`WHAT` to look for: mocks, errors or all")
	f.BoolVar(&flags.review, "review", false, "ask on the terminal about each hunk before it lands")
	flags.settle.add(cmd, "replace", "put stubs and doubles in product code to the model")
	flags.add(cmd, a)
	return cmd
}

// cleaning is one run of cf clean.
type cleaning struct {
	*landing
	flags    cleanFlags
	path     string
	files    []string // below the path
	patterns []*clean.Pattern
	known    *clean.Known
	result   *clean.Result
	mended   map[string]bool // files whose mends landed, or would
	replaced int             // findings that the model's code took away
}

func (a *App) clean(cmd *cobra.Command, args []string, flags cleanFlags) (err error) {
	targets, known := cleanTargets[flags.target]
	switch {
	case !known:
		return usageError(cmd, fmt.Errorf("--target %q: there is mocks, errors and all", flags.target))
	case flags.review && !a.asks():
		return usageError(cmd, errors.New("--review asks on a terminal, and there is none"))
	case flags.settle.on && !slices.Contains(targets, clean.Mocks):
		return usageError(cmd, errors.New("--replace is about mocks: --target mocks or all"))
	}
	if err := flags.settle.check(cmd); err != nil {
		return err
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
	w := &cleaning{landing: l, flags: flags, patterns: patterns, mended: map[string]bool{}}
	if len(args) == 0 {
		args = []string{"."}
	}
	if w.path, err = l.tree.Resolve(args[0]); err != nil {
		return err
	}
	return w.run(cmd.Context())
}

// run lands the mends, and what the model wrote where that is asked for, as one change,
// and tells what is left.
func (w *cleaning) run(ctx context.Context) error {
	if err := w.find(ctx); err != nil {
		return err
	}
	trial, err := w.mends(ctx)
	if err != nil {
		return err
	}
	if w.flags.settle.on {
		return w.replace(ctx, trial)
	}
	if _, err := w.take(ctx, trial, nil); err != nil {
		return err
	}
	return w.report()
}

// find looks at the files below the path; what their names mean the whole tree says.
func (w *cleaning) find(ctx context.Context) (err error) {
	switch w.tree.Kind(w.path) {
	case "file":
		w.files = []string{w.path}
	case "folder":
		if w.files, err = w.listed(ctx, w.path); err != nil {
			return err
		}
	default:
		return fault.New(fault.Usage, check.CodeNoPath, "no file or folder is there").On("clean", w.path)
	}
	all := w.files
	if w.path != "." {
		if all, err = w.listed(ctx, "."); err != nil {
			return err
		}
	}
	if w.known, err = clean.KnownOf(ctx, w.tree, all); err != nil {
		return err
	}
	if w.result, err = clean.Tree(ctx, w.tree, w.files, w.known, w.patterns); err == nil && len(w.result.Later) > 0 {
		w.warn(count(len(w.result.Later), "file") + " more than one change may hold; cf clean mends them when it runs again")
	}
	return err
}

// listed returns the files below a folder.
func (w *cleaning) listed(ctx context.Context, folder string) (files []string, err error) {
	list, err := w.tree.List(ctx, workspace.ListOptions{Under: folder})
	if err != nil {
		return nil, err
	}
	for _, f := range list.Files {
		files = append(files, f.Path)
	}
	if list.Stopped != "" {
		w.warn("not all files were looked at: " + list.Stopped)
	}
	return files, nil
}

// mends returns the trial of the mends: of all of them if the checks say yes, else of as
// many as pass; nil where there is none.
func (w *cleaning) mends(ctx context.Context) (*land.Trial, error) {
	if len(w.result.Set.Changes) == 0 {
		return nil, nil
	}
	if err := w.consent(ctx, w.result.Set); err != nil {
		return nil, err
	}
	for _, c := range w.result.Set.Changes { // so that all trials share what the unchanged tree gave
		w.lander.Beside = append(w.lander.Beside, c.Path)
	}
	trial, err := w.passing(ctx)
	if trial != nil {
		for _, c := range trial.Set.Changes {
			w.mended[c.Path] = true
		}
	}
	return trial, err
}

// take shows, has reviewed and lands a trial; nil: there is none. s is the run with a
// model that it comes from, nil for none. The receipt of a dry run is nil.
func (w *cleaning) take(ctx context.Context, trial *land.Trial, s *settling) (*land.Receipt, error) {
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
	if w.flags.review {
		if trial, changes.Files, err = w.reviewed(ctx, trial, changes.Files); err != nil {
			return nil, err
		}
		for file := range w.mended { // what was declined stays
			if !slices.ContainsFunc(trial.Set.Changes, func(c workspace.Change) bool { return c.Path == file }) {
				delete(w.mended, file)
			}
		}
	}
	receipt, err := w.land(ctx, trial, "Clean "+w.path, changes.Files)
	if err == nil && s != nil {
		s.files = changes.Files
		err = w.again(ctx, trial)
	}
	return receipt, err
}

// report lists what is left: findings, and as notes what was kept on purpose.
func (w *cleaning) report() error {
	left, kept, mended := 0, 0, 0
	for _, f := range w.result.Findings {
		d := event.Diagnostic{
			File: f.File, Line: f.Line, Severity: string(check.Warning), Rule: f.Pattern.ID, Message: f.Pattern.Says(), Checker: "clean", Tool: "cf clean", Source: f.Text,
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
	text := fmt.Sprintf("%s looked at: %d mended, %d kept at boundaries, %d left", count(w.result.Files, "file"), mended, kept, left)
	if w.flags.settle.on {
		text += fmt.Sprintf(", %d replaced", w.replaced)
	}
	w.Events().Emit(event.Note{Level: "info", Text: text})
	if left == 0 {
		return nil
	}
	return fault.New(fault.Refused, codeFindings, "%s left", count(left, "finding")).On("clean", w.path).
		Hint("cf clean --target mocks --replace, or cf implement FILE#SYMBOL, has the model write what is only pretended")
}
