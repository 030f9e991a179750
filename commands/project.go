package commands

import (
	"os"
	"path/filepath"
)

// Project is the tree that cf works in.
type Project struct {
	Root string `json:"root"`
	Why  string `json:"why"`
}

// projectOf returns the project that dir belongs to: the nearest folder upwards
// that holds .cf or .git, else dir itself.
func projectOf(dir string) Project {
	if dir == "" {
		return Project{Why: "the current folder does not exist"}
	}
	for at := dir; ; at = filepath.Dir(at) {
		for _, mark := range []string{".cf", ".git"} {
			if _, err := os.Lstat(filepath.Join(at, mark)); err == nil {
				return Project{at, "holds " + mark}
			}
		}
		if at == filepath.Dir(at) {
			return Project{dir, "the current folder; no .cf or .git above it"}
		}
	}
}
