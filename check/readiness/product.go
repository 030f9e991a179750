package readiness

import (
	"path"
	"strings"
)

// apart are folders whose files are no part of the product: what tests read, what a
// generator fills in, what others wrote, what a build makes.
var apart = map[string]bool{
	"testdata": true, "fixtures": true, "__snapshots__": true, "templates": true,
	"vendor": true, "third_party": true, "node_modules": true, "deps": true,
	"_build": true, "dist": true, "generated": true, ".git": true,
}

// Counts tells whether a file counts for the card: it lies below one of paths, and in
// no folder below it that holds fixtures, templates, or the code of others or of a
// generator. Who asks about such a folder itself gets a card of it.
func Counts(paths []string, file string) bool {
	if len(paths) == 0 {
		return ownPath(file)
	}
	for _, p := range paths {
		p = path.Clean(p)
		rest, below := strings.CutPrefix(file, p+"/")
		switch {
		case file == p:
			return true
		case p == ".":
			rest, below = file, true
		}
		if below && ownPath(rest) {
			return true
		}
	}
	return false
}

// ownPath tells whether no folder of a path is one of those apart.
func ownPath(file string) bool {
	dirs := strings.Split(file, "/")
	for _, dir := range dirs[:len(dirs)-1] {
		if apart[dir] {
			return false
		}
	}
	return path.Base(file) != ".git" // a work tree of git has a file of that name
}
