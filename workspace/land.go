package workspace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"path"
	"slices"
	"strings"
)

// landing is one landing under way.
type landing struct {
	j       *journal
	in      *intent
	content func(index int, w io.Writer) error // of the file with that index, afterwards
	dirs    *folders
	touched map[string]bool // folders whose entries were changed, by path
	begun   bool            // one of the user's files may have been changed
}

// land carries out in. When it returns an error, everything is as it was
// before, or the error says what stands in the way and recover has to be called
// again. ctx counts until the first of the user's files is changed.
func (j *journal) land(ctx context.Context, in *intent, content func(int, io.Writer) error) error {
	l := &landing{j: j, in: in, content: content, dirs: openFolders(j.tree), touched: map[string]bool{}}
	defer l.dirs.close()
	end, err := l.store()
	if err != nil {
		return err
	}
	j.passed("stored")
	if err := l.carryOut(ctx); err != nil {
		return j.giveUp(in.ID, err, l.begun)
	}
	if err := j.appendRecord(in.ID, end, recordDone, nil); err != nil {
		if !j.disown(in.ID) {
			return &unsureError{err}
		}
		return j.giveUp(in.ID, err, true)
	}
	j.passed("done")
	return nil
}

// disown makes sure that a landing whose last record failed does not count as
// done, before anything is taken back. The record may be on disk or not, and
// its file is not synced again (see createSynced): another file says so. If
// that fails too, the tree has to stay as it is.
func (j *journal) disown(id string) bool {
	f, err := j.load(id)
	if err == nil {
		f.close()
		if !f.done {
			return true
		}
	}
	err = createSynced(j.store, id+disownedSuffix, 0o600, owner{}, func(io.Writer) error { return nil })
	return err == nil && j.store.sync() == nil
}

// unsureError tells that a landing is in place but its record may not survive a
// loss of power.
type unsureError struct{ err error }

func (e *unsureError) Error() string {
	return "the change is in place, but its record may not be durable: " + bare(e.err).Error()
}
func (e *unsureError) Unwrap() error { return e.err }

// giveUp takes a failed landing back and returns why it failed.
func (j *journal) giveUp(id string, why error, begun bool) error {
	r, err := j.takeBack(id, begun)
	if err != nil {
		return &stuckError{id: id, why: why, err: err}
	}
	if len(r.Kept) > 0 {
		return &keptError{why: why, kept: r.Kept}
	}
	return why
}

// store writes the landing's file: intent and images. Nothing of the user's is
// touched before all of it is durable under its final name.
func (l *landing) store() (end int64, err error) {
	name := l.in.ID + newSuffix
	err = createSynced(l.j.store, name, 0o600, owner{}, func(to io.Writer) error {
		w := &recordWriter{to: to}
		if err := w.begin(l.in); err != nil {
			return err
		}
		for i, f := range l.in.Files {
			if err := l.storeImage(w, i, f); err != nil {
				return err
			}
		}
		end = w.offset
		return nil
	})
	if err != nil {
		return 0, err
	}
	l.j.passed("written")
	err = l.j.store.move(name, l.in.ID+landingSuffix)
	if err == nil {
		err = l.j.store.sync()
	}
	if err != nil {
		return 0, errors.Join(err, ignoreAbsent(l.j.store.remove(name)), ignoreAbsent(l.j.store.remove(l.in.ID+landingSuffix)))
	}
	return end, nil
}

func (l *landing) storeImage(w *recordWriter, index int, f filePlan) error {
	if f.Pre.absent() {
		return nil
	}
	dir, err := l.dirs.at(path.Dir(f.Path))
	if err != nil {
		return err
	}
	h, err := dir.open(path.Base(f.Path))
	if err != nil {
		return where(f.Path, err)
	}
	defer h.Close()
	counted := newCountHash(imageWriter{w, index})
	if _, err := copyAll(counted, h); err != nil {
		return where(f.Path, err)
	}
	if counted.sum() != f.Pre.Hash {
		return &changedError{[]string{f.Path}}
	}
	return nil
}

// carryOut changes the tree.
func (l *landing) carryOut(ctx context.Context) error {
	for _, d := range l.in.Make {
		if err := l.makeFolder(d); err != nil {
			return where(d.Path, err)
		}
	}
	l.j.passed("folders")
	for i, f := range l.in.Files {
		if err := l.stage(ctx, i, f); err != nil {
			return where(f.Path, err)
		}
	}
	l.j.passed("staged")
	if err := l.lastLook(ctx); err != nil {
		return err
	}
	l.j.passed("looked")
	l.begun = true
	for _, f := range l.in.Files {
		if err := l.flip(f); err != nil {
			return where(f.Path, err)
		}
		l.j.passed("changed")
	}
	for _, f := range l.in.Files {
		if err := l.verify(f); err != nil {
			return where(f.Path, err)
		}
	}
	l.j.passed("verified")
	return l.settle()
}

func (l *landing) makeFolder(d dirPlan) error {
	parent, err := l.dirs.at(path.Dir(d.Path))
	if err != nil {
		return err
	}
	l.touched[path.Dir(d.Path)] = true
	return parent.mkdir(path.Base(d.Path), modeOf(d))
}

