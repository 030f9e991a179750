package commands

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/engine/plan"
	"github.com/bitactor/cf/engine/receipt"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

type customOptions struct {
	engineFlags
	goOn bool // --continue
	from string
}

func newCustomCmd(a *App) *cobra.Command {
	var o customOptions
	cmd := &cobra.Command{
		Use:   "custom [flags] TASK [PATH...]",
		Short: "Carry out a task over several files as one change",
		Long: "The files at PATH, or those that TASK names, are written one after the other in that order,\n" +
			"each with TASK as its instructions; PATH#NAME means one definition. Where none is named the\n" +
			"model is asked for a plan, of which only steps that fit the project count; a PATH that is a\n" +
			"folder is where it has to stay. Each step is written on top of those before it, and the\n" +
			"whole is checked and lands as one change or not at all. Steps that are done are kept: when\n" +
			"one fails, or you press Ctrl-C, cf custom --continue goes on. TASK - is standard input.\n\n" +
			"In a project of building blocks a TASK without a PATH takes the blocks that answer it (cf\n" +
			"scaffold search TASK says which), as one change and without a model; an assessment is their\n" +
			"checks, which takes most of --budget (150 s where nothing gives one). The words that no\n" +
			"block answers are named: --from model asks the model.",
		Example: "  cf custom \"count rejected requests\" limit/limit.go limit/stats.go\n" +
			"  cf custom \"add Reset\" limit/limit.go#Limiter limit/limit_test.go --dry-run\n" +
			"  cf custom \"add Reset\" limit/limit.go limit/limit_test.go --review\n" +
			"  cf custom \"describe the settings\" docs --ai-level high --budget 10m\n" +
			"  cf custom --continue",
		Args:        customArgs(&o),
		Annotations: map[string]string{annotEffect: effectAsk},
		RunE:        func(cmd *cobra.Command, args []string) error { return a.custom(cmd, args, o) },
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&o.goOn, "continue", false, "go on with the latest task that is not finished")
	cmd.Flags().StringVar(&o.from, "from", fromAuto, "where building blocks answer: auto, template or model")
	o.add(cmd, a)
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(froms, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that is not there
	return cmd
}

func customArgs(o *customOptions) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case o.goOn && len(args) > 0:
			return errors.New("--continue takes no task: it goes on with the latest one")
		case o.goOn:
		case len(args) == 0:
			return errors.New("no task")
		case strings.TrimSpace(args[0]) == "":
			return errors.New("the task is empty")
		}
		return nil
	}
}

func (a *App) custom(cmd *cobra.Command, args []string, o customOptions) (err error) {
	if err := errors.Join(o.check(cmd, a), checkFrom(cmd, o.from)); err != nil {
		return err
	}
	task := ""
	if !o.goOn {
		if task, err = a.task(cmd, args[0]); err != nil {
			return err
		}
	}
	l, err := a.openLanding(cmd, o.landFlags, workspace.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tree.Close()) }()
	c := &carrying{landing: l, flags: o.engineFlags, verb: "custom"}
	if err := c.openStore(); err != nil {
		return err
	}
	if o.goOn {
		if c.work, err = c.store.Latest(c.verb); err == nil {
			err = c.work.Fresh(l.tree)
		}
		if err != nil {
			return err
		}
		return c.carryOut(cmd.Context())
	}
	if len(args) == 1 && o.from != fromModel {
		if done, err := l.fromBlocks(cmd.Context(), task, o); done || err != nil {
			return err
		}
	}
	targets := make([]plan.Target, len(args)-1)
	for i, arg := range args[1:] {
		if targets[i], err = plan.ParseTarget(l.tree, arg); err != nil {
			return err
		}
	}
	p, known, err := plan.Named(cmd.Context(), l.tree, task, targets)
	if err != nil {
		return err
	}
	if !known {
		if p, err = c.ask(cmd.Context(), p.Task, targets); err != nil {
			return err
		}
	}
	c.work = plan.NewWork(c.verb, p, a.Env.Now())
	return c.carryOut(cmd.Context())
}

// carrying is a plan being carried out by a verb.
type carrying struct {
	*landing
	flags engineFlags
	verb  string
	store *plan.Store
	work  *plan.Work
	// confirm asks before the plan is carried out: it is the model's, and nobody
	// asked for its files.
	confirm bool

	engine  *engine.Engine // made on first use
	release func()
}

// openStore opens the store of unfinished work of this root.
func (c *carrying) openStore() (err error) {
	dir := ""
	if c.Env.Paths.State != "" {
		dir = filepath.Join(c.Env.Paths.State, "plans", filepath.Base(c.ledger.Dir()))
	}
	c.store, err = plan.OpenStore(dir)
	return err
}

