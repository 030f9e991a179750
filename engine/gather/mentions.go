package gather

import (
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/engine/terms"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/workspace"
)

// samesMax bounds the files that one name brings in, and the names looked
// up in one task.
const (
	samesMax = 5
	namesMax = 64
)

// wanted is what the words of a task and its context texts name.
type wanted struct {
	files   []string // existing files, in the order of their naming
	folders []string // existing folders, named by a path
	symbols []string // words that look like a name in code
	terms   []string // all words, split and in lower case, for ranking
}

// The patterns are compiled on first use: no other verb pays for them at its start.
var (
	links  = lazyregexp.New(`[a-zA-Z][a-zA-Z0-9+.-]*://\S+`)
	words  = lazyregexp.New(`[\p{L}\p{N}_.~/\\-]+`)
	symbol = lazyregexp.New(`^(?:[A-Za-z_]\w*\.)?([A-Za-z_]\w{3,63})$`)
	inner  = lazyregexp.New(`[a-z0-9][A-Z]|[A-Za-z0-9]_[A-Za-z0-9]`)

	products = map[string]bool{ // names of things that end like files
		"node.js": true, "vue.js": true, "next.js": true, "react.js": true, "express.js": true, "three.js": true,
		"d3.js": true, "nuxt.js": true, "deno.ts": true, "socket.io": true, "asp.net": true, "backbone.js": true, "angular.js": true,
	}
)

// bareNames are the files without extension that people mention by name.
var bareNames = map[string]bool{
	"Makefile": true, "Dockerfile": true, "README": true, "LICENSE": true, "Rakefile": true, "Gemfile": true, "Procfile": true,
	"Vagrantfile": true, "Jenkinsfile": true, "Justfile": true, "CHANGELOG": true, "CODEOWNERS": true, "NOTICE": true,
}

// mentions finds what text names. A name that looks like a file and is not
// there is reported absent; one that stands for many files brings in the
// samesMax nearest to the root.
func (g *gatherer) mentions(text string) wanted {
	w := wanted{terms: terms.Of(text)}
	text = links.ReplaceAllString(text, " ")
	var names []string
	for _, word := range words.FindAllString(text, -1) {
		word = strings.Trim(strings.ReplaceAll(word, `\`, "/"), "-")
		word = strings.TrimRight(word, ".")
		if word == "" || slices.Contains(names, word) || len(names) == namesMax || workspace.CheckPath(word) != nil {
			continue
		}
		names = append(names, word)
	}
	found := g.lookUp(names)
	for _, name := range names {
		paths := found[name]
		switch {
		case len(paths) > 0:
			w.files = append(w.files, paths[:min(samesMax, len(paths))]...)
			if more := len(paths) - samesMax; more > 0 {
				g.report(event.Read{Path: display(name), State: "left-out", Why: plural(more, "more file") + " of that name"})
			}
		case g.isFolder(name):
			rel, _ := g.tree.Resolve(name) // isFolder has just resolved it
			w.folders = append(w.folders, rel)
		case fileLike(name):
			g.missing(name)
		}
		if m := symbol.FindStringSubmatch(name); m != nil && inner.MatchString(m[1]) {
			w.symbols = append(w.symbols, m[1])
		}
	}
	return w
}

// lookUp returns for each name the files it stands for: the path itself, else
// all listed files whose path ends in it, else, for a name of several words,
// those whose base name is it but for the extension. Nearest the root first.
func (g *gatherer) lookUp(names []string) map[string][]string {
	found := map[string][]string{}
	byBase, byStem := map[string][]string{}, map[string]string{}
	for _, name := range names {
		if rel, err := g.tree.Resolve(name); err == nil && isName(name) && g.tree.Kind(rel) == "file" {
			found[name] = []string{rel}
			continue
		}
		base := path.Base(name)
		if fileLike(name) || bareNames[base] {
			byBase[base] = append(byBase[base], name)
		} else if !strings.Contains(name, "/") && strings.ContainsAny(name, "-_") {
			byStem[name] = name
		}
	}
	for _, file := range g.listing.Files {
		base := path.Base(file.Path)
		for _, name := range byBase[base] {
			if tail := strings.TrimPrefix(name, "./"); file.Path == tail || strings.HasSuffix(file.Path, "/"+tail) {
				found[name] = append(found[name], file.Path)
			}
		}
		if name, ok := byStem[strings.TrimSuffix(base, path.Ext(base))]; ok {
			found[name] = append(found[name], file.Path)
		}
	}
	for _, paths := range found {
		slices.SortStableFunc(paths, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	}
	return found
}

// isName keeps plain words from being taken for files that happen to be
// called so: "test" or "core" names a file only with a dot, slash, dash,
// underscore, or in capitals as in Makefile.
func isName(word string) bool {
	return strings.ContainsAny(word, "./-_") || bareNames[word]
}

func (g *gatherer) isFolder(name string) bool {
	if !strings.Contains(name, "/") {
		return false
	}
	rel, err := g.tree.Resolve(name)
	return err == nil && rel != "." && g.tree.Kind(rel) == "folder"
}

// missing reports a name that looks like a file and stands for none.
func (g *gatherer) missing(name string) {
	label := display(name)
	if g.taken[label] {
		return
	}
	g.taken[label] = true
	if _, err := g.tree.Resolve(name); err != nil {
		g.report(event.Read{Path: label, State: "skipped", Why: "outside the project: name it as --context @" + label})
		return
	}
	g.report(event.Read{Path: label, State: "absent", Why: "named, and not in the project"})
}

// fileLike tells whether a word looks like the name of a file: its extension
// is one that files have, and it is not the name of a product.
func fileLike(word string) bool {
	base := path.Base(word)
	ext := path.Ext(base)
	return len(base) > len(ext) && len(ext) > 1 && language(base) != "" && !products[strings.ToLower(word)]
}
