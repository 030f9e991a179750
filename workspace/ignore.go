package workspace

import (
	"bytes"
	"path"
	"strings"

	"github.com/git-pkgs/gitignore"
)

// ignoredWhy is the reason given for what an ignore file names.
const ignoredWhy = "ignored"

// ignoreBytesMax is how much of one ignore file is read; real ones are a few
// kilobytes.
const ignoreBytesMax = 128 << 10

// always holds the folders never entered, not even for a .cfignore.
var always = map[string]bool{".git": true, ".hg": true, ".svn": true, ".jj": true, StateName: true}

// byName holds folders that are dependencies or caches wherever they stand.
var byName = map[string]bool{
	"node_modules": true, "bower_components": true, "vendor": true, "__pycache__": true,
	".venv": true, "venv": true, ".tox": true, ".nox": true, ".mypy_cache": true, ".pytest_cache": true,
	".ruff_cache": true, ".gradle": true, ".terraform": true, ".next": true, ".nuxt": true, ".svelte-kit": true,
	".turbo": true, ".parcel-cache": true, ".eggs": true, ".elixir_ls": true, ".idea": true, "_build": true,
	".cache": true, ".bundle": true, ".dart_tool": true,
}

// byMarker holds folders whose name may also be that of source code: they are
// build outputs only beside one of the named files.
var byMarker = map[string][]string{
	"target": {"Cargo.toml", "pom.xml", "build.sbt", "project.clj"},
	"build":  {"build.gradle", "build.gradle.kts", "CMakeLists.txt", "meson.build", "package.json", "setup.py", "pyproject.toml"},
	"dist":   {"package.json", "pyproject.toml", "setup.py"},
	"out":    {"package.json", "build.gradle", "CMakeLists.txt"},
	"deps":   {"mix.exs", "rebar.config"},
	"ebin":   {"rebar.config", "mix.exs", "src"},
	"cover":  {"mix.exs"},
	"obj":    {"CMakeLists.txt", "Makefile"},
}

// generated tells whether a folder holds what tools made, by its name and the
// names beside it.
func generated(name string, sibling func(string) bool) bool {
	if byName[name] {
		return true
	}
	for _, marker := range byMarker[name] {
		if sibling(marker) {
			return true
		}
	}
	return false
}

// verdict is what one kind of ignore files says about a path.
type verdict int

const (
	silent verdict = iota
	ignored
	wanted
)

// rules holds the ignore files of a folder and, by parent, of those above it.
// A folder without any shares its parent's.
type rules struct {
	dir    string // the patterns are relative to it
	git    *gitignore.Matcher
	cf     *gitignore.Matcher
	parent *rules
}

// rootRules holds .git/info/exclude, which comes before every .gitignore. The
// user's global excludes are not read: they lie outside the root, and what a
// model sees should depend on the project alone.
func (t *Tree) rootRules() *rules {
	if m := t.matcher(".git/info/exclude"); m != nil {
		return &rules{dir: ".", git: m}
	}
	return nil
}

// rulesIn returns the rules that hold in dir.
func (t *Tree) rulesIn(dir string, parent *rules) *rules {
	git, cf := t.matcher(path.Join(dir, ".gitignore")), t.matcher(path.Join(dir, ".cfignore"))
	if git == nil && cf == nil {
		return parent
	}
	return &rules{dir: dir, git: git, cf: cf, parent: parent}
}

// matcher reads one ignore file; nil where there is none that can be read.
func (t *Tree) matcher(rel string) *gitignore.Matcher {
	data, err := t.inside().read(clean(rel), ignoreBytesMax)
	if err != nil {
		return nil
	}
	m := gitignore.New("")
	m.AddPatterns(bytes.TrimPrefix(data, []byte("\ufeff")), "")
	return m
}

// ignores gives the verdict of all rules, .cfignore files before .gitignore
// files and, of each kind, the deepest first (gitignore(5)).
func (r *rules) ignores(rel string, isDir bool) bool {
	if own := r.ours(rel, isDir); own != silent {
		return own == ignored
	}
	return r.first(rel, isDir, func(r *rules) *gitignore.Matcher { return r.git }) == ignored
}

// ours gives the verdict of the .cfignore files alone.
func (r *rules) ours(rel string, isDir bool) verdict {
	return r.first(rel, isDir, func(r *rules) *gitignore.Matcher { return r.cf })
}

func (r *rules) first(rel string, isDir bool, kind func(*rules) *gitignore.Matcher) verdict {
	for ; r != nil; r = r.parent {
		m := kind(r)
		if m == nil {
			continue
		}
		local := rel
		if r.dir != "." {
			local = strings.TrimPrefix(rel, r.dir+"/")
		}
		if is := m.MatchDetail(slashed(local, isDir)); is.Matched {
			if is.Ignored {
				return ignored
			}
			return wanted
		}
	}
	return silent
}

func slashed(rel string, isDir bool) string {
	if isDir {
		return rel + "/"
	}
	return rel
}
