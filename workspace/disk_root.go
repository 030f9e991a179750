package workspace

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// rootFolder is a folder behind os.Root.
type rootFolder struct {
	root *os.Root
	dir  *os.File // the same folder, for what os.Root has no method for
	// plain forgoes exchanging renames, as some file systems do.
	plain bool
}

// openFolder returns root as a folder, with a handle of its own.
func openFolder(root *os.Root) (*rootFolder, error) {
	own, err := root.OpenRoot(".")
	if err != nil {
		return nil, err
	}
	return newRootFolder(own)
}

func newRootFolder(own *os.Root) (*rootFolder, error) {
	dir, err := own.Open(".")
	if err != nil {
		return nil, errors.Join(err, own.Close())
	}
	return &rootFolder{root: own, dir: dir}, nil
}

func (f *rootFolder) Close() error { return errors.Join(f.dir.Close(), f.root.Close()) }

func (f *rootFolder) sub(name string) (folder, error) {
	m, err := f.lstat(name)
	switch {
	case err != nil:
		return nil, err
	case m.mode&fs.ModeSymlink != 0:
		return nil, errLink
	case !m.mode.IsDir():
		return nil, errNoFolder
	case m.mount:
		return nil, errMount
	}
	// OpenRoot follows a link that stays inside; one that was put there since
	// shows by its identity.
	own, err := f.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	s, err := newRootFolder(own)
	if err != nil {
		return nil, err
	}
	s.plain = f.plain
	info, err := s.dir.Stat()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if !metaOf(info).same(m) {
		return nil, errors.Join(errSwapped, s.Close())
	}
	return s, nil
}

func (f *rootFolder) lstat(name string) (meta, error) {
	info, err := f.root.Lstat(name)
	if err != nil {
		return meta{}, err
	}
	m := metaOf(info)
	m.mount = mounted(f.dir, name)
	return m, nil
}

func (f *rootFolder) open(name string) (handle, error) {
	m, err := f.lstat(name)
	if err != nil {
		return nil, err
	}
	if why := irregular(m); why != nil {
		return nil, why
	}
	file, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if !metaOf(info).same(m) {
		return nil, errors.Join(errSwapped, file.Close())
	}
	return rootFile{file}, nil
}

// create sets mode and owner through the open file: a path could lead to
// another file by then (CVE-2026-32282 and its kind).
func (f *rootFolder) create(name string, mode fs.FileMode, own owner) (handle, error) {
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = dress(file, mode, own)
	if err != nil {
		return nil, errors.Join(err, file.Close(), f.root.Remove(name))
	}
	return rootFile{file}, nil
}

func dress(file *os.File, mode fs.FileMode, own owner) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if m := metaOf(info); own.Known && m.own != own {
		if err := file.Chown(own.UID, own.GID); err != nil {
			return errors.Join(errOwner, err)
		}
	}
	if mode == 0o600 {
		return nil
	}
	return file.Chmod(mode)
}

var errOwner = errors.New("it belongs to another user or group, and can't be given back to them")

func (f *rootFolder) resume(name string, at int64) (handle, error) {
	file, err := f.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := file.Truncate(at); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if _, err := file.Seek(at, 0); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return rootFile{file}, nil
}

func (f *rootFolder) mkdir(name string, mode fs.FileMode) error {
	if mode == 0 {
		return f.root.Mkdir(name, 0o777)
	}
	if err := f.root.Mkdir(name, 0o700); err != nil {
		return err
	}
	own, err := f.root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer own.Close()
	dir, err := own.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Chmod(mode)
}

func (f *rootFolder) remove(name string) error { return f.root.Remove(name) }

// sync passes over file systems that have nothing to sync of a folder, and say
// so (fsync(2), EINVAL).
func (f *rootFolder) sync() error {
	if err := f.dir.Sync(); !unsupported(err) {
		return err
	}
	return nil
}

// keptMark ends the name under which swap holds the old file where it has to
// do without an exchanging rename.
const keptMark = "~"

// swap falls back to a second name for the old file and a plain rename: target
// is there at every moment, and afterwards temp is the old file all the same.
func (f *rootFolder) swap(temp, target string) error {
	if !f.plain {
		err := renameExchange(f.dir, temp, target)
		if !unsupported(err) {
			return err
		}
	}
	kept := temp + keptMark
	if err := f.root.Link(target, kept); err != nil {
		return err
	}
	if err := f.root.Rename(temp, target); err != nil {
		return errors.Join(err, f.root.Remove(kept))
	}
	return f.root.Rename(kept, temp)
}

func (f *rootFolder) mendSwap(temp string) error {
	kept := temp + keptMark
	if _, err := f.root.Lstat(kept); err != nil {
		return ignoreAbsent(err)
	}
	if _, err := f.root.Lstat(temp); errors.Is(err, fs.ErrNotExist) {
		return f.root.Rename(kept, temp) // the new file is in place
	}
	return f.root.Remove(kept) // the old one still is: kept is its second name
}

// move falls back to a second name, which never replaces a file either.
func (f *rootFolder) move(from, to string) error {
	if !f.plain {
		err := renameNew(f.dir, from, to)
		if !unsupported(err) {
			return err
		}
	}
	if err := f.root.Link(from, to); err != nil {
		return err
	}
	return f.root.Remove(from)
}

func (f *rootFolder) names() ([]string, error) {
	dir, err := f.root.Open(".") // a handle of its own: reading moves its position
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}

func (f *rootFolder) room() (room, error) { return roomOf(f.dir) }

func unsupported(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, errors.ErrUnsupported)
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// rootFile is an open file of a rootFolder.
type rootFile struct{ *os.File }

func (f rootFile) sync() error { return f.Sync() }

func (f rootFile) meta() (meta, error) {
	info, err := f.Stat()
	if err != nil {
		return meta{}, err
	}
	return metaOf(info), nil
}
