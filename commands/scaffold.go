package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/scaffold"
	"github.com/bitactor/cf/workspace"
)

// scaffoldFilesMax bounds what one application of blocks may write.
const scaffoldFilesMax = 1000

func newScaffoldCmd(a *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scaffold",
		Short: "Land tested building blocks of an Erlang/OTP system",
		Long: "A building block is a set of files that were built and tested together: an OTP application,\n" +
			"its workers, the C core as a NIF, health, metrics, a release, a container, manifests. It lands\n" +
			"with what it needs, like any change: staged, checked, whole, and cf undo takes it back. Applied\n" +
			"again it changes nothing; what you edited is merged, never overwritten. No model is asked.",
		Example:     "  cf scaffold list\n  cf scaffold search \"health checks\"\n  cf scaffold bitactor --dir shop --dry-run\n  cf scaffold apply worker metrics",
		Annotations: map[string]string{annotEffect: effectRead},
	}
	cmd.AddCommand(newScaffoldListCmd(a), newScaffoldShowCmd(a), newScaffoldSearchCmd(a), newScaffoldApplyCmd(a), newScaffoldAllCmd(a), newScaffoldCheckCmd(a))
	return cmd
}

func newScaffoldListCmd(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the building blocks", Example: "  cf scaffold list\n  cf scaffold list --json",
		Args: cobra.NoArgs, Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(*cobra.Command, []string) error {
			c, err := scaffold.Own()
			if err != nil {
				return err
			}
			out := ScaffoldList{Blocks: []BlockLine{}}
			for _, id := range c.IDs() {
				b, err := c.Block(id)
				if err != nil {
					return err
				}
				out.Blocks = append(out.Blocks, BlockLine{ID: id, Title: b.Title, Needs: b.Needs, Files: len(b.Paths())})
			}
			a.Events().Emit(out)
			return nil
		},
	}
}

func newScaffoldSearchCmd(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "search WORDS...", Short: "Find the blocks that answer a request",
		Long: "A block is found by the phrases that it says it answers: each whose words all stand in WORDS\n" +
			"counts, in any order. The score is how many words are explained so; cf custom takes a block from a\n" +
			fmt.Sprintf("score of %d on.", scaffold.Threshold),
		Example: "  cf scaffold search prometheus metrics\n  cf scaffold search \"fault recovery\" --json",
		Args:    cobra.MinimumNArgs(1), Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := scaffold.Own()
			if err != nil {
				return err
			}
			out := ScaffoldList{Blocks: []BlockLine{}}
			for _, h := range c.Search(strings.Join(args, " ")) {
				out.Blocks = append(out.Blocks, BlockLine{ID: h.ID, Title: h.Title, Score: h.Score, Phrases: h.Phrases})
			}
			a.Events().Emit(out)
			return nil
		},
	}
}

func newScaffoldShowCmd(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "show BLOCK", Short: "Show a block: files, needs, variables, checks", Example: "  cf scaffold show worker",
		Args: cobra.ExactArgs(1), Annotations: map[string]string{annotEffect: effectRead}, ValidArgsFunction: completeBlock,
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := scaffold.Own()
			if err != nil {
				return err
			}
			shown, err := blockShown(c, args[0])
			if err == nil {
				a.Events().Emit(*shown)
			}
			return err
		},
	}
}

// scaffoldFlags are the flags of the verbs that apply blocks.
type scaffoldFlags struct {
	landFlags
	dir, profile string
	set          []string
}

func (s *scaffoldFlags) add(cmd *cobra.Command, a *App) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.dir, "dir", "", "the project's `FOLDER`, made where it is missing; usual is the current one")
	f.StringVar(&s.profile, "profile", "", "otp: Erlang and Elixir alone; hex: with packages; usual is the project's, then otp")
	f.StringArrayVar(&s.set, "set", nil, "give a variable a value: `NAME=VALUE`; cf scaffold show lists them")
	s.landFlags.add(cmd, a)
	_ = cmd.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions(scaffold.Profiles(), cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that is not there
}

// want turns the flags into what the project shall have.
func (s *scaffoldFlags) want(cmd *cobra.Command, blocks []string) (scaffold.Want, error) {
	w := scaffold.Want{Blocks: blocks, Profile: s.profile, Vars: map[string]string{}}
	for _, pair := range s.set {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return w, usageError(cmd, fmt.Errorf("--set takes NAME=VALUE, not %q", pair))
		}
		w.Vars[name] = value
	}
	return w, nil
}

