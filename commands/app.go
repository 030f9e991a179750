package commands

import (
	"context"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
)

// App is what the verbs share. Everything in it is made on first use, so that
// --help and --version touch neither config nor network nor disk.
type App struct {
	Env *Env

	JSON    bool // --json
	Verbose int  // -v, counted
	Yes     bool // --yes
	NoTUI   bool // --no-tui

	config *config.Config
	sink   event.Sink
}

// Backend is the model server and model that a verb works with.
type Backend struct {
	Provider llm.Provider
	Model    llm.Model
	Window   llm.Window
	Counter  llm.Counter
	Event    event.Model // ready to be emitted
}

// Config returns the effective configuration: flag over environment over the
// user's file over the repository's file over defaults.
func (a *App) Config() (*config.Config, error) { panic("commands: Config is not wired") }

// Events returns the sink that renders for this invocation: JSON lines with
// --json, else plain text.
func (a *App) Events() event.Sink { panic("commands: Events is not wired") }

// Connect finds the model server and the model, starting the private server if
// set-up made one. It never installs or pulls. model is the --model flag, or "".
func (a *App) Connect(ctx context.Context, model string) (*Backend, error) {
	panic("commands: Connect is not wired")
}
