package plan

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
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
type Store struct{ dir string }

// OpenStore returns the store in dir, an absolute path that need not exist.
func OpenStore(dir string) (*Store, error) {
	if !filepath.IsAbs(dir) {
		return nil, fault.New(fault.Failed, CodeBadState, "%w", errNoStore).On("open", "plans")
	}
	return &Store{dir}, nil
}

// NewWork begins work of a verb on a plan.
func NewWork(verb string, p *Plan, now time.Time) *Work {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return &Work{Format: format, ID: now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:]), Verb: verb, Plan: *p, Updated: now}
}

// Save stores w, and forgets the oldest work beyond the most that is kept.
func (s *Store) Save(w *Work) error {
	data, err := json.Marshal(w)
	if err == nil && len(data) > workBytesMax {
		err = errors.New("it is too big to be kept")
	}
	if err == nil {
		err = disk.Write(s.file(w.ID), data)
	}
	if err == nil {
		err = s.forget()
	}
	return s.fault("keep", w.ID, err)
}

func (s *Store) file(id string) string { return filepath.Join(s.dir, id+".json") }

func (s *Store) fault(op, id string, err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Failed, CodeBadState, "%w", err).On(op, "plan "+id)
}

// ids returns what is stored, oldest first.
func (s *Store) ids() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok && e.Type().IsRegular() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids) // an id begins with its time
	return ids, err
}

func (s *Store) forget() error {
	ids, err := s.ids()
	for ; err == nil && len(ids) > kept; ids = ids[1:] {
		err = os.Remove(s.file(ids[0]))
	}
	return err
}

// Latest returns the work of a verb that was begun last. CodeNoWork if there is
// none.
func (s *Store) Latest(verb string) (*Work, error) {
	ids, err := s.ids()
	if err != nil {
		return nil, s.fault("read", "", err)
	}
	for _, id := range slices.Backward(ids) {
		data, err := disk.Read(s.file(id), workBytesMax)
		if err != nil {
			return nil, s.fault("read", id, err)
		}
		var w Work
		if err := json.Unmarshal(data, &w); err != nil {
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
func (s *Store) Remove(id string) error {
	err := os.Remove(s.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return s.fault("forget", id, err)
}

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
