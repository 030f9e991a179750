// Package trust remembers which settings files of repositories the user has
// approved, so that the checks which such a file brings may run.
//
// It must never say yes for a file that the user has not seen.
//
// Invariants:
//  1. An approval is for one root and one content: another byte in the file, or
//     the same file in another folder, is not approved.
//  2. Approvals lie in the user's own state folder, readable by him alone; one
//     that others could have written counts for nothing.
//  3. A record that can't be read or understood is no approval.
package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/fault"
)

// Codes of the faults of this package, all of kind fault.Failed.
const (
	CodeNoPlace = "no-state-folder-of-yours" // HOME and XDG_STATE_HOME are unset
	CodeRecord  = "trust-record"             // a record can't be read or written, or others may write it
)

// recordBytesMax is the size of the largest record that is read.
const recordBytesMax = 4 << 20

// Approval is what the user said yes to.
type Approval struct {
	Root   string         `json:"root"` // absolute
	File   string         `json:"file"` // absolute
	Hash   string         `json:"hash"` // SHA-256 of the file's content, in hexadecimal
	Time   time.Time      `json:"time"`
	Checks []config.Check `json:"checks"`
}

// Store holds the approvals. Two processes may use it at one time.
type Store struct{ dir string }

// Open returns the store below state, cf's state folder; "" where the user has
// none: then nothing is approved and nothing can be.
func Open(state string) *Store {
	if state == "" {
		return &Store{}
	}
	return &Store{filepath.Join(state, "trust")}
}

// file is the record of a root: one a root, so that two approvals at one time
// don't lose one of them.
func (s *Store) file(root string) string {
	sum := sha256.Sum256([]byte(root))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:8])+".json")
}

// Of returns the approval for root, nil if there is none.
func (s *Store) Of(root string) (*Approval, error) {
	if s.dir == "" {
		return nil, nil
	}
	a, err := read(s.file(root))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, record(s.file(root), err)
	case a.Root != root:
		return nil, nil // another root of the same key
	}
	return a, nil
}

// Allows tells whether the file of that hash in root is approved.
func (s *Store) Allows(root, hash string) (bool, error) {
	a, err := s.Of(root)
	return a != nil && hash != "" && a.Hash == hash, err
}

// Approve stores a, in place of what was approved for its root before.
func (s *Store) Approve(a Approval) error {
	if s.dir == "" {
		return fault.New(fault.Failed, CodeNoPlace, "there is no place for approvals: HOME and XDG_STATE_HOME are unset")
	}
	text, err := json.MarshalIndent(a, "", "  ")
	if err == nil {
		err = os.MkdirAll(s.dir, 0o700)
	}
	if err == nil {
		err = write(s.file(a.Root), append(text, '\n'))
	}
	if err != nil {
		return record(s.file(a.Root), err)
	}
	return nil
}

// write replaces a record in one step. WriteFile of renameio would give it the
// mode of the one before, which may be the reason to write it anew.
func write(name string, text []byte) error {
	f, err := renameio.NewPendingFile(name, renameio.WithPermissions(0o600), renameio.WithTempDir(filepath.Dir(name)))
	if err != nil {
		return err
	}
	defer func() { _ = f.Cleanup() }() // does nothing once the file is in its place
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// Revoke takes the approval of root back and tells whether there was one.
func (s *Store) Revoke(root string) (bool, error) {
	if s.dir == "" {
		return false, nil
	}
	err := os.Remove(s.file(root))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, record(s.file(root), err)
	}
	return true, nil
}

// List returns all approvals, sorted by root. Records that can't be read are
// left out; the error names the first of them.
func (s *Store) List() ([]Approval, error) {
	if s.dir == "" {
		return nil, nil
	}
	names, err := filepath.Glob(filepath.Join(s.dir, "*.json"))
	var all []Approval
	for _, name := range names {
		a, failed := read(name)
		if failed != nil {
			err = errors.Join(err, record(name, failed))
			continue
		}
		all = append(all, *a)
	}
	slices.SortFunc(all, func(a, b Approval) int { return strings.Compare(a.Root, b.Root) })
	return all, err
}

func read(name string) (*Approval, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || !own(info) {
		return nil, errors.New("others may have written it")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, recordBytesMax))
	if err != nil {
		return nil, err
	}
	var a Approval
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, err
	}
	return &a, nil
}

func record(name string, err error) error {
	return fault.New(fault.Failed, CodeRecord, "%w", err).On("approvals", name).Hint("remove that file and run cf trust again")
}
