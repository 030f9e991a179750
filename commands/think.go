package commands

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/engine/gather"
	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/engine/think"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm/profile"
	"github.com/bitactor/cf/prompts"
	"github.com/bitactor/cf/workspace"
	"github.com/spf13/cobra"
)

// thinking is what cf ultrathink and cf ask work with. Close it when done.
type thinking struct {
	thinker *think.Thinker
	backend *Backend
	tree    *workspace.Tree
	store   *session.Store
}

func (t *thinking) close() {
	t.backend.Release()
	_ = t.tree.Close() // read only: nothing can be lost
}

// think opens the project and connects to the model. Words, project and contexts
// come first: their faults are found before a model is loaded.
func (a *App) think(ctx context.Context, contexts []string) (*thinking, error) {
	cfg, err := a.Config()
	if err != nil {
		return nil, err
	}
	words, err := prompts.Load(a.wordsDir())
	if err != nil {
		return nil, err
	}
	tree, err := workspace.Open(a.Env.Dir)
	if err != nil {
		return nil, err
	}
	if err := gather.Check(ctx, tree, contexts); err != nil {
		_ = tree.Close() // read only: nothing can be lost
		return nil, err
	}
	model, _ := a.flag("model")
	backend, err := a.Connect(ctx, model)
	if err != nil {
		_ = tree.Close() // read only: nothing can be lost
		return nil, err
	}
	if backend.Release == nil {
		backend.Release = func() {}
	}
	return &thinking{backend: backend, tree: tree, store: session.Open(tree.Root()), thinker: &think.Thinker{
		Provider: backend.Provider, Model: backend.Model, Window: backend.Window, Counter: backend.Counter,
		Words: words, Read: reader(tree), Profiles: layouts{profile.Open(a.cacheDir("profiles"))}, Events: a.Events(), Now: a.Env.Now,
		Temperature: cfg.Temperature, Seed: cfg.Seed, MaxTokens: int(cfg.MaxTokens), Think: cfg.Think, ThinkTokens: int(cfg.ThinkTokens),
	}}, nil
}

func (a *App) wordsDir() string { return below(a.Env.Paths.Config, "prompts") }

// below returns "" where the user has no such place.
func below(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

// layouts lets a Thinker use the profiles.
type layouts struct{ store *profile.Store }

func (l layouts) Layout(digest string) string { return string(l.store.Get(digest).Layout) }

func (l layouts) SetLayout(digest, layout string) error {
	return l.store.Update(digest, func(p *profile.Profile) { p.Layout = profile.Layout(layout) })
}

// reader reads through engine/gather.
func reader(tree *workspace.Tree) think.Reader {
	return func(ctx context.Context, q think.Query) (think.Material, error) {
		found, err := gather.Gather(ctx, tree, gather.Input{Task: q.Task, Contexts: q.Contexts, Budget: q.Budget, Count: q.Count})
		if err != nil {
			return think.Material{}, err
		}
		m := think.Material{Reads: found.Reads}
		for _, p := range found.Pieces {
			m.Pieces = append(m.Pieces, prompts.File{Path: p.Path, Kind: string(p.Kind), Text: p.Text, Cut: p.Cut, Fence: p.Fence})
		}
		return m, nil
	}
}

// stdinBytesMax bounds a task that comes from standard input.
const stdinBytesMax = 1 << 20

// task returns the checked task of an argument; "-" takes it from standard input.
func (a *App) task(cmd *cobra.Command, arg string) (string, error) {
	if arg != "-" {
		return arg, think.CheckTask(arg)
	}
	raw, err := io.ReadAll(io.LimitReader(a.Env.Stdin, stdinBytesMax+1))
	if err != nil {
		return "", fault.New(fault.Failed, "stdin", "%w", err).On("read task", "standard input")
	}
	if len(raw) > stdinBytesMax {
		return "", usageError(cmd, fmt.Errorf("the task on standard input is over %d bytes", stdinBytesMax))
	}
	text := strings.TrimSpace(string(raw))
	return text, think.CheckTask(text)
}

// show prints prompts.
func (a *App) showPrompts(list []event.Prompt, err error) error {
	for _, p := range list {
		a.Events().Emit(p)
	}
	return err
}
