package golang

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// moduleCache returns where the user's modules lie, and whether that folder is
// there: GOMODCACHE, else below GOPATH, else below the home folder; from the
// environment or from the file that go env -w writes.
func moduleCache(getenv func(string) string) (dir string, there bool) {
	saved := savedSettings(getenv)
	setting := func(key string) string {
		if v := getenv(key); v != "" {
			return v
		}
		return saved[key]
	}
	dir = setting("GOMODCACHE")
	if dir == "" {
		if list := filepath.SplitList(setting("GOPATH")); len(list) > 0 {
			dir = filepath.Join(list[0], "pkg", "mod")
		} else if home := getenv("HOME"); home != "" {
			dir = filepath.Join(home, "go", "pkg", "mod")
		}
	}
	info, err := os.Stat(dir)
	return dir, filepath.IsAbs(dir) && err == nil && info.IsDir()
}

// savedSettings reads the file of go env -w (go help env): lines NAME=VALUE.
func savedSettings(getenv func(string) string) map[string]string {
	file := getenv("GOENV")
	if file == "" {
		config := getenv("XDG_CONFIG_HOME")
		if config == "" {
			config = filepath.Join(getenv("HOME"), ".config")
		}
		file = filepath.Join(config, "go", "env")
	}
	out := map[string]string{}
	data, err := os.ReadFile(file)
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[key] = value
		}
	}
	return out
}

// replacement matches the folder behind the arrow of a replace directive, which
// begins with "./" or "../" (go.dev/ref/mod, go-mod-file-replace).
var replacement = lazyregexp.New("(?m)=>[ \t]+[\"`]?(\\.\\.?/[^ \t\r\n\"`]*)")

// replaced returns the folders, relative to the root, that a go.mod in project
// puts in the place of modules.
func replaced(project string, mod []byte) []string {
	var out []string
	for _, m := range replacement.FindAllSubmatch(mod, -1) {
		dir := path.Join(project, string(m[1]))
		if filepath.IsLocal(filepath.FromSlash(dir)) {
			out = append(out, dir)
		}
	}
	return out
}
