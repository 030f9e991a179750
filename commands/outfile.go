package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bitactor/cf/fault"
)

// path makes a path of the command line absolute.
func (a *App) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(a.Env.Dir, name)
}

// checkOut refuses a target that can't be replaced by a rename, before a model
// has worked for it. Nothing is opened: a FIFO would wait for a reader.
func checkOut(name string) error {
	bad := func(err error) error {
		return fault.New(fault.Usage, "out-file", "%w", err).On("write", fmt.Sprintf("%q", name))
	}
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent, err := os.Stat(filepath.Dir(name))
		if err != nil {
			return bad(err)
		}
		if !parent.IsDir() {
			return bad(errors.New("its folder is no folder"))
		}
		return nil
	case err != nil:
		return bad(err)
	case !info.Mode().IsRegular():
		return bad(errors.New("is there and is not a regular file"))
	}
	return nil
}

// writeOut writes a file whole or not at all, after
// https://pkg.go.dev/github.com/google/renameio: temporary file beside it,
// fsync, rename. The mode of a file that is there is kept.
func writeOut(name, text string) (err error) {
	if err := checkOut(name); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info, err := os.Lstat(name); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".cf-*")
	if err != nil {
		return fault.New(fault.Failed, "out-file", "%w", err).On("write", name)
	}
	defer func() {
		if err != nil {
			err = fault.New(fault.Failed, "out-file", "%w", errors.Join(err, os.Remove(f.Name()))).On("write", name)
		}
	}()
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
