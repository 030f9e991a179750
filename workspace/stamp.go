package workspace

import (
	"io/fs"
	"time"
)

// Stamp tells a file from another and from its earlier self without reading it.
// Times are in nanoseconds since 1970; Changed and Inode are 0 where the system
// has none.
type Stamp struct {
	Size, Modified, Changed int64
	Inode                   uint64
}

// Settled tells whether a file with this stamp, seen at the given time, can be
// trusted to have the same content whenever it has the same stamp: it had not
// changed within the coarsest step of a clock (see index).
func (s Stamp) Settled(at time.Time) bool {
	return at.UnixNano()-max(s.Modified, s.Changed) >= int64(racyWindow)
}

func stampOf(info fs.FileInfo) Stamp {
	e := stamp(info)
	return Stamp{Size: e.size, Modified: e.modified, Changed: e.changed, Inode: e.inode}
}

// Key names the tree's root in cf's own folders: 16 hexadecimal digits that
// depend on its path alone.
func (t *Tree) Key() string { return rootKey(t.dir) }
