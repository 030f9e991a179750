//go:build !linux

package sandbox

import (
	"bytes"
	"context"
	"path/filepath"

	"github.com/bitactor/cf/process"
)

// finding is what was found out about this machine.
type finding struct {
	Tier    Tier
	Why     string
	Overlay bool
}

func detect(context.Context, Options) (finding, error) {
	return finding{Tier: None, Why: "there is no isolation for this system yet"}, nil
}

func machineMemory() int64 { return 0 }

func memoryDir() string { return "" }

func freeDisk(string) int64 { return 0 }

// Run runs c without isolation, for the user typed --no-sandbox. Of the limits
// only those on time and output are kept.
func (b *Box) Run(ctx context.Context, v View, c Command) (process.Result, error) {
	path, err := find(c.Program, b.o.Environ, v.Root)
	if err != nil {
		return process.Result{Code: -1}, err
	}
	s, err := newScratch(b.o.Cache, "tmp", "home")
	if err != nil {
		return process.Result{Code: -1}, err
	}
	defer s.remove()
	c.Limits = c.Limits.orDefaults()
	ctx, stop := context.WithTimeout(ctx, c.Limits.Wall)
	defer stop()
	tree := v.Root
	if v.Copy != "" {
		tree = v.Copy
	}
	t := toolchainOf(path, b.o.Environ, v.Root, c.ReadOnly)
	command := process.Command{
		Path: path, Args: c.Args, Dir: filepath.Join(tree, c.Dir), OutputMax: int(c.Limits.OutputBytes),
		Env: environment(b.o.Environ, t.path, s.at("home"), s.at("tmp"), append(t.env, c.Env...)...),
	}
	if c.Stdin != nil {
		command.Stdin = bytes.NewReader(c.Stdin)
	}
	return process.Run(ctx, command)
}
