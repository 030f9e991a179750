// Package workspace is the user's folder as cf sees it: where its root is,
// what lies in it, what may be read, how changes are staged, land and are
// undone.
//
// It must never follow a path out of the root, change one of the user's files
// but through Ledger, or run a program but in the sandbox; the one other is git,
// with everything off that would run more (git.go).
//
// Invariants:
//  1. Every path below the root is opened through os.Root: no symbolic link and
//     no ".." leads out. The one exception is ReadOutside, for a file that the
//     user named on the command line.
//  2. No read blocks: only regular files are opened, without waiting, and at
//     most FileBytesMax bytes of one are read.
//  3. A walk is bounded (ListOptions), and says what it did not list.
//  4. A path in the API is relative to the root, with slashes, whatever the
//     platform; "." is the root. It may hold any byte that a file name may
//     hold: renderers make it visible.
//  5. A Set lands whole or not at all, whenever cf or the machine stops; what
//     landed can be undone exactly, or is refused whole. How: land.go,
//     recover.go and docs/decisions/0007-journal.md.
package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/bitactor/cf/fault"
)

// Codes of the faults of this package, by fault.Error.Code. Stable: the list
// may only grow. All are of kind Failed but CodeBadPath and CodeOutside, which
// are the caller's mistake (Usage).
const (
	CodeBadPath    = "bad-path"           // empty, NUL, not UTF-8, too long
	CodeOutside    = "outside-root"       // leads out of the root
	CodeAbsent     = "file-absent"        // nothing is there
	CodeNotRegular = "not-a-regular-file" // a folder, FIFO, device or socket
	CodeTooBig     = "file-too-big"       // more than FileBytesMax
	CodeBinary     = "binary-file"        // not text
	CodeUnreadable = "file-unreadable"    // permissions, input/output errors
	CodeNoState    = "no-state-folder"    // .cf can't be made
	CodeClosed     = "stage-closed"       // a Stage was used after Close
)

// Tree is the user's folder. Its methods are safe for concurrent use.
type Tree struct {
	root    *os.Root
	dir     string // absolute, symbolic links resolved
	working string // the working folder, relative to dir, with slashes
	why     string
}

// Open finds the root above dir (see Find) and opens it. Paths given to
// Resolve are relative to dir.
func Open(dir string) (*Tree, error) {
	abs, err := physical(dir)
	if err != nil {
		return nil, classify("open folder", dir, err)
	}
	root, why := Find(abs)
	return open(root, abs, why)
}

// OpenFolder opens dir itself as the root, without looking above it: for a
// folder outside the project that the user named.
func OpenFolder(dir string) (*Tree, error) {
	abs, err := physical(dir)
	if err != nil {
		return nil, classify("open folder", dir, err)
	}
	return open(abs, abs, "named by the user")
}

func open(root, working, why string) (*Tree, error) {
	rel, err := filepath.Rel(root, working)
	if err != nil {
		return nil, classify("open folder", working, err)
	}
	handle, err := os.OpenRoot(root)
	if err != nil {
		return nil, classify("open folder", root, err)
	}
	return &Tree{root: handle, dir: root, working: filepath.ToSlash(rel), why: why}, nil
}

// Close frees the tree's handle. No method may be called after it.
func (t *Tree) Close() error { return t.root.Close() }

// Root returns the root's absolute path.
func (t *Tree) Root() string { return t.dir }

// Why returns in words what made that folder the root.
func (t *Tree) Why() string { return t.why }

// Working returns the folder that Open was called with, relative to the root.
func (t *Tree) Working() string { return t.working }

// Kind tells what lies at rel: "file", "folder", "other" (FIFO, device,
// socket), or "" where nothing is or a link leads out of the root.
func (t *Tree) Kind(rel string) string {
	info, err := t.root.Stat(filepath.FromSlash(rel))
	switch {
	case err != nil:
		return ""
	case info.Mode().IsRegular():
		return "file"
	case info.IsDir():
		return "folder"
	}
	return "other"
}

// Target returns the path that rel stands for after symbolic links, relative
// to the root, or rel itself where it can't be told. A name is no proof of what
// a file is: whoever decides by name asks for the target's too.
func (t *Tree) Target(rel string) string {
	real, err := filepath.EvalSymlinks(filepath.Join(t.dir, filepath.FromSlash(rel)))
	if err != nil {
		return rel
	}
	inside, err := filepath.Rel(t.dir, real)
	if err != nil || !filepath.IsLocal(inside) {
		return rel
	}
	return filepath.ToSlash(inside)
}

// physical returns dir as an absolute path without symbolic links.
func physical(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// classify turns an error of the file system into a fault about who.
func classify(op, who string, err error) *fault.Error {
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	reason := err
	var inPath *fs.PathError
	if errors.As(err, &inPath) {
		reason = inPath.Err
	}
	f := &fault.Error{Kind: fault.Failed, Code: CodeUnreadable, Op: op, Who: quote(who), Err: reason}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNotDir):
		f.Code, f.Err = CodeAbsent, fs.ErrNotExist
	case escapes(err):
		f.Kind, f.Code = fault.Usage, CodeOutside
		_ = f.Hint("links are followed only inside the project; name a file outside by its absolute path")
	}
	return f
}

// escapes tells whether os.Root refused a path because it leads out. The
// package os exports no value for this error, only its words.
func escapes(err error) bool {
	var inPath *fs.PathError
	return errors.As(err, &inPath) && inPath.Err != nil && inPath.Err.Error() == "path escapes from parent"
}

// clean returns rel as os.Root wants it.
func clean(rel string) string { return filepath.FromSlash(path.Clean(rel)) }
