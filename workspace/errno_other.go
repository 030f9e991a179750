//go:build !unix

package workspace

import (
	"io/fs"
	"os"
)

// errNotDir is what a path through a file gives; such platforms report it as
// a missing file.
var errNotDir error = fs.ErrNotExist

// ours is true where files have no numeric owner.
func ours(os.FileInfo) bool { return true }
