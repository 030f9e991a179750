package receipt

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm/disk"
)

// CodeNone is the fault for a receipt that is not there, of kind Usage.
const CodeNone = "no-receipt"

// Bounds of the store.
const (
	kept     = 500
	bytesMax = 4 << 20
)

// Store holds the receipts of one root. Safe for concurrent use, by several
// processes too: each receipt is a file of its own.
type Store struct{ files disk.Shelf }

// Open returns the receipts that lie in the folder of a root's ledger. Nothing is
// made before the first Put.
func Open(ledger string) *Store {
	return &Store{disk.Shelf{Dir: filepath.Join(ledger, "receipts"), Kept: kept, BytesMax: bytesMax}}
}

// Put stores r under a new ID, which it returns, and forgets the oldest beyond
// 500. now is its time.
func (s *Store) Put(r Receipt, now time.Time) (string, error) {
	r.Time = now.UTC().Round(0)
	r.ID = disk.NewID(strings.ReplaceAll(r.Time.Format("20060102-150405.000"), ".", "-"))
	if err := s.files.Put(r.ID, r); err != nil {
		return "", fault.New(fault.Failed, "", "%w", err).On("keep receipt", "")
	}
	return r.ID, nil
}

// List returns the receipts, newest first. One that can't be read has its ID and
// an Error alone.
func (s *Store) List() ([]Receipt, error) {
	ids, err := s.files.IDs()
	if err != nil {
		return nil, fault.New(fault.Failed, "", "%w", err).On("list receipts", "")
	}
	var all []Receipt
	for _, id := range slices.Backward(ids) {
		r, err := s.read(id)
		if err != nil {
			r = Receipt{ID: id, Error: "damaged: " + err.Error()}
		}
		all = append(all, r)
	}
	return all, nil
}

// Show returns the receipt called id, or by the start of it, or by the ID of the
// landing that it is about; the newest one if id is empty.
func (s *Store) Show(id string) (Receipt, error) {
	ids, err := s.files.IDs()
	if err != nil {
		return Receipt{}, fault.New(fault.Failed, "", "%w", err).On("show receipt", id)
	}
	if len(ids) == 0 {
		return Receipt{}, fault.New(fault.Usage, CodeNone, "no receipt is kept of this project").On("show receipt", "")
	}
	if id == "" {
		id = ids[len(ids)-1]
	}
	matches := slices.DeleteFunc(slices.Clone(ids), func(have string) bool { return !strings.HasPrefix(have, id) })
	if len(matches) == 1 || slices.Contains(ids, id) {
		r, err := s.read(matches[0])
		if err != nil {
			return r, fault.New(fault.Failed, "", "%w", err).On("show receipt", matches[0])
		}
		return r, nil
	}
	for _, have := range slices.Backward(ids) {
		if r, err := s.read(have); err == nil && r.Landed == id {
			return r, nil
		}
	}
	why := "there is none of that ID"
	if len(matches) > 1 {
		why = "several begin so"
	}
	return Receipt{}, fault.New(fault.Usage, CodeNone, "%s", why).On("show receipt", id).Hint("cf receipt list names them")
}

func (s *Store) read(id string) (Receipt, error) {
	var r Receipt
	err := s.files.Get(id, &r)
	return r, err
}
