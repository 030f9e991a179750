package precision

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/clean"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// Recall is how many of the faults of one kind were found.
type Recall struct {
	Kind                 string
	Planted, Found, Kept int      // kept: told as a boundary, with why; not among the found
	Missed               []string // "corpus file:line"
}

// Plant makes faults of each kind in code of the corpora, each alone in a copy in
// memory, and looks for it with the patterns of cf clean as the command does: with the
// names of the whole tree. each is how many of a kind, one a file at most; where the
// corpora have fewer places, it is fewer.
func Plant(ctx context.Context, corpora []Corpus, each int, seed uint64) (out []Recall, err error) {
	patterns, err := clean.All()
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(seed, seed))
	byEnd := map[string][]place{}
	for _, c := range corpora {
		g, err := open(ctx, c, patterns, random)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, g.tree.Close()) }()
		for _, f := range g.files {
			byEnd[path.Ext(f)] = append(byEnd[path.Ext(f)], place{g, f})
		}
	}
	for _, k := range kinds {
		r := Recall{Kind: k.name}
		places := slices.Clone(byEnd[k.end])
		random.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
		for _, p := range places {
			if r.Planted == each {
				break
			}
			if err := p.in.plant(ctx, k, p.file, &r); err != nil {
				return nil, err
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// place is a file of one corpus.
type place struct {
	in   *ground
	file string
}

// ground is a corpus in which faults are planted.
type ground struct {
	corpus   Corpus
	tree     *workspace.Tree
	files    []string // of the product
	patterns []*clean.Pattern
	known    *clean.Known
	random   *rand.Rand
}

func open(ctx context.Context, c Corpus, patterns []*clean.Pattern, random *rand.Rand) (*ground, error) {
	tree, err := workspace.OpenFolder(c.Dir)
	if err != nil {
		return nil, err
	}
	g := &ground{corpus: c, tree: tree, patterns: patterns, random: random}
	list, err := tree.List(ctx, workspace.ListOptions{})
	if err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	var all []string
	for _, f := range list.Files {
		all = append(all, f.Path)
		if clean.Product(f.Path) {
			g.files = append(g.files, f.Path)
		}
	}
	if g.known, err = clean.KnownOf(ctx, tree, all); err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	slices.Sort(g.files)
	return g, nil
}

// plant makes one fault in a file, where a place suits, and looks for it.
func (g *ground) plant(ctx context.Context, k kind, file string, out *Recall) error {
	text, err := g.tree.Read(file)
	if err != nil {
		return ctx.Err() // too large or no text: no place for a fault
	}
	lines := strings.Split(string(text), "\n")
	parsed, err := syntax.Parse(ctx, syntax.Of(file, nil), text)
	if err != nil {
		return ctx.Err()
	}
	var places []int
	offset := 0
	for i, line := range lines {
		if k.at.MatchString(line) && isCode(parsed, offset+len(indent(line))) {
			places = append(places, i)
		}
		offset += len(line) + 1
	}
	g.random.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	for _, at := range places {
		now, of := k.plant(lines[at:], g.random)
		if of == 0 || slices.Equal(now, lines[at:at+of]) {
			continue
		}
		changed := []byte(strings.Join(slices.Concat(lines[:at], now, lines[at+of:]), "\n"))
		if broken, err := syntax.Check(ctx, syntax.Of(file, nil), changed); err != nil || len(broken) > 0 {
			continue
		}
		before, err := clean.FindAmong(ctx, file, text, g.patterns, g.known)
		if err != nil {
			return err
		}
		after, err := clean.FindAmong(ctx, file, changed, g.patterns, g.known)
		if err != nil {
			return err
		}
		out.count(fmt.Sprintf("%s %s:%d", g.corpus.Name, file, at+1), before, after)
		return nil
	}
	return nil
}

// isCode tells whether an offset lies outside of comments and strings: what stands in a
// doc string is no code that could fail.
func isCode(f *syntax.File, offset int) bool {
	return !slices.ContainsFunc(f.Regions(), func(r syntax.Region) bool {
		return r.Range.Start < offset && offset < r.Range.End
	})
}

// count takes a fault as found where the copy has a finding more than the file.
func (r *Recall) count(place string, before, after []clean.Finding) {
	told := func(list []clean.Finding) (found, kept int) {
		for _, f := range list {
			if f.Kept == "" {
				found++
			} else {
				kept++
			}
		}
		return found, kept
	}
	foundBefore, keptBefore := told(before)
	foundAfter, keptAfter := told(after)
	r.Planted++
	switch {
	case foundAfter > foundBefore:
		r.Found++
		return
	case keptAfter > keptBefore:
		r.Kept++
	}
	r.Missed = append(r.Missed, place)
}
