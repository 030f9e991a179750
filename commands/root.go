// Package commands holds cf's verbs, one file each: flags become a request to a
// package below, events become output.
//
// The package starts no process itself, and nothing but the verb's own function
// touches config, network or disk: --help and --version need none of them.
//
// Invariants:
//  1. Every run ends through finish: with --json the last line on standard
//     output is the exit event, whatever happened.
//  2. A wrong command line exits 64, with nothing on standard output (but the
//     exit event) and nothing done.
//  3. Everything from outside comes through Env.
package commands

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/spf13/cobra"
)

// Annotations of a command, read by the test that walks the tree.
const (
	// annotEffect says what a verb does; its value is one of the effects.
	annotEffect = "effect"
)

// The effects of a verb. All but effectRead need --dry-run.
const (
	effectRead  = "read"  // changes nothing and asks no model
	effectWrite = "write" // changes files or processes
	effectAsk   = "ask"   // asks a model
)

// group is a heading of cf --help.
type group struct{ id, title string }

var groups = []group{
	{"model", "Model work:"},
	{"changes", "Checks and changes:"},
	{"sessions", "Sessions and prompts:"},
	{"machine", "Machine:"},
	{"other", "Other:"},
}

// verbs is the table of cf's verbs in the order of cf --help. An empty group
// hides the verb.
var verbs = []struct {
	group string
	make  func(*App) *cobra.Command
}{
	{"model", newUltrathinkCmd},
	{"model", newAskCmd},
	{"changes", newImplementCmd},
	{"changes", newCustomCmd},
	{"changes", newFixCmd},
	{"changes", newScaffoldCmd},
	{"changes", newValidateCmd},
	{"changes", newFinishCmd},
	{"changes", newCleanCmd},
	{"changes", newApplyCmd},
	{"changes", newUndoCmd},
	{"changes", newReceiptCmd},
	{"changes", newTrustCmd},
	{"sessions", newSessionCmd},
	{"sessions", newPromptCmd},
	{"machine", newSetupCmd},
	{"machine", newStatusCmd},
	{"machine", newCalibrateCmd},
	{"machine", newBenchmarkCmd},
	{"machine", newConfigCmd},
	{"other", newCompletionCmd},
	{"other", newManCmd},
	{"other", newVersionCmd},
	{"", newServeModelCmd},
}

// The order of verbs is the table's; cobra keeps this in a variable of its own.
func init() { cobra.EnableCommandSorting = false }

// newRoot builds the command tree. Nothing is read yet.
func newRoot(a *App) *cobra.Command {
	root := &cobra.Command{
		Use:   "cf",
		Short: "Think, code and assess with a model that runs on your own machine",
		Long: "cf works with a language model on your own machine: it reads your project,\n" +
			"reasons about a task in a session that is saved, and says what it read and what\n" +
			"it left out. It checks files, and lands a change only whole, checked, and so that\n" +
			"it can be undone. Nothing leaves the machine unasked.",
		Example: "  cf setup                      make this machine ready: model server and model\n" +
			"  cf status                     what is there, would be used and is missing\n" +
			"  cf ultrathink \"design a rate limiter\" --context @src\n" +
			"  cf ultrathink --continue \"what fails first?\"\n" +
			"  cf ask \"how do these differ?\" @a.go @b.go --json\n" +
			"  cf ask \"what is this?\" --show-prompt   what the model would get\n" +
			"  cf validate src               compile, vet, format and test what is there\n" +
			"  cf apply fix.diff             land a diff that passes the checks\n" +
			"  cf status --network           every host that cf may contact, when and why",
		SilenceErrors: true, SilenceUsage: true,
		Version:     buildVersion().Version,
		Annotations: map[string]string{annotEffect: effectRead},
	}
	root.SetVersionTemplate("cf {{.Version}}\n")
	if a.asJSON {
		root.SetVersionTemplate(string(view.Line(buildVersion())))
	}
	root.CompletionOptions.DisableDefaultCmd = true
	f := root.PersistentFlags()
	f.SortFlags = false
	f.BoolVar(&a.JSON, "json", false, "JSON lines on standard output, last the exit event")
	f.CountVarP(&a.Verbose, "verbose", "v", "log to standard error; -vv logs more")
	f.String("color", "", "`WHEN` to use colours: auto, always or never")
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
	}
	for _, v := range verbs {
		cmd := v.make(a)
		cmd.GroupID, cmd.Hidden = v.group, v.group == ""
		root.AddCommand(cmd)
	}
	root.AddCommand(&cobra.Command{Use: "exit-codes", Short: "What cf's exit codes mean", Long: exitCodesText()})
	root.SetHelpCommandGroupID("other")
	root.SetHelpCommand(newHelpCmd())
	root.InitDefaultHelpCmd()
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(a.usage)
	root.SetHelpFunc(a.help(root.HelpFunc()))
	root.SetOut(a.Env.Stdout)
	root.SetErr(a.Env.Stderr)
	root.SetIn(a.Env.Stdin)
	wire(a, root)
	return root
}

