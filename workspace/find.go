package workspace

import (
	"os"
	"path/filepath"
)

// StateName is the name of cf's state folder in a project's root.
const StateName = ".cf"

// Find returns the root of the project that dir belongs to, and in words why:
// the nearest folder at or above dir that holds a .cf folder, else the nearest
// that holds .git (a folder, or the file of a work tree or submodule), else
// dir.
//
// Above dir, three places are never a root: the home folder and the file
// system's own root (one stray .cf or .git there would turn all of a user's
// projects into one), and a folder that everybody may write to, such as /tmp.
// A .cf that belongs to another user is not taken either: sessions would be
// written where that user reads them.
func Find(dir string) (root, why string) {
	dir = filepath.Clean(dir)
	if at := ascend(dir, holdsState); at != "" {
		return at, "it holds " + StateName
	}
	if at := ascend(dir, holdsGit); at != "" {
		return at, "git repository"
	}
	return dir, "no " + StateName + " or .git at or above it"
}

// ascend returns the first folder from dir upwards that marked accepts, or "".
func ascend(dir string, marked func(string) bool) string {
	home, _ := os.UserHomeDir() // no home: nothing to leave out
	if real, err := filepath.EvalSymlinks(home); err == nil {
		home = real
	}
	for at := dir; ; {
		if (at == dir || !shared(at, home)) && marked(at) {
			return at
		}
		parent := filepath.Dir(at)
		if parent == at {
			return ""
		}
		at = parent
	}
}

// shared tells whether a folder holds more than one project by its nature.
func shared(dir, home string) bool {
	if dir == home || filepath.Dir(dir) == dir {
		return true
	}
	info, err := os.Stat(dir)
	return err != nil || info.Mode().Perm()&0o002 != 0
}

func holdsState(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, StateName))
	return err == nil && info.IsDir() && ours(info)
}

func holdsGit(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, ".git"))
	return err == nil && (info.IsDir() || info.Mode().IsRegular())
}