// connect makes the engine. close ends it.
func (c *carrying) connect(ctx context.Context) error {
	if c.engine != nil {
		return nil
	}
	e, b, err := c.openEngine(ctx, c.landing)
	if err != nil {
		return err
	}
	c.Events().Emit(b.Event)
	c.engine, c.release = e, b.Release
	return nil
}

func (c *carrying) close() {
	if c.release != nil {
		c.release()
	}
}

// ask has the model plan within the folders that were named.
func (c *carrying) ask(ctx context.Context, task string, targets []plan.Target) (*plan.Plan, error) {
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	e := c.engine
	p := plan.Planner{
		Provider: e.Provider, Model: e.Model, Window: e.Window, Counter: e.Counter, Words: e.Words, Tree: c.tree, Events: c.Events(), Seed: e.Seed,
	}
	var folders []string
	for _, t := range targets {
		folders = append(folders, t.Path)
	}
	return p.Ask(ctx, task, folders)
}

// carryOut shows the plan, asks for what needs consent, runs the steps, and lands
// the whole.
func (c *carrying) carryOut(ctx context.Context) error {
	defer c.close()
	c.Events().Emit(c.work.Plan.Event())
	if yes, err := c.confirmed(ctx); err != nil || !yes {
		return err
	}
	files := &workspace.Set{}
	for _, s := range c.work.Plan.Steps {
		files.Changes = append(files.Changes, workspace.Change{Path: s.File})
	}
	if err := c.consent(ctx, files); err != nil {
		return err
	}
	if err := c.connect(ctx); err != nil {
		return err
	}
	budget, err := c.budget(c.flags.budget)
	if err != nil {
		return err
	}
	runner := &plan.Runner{
		Engine: c.engine, Judge: judge{c.landing}, Events: c.Events(), Level: engine.Level(c.flags.level), Budget: budget,
		Removals: c.flags.removals, Now: c.Env.Now,
	}
	if !c.flags.dryRun {
		runner.Store = c.store
	}
	began := c.Env.Now()
	result, err := runner.Run(ctx, c.work)
	rec := c.begun(c.engine, runner.Level, result.Outcomes, result.Trial, c.work.Title())
	if err == nil {
		err = c.take(ctx, result, &rec)
	} else {
		err = c.stopped(err, result, &rec)
	}
	return c.note(rec, began, err)
}

// take shows and lands what a plan came to; rec says so.
func (c *carrying) take(ctx context.Context, result *plan.Result, rec *receipt.Receipt) error {
	changes, err := c.changes(result.Trial)
	if err != nil {
		return err
	}
	rec.Files = changes.Files
	if err := c.show(result.Trial, changes); err != nil {
		return err
	}
	if !result.Trial.Verdict.Land {
		return c.stopped(land.Refusal(result.Trial.Verdict), result, rec)
	}
	trial := result.Trial
	if c.flags.review {
		if trial, rec.Files, err = c.reviewed(ctx, trial, rec.Files); err != nil {
			return c.stopped(err, result, rec)
		}
	}
	landed, err := c.land(ctx, trial, c.work.Title(), rec.Files)
	if err != nil || landed == nil {
		return err
	}
	rec.Landed, rec.Git = landed.Landed.ID, landed.Landed.Git
	if trial == result.Trial { // an answer of which a part was taken is no example
		c.remember(ctx, c.engine.Memory, result.Examples)
	}
	return c.store.Remove(c.work.ID)
}

// stopped keeps what a plan came to that did not land, and says how to go on.
func (c *carrying) stopped(err error, result *plan.Result, rec *receipt.Receipt) error {
	set := result.Rejected
	if n := len(result.Outcomes); set == nil && n > 0 && len(result.Outcomes[n-1].Won) == 0 {
		set = bestOf(result.Outcomes[n-1])
	}
	if set == nil && result.Trial != nil && fault.KindOf(err) == fault.Refused {
		set = result.Trial.Set // what else ends a run leaves the steps that are done in the store
	}
	if c.flags.dryRun || fault.KindOf(err) == fault.Usage {
		return err
	}
	rec.Rejected = c.keepSet(set, err)
	if c.work.Done == 0 {
		return err
	}
	c.Events().Emit(event.Note{Level: "info", Text: fmt.Sprintf(
		"%d of %d steps are done and kept; to go on: cf %s --continue", c.work.Done, len(c.work.Plan.Steps), c.verb)})
	return err
}
