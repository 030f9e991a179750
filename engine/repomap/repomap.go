// Package repomap shows which definitions of a tree a request is likely to need:
// their signatures, grouped by file, within a budget of tokens.
//
// Files and the names they use and define are a graph; a personalised PageRank
// over it says what matters to the request (docs/decisions/0013-repomap.md). The
// package must never show what a walk of the workspace passes over, a file that
// holds secrets by its name, or a secret that it can recognise; and never fail
// because of what lies in its cache.
//
// Invariants:
//  1. The same tree and the same request give the same bytes, whatever was cached.
//  2. Rendered.Tokens, by the caller's own count, is never above the budget.
//  3. Nothing of the file that the request is about is shown: its prompt has it.
//  4. What is kept in memory and on disk is bounded (bounds); what did not fit is
//     counted in Rendered.LeftOut.
package repomap

import (
	"context"
	"sync"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// Map is the map of one tree. It is safe for concurrent use; calls take turns.
type Map struct {
	tree   *workspace.Tree
	file   string
	bounds bounds

	mu    sync.Mutex
	index *index // as last seen; nil before the first call
}

// Open returns the map of a tree. file is a file of cf's own, absolute, that
// keeps what was read of the sources between runs; "" keeps it in memory only.
// Nothing is read before the first Render.
func Open(tree *workspace.Tree, file string) *Map {
	return &Map{tree: tree, file: file, bounds: defaultBounds}
}

// Request says what a map is for.
type Request struct {
	Path   string           // the file to be written, relative to the root; may be new or ""
	Source string           // what stands there and is written anew; what it uses comes first
	Text   string           // the user's words: names in them count, and words that names are made of
	Budget int              // tokens
	Count  func(string) int // of tokens
}

// Rendered is a map as a prompt shows it.
type Rendered struct {
	Text        string // lines without the last line end; "" where nothing is worth showing or fits
	Tokens      int
	Definitions int // shown
	LeftOut     int // source files that the map does not know: too large, or too many
}

// Render brings the map up to date with the tree and shows what of it the request
// is likely to need. The first call reads every source file, later ones those that
// changed. The only error is ctx's (Interrupted): what was read by then is kept.
func (m *Map) Render(ctx context.Context, r Request) (*Rendered, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	saved, err := m.refresh(ctx)
	defer func() { <-saved }()
	if err != nil {
		return nil, err
	}
	g, err := newGraph(ctx, m.index, m.bounds)
	if err != nil {
		return nil, interrupted(ctx)
	}
	chosen, err := g.choose(ctx, r)
	if err != nil {
		return nil, interrupted(ctx)
	}
	out := g.render(chosen, r.Budget, r.Count)
	out.LeftOut = m.index.leftOut
	return out, nil
}

func interrupted(ctx context.Context) error {
	return fault.New(fault.Interrupted, "", "%w", context.Cause(ctx)).On("map", ".")
}
