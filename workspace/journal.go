package workspace

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// journal lands changes in a tree and takes them back. docs/decisions/0007
// gives its invariants and the order of its steps. Whoever calls it holds the
// ledger's lock.
type journal struct {
	tree  folder // the root of the user's files
	store folder // the ledger's own folder, flat
	// failpoint, where a test has set it, is called with the name of each step
	// once the step is behind.
	failpoint func(step string)
}

func (j *journal) passed(step string) {
	if j.failpoint != nil {
		j.failpoint(step)
	}
}

// Names in the ledger's folder. A landing is written under newSuffix and gets
// landingSuffix once all of it is durable: a file of that name is never half
// written, so a bad one is damaged, not torn.
const (
	newSuffix      = ".new"
	landingSuffix  = ".landing"
	disownedSuffix = ".disowned" // beside a landing: its done record does not count
	keptSuffix     = ".kept"     // taken back, but for files that somebody had changed since
	damagedSuffix  = ".damaged"  // can't be read
)

// Names in the user's folders, only while a landing is under way.
const (
	tempPrefix = ".cf-"
	partSuffix = ".part" // of a new file being written
	backSuffix = ".back" // of a file being put back from its image
)

func isTemp(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && refuseName(name) == "" && !strings.ContainsAny(name, "/\\\x00")
}

// folders opens the folders of a tree, each once.
type folders struct {
	top  folder
	open map[string]folder
}

func openFolders(top folder) *folders { return &folders{top: top, open: map[string]folder{".": top}} }

// at returns the folder dir, whose parents are opened one by one, so that no
// link is ever followed. The folders stay open until close.
func (s *folders) at(dir string) (folder, error) {
	if f, ok := s.open[dir]; ok {
		return f, nil
	}
	parent, err := s.at(path.Dir(dir))
	if err != nil {
		return nil, err
	}
	f, err := parent.sub(path.Base(dir))
	if err != nil {
		return nil, &whereError{dir, err}
	}
	s.open[dir] = f
	return f, nil
}

// forget closes dir and what lies below it, since it is going to be removed.
func (s *folders) forget(dir string) {
	for name, f := range s.open {
		if name != "." && (name == dir || strings.HasPrefix(name, dir+"/")) {
			_ = f.Close() // nothing was written to the handle of a folder
			delete(s.open, name)
		}
	}
}

func (s *folders) close() {
	for name, f := range s.open {
		if name != "." {
			_ = f.Close() // nothing was written to the handle of a folder
		}
	}
	s.open = map[string]folder{".": s.top}
}

// whereError says at which path something went wrong.
type whereError struct {
	path string
	err  error
}

func (e *whereError) Error() string { return quote(e.path) + ": " + bare(e.err).Error() }
func (e *whereError) Unwrap() error { return e.err }

// bare takes the operation and the path off an error of the file system.
func bare(err error) error {
	var inPath *fs.PathError
	if errors.As(err, &inPath) {
		return inPath.Err
	}
	return err
}

func where(p string, err error) error {
	var known *whereError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &whereError{p, err}
}

// ids returns the landings that the store holds, oldest first.
func (j *journal) ids() ([]string, error) {
	names, err := j.store.names()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, name := range names {
		if id, ok := strings.CutSuffix(name, landingSuffix); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// openLanding is a landing's file, open for reading.
type openLanding struct {
	*landingFile
	h handle
}

// close closes what was only read.
func (o *openLanding) close() { _ = o.h.Close() }

// load opens the landing id. A file that makes no sense is errCorrupt.
func (j *journal) load(id string) (*openLanding, error) {
	h, err := j.store.open(id + landingSuffix)
	if err != nil {
		return nil, err
	}
	m, err := h.meta()
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	f, err := readLanding(h, m.size)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return &openLanding{f, h}, nil
}

// copyImage writes the file with that index, as it was before the landing, and
// fails if its bytes are not the ones that were stored.
func (o *openLanding) copyImage(index int, w io.Writer) error {
	plan := o.in.Files[index]
	m, err := o.h.meta()
	if err != nil {
		return err
	}
	sum := sha256.New()
	for _, s := range o.images[index] {
		rec, err := readRecord(o.h, s.at-imageIndexBytes-recordHead, m.size, true)
		if err != nil {
			return err
		}
		piece := rec.payload[imageIndexBytes:]
		sum.Write(piece)
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	if hex.EncodeToString(sum.Sum(nil)) != plan.Pre.Hash {
		return fmt.Errorf("%w: the stored content of %s", errCorrupt, quote(plan.Path))
	}
	return nil
}

// appendRecord adds a record to a landing and makes it durable.
func (j *journal) appendRecord(id string, end int64, t recordType, payload []byte) error {
	h, err := j.store.resume(id+landingSuffix, end)
	if err != nil {
		return err
	}
	w := recordWriter{to: h, offset: end}
	if err = w.append(t, payload); err == nil {
		err = h.sync()
	}
	return errors.Join(err, h.Close())
}
