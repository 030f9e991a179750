package scaffold

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/templates"
)

// Catalogue is a set of building blocks that fit together. It is safe for
// concurrent use.
type Catalogue struct {
	blocks map[string]*Block
	ids    []string          // sorted
	owner  map[string]string // output path -> id
	vars   map[string]Variable
}

// Own returns the catalogue that cf is built with.
var Own = sync.OnceValues(func() (*Catalogue, error) { return Load(templates.FS) })

// Load reads a catalogue: every folder of fsys that is one. It refuses one whose
// blocks do not fit together, with code CodeBadBlock.
func Load(fsys fs.FS) (*Catalogue, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, badBlock("", "%w", err)
	}
	c := &Catalogue{blocks: map[string]*Block{}, owner: map[string]string{}, vars: map[string]Variable{}}
	var failed []error
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		b, err := readBlock(fsys, e.Name())
		if err != nil {
			failed = append(failed, err)
			continue
		}
		c.blocks[b.ID] = b
		c.ids = append(c.ids, b.ID)
	}
	for _, id := range c.ids {
		failed = append(failed, c.fit(c.blocks[id]))
	}
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	return c, nil
}

// fit holds a block against the others.
func (c *Catalogue) fit(b *Block) error {
	for _, p := range b.Paths() {
		if other, ok := c.owner[p]; ok {
			return badBlock(b.ID, "%s belongs to %s", p, other)
		}
		c.owner[p] = b.ID
	}
	for name, v := range b.Variables {
		if other, ok := c.vars[name]; ok && !v.equal(other) {
			return badBlock(b.ID, "another block declares the variable %s otherwise", name)
		}
		c.vars[name] = v
	}
	for _, need := range b.Needs {
		if c.blocks[need] == nil {
			return badBlock(b.ID, "it needs %s, which is no block", need)
		}
		for _, profile := range Profiles() {
			if b.In(profile) && !c.blocks[need].In(profile) {
				return badBlock(b.ID, "it needs %s, which has no profile %s", need, profile)
			}
		}
	}
	return c.circle(b.ID, nil)
}

// circle refuses a block that needs itself.
func (c *Catalogue) circle(id string, way []string) error {
	if slices.Contains(way, id) {
		return badBlock(way[0], "it needs itself: %s", strings.Join(append(way, id), " -> "))
	}
	for _, need := range c.blocks[id].Needs {
		if c.blocks[need] == nil {
			continue // fit says so of the block whose need it is
		}
		if err := c.circle(need, append(slices.Clone(way), id)); err != nil {
			return err
		}
	}
	return nil
}

// IDs returns the ids of all blocks, sorted.
func (c *Catalogue) IDs() []string { return slices.Clone(c.ids) }

// Block returns the block called id; the error, of kind fault.Usage, names those
// that are like it.
func (c *Catalogue) Block(id string) (*Block, error) {
	if b := c.blocks[id]; b != nil {
		return b, nil
	}
	err := fault.New(fault.Usage, CodeNoBlock, "there is no such block").On("scaffold", id).Hint("cf scaffold list names all blocks")
	for _, h := range c.Search(id) {
		_ = err.Hint("did you mean " + h.ID + "? " + h.Title)
		break
	}
	return nil, err
}

// Owner returns the block that a path of a generated project belongs to.
func (c *Catalogue) Owner(path string) (*Block, bool) {
	b, ok := c.blocks[c.owner[path]]
	return b, ok
}

// Variable returns what is known of a variable.
func (c *Catalogue) Variable(name string) (Variable, bool) {
	v, ok := c.vars[name]
	return v, ok
}

// Variables returns the names of all variables, sorted.
func (c *Catalogue) Variables() []string { return slices.Sorted(maps.Keys(c.vars)) }

// Closure returns the blocks with all that they need, each after what it needs,
// else in alphabetical order. The error is Block's.
func (c *Catalogue) Closure(ids ...string) ([]string, error) {
	var out []string
	var add func(id string) error
	add = func(id string) error {
		if slices.Contains(out, id) {
			return nil
		}
		b, err := c.Block(id)
		if err != nil {
			return err
		}
		for _, need := range slices.Sorted(slices.Values(b.Needs)) {
			if err := add(need); err != nil {
				return err
			}
		}
		out = append(out, id)
		return nil
	}
	for _, id := range slices.Sorted(slices.Values(ids)) {
		if err := add(id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// All returns the ids of the blocks that belong to a profile, as Closure orders
// them.
func (c *Catalogue) All(profile string) []string {
	var ids []string
	for _, id := range c.ids {
		if c.blocks[id].In(profile) {
			ids = append(ids, id)
		}
	}
	all, _ := c.Closure(ids...) // all are blocks
	return all
}
