package commands

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/all"
	"github.com/bitactor/cf/check/custom"
	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// Codes of the faults of the verbs that check, both of kind fault.Refused.
const (
	codeFindings   = "findings"
	codeNotChecked = "not-checked"
)

// checkFlags are the flags of the verbs that check.
type checkFlags struct {
	noTests, noSandbox, allowUnchecked bool
	test                               string
}

func (c *checkFlags) add(cmd *cobra.Command, unchecked string) {
	f := cmd.Flags()
	f.BoolVar(&c.noTests, "no-tests", false, "run no tests")
	f.StringVar(&c.test, "test", "", "run this `COMMAND` as tests too; quotes keep words together, no shell reads it")
	f.BoolVar(&c.allowUnchecked, "allow-unchecked", false, unchecked)
	f.BoolVar(&c.noSandbox, "no-sandbox", false, "run the checks without isolation: the project's code can then do what you can")
	cmd.MarkFlagsMutuallyExclusive("no-tests", "test")
}

// checking is what a verb needs to check files.
type checking struct {
	tree     *workspace.Tree
	box      *sandbox.Box
	checkers []check.Checker
}

// heapBytes is what cf keeps its own memory under while it checks, where it can: by
// collecting sooner, not by failing. What is live is bounded by the readers.
const heapBytes = 64 << 20

// boundMemory makes it so, unless the user's GOMEMLIMIT says otherwise.
func boundMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(heapBytes)
	}
}

// openChecking makes it ready. The caller closes the tree.
func (a *App) openChecking(cmd *cobra.Command, flags checkFlags) (*checking, error) {
	var argv []string
	if flags.test != "" || cmd.Flags().Changed("test") {
		var err error
		if argv, err = words(flags.test); err != nil {
			return nil, usageError(cmd, fmt.Errorf("--test: %w", err))
		}
	}
	boundMemory()
	c, err := a.Config()
	if err != nil {
		return nil, err
	}
	tree, err := a.openTree()
	if err != nil {
		return nil, err
	}
	box, err := sandbox.Open(cmd.Context(), sandbox.Options{Environ: a.Env.Environ, Cache: a.Env.Paths.Cache, Off: flags.noSandbox})
	if err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	switch box.Tier() {
	case sandbox.None:
		a.warn("the checks run without isolation: the project's code can do what you can")
	case sandbox.Landlock:
		a.warn("the weaker isolation is used: " + box.Why())
	}
	return &checking{tree: tree, box: box, checkers: a.checkers(c, argv)}, nil
}

func (a *App) openTree() (*workspace.Tree, error) {
	if a.Env.Dir == "" {
		return nil, fault.New(fault.Failed, "no-folder", "the current folder does not exist")
	}
	return workspace.Open(a.Env.Dir)
}

func (a *App) warn(text string) { a.Events().Emit(event.Note{Level: "warn", Text: text}) }

// checkers are cf's own, those of the user's settings, those of the repository
// where they are approved, and the command of --test.
func (a *App) checkers(c *config.Config, test []string) []check.Checker {
	list := all.All()
	own := slices.Clone(c.Checks)
	allowed, err := a.approvals().Allows(a.Project().Root, c.Repo.Hash)
	if err != nil {
		a.warn(err.Error())
	}
	var held []string
	for _, r := range c.Repo.Checks {
		switch {
		case slices.ContainsFunc(c.Checks, func(mine config.Check) bool { return mine.Name == r.Name }):
		case allowed:
			own = append(own, r)
		default:
			held = append(held, r.Name)
		}
	}
	if len(held) > 0 {
		a.warn("this repository brings checks that do not run until you approve them with cf trust: " + strings.Join(held, ", "))
	}
	for _, o := range own {
		list = append(list, custom.New(custom.Options{Name: o.Name, Argv: o.Run, Files: o.Files, Tests: o.Kind == "tests"}))
	}
	if len(test) > 0 {
		list = append(list, custom.New(custom.Options{Name: "test", Argv: test, Tests: true}))
	}
	return list
}

// stage lays a set over the tree; nil gives the tree as it is.
func (c *checking) stage(ctx context.Context, set *workspace.Set) (*workspace.Stage, error) {
	if set == nil {
		set = &workspace.Set{}
	}
	return c.tree.Stage(ctx, set, c.box)
}

// emitGaps reports what could not be checked. For a person the many files of
// kinds that nobody checks are one line, and what the table says is not said
// twice.
func (a *App) emitGaps(gaps []check.Gap) {
	var unknown []string
	for _, g := range gaps {
		switch {
		case a.JSON:
		case g.File == "" && g.What == "everything":
			continue
		case g.Checker == "" && g.File != "" && !g.Blocks:
			unknown = append(unknown, g.File)
			continue
		}
		a.Events().Emit(land.Gap(g))
	}
	if n := len(unknown); n > 0 {
		text := strings.Join(unknown[:min(n, 5)], ", ")
		if n > 5 {
			text += fmt.Sprintf(" and %d more", n-5)
		}
		a.Events().Emit(event.Gap{Checker: text, What: "everything", Why: "no checker knows this kind of file"})
	}
}
