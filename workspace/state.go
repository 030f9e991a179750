package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bitactor/cf/fault"
)

// stateIgnore is the .gitignore in the state folder: git then passes over the
// whole folder, this file included.
const stateIgnore = "# Made by cf. Nothing here belongs in a commit.\n*\n"

// StateDir returns the absolute path of cf's state folder in the root, making
// it, readable by the user alone, where it is missing. Call it only when there
// is something to store: a run that stores nothing leaves no trace. Code
// CodeNoState where it can't be made or is not a folder. Two callers at once
// are safe.
func StateDir(t *Tree) (string, error) {
	fail := func(err error) (string, error) {
		return "", &fault.Error{
			Kind: fault.Failed, Code: CodeNoState, Op: "make state folder",
			Who: quote(filepath.Join(t.dir, StateName)), Err: err,
		}
	}
	if err := t.root.Mkdir(StateName, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fail(err)
	}
	info, err := t.root.Lstat(StateName)
	if err != nil {
		return fail(err)
	}
	if !info.IsDir() {
		return fail(errors.New("something else than a folder has that name"))
	}
	ignore, err := t.root.OpenFile(filepath.Join(StateName, ".gitignore"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return filepath.Join(t.dir, StateName), nil
	}
	if err != nil {
		return fail(err)
	}
	_, err = ignore.WriteString(stateIgnore)
	if err = errors.Join(err, ignore.Close()); err != nil {
		return fail(err)
	}
	return filepath.Join(t.dir, StateName), nil
}
