package patch

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"github.com/aymanbagabas/go-udiff"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// FuzzDiff wants of any bytes: no panic, an error of the kind that refuses, or a
// set within the limits that names only paths inside the root and rests only on
// what it says it read.
func FuzzDiff(f *testing.F) {
	for _, tt := range applied {
		f.Add([]byte(tt.diff))
	}
	for _, tt := range refused {
		if len(tt.diff) < 4096 {
			f.Add([]byte(tt.diff))
		}
	}
	limits := Limits{Files: 4, FileBytes: 1 << 12}
	tree := memory{files: map[string]string{"f": abc, "g 755": "1\n", "a/f": "1\n2", "x b/x": "1\r\n2\r\n"}}
	f.Fuzz(func(t *testing.T, diff []byte) {
		kept := bytes.Clone(diff)
		r, err := apply(tree, string(diff), limits)
		if !bytes.Equal(kept, diff) {
			t.Fatal("the diff was altered")
		}
		if err != nil {
			if fault.KindOf(err) != fault.Refused || fault.CodeOf(err) == "" {
				t.Fatalf("kind %s, code %q: %v", fault.KindOf(err), fault.CodeOf(err), err)
			}
			return
		}
		if n := len(r.Set.Changes); n == 0 || n > limits.Files {
			t.Fatalf("%d changes", n)
		}
		seen := map[string]bool{}
		for _, c := range r.Set.Changes {
			if _, read := r.Set.Reads[c.Path]; !read || seen[c.Path] || !fs.ValidPath(c.Path) || int64(len(c.Content)) > limits.FileBytes {
				t.Fatalf("%+v, read %v", c, read)
			}
			if c.Mode&^0o777 != 0 || !c.Delete && c.Mode&0o400 == 0 || workspace.Binary(c.Content) {
				t.Fatalf("%+v", c)
			}
			seen[c.Path] = true
		}
	})
}

// FuzzDiffOfTexts: a diff made of any two texts turns the one into the other, and
// nothing else is done to the file.
func FuzzDiffOfTexts(f *testing.F) {
	f.Add("", "a\n")
	f.Add(abc, strings.Replace(abc, "d\n", "", 1))
	f.Add("a\r\nb\r\n", "a\r\nc\r\n")
	f.Add("a\nb", "a\nb\n")
	f.Add("x\n\nx\n\nx\n", "x\n\n\nx\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		diff := udiff.Unified("a/f", "b/f", before, after)
		if before == after || workspace.Binary([]byte(before)) || workspace.Binary([]byte(after)) {
			return
		}
		r, err := apply(memory{files: map[string]string{"f": before}}, diff, Limits{})
		if err != nil {
			t.Fatalf("%v\n%q", err, diff)
		}
		if got := string(r.Set.Changes[0].Content); len(r.Set.Changes) != 1 || got != after {
			t.Fatalf("got %q, want %q\n%q", got, after, diff)
		}
	})
}
