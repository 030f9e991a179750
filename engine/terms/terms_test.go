package terms_test

import (
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
