package workspace

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
)

// Undo puts back what stood before the landing id, which may be shortened as
// long as it is clear; "" is the newest that is neither undone nor an undo.
// Bytes and modes come back exactly; folders that the landing made go if they
// are empty. An undo is a landing itself: undoing it does the change again.
//
// It refuses as a whole, with Conflict, CodeChanged, if one of the files is not
// as the landing left it, and with CodeTarget if a path is now a link.
func (l *Ledger) Undo(ctx context.Context, id string, o UndoOptions) (*Landed, error) {
	if err := l.tree.notMerging(); err != nil {
		return nil, err
	}
	if entries, err := l.List(); err != nil || len(entries) == 0 {
		if err == nil {
			err = fault.New(fault.Usage, CodeNoEntry, "nothing has landed in this root").On("undo", id)
		}
		return nil, err
	}
	var landed *Landed
	err := l.locked("undo", func(j *journal) (err error) {
		landed, err = j.undo(ctx, id, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return landed, nil
}

func (j *journal) undo(ctx context.Context, id string, o UndoOptions) (*Landed, error) {
	entries, err := j.entries()
	if err != nil {
		return nil, err
	}
	e, err := choose(entries, id)
	if err != nil {
		return nil, err
	}
	f, err := j.load(e.ID)
	if err != nil {
		return nil, err
	}
	defer f.close()
	p, err := j.prepare(f.backwards())
	var changed *changedError
	if errors.As(err, &changed) {
		return nil, undoConflict(e, entries, changed.paths)
	}
	if err != nil {
		return nil, err
	}
	p.in.Undoes, p.in.Title = e.ID, e.Title
	if err := j.undoFolders(f, p); err != nil {
		return nil, err
	}
	if o.DryRun || len(p.in.Files) == 0 {
		return &Landed{Files: p.touches, Undoes: e.ID}, nil
	}
	return j.finish(ctx, p)
}

// choose finds the entry that id stands for.
func choose(entries []Entry, id string) (Entry, error) {
	refuse := func(code, format string, args ...any) (Entry, error) {
		return Entry{}, fault.New(fault.Usage, code, format, args...).On("undo", id).Hint("cf undo --list shows what can be undone")
	}
	var found []Entry
	for _, e := range entries {
		switch {
		case id == "" && e.Undoes == "" && e.UndoneBy == "" && e.Damaged == "":
			return e, nil
		case id != "" && strings.HasPrefix(e.ID, id):
			found = append(found, e)
		}
	}
	switch {
	case id == "":
		return refuse(CodeNoEntry, "nothing is left to undo")
	case len(found) == 0:
		return refuse(CodeNoEntry, "no such entry in the ledger")
	case len(found) > 1:
		return refuse(CodeNoEntry, "%d entries begin so", len(found))
	case found[0].UndoneBy != "":
		return refuse(CodeUndone, "it was undone by %s already; undo that to have the change again", found[0].UndoneBy)
	case found[0].Damaged != "":
		return Entry{}, fault.New(fault.Failed, CodeCorrupt, "%s", found[0].Damaged).On("undo", found[0].ID)
	}
	return found[0], nil
}

// undoConflict lists the files, and the later landings that explain them.
func undoConflict(e Entry, entries []Entry, paths []string) error {
	f := fault.New(fault.Conflict, CodeChanged, "changed since %s landed", e.ID).On("undo", quoteAll(paths)).Hint("nothing was changed")
	for _, later := range entries {
		if later.ID <= e.ID || later.UndoneBy != "" || later.Undoes != "" {
			continue
		}
		if slices.ContainsFunc(later.Files, func(t Touch) bool { return slices.Contains(paths, t.Path) }) {
			_ = f.Hint(later.ID + " changed one of them later; undo it first")
		}
	}
	return f
}

// backwards is what a landing's opposite wants. A file that is as before
// already is no conflict: there is nothing to lose.
func (f *openLanding) backwards() []want {
	wants := make([]want, 0, len(f.in.Files))
	for i, plan := range f.in.Files {
		w := want{
			path: plan.Path, post: plan.Pre, drop: plan.Pre.absent(),
			expect: func(now state) bool { return now.is(plan.Post) || now.is(plan.Pre) },
		}
		if !w.drop {
			w.content = func(to io.Writer) error { return f.copyImage(i, to) }
		}
		wants = append(wants, w)
	}
	return wants
}

// undoFolders has the folders removed that f made, and those made again with
// their modes that f removed.
func (j *journal) undoFolders(f *openLanding, p *prepared) error {
	dirs := openFolders(j.tree)
	defer dirs.close()
	for _, d := range slices.Backward(f.in.Make) {
		dir, err := dirs.at(d.Path)
		if err != nil {
			if ignoreGone(err) != nil {
				return err
			}
			continue
		}
		m, err := dir.lstat(".")
		if err != nil {
			return where(d.Path, err)
		}
		p.in.Drop = append(p.in.Drop, dirPlan{Path: d.Path, Mode: uint32(m.mode.Perm())})
	}
	for i, d := range p.in.Make {
		for _, was := range f.in.Drop {
			if was.Path == d.Path {
				p.in.Make[i].Mode = was.Mode
			}
		}
	}
	return nil
}
