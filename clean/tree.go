package clean

import (
	"context"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// Bounds of what one run mends. What is beyond them is found and left for the next
// run.
const (
	FilesMax = 4096
	BytesMax = 64 << 20 // of the mended files, which are held until they land
)

// Result is what was found below some paths.
type Result struct {
	Findings []Finding // in the order of the files
	Set      *workspace.Set
	// Unread holds files that could not be looked at, with why.
	Unread map[string]string
	Files  int // looked at
	// Later are files whose mends are beyond the bounds.
	Later []string
}

// atOnce is how many files are looked at before their mends are counted: at most so
// many are held beyond BytesMax.
const atOnce = 64

// part is what became of one file.
type part struct {
	found  []Finding
	change *workspace.Change
	hash   string
	unread error
}

// Tree looks at files of a tree, some at one time, and puts the mended ones into a
// set. known is what the whole tree says. The error is the context's.
func Tree(ctx context.Context, t *workspace.Tree, files []string, known *Known, patterns []*Pattern) (*Result, error) {
	r := &Result{Set: &workspace.Set{Reads: map[string]string{}}, Unread: map[string]string{}}
	files = slices.DeleteFunc(slices.Clone(files), func(f string) bool { return syntax.Of(f, nil) == nil || !Product(f) })
	r.Files = len(files)
	held := 0
	for some := range slices.Chunk(files, atOnce) {
		parts := make([]part, len(some))
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(runtime.NumCPU())
		for i, file := range some {
			group.Go(func() error {
				parts[i] = look(ctx, t, file, patterns, known)
				return ctx.Err()
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		for i, p := range parts {
			r.Findings = append(r.Findings, p.found...)
			switch {
			case p.unread != nil:
				r.Unread[some[i]] = p.unread.Error()
			case p.change == nil:
			case len(r.Set.Changes) == FilesMax || held+len(p.change.Content) > BytesMax:
				r.Later = append(r.Later, some[i])
			default:
				held += len(p.change.Content)
				r.Set.Changes = append(r.Set.Changes, *p.change)
				r.Set.Reads[some[i]] = p.hash
			}
		}
	}
	return r, nil
}

// look finds and mends in one file.
func look(ctx context.Context, t *workspace.Tree, file string, patterns []*Pattern, known *Known) (p part) {
	text, err := t.Read(file)
	if err != nil {
		return part{unread: err}
	}
	if p.found, p.unread = FindAmong(ctx, file, text, patterns, known); p.unread != nil {
		return p
	}
	mended, err := Mend(ctx, file, text, p.found)
	if mended != nil {
		p.change, p.hash = &workspace.Change{Path: file, Content: mended}, workspace.Hash(text)
	}
	p.unread = err
	return p
}
