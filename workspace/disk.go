package workspace

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// folder is an open folder of the tree or of the ledger: what a landing needs
// of a file system. Every name is one path element, so nothing can lead out of
// the folder, whatever others do to the tree meanwhile. Paths of errors are of
// no interest: callers add their own.
type folder interface {
	io.Closer
	// sub opens the folder called name; a link, even to a folder, is errLink,
	// another file errNoFolder, a mount point errMount.
	sub(name string) (folder, error)
	// lstat tells what name is, without following links.
	lstat(name string) (meta, error)
	// open opens a regular file for reading, never through a link.
	open(name string) (handle, error)
	// create makes a file that was not there, with its mode and, unless it is
	// nobody's, its owner set before anything is written.
	create(name string, mode fs.FileMode, own owner) (handle, error)
	// resume opens a file of the ledger for writing, cut to size at.
	resume(name string, at int64) (handle, error)
	// mkdir makes a folder; mode 0 means what the system gives a new one.
	mkdir(name string, mode fs.FileMode) error
	// remove removes a file or an empty folder.
	remove(name string) error
	// swap exchanges two files in one step. After a crash amid it on a file
	// system that can't, mendSwap gives the state before or after.
	swap(temp, target string) error
	mendSwap(temp string) error
	// move renames; it never replaces a file.
	move(from, to string) error
	// sync makes the folder's own entries durable, not those below.
	sync() error
	names() ([]string, error)
	room() (room, error)
}

// handle is an open file.
type handle interface {
	io.ReaderAt
	io.Writer
	io.Closer
	sync() error
	meta() (meta, error)
}

// meta is what a file system tells of a file.
type meta struct {
	mode     fs.FileMode // type and permissions
	size     int64
	links    uint64 // names of this file
	dev, ino uint64
	own      owner
	mount    bool // something is mounted on it
}

func (m meta) same(n meta) bool { return m.dev == n.dev && m.ino == n.ino }

// owner holds numeric ids; the zero value means nobody in particular.
type owner struct {
	Known bool `json:"known,omitempty"`
	UID   int  `json:"uid,omitempty"`
	GID   int  `json:"gid,omitempty"`
}

// room is what is left on a file system; free is -1 where it can't be told.
type room struct {
	free     int64 // bytes for a user without privileges
	readOnly bool
	pseudo   bool // /proc, /sys: not made of files
}

var (
	errLink     = errors.New("a symbolic link")
	errMount    = errors.New("a mount point")
	errNoFolder = errors.New("not a folder")
	errNoFile   = errors.New("not a regular file")
	errSwapped  = errors.New("exchanged for another file meanwhile")
)

// state is what a landing preserves of a file. The zero value: there is none.
type state struct {
	Hash string      `json:"hash,omitempty"` // see Hash
	Size int64       `json:"size,omitempty"` // bytes
	Mode fs.FileMode `json:"mode,omitempty"` // permission bits
	Own  owner       `json:"own,omitzero"`
}

func (s state) absent() bool { return s.Hash == "" }

// is tells whether two states are the same to a reader of the file.
func (s state) is(o state) bool { return s.Hash == o.Hash && s.Mode == o.Mode }

// stateOf reads the regular file called name. A missing one gives the zero
// state; anything that is no regular file is an error.
func stateOf(f folder, name string) (state, error) {
	m, err := f.lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	if why := irregular(m); why != nil {
		return state{}, why
	}
	h, err := f.open(name)
	if err != nil {
		return state{}, err
	}
	defer h.Close()
	sum := sha256.New()
	n, err := copyAll(sum, h)
	if err != nil {
		return state{}, err
	}
	return state{Hash: hex.EncodeToString(sum.Sum(nil)), Size: n, Mode: m.mode.Perm(), Own: m.own}, nil
}

func irregular(m meta) error {
	switch {
	case m.mode&fs.ModeSymlink != 0:
		return errLink
	case !m.mode.IsRegular():
		return fmt.Errorf("%s, %w", describe(m.mode), errNoFile)
	}
	return nil
}

// copyBytes is the piece in which files are read and written.
const copyBytes = 256 << 10

// pieces are used again: a landing copies each file several times.
var pieces = sync.Pool{New: func() any { return new([copyBytes]byte) }}

func copyAll(w io.Writer, h handle) (int64, error) {
	piece := pieces.Get().(*[copyBytes]byte)
	defer pieces.Put(piece)
	buf := piece[:]
	var at int64
	for {
		n, err := h.ReadAt(buf, at)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return at, werr
			}
			at += int64(n)
		}
		if errors.Is(err, io.EOF) {
			return at, nil
		}
		if err != nil {
			return at, err
		}
	}
}

// createSynced makes a file and returns once its content is durable. A failed
// sync is never tried again on that file: the kernel may have marked the lost
// pages clean (Rebello et al., USENIX ATC 2020). What was made is removed.
func createSynced(f folder, name string, mode fs.FileMode, own owner, write func(io.Writer) error) (err error) {
	h, err := f.create(name, mode, own)
	if err != nil {
		return err
	}
	if err = write(h); err == nil {
		err = h.sync()
	}
	if err = errors.Join(err, h.Close()); err != nil {
		return errors.Join(err, f.remove(name))
	}
	return nil
}
