package tool

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/workspace"
)

// Program is a program that was found, and what it needs to run.
type Program struct {
	Path     string   // absolute
	ReadOnly []string // folders outside the system's that it needs to see
	Env      []string // "NAME=value"
	Version  string   // "0.9.0", where it is known
}

// system holds the folders that every sandbox shows.
var system = []string{"/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt", "/nix"}

// Look finds a program on the user's PATH. The folders of the name and of the
// file that it links to are shown to it, where the system's own do not hold them.
func Look(stage *workspace.Stage, name string) (Program, bool) {
	found, err := stage.Look(name)
	if err != nil {
		return Program{}, false
	}
	p := Program{Path: found}
	real, err := filepath.EvalSymlinks(found)
	if err != nil {
		return Program{}, false
	}
	for _, file := range []string{found, real} {
		shown := filepath.Dir(file)
		switch {
		case shown == stage.Getenv("HOME"): // too much for one program
			shown = file
		case isEnvironment(filepath.Dir(shown)):
			shown = filepath.Dir(shown)
		}
		if !Below(shown, system...) && !slices.Contains(p.ReadOnly, shown) {
			p.ReadOnly = append(p.ReadOnly, shown)
		}
	}
	return p, true
}

// isEnvironment tells whether a folder is a virtual environment of Python, whose
// programs need its libraries (docs.python.org, "venv": pyvenv.cfg).
func isEnvironment(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "pyvenv.cfg"))
	return err == nil && info.Mode().IsRegular()
}

// Below tells whether dir is one of folders or lies below one.
func Below(dir string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool {
		return dir == f || strings.HasPrefix(dir, strings.TrimSuffix(f, "/")+"/")
	})
}
