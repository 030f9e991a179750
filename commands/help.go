package commands

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpEvent carries a help text in JSON lines.
type helpEvent struct {
	Command string `json:"command"`
	Text    string `json:"text"`
}

// Type names the event.
func (helpEvent) Type() string { return "help" }

// help renders a help text, as an event with --json.
func (a *App) help(plain func(*cobra.Command, []string)) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, args []string) {
		if !a.asJSON {
			plain(cmd, args)
			return
		}
		text := cmd.Short
		if cmd.Long != "" {
			text = cmd.Long
		}
		a.emitJSON(helpEvent{cmd.CommandPath(), text + "\n\n" + cmd.UsageString()})
	}
}

// newHelpCmd replaces cobra's, which calls an unknown command a success.
func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:         "help [COMMAND]",
		Short:       "Help about any command, or about exit-codes",
		GroupID:     "other",
		Example:     "  cf help ultrathink\n  cf help exit-codes\n  cf help status --json",
		Annotations: map[string]string{annotEffect: effectRead},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			target, _, err := cmd.Root().Find(args)
			if err != nil || target == nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, c := range target.Commands() {
				if c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
					names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || target == nil || len(rest) > 0 {
				return usageError(cmd, fmt.Errorf("no help for %q", args))
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	}
}

// helpWidth is how wide help is, in columns, on every terminal: its texts are
// written for it.
const helpWidth = 80

// usage writes all of a help text but its first paragraphs. Cobra's own leaves
// the lines of flags as long as they come.
func (a *App) usage(cmd *cobra.Command) error {
	var b strings.Builder
	line := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		line = cmd.CommandPath() + " COMMAND"
	}
	fmt.Fprintf(&b, "Usage:\n  %s\n", line)
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	usageCommands(&b, cmd)
	for _, part := range []struct {
		title string
		flags *pflag.FlagSet
	}{{"Flags", cmd.LocalFlags()}, {"Flags of every command", cmd.InheritedFlags()}} {
		if part.flags.HasAvailableFlags() {
			fmt.Fprintf(&b, "\n%s:\n%s", part.title, part.flags.FlagUsagesWrapped(helpWidth))
		}
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s COMMAND --help says more about a command.\n", cmd.CommandPath())
	}
	_, err := io.WriteString(cmd.OutOrStderr(), b.String())
	return err
}

// usageCommands lists the commands below cmd by group, then help topics.
func usageCommands(b *strings.Builder, cmd *cobra.Command) {
	list := func(title string, wanted func(*cobra.Command) bool) {
		for _, sub := range cmd.Commands() {
			if !wanted(sub) {
				continue
			}
			if title != "" {
				fmt.Fprintf(b, "\n%s\n", title)
				title = ""
			}
			fmt.Fprintf(b, "  %-11s %s\n", sub.Name(), sub.Short)
		}
	}
	shown := func(sub *cobra.Command) bool { return sub.IsAvailableCommand() || sub.Name() == "help" }
	for _, g := range cmd.Groups() {
		list(g.Title, func(sub *cobra.Command) bool { return shown(sub) && sub.GroupID == g.ID })
	}
	list("Commands:", func(sub *cobra.Command) bool { return shown(sub) && sub.GroupID == "" })
	list("Topics of cf help:", (*cobra.Command).IsAdditionalHelpTopicCommand)
}
