// Package profile keeps what cf measured about a model: one small JSON file per
// digest, so that a model pulled anew starts anew.
//
// It must never fail a command: a file that can't be read or parsed counts as
// absent. It never holds prompts or replies.
//
// Invariants:
//  1. A reader sees the old or the new file, never a mix (temporary file,
//     fsync, rename).
//  2. Two processes that update one profile do not lose each other's fields:
//     Update holds a lock file from reading to renaming.
package profile

import (
	"encoding/json"
	"maps"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/bitactor/cf/llm/disk"
)

// Layout says how a model is asked for an answer of several sections.
type Layout string

// The layouts.
const (
	OneCall    Layout = "one-call"    // all headings in one reply
	PerSection Layout = "per-section" // one call for each heading
)

// Profile is what is known of one model. Zero fields are unknown.
type Profile struct {
	Digest string `json:"digest"`
	Model  string `json:"model,omitempty"` // the name it was last used by

	Layout Layout `json:"layout,omitempty"`

	// Estimate scales the estimated token count of models whose vocabulary cf
	// can't use: server's count / estimate, smoothed.
	Estimate float64 `json:"estimate,omitempty"`
	// Confirmed is set once the server counted as cf did by the model's own
	// vocabulary: from then on a lower count of the server is a cut prompt.
	Confirmed bool `json:"confirmed,omitempty"`
	// Inexact is set once it counted otherwise: cf's counts are estimates then.
	Inexact bool `json:"inexact,omitempty"`

	PrefillRate float64 `json:"prefill_rate,omitempty"` // prompt tokens a second that no cache held, smoothed
	DecodeRate  float64 `json:"decode_rate,omitempty"`  // reply tokens a second, smoothed
	Window      int     `json:"window,omitempty"`       // num_ctx it was last run with

	Calibration *Calibration `json:"calibration,omitempty"` // nil: cf calibrate did not run; never changed in place

	Updated time.Time `json:"updated,omitzero"`
}

// fileBytes is the longest profile that is read.
const fileBytes = 64 << 10

// Store holds the profiles of one folder. Safe for concurrent use, by several
// processes too.
type Store struct {
	dir string
	mu  sync.Mutex
	mem map[string]Profile
}

// Open returns the profiles of dir, which is made when the first one is
// written; "" keeps them in memory only.
func Open(dir string) *Store { return &Store{dir: dir, mem: map[string]Profile{}} }

// All returns the profiles that this Store read or wrote, by digest.
func (s *Store) All() map[string]Profile {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.mem)
}

// Get returns the profile of a model digest; a fresh one if there is none.
func (s *Store) Get(digest string) Profile {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(digest)
}

func (s *Store) get(digest string) Profile {
	if p, ok := s.mem[digest]; ok {
		return p
	}
	p := Profile{Digest: digest}
	if s.dir != "" && digest != "" {
		p = read(s.path(digest), digest)
	}
	s.mem[digest] = p
	return p
}

// Update changes the profile of a digest and saves it. An error means that it
// was not saved: the change holds in memory all the same.
func (s *Store) Update(digest string, change func(*Profile)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == "" || digest == "" {
		p := s.get(digest)
		change(&p)
		s.mem[digest] = p
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return s.keep(digest, change, err)
	}
	lock := flock.New(s.path(digest)+".lock", flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return s.keep(digest, change, err)
	}
	defer lock.Unlock()
	p := read(s.path(digest), digest) // another process may have written
	change(&p)
	p.Digest, p.Updated = digest, time.Now().UTC().Truncate(time.Second)
	s.mem[digest] = p
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return disk.Write(s.path(digest), append(data, '\n'))
}

func (s *Store) keep(digest string, change func(*Profile), err error) error {
	p := s.get(digest)
	change(&p)
	s.mem[digest] = p
	return err
}

func (s *Store) path(digest string) string { return disk.Path(s.dir, digest, ".json") }

// read returns the profile in a file, or a fresh one.
func read(path, digest string) Profile {
	fresh := Profile{Digest: digest}
	data, err := disk.Read(path, fileBytes)
	if err != nil {
		return fresh
	}
	var p Profile
	if json.Unmarshal(data, &p) != nil || p.Digest != digest || !p.sane() {
		return fresh
	}
	return p
}

// sane rejects figures that can't have been measured.
func (p Profile) sane() bool {
	ratio := func(f float64) bool { return f == 0 || (f > 0.05 && f < 20) }
	rate := func(f float64) bool { return f >= 0 && f < 1e9 }
	return ratio(p.Estimate) && rate(p.PrefillRate) && rate(p.DecodeRate) && p.Window >= 0 && p.Calibration.sane()
}
