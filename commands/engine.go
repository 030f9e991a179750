package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/calibrate"
	"github.com/bitactor/cf/prompts"
)

// engineFlags are the flags of the verbs that have a model write code.
type engineFlags struct {
	landFlags
	level    string
	budget   time.Duration
	removals bool
	review   bool
}

// levels are the values of --ai-level.
var levels = []string{string(engine.Normal), string(engine.High), string(engine.Hyper)}

func (e *engineFlags) add(cmd *cobra.Command, a *App) {
	e.addOwn(cmd)
	e.landFlags.add(cmd, a)
}

// addOwn adds what is about the model's work.
func (e *engineFlags) addOwn(cmd *cobra.Command) {
	f := cmd.Flags()
	addAsking(cmd, &e.level, &e.budget)
	f.BoolVar(&e.removals, "allow-removals", false, "definitions may go and files may shrink")
	f.BoolVar(&e.review, "review", false, "ask on the terminal about each hunk before it lands")
}

// addAsking adds how much a model is asked.
func addAsking(cmd *cobra.Command, level *string, budget *time.Duration) {
	f := cmd.Flags()
	f.StringVar(level, "ai-level", string(engine.Normal), "how much to spend: normal, high or hyper")
	f.DurationVar(budget, "budget", 0, "most `TIME` for model and checks together, such as 5m; 0 is what the settings say (budget_seconds)")
	f.Bool("no-memory", false, "show the model nothing of changes that landed before, and keep nothing of this one")
	_ = cmd.RegisterFlagCompletionFunc("ai-level", cobra.FixedCompletions(levels, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that is not there
}

// checkAsking refuses values of addAsking's flags that mean nothing.
func checkAsking(cmd *cobra.Command, level string, budget time.Duration) error {
	switch {
	case !slices.Contains(levels, level):
		return usageError(cmd, fmt.Errorf("--ai-level is normal, high or hyper, not %q", level))
	case budget < 0:
		return usageError(cmd, errors.New("--budget is no negative time"))
	}
	return nil
}

// check refuses values that mean nothing.
func (e *engineFlags) check(cmd *cobra.Command, a *App) error {
	if err := checkAsking(cmd, e.level, e.budget); err != nil {
		return err
	}
	if e.review && !a.asks() {
		return usageError(cmd, errors.New("--review asks on a terminal, and there is none"))
	}
	return e.landFlags.check(cmd)
}

// budget returns how long model and checks may take: what the flag says, else the
// settings; 0 is no bound.
func (a *App) budget(flag time.Duration) (time.Duration, error) {
	if flag > 0 {
		return flag, nil
	}
	cfg, err := a.Config()
	if err != nil {
		return 0, err
	}
	return time.Duration(cfg.BudgetSeconds) * time.Second, nil
}

// openEngine connects to the model and makes an engine whose candidates the
// landing's checks judge. The caller calls Backend.Release.
func (a *App) openEngine(ctx context.Context, l *landing) (*engine.Engine, *Backend, error) {
	cfg, err := a.Config()
	if err != nil {
		return nil, nil, err
	}
	words, err := prompts.Load(a.wordsDir())
	if err != nil {
		return nil, nil, err
	}
	model, _ := a.flag("model")
	b, err := a.Connect(ctx, model)
	if err != nil {
		return nil, nil, err
	}
	return &engine.Engine{
		Provider: b.Provider, Model: b.Model, Window: b.Window, Counter: b.Counter, Words: words, Tree: l.tree,
		Judge: judge{l}, Events: a.Events(), Seed: cfg.Seed, MaxTokens: int(cfg.MaxTokens),
		Mutants: mutation{l, a.Env.Paths.Cache},
		Formats: formatters{l},
		Map:     openMap(l.tree, a.Env.Paths.Cache),
		Memory:  a.openMemory(l.tree),
		Profile: calibrate.Profile(a.known(b.Model.Digest)),
	}, b, nil
}
