package python

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/workspace"
)

// interpreter is the Python of a project.
type interpreter struct {
	tool.Program
	sites []string // folders of packages: the virtual environment's
	gap   string   // in words, why the virtual environment is not used
}

// environments are the usual folders of a virtual environment.
var environments = []string{".venv", "venv", "env"}

// find returns the interpreter for a project. Of a virtual environment only
// its packages are used, with an interpreter of the user's PATH: what a
// repository names as its interpreter could be any program or folder of the
// user's, and would be shown to what runs in the sandbox.
func find(stage *workspace.Stage, project string) (interpreter, bool) {
	for _, folder := range []string{project, "."} {
		for _, name := range environments {
			env := path.Join(folder, name)
			data, err := stage.Read(path.Join(env, "pyvenv.cfg"))
			if err != nil {
				continue
			}
			minor := minorVersion(string(data))
			if p, found := look(stage, project, "python"+minor); found && minor != "" {
				site := filepath.Join(stage.Root(), filepath.FromSlash(env), "lib", "python"+minor, "site-packages")
				return interpreter{Program: p, sites: []string{site}}, true
			}
			p, found := look(stage, project, "python3")
			return interpreter{Program: p, gap: env + " was made by Python " + minor + ", which is not on the PATH"}, found
		}
	}
	p, found := look(stage, project, "python3")
	return interpreter{Program: p}, found
}

// venvVersion matches the version in a pyvenv.cfg: venv writes "version",
// virtualenv and uv "version_info".
var venvVersion = lazyregexp.New(`(?m)^\s*version(?:_info)?\s*=\s*(\d+\.\d+)`)

func minorVersion(pyvenv string) string {
	if m := venvVersion.FindStringSubmatch(pyvenv); m != nil {
		return m[1]
	}
	return ""
}

// look finds a Python by name. The shims of pyenv are shell scripts that need
// the user's home folder; the program they stand for is taken instead.
func look(stage *workspace.Stage, project, name string) (tool.Program, bool) {
	p, found := tool.Look(stage, name)
	if !found || filepath.Base(filepath.Dir(p.Path)) != "shims" {
		return p, found
	}
	root := filepath.Dir(filepath.Dir(p.Path))
	for _, version := range pyenvVersions(stage, project, root) {
		prefix := filepath.Join(root, "versions", version)
		if p, found = tool.Look(stage, filepath.Join(prefix, "bin", name)); found {
			p.ReadOnly = append(p.ReadOnly, prefix)
			return p, true
		}
	}
	for _, dir := range []string{"/usr/local/bin", "/usr/bin"} {
		if p, found = tool.Look(stage, filepath.Join(dir, name)); found {
			return p, true
		}
	}
	return tool.Program{}, false
}

var versionName = lazyregexp.New(`^\w[\w.+-]*$`)

// pyenvVersions returns the versions that pyenv would try, in its order:
// PYENV_VERSION, the nearest .python-version, the global one
// (https://github.com/pyenv/pyenv, "Understanding Python version selection").
func pyenvVersions(stage *workspace.Stage, project, root string) []string {
	texts := []string{strings.ReplaceAll(stage.Getenv("PYENV_VERSION"), ":", "\n")}
	for dir := project; ; dir = path.Dir(dir) {
		if data, err := stage.Read(path.Join(dir, ".python-version")); err == nil {
			texts = append(texts, string(data))
			break
		}
		if dir == "." {
			break
		}
	}
	if data, err := os.ReadFile(filepath.Join(root, "version")); err == nil {
		texts = append(texts, string(data))
	}
	var all []string
	for _, word := range strings.Fields(strings.Join(texts, "\n")) {
		if versionName.MatchString(word) && !strings.Contains(word, "..") {
			all = append(all, word)
		}
	}
	return all
}
