package process

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/fault"
)

// Look returns the absolute path of the program called name, searched in the
// PATH of env. A name with a slash must be absolute already. What only an empty
// or relative PATH entry would give is refused with exec.ErrDot: a repository
// could hold a program of that name. CodeNotFound when there is none.
func Look(name string, env []string) (string, error) {
	if filepath.IsAbs(name) {
		if !executable(name) {
			return "", fault.New(fault.Failed, CodeNotFound, "%w", exec.ErrNotFound).On("find program", name)
		}
		return filepath.Clean(name), nil
	}
	if name == "" || strings.ContainsRune(name, filepath.Separator) {
		return "", fault.New(fault.Failed, CodeNotFound, "%w", exec.ErrDot).On("find program", name)
	}
	reason := exec.ErrNotFound
	for _, dir := range filepath.SplitList(Getenv(env, "PATH")) {
		full := filepath.Join(dir, name)
		switch {
		case !executable(full):
		case filepath.IsAbs(dir):
			return full, nil
		default:
			reason = exec.ErrDot
		}
	}
	return "", fault.New(fault.Failed, CodeNotFound, "%w", reason).On("find program", name)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&fs.FileMode(0o111) != 0
}

// Getenv returns the last value of key in env, or "".
func Getenv(env []string, key string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(env[i], "="); ok && k == key {
			return v
		}
	}
	return ""
}

// Setenv returns a copy of env in which each "KEY=value" of pairs replaces
// every earlier value of its key.
func Setenv(env []string, pairs ...string) []string {
	set := make(map[string]bool, len(pairs))
	for _, p := range pairs {
		k, _, _ := strings.Cut(p, "=")
		set[k] = true
	}
	out := make([]string, 0, len(env)+len(pairs))
	for _, e := range env {
		if k, _, _ := strings.Cut(e, "="); !set[k] {
			out = append(out, e)
		}
	}
	return append(out, pairs...)
}
