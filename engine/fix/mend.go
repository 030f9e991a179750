package fix

import (
	"context"
	"errors"
	"go/format"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/engine/mend"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/workspace"
)

// mended is a file as it is without a model.
type mended struct {
	path string
	was  []byte
	now  string
	did  []string
}

// mend does what needs no model: what package mend knows of Go, and the formatters
// of the checkers. All of it is tried as one, and file by file only where that does
// not make the tree better. It returns what it mended.
func (r *run) mend(ctx context.Context, groups []Group) ([]mended, error) {
	var list []mended
	for _, g := range groups {
		if len(g.Findings) == 0 {
			continue
		}
		m, err := r.mendFile(ctx, g)
		if err != nil {
			return nil, err
		}
		if len(m.did) > 0 {
			list = append(list, m)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	trial, err := r.keep(ctx, list)
	switch {
	case err != nil:
		return nil, err
	case trial == r.out.Trial:
	case gain(trial) > 0 && wrong(trial) > 0 && !blocked(trial):
		r.working = trial
		r.tell(list)
	case len(list) > 1:
		for i := range list {
			if _, err := r.keep(ctx, list[i:i+1]); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// keep tries mended files on top of what was kept, and keeps them if the whole may
// land and is better by it.
func (r *run) keep(ctx context.Context, list []mended) (*land.Trial, error) {
	set := &workspace.Set{Reads: map[string]string{}}
	if r.out.Trial != nil {
		set.Changes = slices.Clone(r.out.Trial.Set.Changes)
		maps.Copy(set.Reads, r.out.Trial.Set.Reads)
	}
	for _, m := range list {
		if slices.ContainsFunc(set.Changes, func(c workspace.Change) bool { return c.Path == m.path }) {
			return r.out.Trial, nil // what was kept holds more than the mend
		}
		set.Changes = append(set.Changes, workspace.Change{Path: m.path, Content: []byte(m.now)})
		set.Reads[m.path] = workspace.Hash(m.was)
	}
	trial, err := r.Judge.Try(ctx, set)
	if err == nil && trial.Verdict.Land && gain(trial) > gain(r.out.Trial) {
		r.out.Trial = trial
		r.tell(list)
	}
	return trial, err
}

// tell reports mends, each once.
func (r *run) tell(list []mended) {
	for _, m := range list {
		for _, did := range m.did {
			text := m.path + ": " + did
			if !slices.Contains(r.out.Did, text) {
				r.out.Did = append(r.out.Did, text)
				r.Events.Emit(event.Note{Level: "info", Text: text})
			}
		}
	}
}

// mendFile mends a file of the tree in memory.
func (r *run) mendFile(ctx context.Context, g Group) (mended, error) {
	m := mended{path: g.File}
	data, err := r.Tree.Read(g.File)
	if err != nil {
		return m, nil // what can't be read can't be mended
	}
	m.was, m.now = data, string(data)
	if path.Ext(g.File) == ".go" {
		result := mend.Go(m.now, r.siblings(ctx, g.File))
		m.now, m.did = result.Source, result.Did
		var places []mend.Place
		for _, d := range g.Findings {
			if d.Code == "unused-variable" && m.now == string(data) {
				places = append(places, mend.Place{Line: d.Line, Column: d.Column})
			}
		}
		result = mend.UnusedNames(m.now, places)
		m.now, m.did = result.Source, append(m.did, result.Did...)
		if text, err := format.Source([]byte(m.now)); len(m.did) > 0 && err == nil && formatted(data) {
			m.now = string(text) // what was taken out leaves gaps
		}
	}
	for _, d := range g.Findings {
		f := check.FormatterOf(r.Checkers, d)
		if f == nil {
			continue
		}
		over, err := r.Tree.Stage(ctx, &workspace.Set{Changes: []workspace.Change{{Path: g.File, Content: []byte(m.now)}}}, r.Box)
		if err != nil {
			return m, err
		}
		text, err := f.Format(ctx, check.Target{Stage: over, Project: r.report.Project(d), Files: []string{g.File}, Changed: []string{g.File}}, g.File)
		if err = errors.Join(err, over.Close()); err != nil {
			return m, err
		}
		if text != nil && string(text) != m.now {
			m.now, m.did = string(text), append(m.did, "formatted: "+d.Tool)
		}
		break
	}
	return m, nil
}

// formatted tells whether Go source is as gofmt writes it.
func formatted(src []byte) bool {
	text, err := format.Source(src)
	return err != nil || string(text) == string(src)
}

// siblings reads the other files of a Go package.
func (r *run) siblings(ctx context.Context, file string) mend.Package {
	p := mend.Package{Siblings: map[string]string{}}
	listing, err := r.Tree.List(ctx, workspace.ListOptions{Under: path.Dir(file)})
	if err != nil {
		return p
	}
	for _, f := range listing.Files {
		if path.Dir(f.Path) != path.Dir(file) || path.Ext(f.Path) != ".go" || f.Path == file {
			continue
		}
		if data, err := r.Tree.Read(f.Path); err == nil {
			p.Siblings[f.Path] = string(data)
		}
	}
	if data, err := r.Tree.Read(file); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, ok := strings.CutPrefix(line, "package "); ok {
				p.Name = strings.TrimSuffix(strings.TrimSpace(name), "_test")
				break
			}
		}
	}
	return p
}
