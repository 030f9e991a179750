package commands

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/bitactor/cf/commands/config"
	"github.com/spf13/cobra"
)

// completeWithin bounds what a key press may cost.
const completeWithin = 500 * time.Millisecond

// Script is a text for another program, such as a completion script.
type Script struct {
	For  string `json:"for"`
	Text string `json:"text"`
}

// Type names the event.
func (Script) Type() string { return "script" }

// PlainText renders the script as it is.
func (s Script) PlainText(int) string { return s.Text }

// bareBash lets cobra's script work in a bash without the package
// bash-completion, as on macOS and in containers, where each tab would else
// print an error. There a model's name is not completed after its colon.
const bareBash = `
if ! declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
    __cf_init_completion()
    {
        COMPREPLY=()
        words=("${COMP_WORDS[@]}")
        cword=$COMP_CWORD
        cur=${words[cword]}
        prev=${words[cword-1]}
    }
fi
`

func newCompletionCmd(a *App) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script of a shell",
		Long: "SHELL is bash, zsh, fish or powershell. Verbs, flags, models, sessions and prompts are completed.\n\n" +
			"  bash        source <(cf completion bash)\n" +
			"  zsh         cf completion zsh > \"${fpath[1]}/_cf\"\n" +
			"  fish        cf completion fish > ~/.config/fish/completions/cf.fish\n" +
			"  powershell  cf completion powershell | Out-String | Invoke-Expression",
		Example:     "  source <(cf completion bash)\n  cf completion fish --json",
		Args:        cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs:   []string{"bash", "zsh", "fish", "powershell"},
		Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(cmd *cobra.Command, args []string) error {
			var b bytes.Buffer
			root := cmd.Root()
			write := map[string]func() error{
				"bash": func() error {
					err := root.GenBashCompletionV2(&b, true)
					b.WriteString(bareBash)
					return err
				},
				"zsh":        func() error { return root.GenZshCompletion(&b) },
				"fish":       func() error { return root.GenFishCompletion(&b, true) },
				"powershell": func() error { return root.GenPowerShellCompletionWithDesc(&b) },
			}
			if err := write[args[0]](); err != nil {
				return err
			}
			a.Events().Emit(Script{For: args[0], Text: b.String()})
			return nil
		},
	}
}

func completeConfigKey(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	var found []string
	if len(args) == 0 {
		for _, k := range config.Keys() {
			if strings.HasPrefix(k.Name, prefix) {
				found = append(found, cobra.CompletionWithDesc(k.Name, k.Doc))
			}
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeFrom makes a completion function of list, which is given
// completeWithin and whose errors mean that there is nothing to offer.
func completeFrom(list func(context.Context) ([]string, error)) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(context.Background(), completeWithin)
		defer cancel()
		names := make(chan []string, 1)
		go func() {
			all, _ := list(ctx)
			names <- all
		}()
		var found []string
		select {
		case all := <-names:
			for _, name := range all {
				if strings.HasPrefix(name, prefix) {
					found = append(found, name)
				}
			}
		case <-ctx.Done():
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeModel offers the models that the configured server holds.
func (a *App) completeModel() cobra.CompletionFunc {
	return completeFrom(a.modelNames)
}
