package repomap

import (
	"crypto/sha256"

	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// index holds the entries of all source files of a tree. Once made it is only
// read; the next state of the tree is another index that shares what is equal.
type index struct {
	names   []string // each once; the family stands before the name
	ids     map[string]uint32
	files   []file // sorted by path
	leftOut int    // source files that are not in files because of a bound
}

// file is one source file. Its slices belong to the index.
type file struct {
	path     string
	stamp    workspace.Stamp // zero where it can't be trusted yet
	sum      [sha256.Size]byte
	language byte // ordinal
	test     bool
	defs     []def
	uses     []use
	imports  []uint32 // names of the family importFamily
}

type def struct {
	name      uint32
	line      uint32
	parent    int32 // in the same file, -1: none
	kind      byte  // of kinds
	exported  bool
	signature string
}

type use struct {
	name  uint32
	count uint32
}

// importFamily stands before the names of imports.
const importFamily = 'i'

// kinds numbers the kinds of definitions for the cache.
var kinds = []syntax.Kind{syntax.Function, syntax.Method, syntax.Type, syntax.Module, syntax.Constant, syntax.Variable, syntax.Macro}

// families has the family of each language by its ordinal.
var families = func() []byte {
	var list []byte
	for _, l := range syntax.Languages() {
		list = append(list, family[l.Name()])
	}
	return list
}()

// id returns the number of a name, a new one if it is not known yet.
func (x *index) id(family byte, name string) uint32 {
	key := string(family) + name
	id, ok := x.table()[key]
	if !ok {
		id = uint32(len(x.names))
		x.names = append(x.names, key)
		x.ids[key] = id
	}
	return id
}

// table returns the numbers of the names. It is made when first asked for: a
// request for a tree that has not changed may do without.
func (x *index) table() map[string]uint32 {
	if x.ids == nil {
		x.ids = make(map[string]uint32, len(x.names))
		for i, n := range x.names {
			x.ids[n] = uint32(i)
		}
	}
	return x.ids
}

// intern makes a file's parts of an entry.
func (x *index) intern(f *file, e entry) {
	fam := families[f.language]
	f.defs, f.uses = make([]def, len(e.defs)), make([]use, len(e.uses))
	for i, d := range e.defs {
		f.defs[i] = def{
			name: x.id(fam, d.name), line: uint32(d.line), parent: int32(d.parent), kind: kindNumber(d.kind),
			exported: d.exported, signature: d.signature,
		}
	}
	for i, u := range e.uses {
		f.uses[i] = use{name: x.id(fam, u.name), count: uint32(u.count)}
	}
	f.imports = make([]uint32, len(e.imports))
	for i, name := range e.imports {
		f.imports[i] = x.id(importFamily, name)
	}
}

func kindNumber(k syntax.Kind) byte {
	for i, known := range kinds {
		if known == k {
			return byte(i)
		}
	}
	return 0
}

// cost is what a file takes in the cache at most, in bytes: as if it shared no name
// with another. It depends on the file alone, so that the same files fit whatever
// was cached before.
func (x *index) cost(f *file) int {
	n := len(f.path) + fileBytes
	for _, d := range f.defs {
		n += len(d.signature) + len(x.names[d.name]) + defBytes
	}
	for _, u := range f.uses {
		n += len(x.names[u.name]) + useBytes
	}
	for _, name := range f.imports {
		n += len(x.names[name]) + importBytes
	}
	return n
}

// find returns the index of the file called path, or -1.
func (x *index) find(path string) int {
	lo, hi := 0, len(x.files)
	for lo < hi {
		mid := (lo + hi) / 2
		if x.files[mid].path < path {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(x.files) && x.files[lo].path == path {
		return lo
	}
	return -1
}
