package workspace

import (
	"context"
	"slices"
	"sync"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace/sandbox"
)

// Stage is the tree with a set of changes laid over it, to be looked at and
// checked. The user's files stay as they are. Its methods are safe for
// concurrent use.
//
// Where overlays work, the changed files are written once into a layer that
// every run lays over the user's tree. Else the tree is copied once, as far as
// List sees it, and all runs share the copy: then a run sees what an earlier
// one wrote.
type Stage struct {
	tree    *Tree
	set     *Set
	box     *sandbox.Box
	changes map[string]Change // by cleaned path
	changed []string
	folders map[string]bool // folders that the set's files lie in

	mu      sync.Mutex
	view    *sandbox.View // what programs see; nil until the first run
	cleanup []func()
	closed  bool
}

// Stage lays set over the tree; an empty set gives the tree as it is. The
// caller closes it, before the tree.
func (t *Tree) Stage(ctx context.Context, set *Set, box *sandbox.Box) (*Stage, error) {
	s := &Stage{tree: t, set: set, box: box, changes: map[string]Change{}, folders: map[string]bool{}}
	s.index()
	if box != nil && box.Tier() != sandbox.Bubblewrap {
		// Programs run in the copy, so its place must be known before they do.
		view, err := s.copied(ctx)
		if err != nil {
			return nil, s.failed(err)
		}
		s.view = view
	}
	return s, nil
}

// failed closes the stage after an error, which it returns.
func (s *Stage) failed(err error) error {
	for _, f := range s.cleanup {
		f()
	}
	return err
}

// Root returns the absolute path at which programs in the sandbox see the
// tree, and which they print.
func (s *Stage) Root() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view != nil && s.view.Copy != "" && s.box.Tier() != sandbox.Bubblewrap {
		return s.view.Copy
	}
	return s.tree.Root()
}

// Set returns the changes; nobody may alter them.
func (s *Stage) Set() *Set { return s.set }

// Changed returns the paths of the set: files made, changed or deleted, sorted.
func (s *Stage) Changed() []string { return slices.Clone(s.changed) }

// Cache returns the absolute path, the same inside the sandbox and outside, of
// a folder that programs of this project may write and that is kept between
// runs: cf's own, never the user's.
func (s *Stage) Cache(name string) (string, error) { return s.box.Cache(s.tree.Root(), name) }

// Look returns the absolute path of a program on the user's PATH, see
// process.Look.
func (s *Stage) Look(program string) (string, error) { return s.box.Look(program) }

// Getenv returns a variable of the user's environment, "" where it is unset.
func (s *Stage) Getenv(key string) string { return s.box.Getenv(key) }

// Box returns the sandbox that Run uses.
func (s *Stage) Box() *sandbox.Box { return s.box }

// Run runs a program in the sandbox, in the staged tree. What it writes there
// is gone when it ends (see Stage for where overlays don't work). Errors and
// result are those of sandbox.Box.Run, or of making the stage.
func (s *Stage) Run(ctx context.Context, c sandbox.Command) (process.Result, error) {
	view, err := s.ready(ctx, false)
	if err != nil {
		return process.Result{Code: -1}, err
	}
	r, err := s.box.Run(ctx, view, c)
	if fault.CodeOf(err) != sandbox.CodeOverlay {
		return r, err
	}
	// This tree can't lie under an overlay: it holds cf's own cache folder, say,
	// or its file system forbids it.
	if view, err = s.ready(ctx, true); err != nil {
		return process.Result{Code: -1}, err
	}
	return s.box.Run(ctx, view, c)
}

// ready returns what programs see, made at the first call; asCopy replaces an
// overlay that does not work.
func (s *Stage) ready(ctx context.Context, asCopy bool) (sandbox.View, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return sandbox.View{}, fault.New(fault.Failed, CodeClosed, "the stage is closed").On("run in", quote(s.tree.Root()))
	case s.view != nil && (s.view.Copy != "" || !asCopy):
		return *s.view, nil
	}
	make := s.layered
	if asCopy || !s.box.Overlays() {
		make = s.copied
	}
	view, err := make(ctx)
	if err != nil {
		return sandbox.View{}, err
	}
	s.view = view
	return *view, nil
}

// Close frees what the stage holds on disk. No Run may be under way.
func (s *Stage) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		for _, f := range s.cleanup {
			f()
		}
	}
	s.closed = true
	return nil
}
