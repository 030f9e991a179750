package commands

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/gather"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/secret"
)

// implementFlags are the flags of cf implement.
type implementFlags struct {
	engineFlags
	focus, instructions, tests string
	from                       string
	without                    []string
	samples                    int
}

func newImplementCmd(a *App) *cobra.Command {
	var flags implementFlags
	cmd := &cobra.Command{
		Use:   "implement [flags] PATH[#NAME]",
		Short: "Have the model write code, and land what passes the checks",
		Long: "PATH is a new file, one with definitions that have no body yet, a full one, or a folder. Of a\n" +
			"full file only what #NAME or the instructions name is written anew; every other byte stays. The\n" +
			"model's answers are mended, staged and checked against the unchanged tree one after another, and\n" +
			"the first that passes lands, whole; cf undo takes it back. If none does, nothing is changed: exit\n" +
			"code 3, and the best one is kept under .cf/rejected.\n\n" +
			"With --focus functionality, the usual, no test file is touched. --focus tests writes tests: they\n" +
			"must pass on the code of today and fail on most of its mutants. both is one change.\n\n" +
			"A path that a building block has (cf scaffold list) takes the block's file, with those that it\n" +
			"needs, in a project that has blocks or where the path is the block's own; the model is asked\n" +
			"only for what the instructions add. --from model leaves blocks out, --from template wants one.",
		Example: "  cf implement limit/limit.go\n" +
			"  cf implement limit/limit.go#Allow -i \"let bursts of 5 pass\" --dry-run\n" +
			"  cf implement lib/queue.ex -i @wishes.txt --ai-level high --budget 5m\n" +
			"  cf implement limit/limit.go --focus tests\n" +
			"  cf implement docs/design.md --review",
		Args: cobra.ExactArgs(1), Annotations: map[string]string{annotEffect: effectAsk},
		RunE: func(cmd *cobra.Command, args []string) error { return a.implement(cmd, args[0], flags) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&flags.focus, "focus", "", "what to write: functionality, tests or both; usual is functionality, for a test file tests")
	f.StringVarP(&flags.instructions, "instructions", "i", "", "what to do: `TEXT` or @FILE")
	f.StringVar(&flags.tests, "tests", "", "tests that must pass: a regular `EXPRESSION` for their names; usual are those that fail now and concern what is written")
	f.StringVar(&flags.from, "from", fromAuto, "where a building block has the path: auto, template or model")
	f.StringSliceVar(&flags.without, "without", nil, "leave `PARTS` of the engine out, to measure them")
	f.IntVar(&flags.samples, "samples", 0, "take `N` answers at the most, to measure them")
	for _, name := range []string{"without", "samples"} {
		_ = f.MarkHidden(name) // fails only for a flag that is not there
	}
	flags.add(cmd, a)
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(froms, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that is not there
	_ = cmd.RegisterFlagCompletionFunc("focus", cobra.FixedCompletions(foci, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that is not there
	return cmd
}

// foci are the values of --focus.
var foci = []string{string(engine.FocusCode), string(engine.FocusTests), string(engine.FocusBoth)}

// request turns the command line into a request. Nothing is read but a file of
// instructions.
func (a *App) request(cmd *cobra.Command, arg string, flags implementFlags) (engine.Request, error) {
	r := engine.Request{
		Level: engine.Level(flags.level), Focus: engine.Focus(flags.focus),
		Removals: flags.removals, Unweighed: flags.allowUnchecked,
	}
	if err := flags.check(cmd, a); err != nil {
		return r, err
	}
	var err error
	if r.Budget, err = a.budget(flags.budget); err != nil {
		return r, err
	}
	switch r.Focus {
	case "", engine.FocusCode, engine.FocusTests, engine.FocusBoth:
	default:
		return r, usageError(cmd, fmt.Errorf("--focus is functionality, tests or both, not %q", flags.focus))
	}
	if err := checkFrom(cmd, flags.from); err != nil {
		return r, err
	}
	for _, part := range flags.without {
		if !slices.Contains(engine.Parts(), engine.Part(part)) {
			return r, usageError(cmd, fmt.Errorf("--without: the engine has no part %q", part))
		}
	}
	if flags.tests != "" {
		if r.Tests, err = regexp.Compile(flags.tests); err != nil {
			return r, usageError(cmd, fmt.Errorf("--tests: %w", err))
		}
	}
	r.Path, r.Symbol, _ = strings.Cut(arg, "#")
	if strings.Contains(arg, "#") && r.Symbol == "" {
		return r, usageError(cmd, errors.New("no name behind the #"))
	}
	r.Instructions, err = a.instructions(cmd.Context(), flags.instructions)
	return r, err
}

// instructionsMax bounds a file of instructions, in bytes.
const instructionsMax = 64 << 10

// instructions returns TEXT, or what @FILE holds, without what must not reach a
// model.
func (a *App) instructions(ctx context.Context, text string) (string, error) {
	if name, ok := strings.CutPrefix(text, "@"); ok && !strings.HasPrefix(name, "@") {
		data, err := a.readInput(ctx, name, instructionsMax)
		if err != nil {
			return "", err
		}
		text = string(data)
	}
	text, found := secret.Redact("", strings.TrimPrefix(text, "@"))
	if len(found) > 0 {
		a.warn("the instructions hold secrets; they are replaced before they are used: " + secret.Describe(found))
	}
	text, markers := gather.Disarm(text)
	if markers > 0 {
		a.warn(fmt.Sprintf("the instructions hold %d chat-template markers; they are made harmless", markers))
	}
	return strings.TrimSpace(text), nil
}

func (a *App) implement(cmd *cobra.Command, arg string, flags implementFlags) (err error) {
	began := a.Env.Now()
	request, err := a.request(cmd, arg, flags)
	if err != nil {
		return err
	}
	l, err := a.openLanding(cmd, flags.landFlags, workspace.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tree.Close()) }()
	if request.Path, err = l.tree.Resolve(request.Path); err != nil {
		return err
	}
	w := &writing{landing: l, request: request, review: flags.review, began: began, title: "Implement " + arg}
	if done, err := w.fromBlock(cmd.Context(), flags); done || err != nil {
		return err
	}
	return w.fromModel(cmd.Context(), flags)
}

// fromModel has the engine carry out the request.
func (w *writing) fromModel(ctx context.Context, flags implementFlags) error {
	if err := w.possible(ctx, w.request.Path); err != nil {
		return err
	}
	e, backend, err := w.openEngine(ctx, w.landing)
	if err != nil {
		return err
	}
	defer backend.Release()
	for _, part := range flags.without {
		e.Without = append(e.Without, engine.Part(part))
	}
	e.Samples = flags.samples
	e.Events = &announced{sink: e.Events, first: backend.Event}
	w.engine = e
	out, err := e.Implement(ctx, w.request)
	return w.end(ctx, out, err)
}

// possible asks, before a model works for minutes, what would keep a change of
// the path from landing.
func (l *landing) possible(ctx context.Context, path string) error {
	if err := l.ledger.Ready(); err != nil {
		return err
	}
	if l.tree.Kind(path) == "folder" {
		return nil // which of its files is not known yet: asked before the landing
	}
	set := &workspace.Set{Changes: []workspace.Change{{Path: path}}}
	if err := set.CheckWithin(l.tree, l.limits); err != nil {
		return err
	}
	return l.consent(ctx, set)
}

// announced emits an event of its own before the first one that it is given: a
// request that is refused at once names no model.
type announced struct {
	sink  event.Sink
	first event.Event
	once  sync.Once
}

// Emit passes e on.
func (a *announced) Emit(e event.Event) {
	a.once.Do(func() { a.sink.Emit(a.first) })
	a.sink.Emit(e)
}