// askFlags are the settings that every verb which asks a model takes as flags.
var askFlags = []string{"model", "host", "provider", "context_max", "max_tokens", "temperature", "seed", "think", "think_tokens"}

// wire gives every command of the tree what all of them share.
func wire(a *App, cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		wire(a, sub)
	}
	if cmd.Annotations[annotEffect] == effectAsk {
		for _, name := range askFlags {
			if k, _ := config.Find(name); cmd.Flags().Lookup(k.Flag) == nil {
				configFlags(cmd, name)
			}
		}
	}
	if cmd.Flags().Lookup("model") != nil {
		_ = cmd.RegisterFlagCompletionFunc("model", a.completeModel()) // an error means that the verb has its own
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError(cmd, inWords(cmd, args, err))
			}
			return nil
		}
	}
	switch run := cmd.RunE; {
	case run != nil:
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.cmd = cmd
			return run(cmd, args)
		}
	case cmd.HasSubCommands():
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = parent
	}
}

// flagError is what a wrong flag becomes. Behind a verb that does not exist it is
// the verb that is wrong.
func flagError(cmd *cobra.Command, err error) error {
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
		return parent(cmd, args)
	}
	return usageError(cmd, err)
}

// parent is run for a command that only holds others.
func parent(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	err := usageError(cmd, fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath()))
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if near := nearestCommand(args[0], names); near != "" {
		err.Hints = append([]string{fmt.Sprintf("did you mean %q?", cmd.CommandPath()+" "+near)}, err.Hints...)
	}
	return err
}

func nearestCommand(word string, names []string) string {
	if near := config.Nearest(strings.ToLower(word), names); near != "" {
		return near
	}
	for _, name := range names {
		if len(word) >= 2 && strings.HasPrefix(name, strings.ToLower(word)) {
			return name
		}
	}
	return ""
}

// inWords replaces cobra's counts of arguments by the names that usage gives
// them.
func inWords(cmd *cobra.Command, args []string, err error) error {
	_, names, _ := strings.Cut(strings.ReplaceAll(cmd.Use, "[flags] ", ""), " ")
	switch text := err.Error(); {
	case names == "" && len(args) > 0 && strings.HasPrefix(text, "unknown command"):
		return fmt.Errorf("%s takes no argument, got %q", cmd.CommandPath(), args[0])
	case strings.HasPrefix(text, "accepts ") || strings.HasPrefix(text, "requires at least "):
		return fmt.Errorf("%s wants %s, got %d of them", cmd.CommandPath(), names, len(args))
	}
	return err
}

// plainly says in short what cobra says of flags that exclude one another: "if any
// flags in the group [a b c] are set none of the others can be; [a b] were all set".
func plainly(err error) error {
	_, given, excluded := strings.Cut(err.Error(), "none of the others can be; [")
	given, _, closed := strings.Cut(given, "]")
	if !excluded || !closed {
		return err
	}
	return fmt.Errorf("--%s can't be given together", strings.ReplaceAll(given, " ", " and --"))
}

// usageError returns the error for a wrong use of cmd.
func usageError(cmd *cobra.Command, err error) *fault.Error {
	return fault.New(fault.Usage, "usage", "%w", err).Hint("usage: "+cmd.UseLine(), "help: "+cmd.CommandPath()+" --help")
}

// emitJSON writes e as JSON before or after the verb itself ran.
func (a *App) emitJSON(e event.Event) {
	a.JSON = true
	a.Events().Emit(e)
}
