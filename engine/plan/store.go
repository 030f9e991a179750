package plan

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm/disk"
)

// Bounds of stored work.
const (
	format       = 1
	kept         = 10       // works of one root; the oldest go first
	workBytesMax = 64 << 20 // workspace.SetFilesMax files of 1 MiB, in base64
)

// Store keeps work of one root that is not finished, a file each, mode 0600: it
// holds the user's text. It lies in the user's state folder, so that nothing that
// cleans the tree takes it. Two processes may use one store; of two that save one
// work the last wins.
type Store struct{ files disk.Shelf }

// OpenStore returns the store in dir, an absolute path that need not exist.
func OpenStore(dir string) (*Store, error) {
	if !filepath.IsAbs(dir) {
		return nil, fault.New(fault.Failed, CodeBadState, "%w", errNoStore).On("open", "plans")
	}
	return &Store{disk.Shelf{Dir: dir, Kept: kept, BytesMax: workBytesMax}}, nil
}

// NewWork begins work of a verb on a plan.
func NewWork(verb string, p *Plan, now time.Time) *Work {
	return &Work{Format: format, ID: disk.NewID(now.UTC().Format("20060102T150405Z")), Verb: verb, Plan: *p, Updated: now}
}

// Save stores w, and forgets the oldest work beyond the most that is kept.
func (s *Store) Save(w *Work) error { return s.fault("keep", w.ID, s.files.Put(w.ID, w)) }

func (s *Store) fault(op, id string, err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Failed, CodeBadState, "%w", err).On(op, "plan "+id)
}

// Latest returns the work of a verb that was begun last. CodeNoWork if there is
// none.
func (s *Store) Latest(verb string) (*Work, error) {
	ids, err := s.files.IDs()
	if err != nil {
		return nil, s.fault("read", "", err)
	}
	for _, id := range slices.Backward(ids) {
		var w Work
		if err := s.files.Get(id, &w); err != nil {
			return nil, s.fault("read", id, err)
		}
		if w.Verb != verb {
			continue
		}
		if w.Format != format || w.ID != id || w.Done < 0 || w.Done > len(w.Plan.Steps) || len(w.Plan.Steps) == 0 {
			return nil, s.fault("read", id, errors.New("it was written by another version of cf, or is damaged"))
		}
		return &w, nil
	}
	return nil, fault.New(fault.Usage, CodeNoWork, "there is nothing to continue").On("continue", "cf "+verb)
}

// Remove forgets finished work; what is not there is forgotten already.
func (s *Store) Remove(id string) error { return s.fault("forget", id, s.files.Remove(id)) }

// titleBytesMax is the usual length of the first line of a commit.
const titleBytesMax = 72

// title shortens a task to one line.
func title(task string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(task), "\n")
	line = strings.Join(strings.Fields(line), " ")
	if len(line) <= titleBytesMax {
		return line
	}
	cut := strings.LastIndexByte(line[:titleBytesMax-3], ' ')
	if cut <= 0 {
		cut = titleBytesMax - 3
	}
	return strings.ToValidUTF8(line[:cut], "") + "..."
}
