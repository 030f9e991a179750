package commands

import (
	"fmt"

	"github.com/spf13/cobra"
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
