package commands

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/land"
	answers "github.com/bitactor/cf/engine/memory"
	"github.com/bitactor/cf/engine/repomap"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/workspace"
)

// mapTimeMax bounds what a question waits for the map: a tree of 50,000 files is
// read in less. What was read by then is kept, and the next question reads on.
const mapTimeMax = 20 * time.Second

// projectMap gives an engine the definitions of the project.
type projectMap struct{ repo *repomap.Map }

// openMap returns the map of a tree. Where the user has no place for caches, it is
// made anew each time.
func openMap(tree *workspace.Tree, cache string) projectMap {
	if cache != "" {
		cache = filepath.Join(cache, "map", tree.Key())
	}
	return projectMap{repomap.Open(tree, cache)}
}

// Map is engine.Map.
func (p projectMap) Map(ctx context.Context, q engine.MapQuery) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, mapTimeMax)
	defer cancel()
	got, err := p.repo.Render(ctx, repomap.Request{Path: q.Path, Source: q.Present, Text: q.Instructions, Budget: q.Budget, Count: q.Count})
	if err != nil {
		return "", err
	}
	return got.Text, nil
}

// formatters writes files in the form that the landing's checkers ask for.
type formatters struct{ *landing }

// Format is engine.Formatters. A file that lacked the form before the change keeps
// its own.
func (f formatters) Format(ctx context.Context, t *land.Trial, path string) (text []byte, err error) {
	lacks := func(d check.Diagnostic) bool {
		return d.File == path && check.FormatterOf(f.checking.checkers, d) != nil
	}
	if slices.ContainsFunc(t.Base.Diagnostics(), lacks) {
		return nil, nil
	}
	for _, d := range t.Verdict.New {
		by := check.FormatterOf(f.checking.checkers, d)
		if !lacks(d) {
			continue
		}
		stage, err := f.tree.Stage(ctx, t.Set, f.box)
		if err != nil {
			return nil, err
		}
		text, err := by.Format(ctx, check.Target{Stage: stage, Project: t.Now.Project(d), Files: []string{path}, Changed: []string{path}}, path)
		return text, errors.Join(err, stage.Close())
	}
	return nil, nil
}

// openMemory returns the memory of a tree's project, nil with --no-memory and where
// the user has no place for it.
func (a *App) openMemory(tree *workspace.Tree) engine.Memory {
	if off, _ := a.flag("no-memory"); off == "true" || a.Env.Paths.State == "" {
		return nil
	}
	return answers.Open(filepath.Join(a.Env.Paths.State, "memory", tree.Key()))
}

// remember keeps what was answered, once it has landed. A change that landed is
// not undone because nothing can be learnt of it: a fault is only told.
func (a *App) remember(ctx context.Context, m engine.Memory, landed []engine.Example) {
	if m == nil {
		return
	}
	if err := m.Keep(ctx, landed); err != nil {
		a.Events().Emit(event.Note{Level: "warn", Text: "nothing was kept as an example: " + err.Error()})
	}
}
