package commands

import (
	"path/filepath"

	"github.com/bitactor/cf/workspace"
)

// Project is the tree that cf works in.
type Project struct {
	Root string `json:"root"`
	Why  string `json:"why"`
}

// projectOf returns the project that dir belongs to, see workspace.Find.
func projectOf(dir string) Project {
	if dir == "" {
		return Project{Why: "the current folder does not exist"}
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	root, why := workspace.Find(dir)
	return Project{root, why}
}
