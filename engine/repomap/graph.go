package repomap

import (
	"cmp"
	"context"
	"math"
	"path"
	"slices"
	"sort"
	"strings"
	"unicode"
)

// definersMax is how many definitions a name may stand for. A name with more says
// nothing: every package has its New.
const definersMax = 16

// Weights of a name that is used, over one of no mark.
const (
	weightCompound   = 2   // RateLimiter, rate_limiter: hardly the same by chance
	weightShort      = 0.3 // up to shortBytes: ctx, err, id
	weightUnderscore = 0.3 // private by convention
	shortBytes       = 3
	compoundBytes    = 8
)

// testShare is how much of its rank a test file passes on. A test uses all that it
// tests, and the more tests a thing has the more, so that what is tested most would
// outrank what the code rests on.
const testShare = 0.3

// graph joins files by the names they use and define. Definitions are numbered
// through all files in the order of the index, and hold that number as their id.
type graph struct {
	*index
	bounds bounds
	first  []uint32 // per file, the id of its first definition; one more at the end
	fileOf []uint32 // per definition
	dirs   []uint32 // per file, the number of its folder, in the order of the index
	asked  []asked  // per file, by which names imports ask for it
	// The definitions of each name, those of one folder together and the folders in
	// the order of their numbers.
	nameStart []uint32 // per name; one more at the end
	definers  []uint32

	edgeStart []uint32 // per file; one more at the end
	edges     []edge
}

// asked are the names of a file and of its folder among the names of imports; none
// is math.MaxUint32.
type asked struct{ file, folder uint32 }

// edge leads from a file to a definition. The weights of a file's edges add up to
// the share of its rank that it passes on.
type edge struct {
	to     uint32
	weight float32
}

func newGraph(ctx context.Context, x *index, b bounds) (*graph, error) {
	g := &graph{index: x, bounds: b}
	g.number()
	g.askFor()
	g.byName()
	return g, g.connect(ctx)
}

// number gives definitions and folders their numbers.
func (g *graph) number() {
	g.first = make([]uint32, len(g.files)+1)
	g.dirs = make([]uint32, len(g.files))
	known := map[string]uint32{}
	total := 0
	for i := range g.files {
		g.first[i] = uint32(total)
		total += len(g.files[i].defs)
		dir := path.Dir(g.files[i].path)
		n, ok := known[dir]
		if !ok {
			n = uint32(len(known))
			known[dir] = n
		}
		g.dirs[i] = n
	}
	g.first[len(g.files)] = uint32(total)
	g.fileOf = make([]uint32, total)
	for i := range g.files {
		for id := g.first[i]; id < g.first[i+1]; id++ {
			g.fileOf[id] = uint32(i)
		}
	}
}

// askFor finds the files and folders that imports name.
func (g *graph) askFor() {
	known := map[string]uint32{}
	for i := range g.files {
		for _, name := range g.files[i].imports {
			known[g.names[name][1:]] = name
		}
	}
	look := func(name string) uint32 {
		if n, ok := known[name]; ok {
			return n
		}
		return math.MaxUint32
	}
	g.asked = make([]asked, len(g.files))
	for i := range g.files {
		dir, base := path.Split(g.files[i].path)
		g.asked[i] = asked{look(strings.TrimSuffix(base, path.Ext(base))), look(path.Base(dir))}
	}
}

// byName sorts the definitions by name, with one count and one fill.
func (g *graph) byName() {
	g.nameStart = make([]uint32, len(g.names)+1)
	order := make([]uint32, len(g.files)) // by folder
	for i := range g.files {
		order[i] = uint32(i)
		for _, d := range g.files[i].defs {
			g.nameStart[d.name+1]++
		}
	}
	for i := range g.names {
		g.nameStart[i+1] += g.nameStart[i]
	}
	slices.SortStableFunc(order, func(a, b uint32) int { return cmp.Compare(g.dirs[a], g.dirs[b]) })
	g.definers = make([]uint32, len(g.fileOf))
	filled := slices.Clone(g.nameStart)
	for _, i := range order {
		for k, d := range g.files[i].defs {
			g.definers[filled[d.name]] = g.first[i] + uint32(k)
			filled[d.name]++
		}
	}
}

func (g *graph) def(id uint32) *def {
	i := g.fileOf[id]
	return &g.files[i].defs[id-g.first[i]]
}

