package commands

import (
	"io"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/commands/view/tui"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
	"github.com/spf13/cobra"
)

// App is what the verbs share. Everything in it is made on first use, so that
// --help and --version touch neither config nor network nor disk. A verb uses
// it from one goroutine; the sink it hands out is safe for concurrent use.
type App struct {
	Env *Env

	JSON    bool // --json
	Verbose int  // -v, counted
	Yes     bool // --yes
	NoTUI   bool // --no-tui

	config *config.Config
	sink   event.Sink
	plain  *view.Plain // the sink, if it is the plain one
	log    *slog.Logger
	cmd    *cobra.Command // the verb that runs
	asJSON bool           // --json stands on the command line, parsed or not
}

// Backend is the model server and model that a verb works with.
type Backend struct {
	Provider llm.Provider
	Model    llm.Model
	Window   llm.Window
	Counter  llm.Counter
	Event    event.Model // ready to be emitted
	Release  func()      // lets the private server go idle again; call it when done, never nil
}

// Config returns the effective configuration: flag over environment over the
// user's file over the repository's file over defaults.
func (a *App) Config() (*config.Config, error) {
	if a.config != nil {
		return a.config, nil
	}
	c, err := config.Load(config.Sources{
		UserFile: a.userConfigFile(),
		RepoRoot: projectOf(a.Env.Dir).Root,
		Getenv:   a.Env.Getenv,
		Flag:     a.flag,
	})
	if err != nil {
		return nil, err
	}
	a.config = c
	return c, nil
}

// Project returns the tree that this invocation works in.
func (a *App) Project() Project { return projectOf(a.Env.Dir) }

// userConfigFile returns "" where the user has no place for one.
func (a *App) userConfigFile() string {
	if a.Env.Paths.Config == "" {
		return ""
	}
	return filepath.Join(a.Env.Paths.Config, "config.toml")
}

// flag returns the value of a flag of the running verb, if it was given.
func (a *App) flag(name string) (string, bool) {
	if a.cmd == nil {
		return "", false
	}
	f := a.cmd.Flags().Lookup(name)
	if f == nil || !f.Changed {
		return "", false
	}
	return f.Value.String(), true
}

// configFlags adds to cmd the flags of the named config keys. Config reads
// them: a verb needs no variable for them.
func configFlags(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		k, ok := config.Find(name)
		if !ok || k.Flag == "" {
			panic("commands: no flag for config key " + name)
		}
		f := cmd.Flags()
		doc := k.Doc
		if len(k.Choices) > 0 {
			doc += ": " + strings.Join(k.Choices, " or ")
		}
		switch k.Kind {
		case config.Bool:
			f.Bool(k.Flag, false, doc)
		case config.Int:
			f.Int64(k.Flag, 0, doc)
		case config.Number:
			f.Float64(k.Flag, 0, doc)
		default:
			f.String(k.Flag, "", doc)
		}
		f.Lookup(k.Flag).DefValue = k.Default // in help only: the value is the config's
	}
}

// Events returns the sink that renders for this invocation: JSON lines with
// --json, else plain text.
func (a *App) Events() event.Sink {
	if a.sink != nil {
		return a.sink
	}
	if a.JSON {
		a.sink = view.NewJSONL(a.Env.Stdout)
		return a.sink
	}
	a.plain = view.NewPlain(view.PlainOptions{
		Stdout: a.Env.Stdout, Stderr: a.Env.Stderr,
		StdoutTTY: a.Env.StdoutTTY, StderrTTY: a.Env.StderrTTY,
		Width: a.Env.Width, Dumb: a.Env.Getenv("TERM") == "dumb",
		ColorOut: a.color(a.Env.StdoutTTY), ColorErr: a.color(a.Env.StderrTTY),
		Calls: a.Verbose > 0, Now: a.Env.Now,
	})
	a.sink = a.plain
	return a.sink
}

// close ends what Events started.
func (a *App) close() {
	if a.plain != nil {
		a.plain.Close()
	}
}

// color decides by flag, then NO_COLOR (https://no-color.org), CLICOLOR_FORCE,
// CLICOLOR (https://bixense.com/clicolors/), TERM and the config. A config that
// can't be read is reported by who needs it, not here.
func (a *App) color(terminal bool) bool {
	setting := "auto"
	if c, err := a.Config(); err == nil {
		setting = c.Color
		if c.Origin("color").Source == config.FromFlag && setting != "auto" {
			return setting == "always"
		}
	}
	env := a.Env.Getenv
	switch {
	case env("NO_COLOR") != "":
		return false
	case setting != "auto":
		return setting == "always"
	case env("CLICOLOR_FORCE") != "" && env("CLICOLOR_FORCE") != "0":
		return true
	}
	return terminal && env("TERM") != "dumb" && env("CLICOLOR") != "0"
}

// Log returns the logger of -v: to standard error, with control characters
// made visible; silent without -v.
func (a *App) Log() *slog.Logger {
	if a.log == nil {
		a.log = newLog(a.Env.Stderr, a.Verbose)
	}
	return a.log
}

func newLog(w io.Writer, verbose int) *slog.Logger {
	switch {
	case verbose <= 0:
		return slog.New(slog.DiscardHandler)
	case verbose == 1:
		return slog.New(slog.NewTextHandler(view.NewWriter(w), &slog.HandlerOptions{Level: slog.LevelInfo}))
	default:
		return slog.New(slog.NewTextHandler(view.NewWriter(w), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

// Interactive tells whether a terminal interface may open: a person reads and
// can type, and neither --json nor --no-tui nor a dumb terminal forbids it.
func (a *App) Interactive() bool {
	return !a.JSON && !a.NoTUI && tui.Usable(a.Env.Getenv, a.Env.StdinTTY, a.Env.StdoutTTY)
}
