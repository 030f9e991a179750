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

// metaOf turns what os tells of a file into a meta.
func metaOf(info os.FileInfo) meta { return meta{mode: info.Mode(), size: info.Size(), links: 1} }

var fullErrors []error

// readOnlyError is what a read-only file system answers.
var readOnlyError = fs.ErrPermission
