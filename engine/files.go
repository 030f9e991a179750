package engine

import (
	"context"
	"maps"

	"github.com/bitactor/cf/workspace"
)

// files is the tree as a request sees it: with the pending changes laid over it.
// It remembers the hash of what was read of the tree, so that a set made from it
// does not land once the user has changed any of that.
type files struct {
	tree    *workspace.Tree
	stage   *workspace.Stage
	pending *workspace.Set
	reads   map[string]string
}

// see opens the view. It needs no sandbox: nothing runs in it.
func see(ctx context.Context, tree *workspace.Tree, pending *workspace.Set) (*files, error) {
	if pending == nil {
		pending = &workspace.Set{}
	}
	stage, err := tree.Stage(ctx, pending, nil)
	if err != nil {
		return nil, err
	}
	return &files{tree, stage, pending, maps.Clone(pending.Reads)}, nil
}

func (f *files) Close() error { return f.stage.Close() }

func (f *files) kind(rel string) string { return f.stage.Kind(rel) }

func (f *files) list(ctx context.Context, under string) ([]workspace.File, error) {
	listing, err := f.stage.List(ctx, workspace.ListOptions{Under: under})
	if err != nil {
		return nil, err
	}
	return listing.Files, nil
}

// read returns a text file, and remembers it unless it is a pending one, whose
// maker has.
func (f *files) read(rel string) ([]byte, error) {
	data, err := f.stage.Read(rel)
	if err == nil && !f.holds(rel) {
		f.note(rel, workspace.Hash(data))
	}
	return data, err
}

// absent remembers that there was no such file.
func (f *files) absent(rel string) {
	if !f.holds(rel) {
		f.note(rel, "")
	}
}

func (f *files) note(rel, hash string) {
	if f.reads == nil {
		f.reads = map[string]string{}
	}
	if _, known := f.reads[rel]; !known {
		f.reads[rel] = hash
	}
}

func (f *files) holds(rel string) bool {
	for _, c := range f.pending.Changes {
		if c.Path == rel {
			return true
		}
	}
	return false
}

// set returns the pending changes with source as the content of the file path.
func (f *files) set(path, source string) *workspace.Set {
	s := &workspace.Set{Reads: maps.Clone(f.reads)}
	for _, c := range f.pending.Changes {
		if c.Path != path {
			s.Changes = append(s.Changes, c)
			continue
		}
		mine := c
		mine.Delete, mine.Content = false, []byte(source)
		s.Changes = append(s.Changes, mine)
	}
	if !f.holds(path) {
		s.Changes = append(s.Changes, workspace.Change{Path: path, Content: []byte(source)})
	}
	return s
}
