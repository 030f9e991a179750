package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/prompts"
	"github.com/spf13/cobra"
)

// PromptWords are the words of one prompt.
type PromptWords struct {
	Name       string `json:"name"`
	Overridden bool   `json:"overridden"` // the words are the user's
	Path       string `json:"path,omitempty"`
	Text       string `json:"text,omitempty"`
}

// Type names the event.
func (PromptWords) Type() string { return "prompt-words" }

// PlainText renders the words alone.
func (p PromptWords) PlainText(int) string { return p.Text }

// PromptList is what cf prompt list shows.
type PromptList struct {
	Prompts []PromptWords `json:"prompts"`
}

// Type names the event.
func (PromptList) Type() string { return "prompts" }

// PlainText renders a table.
func (l PromptList) PlainText(width int) string {
	rows := [][]string{{"NAME", "WORDS"}}
	for _, p := range l.Prompts {
		from := "built in"
		if p.Overridden {
			from = p.Path
		}
		rows = append(rows, []string{p.Name, from})
	}
	return view.Table(rows, width)
}

func newPromptCmd(a *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prompt",
		Short: "List, show or change the words that a model is given",
		Long: "Each prompt's words are a template, NAME.md.tmpl. A file of that name in the prompts folder\n" +
			"of your configuration takes the place of the built-in words; output says so.",
		Example:     "  cf prompt list\n  cf prompt show system\n  cf prompt edit section\n  cf prompt reset section",
		Annotations: map[string]string{annotEffect: effectRead},
	}
	cmd.AddCommand(newPromptListCmd(a), newPromptShowCmd(a), newPromptEditCmd(a), newPromptResetCmd(a))
	return cmd
}

// promptArg checks the NAME of a prompt.
func promptArg(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errors.New("want one prompt name")
	}
	if names := prompts.Names(); !slices.Contains(names, args[0]) {
		if near := config.Nearest(args[0], names); near != "" {
			return fmt.Errorf("no prompt %q; did you mean %q?", args[0], near)
		}
		return fmt.Errorf("no prompt %q; there are %s", args[0], strings.Join(names, ", "))
	}
	return nil
}

// completePrompt offers the names of the prompts.
func completePrompt(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := slices.DeleteFunc(prompts.Names(), func(name string) bool { return !strings.HasPrefix(name, prefix) })
	return names, cobra.ShellCompDirectiveNoFileComp
}

// wordsFile returns where the user's words of a prompt lie.
func (a *App) wordsFile(name string) (string, error) {
	if a.wordsDir() == "" {
		return "", fault.New(fault.Failed, "no-home", "there is no folder for your configuration").
			On("prompt", name).Hint("set HOME or XDG_CONFIG_HOME")
	}
	return filepath.Join(a.wordsDir(), name+prompts.Ending), nil
}

// words returns a prompt's words as they would be used.
func (a *App) words(name string) (PromptWords, error) {
	text, _ := prompts.Default(name)
	p := PromptWords{Name: name, Text: text}
	file, err := a.wordsFile(name)
	if err != nil {
		return p, nil // without a place for them there are no own words
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is not a regular file")
	}
	if err != nil {
		return p, fault.New(fault.Usage, prompts.CodeWords, "%w", err).On("read words", file)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return p, fault.New(fault.Usage, prompts.CodeWords, "%w", err).On("read words", file)
	}
	return PromptWords{name, true, file, string(raw)}, nil
}

func newPromptListCmd(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the prompts and whose words they have", Example: "  cf prompt list",
		Args: cobra.NoArgs, Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(*cobra.Command, []string) error {
			var list PromptList
			for _, name := range prompts.Names() {
				p, err := a.words(name)
				if err != nil {
					return err
				}
				p.Text = ""
				list.Prompts = append(list.Prompts, p)
			}
			a.Events().Emit(list)
			return nil
		},
	}
}

func newPromptShowCmd(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a prompt's words", Example: "  cf prompt show system",
		Args: promptArg, Annotations: map[string]string{annotEffect: effectRead},
		ValidArgsFunction: completePrompt,
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := a.words(args[0])
			if err != nil {
				return err
			}
			a.Events().Emit(p)
			return nil
		},
	}
}

func newPromptEditCmd(a *App) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "edit NAME", Short: "Change a prompt's words in your editor",
		Long: "Copies the built-in words to your configuration if you have none of your own, and opens them\n" +
			"in $VISUAL or $EDITOR. Without a terminal it prints the path of the copy.",
		Example: "  cf prompt edit section",
		Args:    promptArg, Annotations: map[string]string{annotEffect: effectWrite},
		ValidArgsFunction: completePrompt,
		RunE:              func(_ *cobra.Command, args []string) error { return a.editPrompt(args[0], dryRun) },
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say which file would be edited and change nothing")
	return cmd
}

func (a *App) editPrompt(name string, dryRun bool) error {
	file, err := a.wordsFile(name)
	if err != nil {
		return err
	}
	p, err := a.words(name)
	if err != nil {
		return err
	}
	if dryRun {
		a.Events().Emit(event.Note{Level: "info", Text: "would edit " + file})
		return nil
	}
	if !p.Overridden {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return fault.New(fault.Failed, prompts.CodeWords, "%w", err).On("copy words", file)
		}
		if err := writeOut(file, p.Text); err != nil {
			return err
		}
	}
	editor := strings.TrimSpace(a.Env.Getenv("VISUAL"))
	if editor == "" {
		editor = strings.TrimSpace(a.Env.Getenv("EDITOR"))
	}
	if !a.Interactive() || editor == "" {
		a.Events().Emit(event.Saved{What: "words", Path: file})
		return nil
	}
	if err := a.runEditor(editor, file); err != nil {
		return err
	}
	_, err = prompts.Load(a.wordsDir())
	return err
}

// runEditor runs the user's editor on the terminal, in the user's environment.
// The variable may hold arguments ("code --wait"); it is split at spaces and
// never given to a shell.
func (a *App) runEditor(editor, file string) error {
	words := strings.Fields(editor)
	program, err := process.Look(words[0], a.Env.Environ)
	if err != nil {
		return err
	}
	in, _ := a.Env.Stdin.(*os.File) // what is no file is no terminal: Interactive said so before
	out, _ := a.terminal().(*os.File)
	errs, _ := a.Env.Stderr.(*os.File)
	return process.Interactive(process.Command{Path: program, Args: append(words[1:], file), Dir: a.Env.Dir, Env: a.Env.Environ},
		process.Files{In: in, Out: out, Err: errs})
}

func newPromptResetCmd(a *App) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "reset NAME", Short: "Take your words away and use the built-in ones",
		Long:    "Your words are kept beside as NAME.md.tmpl.old.",
		Example: "  cf prompt reset section",
		Args:    promptArg, Annotations: map[string]string{annotEffect: effectWrite},
		ValidArgsFunction: completePrompt,
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := a.wordsFile(args[0])
			if err != nil {
				return err
			}
			if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
				a.Events().Emit(event.Note{Level: "info", Text: args[0] + " has the built-in words"})
				return nil
			}
			if dryRun {
				a.Events().Emit(event.Note{Level: "info", Text: "would move " + file + " to " + file + ".old"})
				return nil
			}
			if err := os.Rename(file, file+".old"); err != nil {
				return fault.New(fault.Failed, prompts.CodeWords, "%w", err).On("reset words", file)
			}
			a.Events().Emit(event.Saved{What: "words", Path: file + ".old"})
			return nil
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be moved and change nothing")
	return cmd
}
