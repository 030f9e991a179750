package precision

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// PlantTelemetry makes faults of telemetry of each kind in the corpora, each alone in a
// copy of the whole tree, and runs the checker over it. each is how many of a kind,
// taken from the corpora by turns; where they have fewer places, it is fewer. A fault is
// found where the files in which it must be told have a finding more.
func PlantTelemetry(ctx context.Context, corpora []Corpus, each int, seed uint64) (out []Recall, err error) {
	var sites []*site
	for _, c := range corpora {
		s, err := openSite(ctx, c)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.tree.Close()) }()
		sites = append(sites, s)
	}
	random := rand.New(rand.NewPCG(seed, seed))
	sound := map[*site][]check.Diagnostic{}
	for _, k := range telemetryKinds {
		r := Recall{Kind: k.name}
		for _, f := range byTurns(ctx, k, sites, each, random) {
			if sound[f.site] == nil {
				if sound[f.site], err = f.site.told(ctx, nil); err != nil {
					return nil, err
				}
			}
			after, err := f.site.told(ctx, f.files)
			if err != nil {
				return nil, err
			}
			r.Planted++
			if k.findings(f.mutation, after) > k.findings(f.mutation, sound[f.site]) {
				r.Found++
			} else {
				r.Missed = append(r.Missed, f.site.corpus.Name+" "+f.place)
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// planted is a mutation of a site.
type planted struct {
	mutation
	site *site
}

// byTurns draws the faults of a kind: one of each site in turn.
func byTurns(ctx context.Context, k telemetryKind, sites []*site, each int, random *rand.Rand) []planted {
	var out []planted
	lists := make([][]mutation, len(sites))
	for i, s := range sites {
		lists[i] = k.plant(s, random)
		random.Shuffle(len(lists[i]), func(a, b int) { lists[i][a], lists[i][b] = lists[i][b], lists[i][a] })
	}
	for left := true; left && len(out) < each; {
		left = false
		for i, s := range sites {
			for len(lists[i]) > 0 && len(out) < each {
				f := lists[i][0]
				lists[i], left = lists[i][1:], true
				if parses(ctx, f) {
					out = append(out, planted{f, s})
					break
				}
			}
		}
	}
	return out
}

// parses tells whether the code of a fault is still code.
func parses(ctx context.Context, f mutation) bool {
	for file, text := range f.files {
		if lang := syntax.Of(file, nil); lang != nil {
			if broken, err := syntax.Check(ctx, lang, []byte(text)); err != nil || len(broken) > 0 {
				return false
			}
		}
	}
	return true
}

// findings counts those that a fault of the kind may be told by.
func (k telemetryKind) findings(f mutation, told []check.Diagnostic) int {
	n := 0
	for _, d := range told {
		if slices.Contains(f.right, d.File) && (k.notes || d.Severity != check.Note) {
			n++
		}
	}
	return n
}

// told runs the checker over the tree with some files changed.
func (s *site) told(ctx context.Context, changed map[string]string) ([]check.Diagnostic, error) {
	set := &workspace.Set{}
	for _, file := range slices.Sorted(maps.Keys(changed)) {
		set.Changes = append(set.Changes, workspace.Change{Path: file, Content: []byte(changed[file])})
	}
	return telemetryOf(ctx, s.tree, set)
}