// site is a place where names are used.
type site struct {
	dir     uint32 // number of the folder; math.MaxUint32 if no file lies there
	from    int    // number of the file, -1 if it is not there yet
	test    bool
	strict  bool // the language can't use a name of another folder without an import
	imports []uint32
}

func (g *graph) site(i int) site {
	f := &g.files[i]
	return site{dir: g.dirs[i], from: i, test: f.test, strict: families[f.language] == 'g', imports: f.imports}
}

// resolve appends to out what a name means at a site: what the folder defines,
// else what its imports ask for, else what others show. Tests see what tests of
// their folder define, others never do. Nothing where the name may mean too much.
func (g *graph) resolve(out []uint32, name uint32, at site) []uint32 {
	list := g.definers[g.nameStart[name]:g.nameStart[name+1]]
	first := sort.Search(len(list), func(i int) bool { return g.dirs[g.fileOf[list[i]]] >= at.dir })
	start := len(out)
	for _, id := range list[first:] {
		i := g.fileOf[id]
		if g.dirs[i] != at.dir {
			break
		}
		if int(i) != at.from && (at.test || !g.files[i].test) {
			out = append(out, id)
		}
		if len(out)-start > definersMax {
			return out[:start]
		}
	}
	if len(out) > start || len(list) > 4*definersMax {
		return out
	}
	reached := 0
	for _, id := range list {
		i := g.fileOf[id]
		if !g.def(id).exported || g.files[i].test || int(i) == at.from {
			continue
		}
		out = append(out, id)
		if a := g.asked[i]; slices.Contains(at.imports, a.folder) || !at.strict && slices.Contains(at.imports, a.file) {
			out[start+reached], out[len(out)-1] = id, out[start+reached]
			reached++
		}
	}
	if reached > 0 || at.strict {
		out = out[:start+reached]
	}
	if len(out)-start > definersMax {
		return out[:start]
	}
	return out
}

// every appends all definitions of a name that a site could use if it asked for
// them; none if there are too many. A site without a place sees all but tests.
func (g *graph) every(out []uint32, name uint32, at site) []uint32 {
	start := len(out)
	for _, id := range g.definers[g.nameStart[name]:g.nameStart[name+1]] {
		i := g.fileOf[id]
		if hidden := !g.def(id).exported && at.dir != math.MaxUint32 && g.dirs[i] != at.dir; hidden || g.files[i].test || int(i) == at.from {
			continue
		}
		out = append(out, id)
		if len(out)-start > definersMax {
			return out[:start]
		}
	}
	return out
}

// connect makes the edges.
func (g *graph) connect(ctx context.Context) error {
	weights := make([]float32, len(g.names))
	for i, n := range g.names {
		weights[i] = float32(nameWeight(n[1:]))
	}
	g.edgeStart = make([]uint32, len(g.files)+1)
	var found []uint32
	for i := range g.files {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		f, at := &g.files[i], g.site(i)
		start := len(g.edges)
		sum := float32(0)
		for _, u := range f.uses {
			if found = g.resolve(found[:0], u.name, at); len(found) == 0 || len(g.edges)+len(found) > g.bounds.edges {
				continue
			}
			// Split among the definitions, and less for each that it may mean.
			w := weights[u.name] * float32(math.Sqrt(float64(u.count))) / float32(len(found)*len(found))
			for _, id := range found {
				g.edges = append(g.edges, edge{id, w})
				sum += w
			}
		}
		share := float32(1)
		if f.test {
			share = testShare
		}
		for k := start; k < len(g.edges); k++ {
			g.edges[k].weight *= share / sum
		}
		g.edgeStart[i+1] = uint32(len(g.edges))
	}
	return nil
}

// nameWeight says how much the use of a name tells.
func nameWeight(name string) float64 {
	w := 1.0
	if len(name) <= shortBytes {
		w *= weightShort
	}
	if strings.HasPrefix(name, "_") {
		w *= weightUnderscore
	}
	if len(name) >= compoundBytes && compound(name) {
		w *= weightCompound
	}
	return w
}

// compound tells whether a name is made of several words: "rateLimit", "rate_limit".
func compound(name string) bool {
	last := ' '
	for i, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(last) || last == '_' && i > 1 && r != '_' {
			return true
		}
		last = r
	}
	return false
}
