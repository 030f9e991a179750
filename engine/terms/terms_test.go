package terms_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/engine/terms"
)

func TestOf(t *testing.T) {
	got := terms.Of("Make the HTTPServer's supervision_trees, gen_servers and BitActor Größe; supervision!")
	want := []string{"httpserver", "supervision", "tree", "gen", "server", "bit", "actor", "größe"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCount(t *testing.T) {
	c := terms.NewCounter([]string{"ring", "push"})
	hits, length := c.Count("core/ring.go", []byte("func (r *Ring) PushAll(rings []Ring)"))
	if diff := cmp.Diff([]uint16{7, 1}, hits); diff != "" || length != 7 {
		t.Errorf("%d words, %s", length, diff)
	}
	if hits, length := c.Count("a", []byte("nothing here")); hits != nil || length != 2 {
		t.Errorf("hits %v of %d words, want none of 2", hits, length)
	}
}

func TestBM25(t *testing.T) {
	docs := []terms.Doc{
		{Hits: []uint16{1, 0}, Length: 10},
		{Hits: []uint16{3, 0}, Length: 10}, // more often
		{Hits: []uint16{1, 0}, Length: 40}, // longer
		{Hits: []uint16{0, 1}, Length: 10}, // a term that no other holds
	}
	got := terms.BM25(docs, 8, 80)
	if !(got[1] > got[0] && got[0] > got[2] && got[3] > got[0] && got[2] > 0) {
		t.Errorf("%v", got)
	}
	if w := terms.Weights(docs, 8); math.Abs(w[0]-got[0]) > 1e-9 {
		t.Errorf("a document of mean length with one hit scores %g, the term's weight is %g", got[0], w[0])
	}
	if len(terms.BM25(nil, 8, 80)) != 0 {
		t.Error("scores of nothing")
	}
}
