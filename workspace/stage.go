package workspace

import (
	"context"

	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace/sandbox"
)

// Stage is the tree with a set of changes laid over it, to be looked at and
// checked. The user's files stay as they are. Its methods are safe for
// concurrent use.
type Stage struct {
	tree *Tree
	set  *Set
	box  *sandbox.Box
}

// Stage lays set over the tree; an empty set gives the tree as it is.
func (t *Tree) Stage(ctx context.Context, set *Set, box *sandbox.Box) (*Stage, error) {
	return &Stage{tree: t, set: set, box: box}, nil
}

// Root returns the absolute path at which programs in the sandbox see the
// tree, and which they print.
func (s *Stage) Root() string { return s.tree.Root() }

// Set returns the changes; nobody may alter them.
func (s *Stage) Set() *Set { return s.set }

// Read, Kind and List are the tree's, with the changes laid over.
func (s *Stage) Read(rel string) ([]byte, error) {
	for _, c := range s.set.Changes {
		if c.Path == rel && !c.Delete {
			return c.Content, nil
		}
	}
	return s.tree.Read(rel)
}

// Kind tells what lies at rel, see Tree.Kind.
func (s *Stage) Kind(rel string) string { return s.tree.Kind(rel) }

// List walks the stage, see Tree.List.
func (s *Stage) List(ctx context.Context, o ListOptions) (*Listing, error) {
	return s.tree.List(ctx, o)
}

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
// is gone when it ends.
func (s *Stage) Run(ctx context.Context, c sandbox.Command) (process.Result, error) {
	return s.box.Run(ctx, sandbox.View{Root: s.tree.Root()}, c)
}

// Close frees what the stage holds on disk.
func (s *Stage) Close() error { return nil }
