package repomap

import (
	"cmp"
	"context"
	"math"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bitactor/cf/engine/terms"
)

// Where a walk starts, in parts of 1: at the definitions that the request names or
// uses, at the file it is about, and anywhere but in a test. What the request gives
// no reason for goes to the others.
const (
	startNamed = 0.5
	startFile  = 0.35
	startAny   = 0.15
)

// Weights of what a request says, over a name that its source uses once.
const (
	weightNamed = 4   // the user's words hold the name of a definition
	weightPath  = 2   // they name its file
	weightWords = 0.5 // they hold all the words that its name is made of, and no other name has them
)

const (
	wordNamesMax = 32   // names that are like the user's words
	pathsMax     = 8    // files that the user's words name
	chosenMax    = 512  // definitions that a map may show
	shareMin     = 0.02 // of the best score: what is below is not worth its tokens
)

// chosen is a definition with its score.
type chosen struct {
	id    uint32
	score float64
}

// choose returns the best definitions for a request, the best first.
func (g *graph) choose(ctx context.Context, r Request) ([]chosen, error) {
	own := -1
	if r.Path != "" {
		own = g.find(path.Clean(r.Path))
	}
	direct := g.direct(r, own)
	start := g.start(direct, own)
	rank, err := g.pageRank(ctx, start)
	if err != nil {
		return nil, err
	}
	score := g.flow(rank)
	for id, w := range direct {
		score[id] += w
	}
	best := 0.0
	for id, s := range score {
		if int(g.fileOf[id]) != own {
			best = max(best, s)
		}
	}
	var list []chosen
	for id, s := range score {
		if s > 0 && s >= best*shareMin && int(g.fileOf[id]) != own {
			list = append(list, chosen{uint32(id), s})
		}
	}
	slices.SortFunc(list, func(a, b chosen) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.id, b.id))
	})
	return list[:min(len(list), chosenMax)], nil
}

// start is where walks begin; it adds up to 1 unless the tree is empty.
func (g *graph) start(direct map[uint32]float64, own int) []float64 {
	start := make([]float64, len(g.files))
	for _, id := range sortedKeys(direct) {
		start[g.fileOf[id]] += startNamed * direct[id]
	}
	if own >= 0 {
		start[own] += startFile
	}
	plain := 0
	for i := range g.files {
		if !g.files[i].test {
			plain++
		}
	}
	for i := range start {
		if plain == 0 || !g.files[i].test {
			start[i] += startAny / float64(cmp.Or(plain, len(start)))
		}
	}
	sum := 0.0
	for _, s := range start {
		sum += s
	}
	for i := range start {
		start[i] /= sum
	}
	return start
}

