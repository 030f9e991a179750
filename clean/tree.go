package clean

import (
	"context"
	"path"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// Result is what was found below some paths.
type Result struct {
	Findings []Finding // in the order of the files
	Set      *workspace.Set
	// Unread holds files that could not be looked at, with why.
	Unread map[string]string
	Files  int // looked at
}

// Tree looks at files of a tree, some at one time, and puts the mended ones into a
// set. The error is the context's.
func Tree(ctx context.Context, t *workspace.Tree, files []string, patterns []*Pattern) (*Result, error) {
	type part struct {
		found  []Finding
		change *workspace.Change
		hash   string
	}
	parts := make([]part, len(files))
	r := &Result{Set: &workspace.Set{Reads: map[string]string{}}, Unread: map[string]string{}}
	names, err := namesOf(ctx, t, files)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i, file := range files {
		if syntax.Of(file, nil) == nil || !Product(file) {
			continue
		}
		r.Files++
		group.Go(func() error {
			p, err := func() (p part, err error) {
				text, err := t.Read(file)
				if err != nil {
					return p, err
				}
				if p.found, err = find(ctx, file, text, patterns, names); err != nil {
					return p, err
				}
				mended, err := Mend(ctx, file, text, p.found)
				if mended != nil {
					p.change, p.hash = &workspace.Change{Path: file, Content: mended}, workspace.Hash(text)
				}
				return p, err
			}()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				r.Unread[file] = err.Error()
				return nil
			}
			parts[i] = p
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, p := range parts {
		r.Findings = append(r.Findings, p.found...)
		if p.change != nil {
			r.Set.Changes = append(r.Set.Changes, *p.change)
			r.Set.Reads[p.change.Path] = p.hash
		}
	}
	return r, nil
}

// namesOf counts the methods of all files of Python, tests too: one that is defined
// more than once is implemented by others.
func namesOf(ctx context.Context, t *workspace.Tree, files []string) (Names, error) {
	names := Names{}
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if path.Ext(file) != ".py" {
			continue
		}
		if text, err := t.Read(file); err == nil { // else it is told below as unread
			names.add(text)
		}
	}
	return names, nil
}
