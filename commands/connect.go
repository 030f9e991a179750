package commands

import (
	"context"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/fault"
)

func connect(context.Context, *App, string) (*Backend, error) {
	return nil, fault.New(fault.Unreachable, "no-server", "no model server is wired yet")
}

func modelNames(context.Context, *config.Config) ([]string, error) { return nil, nil }
