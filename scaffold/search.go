package scaffold

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bitactor/cf/engine/terms"
)

// Hit is a block that answers a request.
type Hit struct {
	ID, Title string
	Score     int      // words of the request that its phrases explain, the more the better
	Phrases   []string // of its answers, those whose words all stand in the request
}

// Threshold is the least Score with which a block is taken for what a request
// asks for. One word alone may stand there by chance: "metrics" names a block, and
// occurs in requests for another.
const Threshold = 2

// Search returns the blocks that answer a request in words, best first, equal ones
// by id. A phrase of a block's answers counts if every word of it stands in the
// request, whatever its order, case and form ("scan", "scans", "scanning"); words that
// every request holds ("create", "implement") and those of fewer than three letters
// count for nothing.
// The Score is the number of different words of such phrases. The id of a block is a
// phrase of its own.
func (c *Catalogue) Search(request string) []Hit {
	asked := words(request)
	var hits []Hit
	for _, id := range c.ids {
		b := c.blocks[id]
		h := Hit{ID: id, Title: b.Title}
		var explained []string
		for _, phrase := range append([]string{id}, b.Answers...) {
			of := words(phrase)
			if slices.Contains(h.Phrases, phrase) || len(of) == 0 || slices.ContainsFunc(of, func(w string) bool { return !slices.Contains(asked, w) }) {
				continue
			}
			h.Phrases = append(h.Phrases, phrase)
			explained = append(explained, of...)
		}
		slices.Sort(explained)
		h.Score = len(slices.Compact(explained))
		if h.Score > 0 {
			hits = append(hits, h)
		}
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) })
	return hits
}

// words returns the stems of a text's words, each once. The name of the system says
// nothing about what is asked for.
func words(text string) []string {
	var all []string
	for _, w := range terms.Of(strings.ToLower(text)) { // in lower case: names such as StreamData stay whole
		if w = stem(w); w != "bitactor" && !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// stem makes "test" of "testing", "scan" of "scanning", and one word of "trace" and
// "tracing". It is no linguistics: a wrong stem is wrong on both sides.
func stem(w string) string {
	if cut, ok := strings.CutSuffix(w, "ing"); ok && len(cut) > 3 {
		w = cut
		if n := len(w); w[n-1] == w[n-2] && w[n-1] != 's' && w[n-1] != 'l' {
			w = w[:n-1]
		}
	}
	return strings.TrimSuffix(w, "e")
}

// Beyond returns the words of a request that no phrase of the hits explains, in its
// order.
func Beyond(request string, hits []Hit) []string {
	known := map[string]bool{}
	for _, h := range hits {
		for _, phrase := range h.Phrases {
			for _, w := range words(phrase) {
				known[w] = true
			}
		}
	}
	return slices.DeleteFunc(terms.Of(strings.ToLower(request)), func(w string) bool { return known[stem(w)] || strings.HasPrefix(w, "bitactor") })
}

// Asked returns the blocks that a request asks for: those with at least Threshold,
// in Search's order.
func (c *Catalogue) Asked(request string) []Hit {
	hits := c.Search(request)
	return slices.DeleteFunc(hits, func(h Hit) bool { return h.Score < Threshold })
}
