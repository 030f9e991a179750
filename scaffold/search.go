package scaffold

import (
	"cmp"
	"slices"

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
// request, whatever its order, case and plural; words that every request holds
// ("create", "production") and those of fewer than three letters count for nothing.
// The Score is the number of different words of such phrases. The id of a block is a
// phrase of its own.
func (c *Catalogue) Search(request string) []Hit {
	asked := terms.Of(request)
	var hits []Hit
	for _, id := range c.ids {
		b := c.blocks[id]
		h := Hit{ID: id, Title: b.Title}
		var explained []string
		for _, phrase := range append([]string{id}, b.Answers...) {
			words := terms.Of(phrase)
			if len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(asked, w) }) {
				continue
			}
			h.Phrases = append(h.Phrases, phrase)
			explained = append(explained, words...)
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

// Asked returns the ids of the blocks that a request asks for: those with at least
// Threshold, in Search's order.
func (c *Catalogue) Asked(request string) []Hit {
	hits := c.Search(request)
	return slices.DeleteFunc(hits, func(h Hit) bool { return h.Score < Threshold })
}
