package sandbox

import (
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
)

// passed are the variables of the user's that a program gets to see, beside
// those that begin with "LC_". Everything else may be a secret.
var passed = map[string]bool{"LANG": true, "LANGUAGE": true, "TZ": true}

// environment is the whole environment of a program. Later values win, so what
// the caller asks for stands last.
func environment(user []string, path []string, home, tmp string, more ...string) []string {
	env := []string{"TERM=dumb", "HOME=" + home, "TMPDIR=" + tmp, "PATH=" + strings.Join(path, string(filepath.ListSeparator))}
	for _, e := range user {
		if key, _, ok := strings.Cut(e, "="); ok && (passed[key] || strings.HasPrefix(key, "LC_")) {
			env = append(env, e)
		}
	}
	return process.Setenv(env, more...)
}

// pathOf returns the folders of the user's PATH that are absolute and not in
// the tree: a repository could hold a program of any name (GO-2022-0395).
func pathOf(user []string, root string) []string {
	var dirs []string
	for _, dir := range filepath.SplitList(process.Getenv(user, "PATH")) {
		if filepath.IsAbs(dir) && !within(root, dir) && !within(root, resolved(dir)) {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	return dirs
}

// find returns the program's absolute path; CodeInTree if it lies in the tree.
func find(program string, user []string, root string) (string, error) {
	path, err := process.Look(program, process.Setenv(user, "PATH="+strings.Join(pathOf(user, root), string(filepath.ListSeparator))))
	if err != nil {
		return "", err
	}
	if within(root, path) || within(root, resolved(path)) {
		return "", fault.New(fault.Failed, CodeInTree, "a program from the tree is never run").On("find program", path)
	}
	return path, nil
}

// resolved is path without symbolic links, or path itself where it can't be told.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// within tells whether path is dir or lies below it; both are absolute and clean.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