func sortedKeys(m map[uint32]float64) []uint32 {
	keys := make([]uint32, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// direct says how much the request itself asks for each definition: by the names
// that its source uses, and by the user's words. It adds up to 1, or is empty.
func (g *graph) direct(r Request, own int) map[uint32]float64 {
	s := &seeds{graph: g, site: g.place(r.Path, own), scores: map[uint32]float64{}}
	if l := languageOf(r.Path); l != nil {
		s.family = family[l.Name()]
	}
	if r.Source != "" {
		s.uses(identifiers(r.Source))
	} else if own >= 0 {
		for _, u := range g.files[own].uses {
			s.add(u.name, math.Sqrt(float64(u.count)))
		}
	}
	if r.Text != "" {
		rest := s.named(r.Text)
		s.paths(r.Text)
		if list := terms.Of(rest); len(list) > 0 {
			s.words(list)
			s.pathWords(list)
		}
	}
	sum := 0.0
	keys := sortedKeys(s.scores)
	for _, id := range keys {
		sum += s.scores[id]
	}
	for _, id := range keys {
		s.scores[id] /= sum
	}
	return s.scores
}

// place returns the site of the file to be written, which need not be there.
func (g *graph) place(file string, own int) site {
	if own >= 0 {
		return g.site(own)
	}
	at := site{dir: math.MaxUint32, from: -1, test: testFile.MatchString(file)}
	if file == "" {
		return at
	}
	dir := path.Dir(path.Clean(file))
	for i := range g.files {
		if path.Dir(g.files[i].path) == dir {
			at.dir = g.dirs[i]
			break
		}
	}
	return at
}

// seeds collects what a request asks for.
type seeds struct {
	*graph
	site   site
	family byte // of the file to be written; 0: any
	scores map[uint32]float64
	found  []uint32
}

// add gives what a name means in the file to be written its share of weight.
func (s *seeds) add(name uint32, weight float64) {
	s.found = s.resolve(s.found[:0], name, s.site)
	s.share(name, weight)
}

// addEvery gives all that a name may mean its share of weight.
func (s *seeds) addEvery(name uint32, weight float64) {
	s.found = s.every(s.found[:0], name, s.site)
	s.share(name, weight)
}

func (s *seeds) share(name uint32, weight float64) {
	if weight <= 0 {
		return
	}
	for _, id := range s.found {
		s.scores[id] += weight * nameWeight(s.names[name][1:]) / float64(len(s.found)*len(s.found))
	}
}

// lookUp returns the numbers of a name in the families that the request may mean.
func (s *seeds) lookUp(name string) []uint32 {
	var out []uint32
	for _, f := range []byte("gcbpjrs") {
		if s.family != 0 && f != s.family {
			continue
		}
		if id, ok := s.table()[string(f)+name]; ok {
			out = append(out, id)
		}
	}
	return out
}

// uses adds the names that a source uses.
func (s *seeds) uses(list []entryUse) {
	for _, u := range list {
		for _, id := range s.lookUp(u.name) {
			s.add(id, math.Sqrt(float64(u.count)))
		}
	}
}

// named adds the definitions whose names stand in the user's words, and returns the
// other words. A word in lower case is a name only where it is marked as code, or
// has several parts.
func (s *seeds) named(text string) (rest string) {
	var others []string
	for _, u := range identifiers(text) {
		plain := strings.ToLower(u.name) == u.name && !strings.Contains(u.name, "_")
		var found []uint32
		if !plain || strings.Contains(text, u.name+"(") || strings.Contains(text, "`"+u.name) || strings.Contains(text, u.name+"/") {
			found = s.lookUp(u.name)
		}
		for _, id := range found {
			s.addEvery(id, weightNamed)
		}
		if len(found) == 0 {
			others = append(others, u.name)
		}
	}
	return strings.Join(others, " ")
}

// paths adds what the files define that the user's words name.
func (s *seeds) paths(text string) {
	words := map[string][]string{} // by base name
	for _, w := range strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-", r)
	}) {
		if w = strings.TrimPrefix(strings.TrimRight(w, "./"), "./"); path.Ext(w) != "" {
			words[path.Base(w)] = append(words[path.Base(w)], w)
		}
	}
	if len(words) == 0 {
		return
	}
	left := pathsMax
	for i := range s.files {
		f := &s.files[i]
		for _, w := range words[path.Base(f.path)] {
			if i != s.site.from && left > 0 && (f.path == w || strings.HasSuffix(f.path, "/"+w)) {
				left--
				for k := range f.defs {
					s.scores[s.first[i]+uint32(k)] += weightPath / float64(len(f.defs))
				}
			}
		}
	}
}

// identifiers counts the names in a text, in the order of their first use. A name
// of Elixir or Ruby may end in "?" or "!": then it is counted with and without.
func identifiers(text string) []entryUse {
	at := map[string]int{}
	var list []entryUse
	count := func(name string) {
		if !nameable(name) {
			return
		}
		i, ok := at[name]
		if !ok {
			i = len(list)
			at[name] = i
			list = append(list, entryUse{name: name})
		}
		list[i].count++
	}
	inName := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	for text != "" {
		from := strings.IndexFunc(text, inName)
		if from < 0 {
			break
		}
		text = text[from:]
		end := strings.IndexFunc(text, func(r rune) bool { return !inName(r) })
		if end < 0 {
			end = len(text)
		}
		if r, _ := utf8.DecodeRuneInString(text); !unicode.IsDigit(r) {
			count(text[:end])
			if end < len(text) && (text[end] == '?' || text[end] == '!') {
				count(text[:end+1])
			}
		}
		text = text[end:]
	}
	return list
}
