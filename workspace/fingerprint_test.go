package workspace

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// old is long enough ago that a file's times are trusted.
var old = time.Now().Add(-time.Hour)

func printTree(t *testing.T) (string, *Tree) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module m\n", "a/a.go": "package a\n", "a/deep/b.go": "package b\n", "ab/c.go": "package c\n",
		"node_modules/x/index.js": "1\n", ".gitignore": "gen\n", "gen/out.go": "package gen\n",
	} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return dir, tree
}

func prints(t *testing.T, tree *Tree, set *Set, index string) *Prints {
	t.Helper()
	s := &Stage{tree: tree, set: set}
	p, err := s.Fingerprint(context.Background(), index)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFingerprintFollowsWhatTheFoldersHold(t *testing.T) {
	dir, tree := printTree(t)
	before := prints(t, tree, &Set{}, "")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name                     string
		change                   func()
		whole, inA, inDeep, inAB bool // whether the hash of the folder differs
	}{
		{"nothing", func() {}, false, false, false, false},
		{"a file", func() { write("a/a.go", "package a // new\n") }, true, true, true, false},
		{"a neighbour with the name as prefix", func() { write("ab/c.go", "package c // new\n") }, true, false, false, true},
		{"a file above", func() { write("go.mod", "module n\n") }, true, true, true, true},
		{"an ignored file", func() { write("gen/out.go", "package gen // new\n") }, true, false, false, false},
		{"a new file", func() { write("a/deep/new.go", "package b\n") }, true, true, true, false},
		{"a mode", func() { os.Chmod(filepath.Join(dir, "ab/c.go"), 0o755) }, true, false, false, true},
		{"a link", func() { os.Symlink("a.go", filepath.Join(dir, "a/link.go")) }, true, true, true, false},
		{"a package installed", func() { os.Mkdir(filepath.Join(dir, "node_modules/y"), 0o755) }, true, true, true, true},
	} {
		c.change()
		after := prints(t, tree, &Set{}, "")
		for folder, want := range map[string]bool{".": c.whole, "a": c.inA, "a/deep": c.inDeep, "ab": c.inAB} {
			if got := before.Of(folder) != after.Of(folder); got != want {
				t.Errorf("%s: hash of %s differs: %v, want %v", c.name, folder, got, want)
			}
		}
		before = after
	}
}

func TestFingerprintOfAChangeIsThatOfTheTreeAfterIt(t *testing.T) {
	dir, tree := printTree(t)
	set := &Set{Changes: []Change{
		{Path: "a/a.go", Content: []byte("package a // x\n")},
		{Path: "ab/c.go", Delete: true},
		{Path: "run", Content: []byte("#!/bin/sh\n"), Mode: 0o755},
	}}
	staged := prints(t, tree, set, "")
	if err := os.WriteFile(filepath.Join(dir, "a/a.go"), []byte("package a // x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "ab/c.go")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "run"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	landed := prints(t, tree, &Set{}, "")
	if diff := Changed(staged, landed); len(diff) > 0 || staged.Of(".") != landed.Of(".") {
		t.Errorf("the stage differs from the tree after the change in %q", diff)
	}
}

func TestIndexSavesReadingAndIsNotFooled(t *testing.T) {
	dir, tree := printTree(t)
	at := filepath.Join(t.TempDir(), "sub", "index")
	file := filepath.Join(dir, "a/a.go")
	first := prints(t, tree, &Set{}, at)

	// Fresh files are not kept: they may change within one step of the clock.
	if kept := openIndex(at).old; len(kept) > 0 {
		t.Errorf("%d fresh files are kept", len(kept))
	}
	if err := os.WriteFile(file, []byte("package z\n"), 0o644); err != nil { // the same size
		t.Fatal(err)
	}
	second := prints(t, tree, &Set{}, at)
	if got := Changed(first, second); !slices.Equal(got, []string{"a/a.go"}) {
		t.Errorf("changed within the clock's step: %q", got)
	}

	// Times set back, size and inode the same: the change time gives it away.
	info, _ := os.Stat(file)
	x := openIndex(at)
	x.clock = x.clock.Add(time.Hour)
	if sum, ok := tree.sum("a/a.go"); ok {
		x.put("a/a.go", info, sum)
	}
	x.save()
	if _, known := openIndex(at).find("a/a.go", info); !known {
		t.Fatal("the index lost an entry")
	}
	if err := os.WriteFile(file, []byte("package y\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	third := prints(t, tree, &Set{}, at)
	if got := Changed(second, third); !slices.Equal(got, []string{"a/a.go"}) {
		t.Errorf("changed with its time set back: %q", got)
	}
}

func FuzzIndexDecode(f *testing.F) {
	f.Add(encodeIndex(map[string]entry{"a.go": {size: 3, modified: old.UnixNano(), inode: 7}, "": {}}))
	f.Add([]byte(indexMagic))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries := decodeIndex(data)
		if entries == nil {
			return
		}
		again := decodeIndex(encodeIndex(entries))
		if len(again) != len(entries) {
			t.Fatalf("%d entries became %d", len(entries), len(again))
		}
		for name, e := range entries {
			if again[name] != e {
				t.Fatalf("%q changed", name)
			}
		}
		if len(data) > 0 && bytes.Equal(data, encodeIndex(entries)) {
			cut := data[:len(data)-1]
			if decodeIndex(cut) != nil {
				t.Fatal("a cut index was taken")
			}
		}
	})
}