// stage writes the new content beside the file. It gets its temporary name once
// it is durable: what has that name is whole.
func (l *landing) stage(ctx context.Context, index int, f filePlan) error {
	if f.Post.absent() {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return &endedError{context.Cause(ctx)}
	}
	dir, err := l.dirs.at(path.Dir(f.Path))
	if err != nil {
		return err
	}
	l.touched[path.Dir(f.Path)] = true
	err = createSynced(dir, f.Temp+partSuffix, f.Post.Mode, f.Post.Own, func(w io.Writer) error {
		return l.content(index, w)
	})
	if err != nil {
		return err
	}
	return dir.move(f.Temp+partSuffix, f.Temp)
}

// lastLook compares every target once more with what the intent says: writing
// and syncing took a while.
func (l *landing) lastLook(ctx context.Context) error {
	var changed []string
	fresh := openFolders(l.j.tree)
	defer fresh.close()
	for _, f := range l.in.Files {
		dir, err := l.sameFolder(fresh, path.Dir(f.Path))
		if err != nil {
			return err
		}
		now, err := stateOf(dir, path.Base(f.Path))
		if err != nil {
			return where(f.Path, err)
		}
		if !now.is(f.Pre) {
			changed = append(changed, f.Path)
		}
	}
	if len(changed) > 0 {
		return &changedError{changed}
	}
	if err := ctx.Err(); err != nil {
		return &endedError{context.Cause(ctx)}
	}
	return nil
}

// sameFolder returns the folder that is open for dir, if it still is the one of
// that name.
func (l *landing) sameFolder(fresh *folders, dir string) (folder, error) {
	f, err := l.dirs.at(dir)
	if err != nil {
		return nil, err
	}
	again, err := fresh.at(dir)
	if err != nil {
		return nil, err
	}
	was, err := f.lstat(".")
	if err != nil {
		return nil, where(dir, err)
	}
	is, err := again.lstat(".")
	if err != nil {
		return nil, where(dir, err)
	}
	if !is.same(was) {
		return nil, &changedError{[]string{dir}}
	}
	return f, nil
}

// flip puts the new file in the old one's place and the old one under the
// temporary name, in one step. Nothing is ever replaced unseen.
func (l *landing) flip(f filePlan) error {
	dir, err := l.dirs.at(path.Dir(f.Path))
	if err != nil {
		return err
	}
	l.touched[path.Dir(f.Path)] = true
	name := path.Base(f.Path)
	switch {
	case f.Pre.absent():
		return dir.move(f.Temp, name)
	case f.Post.absent():
		return dir.move(name, f.Temp)
	}
	return dir.swap(f.Temp, name)
}

// verify looks at the file that was taken out: an edit that fell between the
// last look and the exchange is in it, and is put back by taking all back.
func (l *landing) verify(f filePlan) error {
	if f.Pre.absent() {
		return nil
	}
	dir, err := l.dirs.at(path.Dir(f.Path))
	if err != nil {
		return err
	}
	old, err := stateOf(dir, f.Temp)
	if err != nil {
		return err
	}
	if !old.is(f.Pre) {
		return &changedError{[]string{f.Path}}
	}
	return nil
}

// settle removes the old files, which the images hold too, and makes all
// renames durable.
func (l *landing) settle() error {
	for _, f := range l.in.Files {
		if f.Pre.absent() {
			continue
		}
		dir, err := l.dirs.at(path.Dir(f.Path))
		if err != nil {
			return err
		}
		if err := dir.remove(f.Temp); err != nil {
			return where(f.Path, err)
		}
	}
	for _, d := range l.in.Drop {
		parent, err := l.dirs.at(path.Dir(d.Path))
		if err != nil {
			return err
		}
		if dropFolder(parent, path.Base(d.Path)) {
			l.touched[path.Dir(d.Path)] = true
			delete(l.touched, d.Path)
			l.dirs.forget(d.Path)
		}
	}
	l.j.passed("removed")
	return l.dirs.sync(l.touched)
}

// dropFolder removes a folder if it is there and empty. A folder that somebody
// has put something into stays; so does one that can't be removed.
func dropFolder(parent folder, name string) bool {
	m, err := parent.lstat(name)
	return err == nil && m.mode.IsDir() && parent.remove(name) == nil
}

// sync makes the entries of the folders durable, in a fixed order.
func (s *folders) sync(touched map[string]bool) error {
	dirs := make([]string, 0, len(touched))
	for dir := range touched {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	for _, dir := range dirs {
		f, err := s.at(dir)
		if err != nil {
			return err
		}
		if err := f.sync(); err != nil {
			return where(dir, err)
		}
	}
	return nil
}

// changedError tells that files are not what they were when they were read.
type changedError struct{ paths []string }

func (e *changedError) Error() string { return "changed meanwhile: " + strings.Join(e.paths, ", ") }

// endedError tells that the caller's context ended.
type endedError struct{ cause error }

func (e *endedError) Error() string { return e.cause.Error() }
func (e *endedError) Unwrap() error { return e.cause }

// countHash passes on what is written to it and hashes it.
type countHash struct {
	to  io.Writer
	all hash.Hash
}

func newCountHash(to io.Writer) *countHash { return &countHash{to, sha256.New()} }

func (c *countHash) Write(p []byte) (int, error) {
	c.all.Write(p)
	return c.to.Write(p)
}

func (c *countHash) sum() string { return hex.EncodeToString(c.all.Sum(nil)) }
