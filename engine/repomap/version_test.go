//go:build cgo

package repomap

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/bitactor/cf/syntax"
)

// pinned is the SHA-256 of what the sources below become in a cache of the version
// that cacheMagic names.
const pinned = "66efdbcb95fa169b71fe1f3806b412b21c4d2c91fb2f5c3149cdf93f7602e4c6"

// TestVersionRisesWithTheEntries keeps a cache of an earlier cf from being read as
// if this one had written it.
func TestVersionRisesWithTheEntries(t *testing.T) {
	sources := [][2]string{
		{"a.c", "#include \"ring.h\"\n#define LIMIT 7\nstruct node { int value; };\nint push(struct node *n) { return pop(n, LIMIT); }\n"},
		{"a.erl", "-module(a).\n-define(LIMIT, 7).\npush(X) -> ring:pop(X, ?LIMIT).\n"},
		{"a.ex", "defmodule App.Ring do\n  alias App.Pool\n  @limit 7\n  def push(x, y \\\\ 1), do: Pool.pop(x, y, @limit)\n  defp local(x), do: x\nend\n"},
		{"a.go", "package a\n\nimport \"example.com/ring\"\n\nconst Limit = 7\n\ntype Node struct{ Value int }\n\nfunc (n *Node) Push() { ring.Pop(n, Limit); pop() }\n"},
		{"a.js", "import { pop } from \"./ring.js\";\nexport const limit = 7;\nexport class Node { push() { return pop(limit); } }\n"},
		{"a.py", "from .ring import pop\n\nLIMIT = 7\n\n\nclass Node:\n    def push(self):\n        return pop(LIMIT)\n"},
		{"a.rs", "use crate::ring::pop;\npub const LIMIT: usize = 7;\npub struct Node { value: usize }\nimpl Node { pub fn push(&self) { pop(LIMIT) } }\n"},
		{"a.sh", "LIMIT=7\npush() { pop \"$LIMIT\"; }\n"},
		{"a.ts", "import { pop } from \"./ring\";\nexport interface Node { value: number }\nexport function push(n: Node): number { return pop(n); }\n"},
		{"a_test.go", "package a\n\nfunc TestPush(t *testing.T) { push() }\n\nfunc kit() {}\n"},
	}
	x := &index{}
	var text strings.Builder
	for i, s := range sources {
		l := syntax.Of(s[0], nil)
		e, err := readEntry(t.Context(), l, path.Base(s[0]), []byte(s[1]), defaultBounds)
		if err != nil {
			t.Fatal(err)
		}
		x.files = append(x.files, file{path: s[0], language: ordinal(l), test: testFile.MatchString(s[0])})
		x.intern(&x.files[i], e)
		fmt.Fprintf(&text, "%s\n", named(x, i))
	}
	sum := sha256.Sum256(x.encode())
	if got := hex.EncodeToString(sum[:]); got != pinned {
		t.Errorf("entries are other than those of %q; raise its number and pin %s\n%s", cacheMagic, got, text.String())
	}
}
