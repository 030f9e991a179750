package commands

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// testApp returns an App whose Env has nothing: no home, no terminal.
func testApp(t *testing.T) *App {
	t.Helper()
	return &App{Env: testEnv(t, nil)}
}

// testEnv returns an Env with these variables, in a fresh folder.
func testEnv(t *testing.T, vars map[string]string) *Env {
	getenv := func(name string) string { return vars[name] }
	return &Env{
		Stdin: strings.NewReader(""), Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{},
		Getenv: getenv, Dir: t.TempDir(), Now: time.Now, Paths: pathsOf(getenv),
	}
}

// readOnly lists the commands that may do without --dry-run: they change
// nothing and ask no model. Whoever adds one here says so.
var readOnly = []string{
	"cf", "cf help", "cf version", "cf status", "cf completion", "cf validate", "cf receipt", "cf receipt show", "cf receipt list",
	"cf config", "cf config list", "cf config get", "cf config path",
	"cf calibrate show", "cf session", "cf session list", "cf session show",
	"cf prompt", "cf prompt list", "cf prompt show",
	"cf scaffold", "cf scaffold list", "cf scaffold show", "cf scaffold search", "cf scaffold check",
}

func TestEveryVerbIsWhole(t *testing.T) {
	walk(newRoot(testApp(t)), func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		if cmd.IsAdditionalHelpTopicCommand() {
			if cmd.Long == "" {
				t.Errorf("%s: help topic without text", path)
			}
			return
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: Short %q must be a phrase without a final period", path, cmd.Short)
		}
		if !cmd.Hidden && !strings.Contains(cmd.Example, "cf") {
			t.Errorf("%s: no Example", path)
		}
		if cmd.Flag("json") == nil && cmd.InheritedFlags().Lookup("json") == nil {
			t.Errorf("%s: no --json", path)
		}
		checkEffect(t, cmd)
	})
}

func checkEffect(t *testing.T, cmd *cobra.Command) {
	path, effect := cmd.CommandPath(), cmd.Annotations[annotEffect]
	switch effect {
	case effectRead:
		if !slices.Contains(readOnly, path) {
			t.Errorf("%s says that it only reads, and is not in the list of those", path)
		}
	case effectWrite, effectAsk:
		if slices.Contains(readOnly, path) {
			t.Errorf("%s is in the list of commands that only read, and says %q", path, effect)
		}
		if cmd.Flags().Lookup("dry-run") == nil {
			t.Errorf("%s has effect %q and no --dry-run", path, effect)
		}
	default:
		t.Errorf("%s: effect %q is none of read, write, ask", path, effect)
	}
}

// walk visits the commands of cf, without those that cobra hides for shells.
func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	if strings.HasPrefix(cmd.Name(), "__") {
		return
	}
	visit(cmd)
	for _, sub := range cmd.Commands() {
		walk(sub, visit)
	}
}

// TestHelpFitsATerminal keeps every help text within a terminal of 80 columns;
// prose may have a word more.
func TestHelpFitsATerminal(t *testing.T) {
	env := testEnv(t, nil)
	if code := run([]string{"--help"}, env, quiet); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	out := env.Stdout.(*pipe).w.(*bytes.Buffer).String()
	walk(newRoot(testApp(t)), func(cmd *cobra.Command) {
		env := testEnv(t, nil)
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		if cmd.IsAdditionalHelpTopicCommand() {
			args = append([]string{"help"}, args[:len(args)-1]...)
		}
		_, text, _ := try(env, quiet, args...)
		prose, rest, _ := strings.Cut(text, "Usage:")
		for _, line := range strings.Split(rest, "\n") {
			if len([]rune(line)) > helpWidth {
				t.Errorf("%s: too long: %s", cmd.CommandPath(), line)
			}
		}
		for _, line := range strings.Split(prose, "\n") {
			if len([]rune(line)) > 100 {
				t.Errorf("%s: too long: %s", cmd.CommandPath(), line)
			}
		}
	})
	for _, g := range groups {
		if !strings.Contains(out, g.title) {
			t.Errorf("no heading %q", g.title)
		}
	}
}
