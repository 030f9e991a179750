package disk

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Shelf is a folder of JSON files, each under an ID that begins with its time. It
// is made by the first Put. Safe for concurrent use, by several processes too; of
// two that put one ID the last wins.
type Shelf struct {
	Dir      string
	Kept     int // files; the oldest go first
	BytesMax int // of a file
}

// NewID returns an ID that nobody else makes: time, as it sorts, and a random end.
func NewID(time string) string {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return time + "-" + hex.EncodeToString(random[:])
}

func (s Shelf) path(id string) string { return filepath.Join(s.Dir, id+".json") }

// Put keeps v under id, and forgets the oldest beyond the most that is kept.
func (s Shelf) Put(id string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(data) >= s.BytesMax {
		return fmt.Errorf("%d bytes are too many to be kept, at most %d are", len(data)+1, s.BytesMax)
	}
	if err := Write(s.path(id), append(data, '\n')); err != nil {
		return err
	}
	ids, err := s.IDs()
	for ; err == nil && len(ids) > s.Kept; ids = ids[1:] {
		err = s.Remove(ids[0])
	}
	return err
}

// Get reads what is kept under id, which IDs has named, into v.
func (s Shelf) Get(id string, v any) error {
	data, err := Read(s.path(id), int64(s.BytesMax))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// Remove forgets id; what is not there is forgotten already.
func (s Shelf) Remove(id string) error {
	if err := os.Remove(s.path(id)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// IDs returns what is kept, oldest first.
func (s Shelf) IDs() ([]string, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok && !strings.HasPrefix(id, ".") {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}
