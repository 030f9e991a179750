package repomap

import (
	"context"
	"crypto/sha256"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/secret"
)

// refresh brings the index up to date. When ctx ends, what was read by then is kept
// for the next call. saved is closed when the cache is written.
func (m *Map) refresh(ctx context.Context) (saved <-chan struct{}, err error) {
	loaded := make(chan *index, 1)
	if m.index != nil {
		loaded <- m.index
	} else {
		go func() { loaded <- loadIndex(m.file) }()
	}
	at := time.Now()
	listing, err := m.tree.List(ctx, workspace.ListOptions{Stamps: true})
	m.index = <-loaded
	done := make(chan struct{})
	if err != nil {
		close(done)
		return done, err // ctx's: the root is there
	}
	s := &scan{ctx: ctx, tree: m.tree, bounds: m.bounds, at: at, old: m.index, next: &index{names: m.index.names, ids: m.index.ids}}
	err = s.run(listing.Files)
	s.next.leftOut += listing.Unlisted
	if err != nil {
		s.keepRest()
		err = interrupted(ctx)
	}
	m.index = s.next
	go func() {
		defer close(done)
		if s.changed {
			s.next.save(m.file)
		}
	}()
	return done, err
}

// keepRest adds what the old index knows of the files that were not looked at, for
// the next call.
func (s *scan) keepRest() {
	for _, f := range s.old.files {
		if n := len(s.next.files); n == 0 || f.path > s.next.files[n-1].path {
			s.next.files = append(s.next.files, f)
		}
	}
}

// source tells whether a map may know a file. It is asked for new paths only: for
// 50,000 files the patterns of secrets take longer than all the rest.
func source(name string) bool {
	if languageOf(name) == nil || !mappable(name) {
		return false
	}
	_, yes := secret.File(name)
	return !yes
}

// scan makes the next index of the old one and the files as they are now.
type scan struct {
	ctx     context.Context
	tree    *workspace.Tree
	bounds  bounds
	at      time.Time // when the files were listed
	old     *index
	next    *index
	byHash  map[[sha256.Size]byte]int // of old.files, made when a file has a new path
	changed bool                      // next is not what the cache holds
	bytes   int                       // cost of next.files
	full    bool                      // the bound is reached
}

// run puts the files into the index in the order of their paths, so that a bound
// always keeps the same ones.
func (s *scan) run(list []workspace.File) error {
	s.next.files = make([]file, 0, len(s.old.files)+chunkFiles)
	at := 0 // in old.files
	var chunk []file
	var stale []int // in chunk
	for i, f := range list {
		for at < len(s.old.files) && s.old.files[at].path < f.Path {
			at++
		}
		known := at < len(s.old.files) && s.old.files[at].path == f.Path
		switch {
		case known && s.old.files[at].stamp == f.Stamp:
			chunk = append(chunk, s.old.files[at])
		case !known && !source(f.Path):
		case f.Size > s.bounds.sourceBytes:
			s.next.leftOut++
		default:
			stale = append(stale, len(chunk))
			chunk = append(chunk, file{
				path: f.Path, stamp: f.Stamp, language: ordinal(languageOf(f.Path)), test: testFile.MatchString(f.Path),
			})
		}
		if len(stale) < chunkFiles && i < len(list)-1 {
			continue
		}
		before := len(s.next.files)
		if err := s.add(chunk, stale); err != nil || s.full {
			s.next.leftOut += len(chunk) - (len(s.next.files) - before) + countSources(list[i+1:])
			return err
		}
		chunk, stale = chunk[:0], stale[:0]
	}
	s.changed = s.changed || len(s.next.files) != len(s.old.files)
	return nil
}

func countSources(list []workspace.File) int {
	n := 0
	for _, f := range list {
		if source(f.Path) {
			n++
		}
	}
	return n
}

// add reads the stale files of a chunk and puts the chunk into the index, as far
// as the bound goes.
func (s *scan) add(chunk []file, stale []int) error {
	entries := make([]*entry, len(chunk))
	err := s.read(chunk, entries, stale)
	s.changed = s.changed || len(stale) > 0
	next := 0
	for i := range chunk {
		f := &chunk[i]
		if next < len(stale) && stale[next] == i {
			next++
			switch known := s.known(f); {
			case entries[i] != nil:
				s.next.intern(f, *entries[i])
			case err != nil && f.sum == [sha256.Size]byte{}:
				return err // not read: it and those behind it wait for the next call
			case known != nil:
				f.defs, f.uses, f.imports = known.defs, known.uses, known.imports
			}
			if !f.stamp.Settled(s.at) {
				f.stamp = workspace.Stamp{}
			}
		}
		if s.bytes += s.next.cost(f); s.bytes > s.bounds.indexBytes {
			s.full = true
			return err
		}
		s.next.files = append(s.next.files, *f)
	}
	return err
}

// known returns the old file with the same content and language, or nil.
func (s *scan) known(f *file) *file {
	if f.sum == ([sha256.Size]byte{}) {
		return nil
	}
	if i := s.old.find(f.path); i >= 0 && s.old.files[i].sum == f.sum && s.old.files[i].language == f.language {
		return &s.old.files[i]
	}
	if i, ok := s.byHash[f.sum]; ok && s.old.files[i].language == f.language {
		return &s.old.files[i]
	}
	return nil
}

// hashes fills byHash if one of the stale files has a path that is not known.
func (s *scan) hashes(chunk []file, stale []int) {
	if s.byHash != nil || len(s.old.files) == 0 {
		return
	}
	for _, i := range stale {
		if s.old.find(chunk[i].path) < 0 {
			s.byHash = make(map[[sha256.Size]byte]int, len(s.old.files))
			for k := range s.old.files {
				s.byHash[s.old.files[k].sum] = k
			}
			return
		}
	}
}

// read fills the sums of the stale files, and the entries of those whose content
// is not known yet. A file that can't be read, is no text or can't be parsed has
// an empty entry. The error is ctx's.
func (s *scan) read(chunk []file, entries []*entry, stale []int) error {
	s.hashes(chunk, stale)
	var taken atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, min(runtime.GOMAXPROCS(0), len(stale)))
	for w := range errs {
		group.Go(func() {
			for errs[w] == nil {
				n := int(taken.Add(1)) - 1
				if n >= len(stale) {
					return
				}
				i := stale[n]
				entries[i], errs[w] = s.readOne(&chunk[i])
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// readOne returns nil for a file whose content is known.
func (s *scan) readOne(f *file) (*entry, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	src, err := s.tree.Read(f.path)
	if err != nil {
		return &entry{}, nil
	}
	f.sum = sha256.Sum256(src)
	if s.known(f) != nil {
		return nil, nil
	}
	e, err := readEntry(s.ctx, languageOf(f.path), f.path, src, s.bounds)
	switch {
	case errors.Is(err, syntax.ErrNoParser): // a cf with parsers must read it again
		f.sum, f.stamp = [sha256.Size]byte{}, workspace.Stamp{}
	case err != nil && s.ctx.Err() != nil:
		f.sum = [sha256.Size]byte{}
		return nil, err
	}
	return &e, nil
}
