package commands

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/engine/think"
	"github.com/spf13/cobra"
)

func newAskCmd(a *App) *cobra.Command {
	var dryRun, showPrompt bool
	var contexts []string
	cmd := &cobra.Command{
		Use:   "ask [flags] QUESTION [@FILE|@DIR]...",
		Short: "Ask one question about the project",
		Long: "Reads what the question and the @ arguments name, and streams one answer. Nothing is kept:\n" +
			"for a conversation there is cf ultrathink. QUESTION - is read from standard input.",
		Example: "  cf ask \"what does this do?\" @main.go\n" +
			"  cf ask \"how do these differ?\" @a.go @b.go --json\n" +
			"  cf ask \"where is the config read?\" --show-prompt",
		Annotations: map[string]string{annotEffect: effectAsk},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || strings.TrimSpace(args[0]) == "" {
				return fmt.Errorf("no question")
			}
			for _, arg := range args[1:] {
				switch {
				case arg == "@":
					return fmt.Errorf("@ names no file")
				case !strings.HasPrefix(arg, "@"):
					return fmt.Errorf("%q is no @FILE or @DIR; write @%s to have it read, or put the question into quotes", arg, arg)
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			question, err := a.task(cmd, args[0])
			if err != nil {
				return err
			}
			contexts = append(contexts, args[1:]...)
			t, err := a.think(cmd.Context(), contexts)
			if err != nil {
				return err
			}
			defer t.close()
			a.Events().Emit(t.backend.Event)
			in := think.Input{Task: question, Contexts: contexts}
			if showPrompt {
				return a.showPrompts(t.thinker.AskPrompt(cmd.Context(), in))
			}
			_, err = t.thinker.Ask(cmd.Context(), in)
			return err
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&contexts, "context", "c", nil, "`TEXT`, @FILE or @DIR that matters to the question; may be given again")
	f.BoolVar(&dryRun, "dry-run", false, "the same: asking writes nothing")
	f.BoolVar(&showPrompt, "show-prompt", false, "print the exact prompt with token counts and ask no model")
	return cmd
}
