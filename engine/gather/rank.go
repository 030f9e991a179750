package gather

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bitactor/cf/engine/terms"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/secret"
)

// Bounds of the search for the files nearest to a task. They bound its time (a
// second or so on a cold disk) without a clock, which would make the choice
// differ from run to run.
const (
	searchFilesMax  = 4000
	searchBytesMax  = 32 << 20
	searchHeadBytes = 64 << 10  // of each file
	searchSizeMax   = 512 << 10 // larger files are data
	rankedMax       = 8
	definersMax     = 3 // files per symbol
	scoreShareMin   = 0.35
)

// ranking is what a search found.
type ranking struct {
	definers []string // files that define a symbol that the task names
	best     []string // the files nearest to the task, best first
}

// candidate is a file with the words of the task that it holds.
type candidate struct {
	path   string
	hits   []uint16 // per term, nil while all are 0
	length int      // words
	score  float64
}

// rank searches the listed text files for the task's terms and symbols.
func (g *gatherer) rank(w wanted) (ranking, error) {
	if len(w.terms) == 0 {
		return ranking{}, nil
	}
	return g.search(g.tree, g.listing.Files, w)
}

func (g *gatherer) search(tree *workspace.Tree, files []workspace.File, w wanted) (ranking, error) {
	order, passed := searchable(files, w)
	symbols := newDefinitions(w.symbols)
	counter := terms.NewCounter(w.terms)
	buf := make([]byte, searchHeadBytes)
	var found []candidate
	budget, total := searchBytesMax, 0
	for i, rel := range order {
		if err := g.ctx.Err(); err != nil {
			return ranking{}, fault.New(fault.Interrupted, "", "%w", err).On("search", ".")
		}
		if budget <= 0 {
			passed += len(order) - i
			order = order[:i]
			break
		}
		n, err := tree.Head(rel, buf)
		if err != nil || workspace.Binary(buf[:n]) {
			continue
		}
		budget -= n
		c := candidate{path: rel}
		c.hits, c.length = counter.Count(rel, buf[:n])
		total += c.length
		if c.hits != nil {
			found = append(found, c)
		}
		symbols.search(rel, buf[:n])
	}
	if passed > 0 {
		g.report(event.Read{Path: ".", State: "left-out", Why: plural(passed, "file") + " not searched: too many"})
	}
	return ranking{definers: symbols.files(), best: best(found, len(order), total, w.folders)}, nil
}

// searchable returns the files worth searching, those whose path holds a term
// first, and how many are passed over because there are too many.
func searchable(files []workspace.File, w wanted) (order []string, passed int) {
	type entry struct {
		path string
		hits int
	}
	var all []entry
	for _, f := range files {
		if f.Size == 0 || f.Size > searchSizeMax || language(path.Base(f.Path)) == "" || lockLike(f.Path) {
			continue
		}
		if _, yes := secret.File(f.Path); yes {
			continue
		}
		lower, hits := strings.ToLower(f.Path), 0
		for _, t := range w.terms {
			if strings.Contains(lower, t) {
				hits++
			}
		}
		all = append(all, entry{f.Path, hits})
	}
	slices.SortStableFunc(all, func(a, b entry) int {
		if a.hits != b.hits {
			return b.hits - a.hits
		}
		return strings.Count(a.path, "/") - strings.Count(b.path, "/")
	})
	if len(all) > searchFilesMax {
		passed = len(all) - searchFilesMax
		all = all[:searchFilesMax]
	}
	for _, e := range all {
		order = append(order, e.path)
	}
	return order, passed
}

func lockLike(name string) bool {
	base := path.Base(name)
	return strings.Contains(base, "lock.") || strings.HasSuffix(base, ".lock") || strings.Contains(base, ".min.")
}

// best scores the candidates by BM25 and returns the paths of the few whose
// score is near the highest. Files under a folder that the task names count
// double.
func best(found []candidate, all, length int, folders []string) []string {
	if len(found) == 0 {
		return nil
	}
	docs := make([]terms.Doc, len(found))
	for i, f := range found {
		docs[i] = terms.Doc{Hits: f.hits, Length: f.length}
	}
	for i, score := range terms.BM25(docs, all, length) {
		found[i].score = score
	}
	for i := range found {
		for _, f := range folders {
			if strings.HasPrefix(found[i].path, f+"/") {
				found[i].score *= 2
				break
			}
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return strings.Compare(a.path, b.path)
	})
	var paths []string
	for _, c := range found[:min(rankedMax, len(found))] {
		if c.score < found[0].score*scoreShareMin {
			break
		}
		paths = append(paths, c.path)
	}
	return paths
}

// definitions finds where symbols are defined, by the words that open a
// definition in the usual languages: a cheap scan, not a parser.
type definitions struct {
	symbols []string
	pattern []*regexp.Regexp
	where   [][]string
}

func newDefinitions(symbols []string) *definitions {
	d := &definitions{symbols: symbols, where: make([][]string, len(symbols))}
	for _, s := range symbols {
		q := regexp.QuoteMeta(s)
		d.pattern = append(d.pattern, regexp.MustCompile(
			`(?m)^[ \t]*(?:(?:export|pub(?:\(\w+\))?|public|private|protected|static|async|abstract|final|default|unsafe|inline|extern|typedef)[ \t]+)*`+
				`(?:func(?:[ \t]*\([^)\n]*\))?|type|def|defp|defmodule|defmacro|defprotocol|class|struct|enum|union|interface|trait|fn|function|const|var|let|val|object|record|module|CREATE TABLE|#[ \t]*define)[ \t]+\*?(?:\w+[.:]+)*`+q+`\b`+
				`|^-(?:module|record|define|type|opaque)\(`+q+`\b|^`+q+`\([^\n]*->`+
				`|^[A-Za-z_][\w \t\*]*[ \t\*]`+q+`\([^;\n]*$|^\}[ \t]*`+q+`[ \t]*;|^\t`+q+`[ \t]+(?:struct|interface|func)\b`))
	}
	return d
}

func (d *definitions) search(rel string, text []byte) {
	for i, s := range d.symbols {
		if len(d.where[i]) < definersMax && strings.Contains(string(text), s) && d.pattern[i].Match(text) {
			d.where[i] = append(d.where[i], rel)
		}
	}
}

func (d *definitions) files() []string { return slices.Concat(d.where...) }