func newScaffoldApplyCmd(a *App) *cobra.Command {
	var flags scaffoldFlags
	cmd := &cobra.Command{
		Use:   "apply [flags] BLOCK...",
		Short: "Land blocks with all that they need, as one change",
		Long: "Each file is new, or is so already, or takes what is new in the block beside what you changed in it.\n" +
			"Where both changed the same lines nothing lands: exit code 4, with the lines. A file that you\n" +
			"deleted stays away.",
		Example: "  cf scaffold apply server health --dry-run\n  cf scaffold apply kubernetes --set image=registry.example/bitactor:1.2",
		Args:    cobra.MinimumNArgs(1), Annotations: map[string]string{annotEffect: effectWrite}, ValidArgsFunction: completeBlock,
		RunE: func(cmd *cobra.Command, args []string) error { return a.scaffold(cmd, args, flags) },
	}
	flags.add(cmd, a)
	return cmd
}

func newScaffoldAllCmd(a *App) *cobra.Command {
	var flags scaffoldFlags
	cmd := &cobra.Command{
		Use:   "bitactor",
		Short: "Land the whole system: every block of the profile",
		Long:  "What cf scaffold apply does with the names of all blocks.",
		Example: "  cf scaffold bitactor --dir shop\n" +
			"  cf scaffold bitactor --dry-run",
		Args: cobra.NoArgs, Annotations: map[string]string{annotEffect: effectWrite},
		RunE: func(cmd *cobra.Command, _ []string) error { return a.scaffold(cmd, nil, flags) },
	}
	flags.add(cmd, a)
	return cmd
}

// scaffold applies the blocks; none means all of the profile.
func (a *App) scaffold(cmd *cobra.Command, ids []string, flags scaffoldFlags) (err error) {
	if err := flags.check(cmd); err != nil {
		return err
	}
	want, err := flags.want(cmd, ids)
	if err != nil {
		return err
	}
	c, err := scaffold.Own()
	if err != nil {
		return err
	}
	if _, err := c.Closure(ids...); err != nil {
		return err
	}
	remove, err := a.enter(flags.dir, flags.dryRun)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	l, err := a.openLanding(cmd, flags.landFlags, workspace.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tree.Close()) }()
	l.widen()
	p, err := scaffold.OpenProject(c, l.tree, l.tree.Working())
	if err != nil {
		return err
	}
	title := "Scaffold " + strings.Join(ids, ", ")
	if len(ids) == 0 {
		want.Blocks, title = c.All(firstOf(want.Profile, p.Profile(), scaffold.ProfileOTP)), "Scaffold the whole system"
	}
	b := &blocks{landing: l, project: p, title: title, asked: want.Blocks}
	return b.apply(cmd.Context(), want)
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// enter makes dir the folder that the verb works in, and makes it where it is
// missing; a dry run works in one that is removed afterwards.
func (a *App) enter(dir string, dryRun bool) (remove func() error, err error) {
	remove = func() error { return nil }
	if dir == "" {
		return remove, nil
	}
	dir = a.path(dir)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && dryRun:
		if dir, err = os.MkdirTemp("", "cf-scaffold-"); err != nil {
			return nil, fault.New(fault.Failed, "no-folder", "%w", err).On("scaffold", "")
		}
		made := dir
		remove = func() error { return os.RemoveAll(made) }
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fault.New(fault.Failed, "no-folder", "%w", err).On("scaffold", "")
		}
	case err != nil:
		return nil, fault.New(fault.Failed, "no-folder", "%w", err).On("scaffold", "")
	case !info.IsDir():
		return nil, fault.New(fault.Usage, "no-folder", "it is no folder").On("scaffold", fmt.Sprintf("%q", dir))
	}
	a.Env.Dir = filepath.Clean(dir)
	return remove, nil
}

// completeBlock offers the blocks that are not on the line yet.
func completeBlock(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	return completeFrom(func(context.Context) ([]string, error) {
		c, err := scaffold.Own()
		if err != nil {
			return nil, err
		}
		given := map[string]bool{}
		for _, arg := range args {
			given[arg] = true
		}
		var out []string
		for _, id := range c.IDs() {
			if b, err := c.Block(id); err == nil && !given[id] {
				out = append(out, cobra.CompletionWithDesc(id, b.Title))
			}
		}
		return out, nil
	})(nil, args, prefix)
}
