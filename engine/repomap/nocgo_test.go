//go:build !cgo

package repomap_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/engine/repomap"
)

// TestWithoutParsers maps what can be read without C, and leaves the rest to a cf
// that can: the cache must not say that a source defines nothing.
func TestWithoutParsers(t *testing.T) {
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "map")
	write(t, dir, map[string]string{
		"ring.erl": "-module(ring).\n-export([push/1]).\npush(X) -> X.\n",
		"ring.go":  "package ring\n\nfunc Push() {}\n",
	})
	tree := open(t, dir)
	for range 2 {
		got, err := repomap.Open(tree, cache).Render(t.Context(), repomap.Request{Text: "push() and Push", Budget: 500, Count: tokens})
		if err != nil || !strings.Contains(got.Text, "push(X)") {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}
