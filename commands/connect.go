package commands

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/embedded"
)

// located is where a model server is.
type located struct {
	URL, Source, Version string
	Warnings             []string
}

func connect(context.Context, *App, string) (*Backend, error) {
	return nil, fault.New(fault.Unreachable, "no-server", "no model server is wired yet")
}

// serverDir is the folder of the private server's state, "" without a home.
func (a *App) serverDir() string {
	if a.Env.Paths.State == "" {
		return ""
	}
	return filepath.Join(a.Env.Paths.State, "server")
}

// private says where the private server stands, from its files alone.
func (a *App) private() PrivateStatus {
	dir := a.serverDir()
	if dir == "" {
		return PrivateStatus{State: "none", Why: "there is no place for it: HOME is unset"}
	}
	install, ok := embedded.ReadInstall(dir)
	if !ok {
		return PrivateStatus{State: "none", Why: "cf setup makes one if no other server is found"}
	}
	p := PrivateStatus{State: "asleep", Version: install.Version, Model: install.Model}
	if state, running := embedded.Read(dir); running {
		p.State, p.URL, p.Why = string(state.Status), state.URL, state.Reason
	}
	return p
}

func (a *App) locate(ctx context.Context, c *config.Config, start bool) (located, error) {
	return located{}, fault.New(fault.Unreachable, llm.CodeRefused, "no model server answers").Hint("cf setup makes this machine ready")
}

func (a *App) open(c *config.Config, url string) (llm.Provider, error) {
	return nil, fault.New(fault.Unreachable, "no-server", "no model server is wired yet")
}

func chooseModel(_ context.Context, models []llm.Model, configured string) (llm.Model, string, error) {
	i := slices.IndexFunc(models, func(m llm.Model) bool { return configured == "" || m.Name == configured })
	if i < 0 {
		return llm.Model{}, "", noModel("")
	}
	return models[i], "first", nil
}
