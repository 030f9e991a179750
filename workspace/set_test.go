package workspace_test

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

func setOf(paths ...string) *workspace.Set {
	s := &workspace.Set{}
	for _, p := range paths {
		s.Changes = append(s.Changes, workspace.Change{Path: p})
	}
	return s
}

func TestSetCheck(t *testing.T) {
	tests := []struct {
		name  string
		paths []string
		word  string // "" means that the set is taken
	}{
		{"plain", []string{"a", "b/c.go", "b/d", ".github/workflows/x.yml", ".gitignore", ".cfignore", "x.git/y", "a b", "-x", "@y", "é", "日本/語"}, ""},
		{"dots inside", []string{"..a", "a..b", "...c/d"}, ""},
		{"empty", []string{""}, "empty"},
		{"up", []string{"../a"}, `".."`},
		{"up inside", []string{"a/../../b"}, `".."`},
		{"up at the end", []string{"a/.."}, `".."`},
		{"dot", []string{"."}, `"."`},
		{"dot inside", []string{"a/./b"}, `"."`},
		{"absolute", []string{"/etc/passwd"}, "absolute"},
		{"double slash", []string{"a//b"}, "empty name"},
		{"home", []string{"~/x"}, "~"},
		{"home of another", []string{"~root/x"}, "~"},
		{"drive", []string{"C:/x"}, "drive letter"},
		{"drive, relative", []string{"c:x"}, "drive letter"},
		{"backslash", []string{`a\b`}, "backslash"},
		{"UNC", []string{`\\host\share`}, "backslash"},
		{"slash at the end", []string{"a/"}, "slash"},
		{"space at the end", []string{"a "}, "space"},
		{"space at the end of a folder", []string{"a /b"}, "space"},
		{"no-break space at the end", []string{"a\u00a0"}, "space"},
		{"dot at the end", []string{"a."}, "dot"},
		{"NUL", []string{"a\x00b"}, "NUL"},
		{"newline", []string{"a\nb"}, "control"},
		{"escape", []string{"a\x1b[2J"}, "control"},
		{"right-to-left", []string{"a\u202egpj.exe"}, "control or invisible"},
		{"zero-width in .git", []string{".g\u200cit/config"}, "control or invisible"},
		{"not UTF-8", []string{"a\xff"}, "UTF-8"},
		{"long", []string{strings.Repeat("a/", 2500) + "a"}, "too long"},
		{"long name", []string{strings.Repeat("a", 256)}, "255 bytes"},
		{"git", []string{".git/config"}, "protected"},
		{"git hook", []string{".git/hooks/pre-commit"}, "protected"},
		{"git itself", []string{".git"}, "protected"},
		{"git in a folder", []string{"sub/.git/config"}, "protected"},
		{"git, other case", []string{".GiT/config"}, "protected"},
		{"git, NTFS short name", []string{"GIT~1/config"}, "protected"},
		{"git, NTFS stream", []string{".git::$INDEX_ALLOCATION/config"}, "protected"},
		{"cf", []string{".cf/config.toml"}, "protected"},
		{"jj", []string{".jj/x"}, "protected"},
		{"hg", []string{".hg/hgrc"}, "protected"},
		{"svn", []string{".svn/x"}, "protected"},
		{"twice", []string{"a", "a"}, "two changes"},
		{"twice by composition", []string{"\u00e9", "e\u0301"}, "the same file as"},
		{"file below a file", []string{"a", "a/b"}, "lies below"},
		{"file below a file, far", []string{"a/b/c/d", "x", "a/b"}, "lies below"},
		{"one bad of many", []string{"a", "b", "../c", "d"}, `".."`},
	}
	tree := open(t, plant(t, map[string]string{"x": ""}))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := setOf(tt.paths...).Check(tree)
			switch {
			case tt.word == "":
				if err != nil {
					t.Error(err)
				}
			case fault.KindOf(err) != fault.Refused || fault.CodeOf(err) != workspace.CodeBadSet || !strings.Contains(err.Error(), tt.word):
				t.Errorf("%v, want %q", err, tt.word)
			case len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\x00\x1b\n\u202e") || !utf8.ValidString(err.Error()):
				t.Errorf("error %q", err)
			}
		})
	}
}

func TestSetLimits(t *testing.T) {
	many := &workspace.Set{}
	for i := range workspace.SetFilesMax + 1 {
		many.Changes = append(many.Changes, workspace.Change{Path: string(rune('a'+i%26)) + strings.Repeat("x", i)})
	}
	big := &workspace.Set{Changes: []workspace.Change{{Path: "big", Content: make([]byte, workspace.SetFileBytesMax+1)}}}
	for _, tt := range []struct {
		set    *workspace.Set
		limits workspace.Limits
		word   string
	}{
		{many, workspace.Limits{}, "33 files, more than the limit of 32"},
		{many, workspace.Limits{Files: 33}, ""},
		{big, workspace.Limits{}, "1048577 bytes, more than the limit of 1048576"},
		{big, workspace.Limits{FileBytes: 2 << 20}, ""},
		{&workspace.Set{Changes: []workspace.Change{{Path: "a", Mode: 0o755 | os.ModeSetuid}}}, workspace.Limits{}, "permission bits"},
		{&workspace.Set{Changes: []workspace.Change{{Path: "a", From: "../b"}}}, workspace.Limits{}, `".."`},
	} {
		err := tt.set.CheckWithin(nil, tt.limits)
		if (tt.word == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.word) {
			t.Errorf("%v, want %q", err, tt.word)
		}
	}
}

func TestSensitive(t *testing.T) {
	set := &workspace.Set{Changes: []workspace.Change{
		{Path: "main.go", Content: []byte("package main\n")},
		{Path: "sub/Makefile"},
		{Path: ".github/workflows/ci.yml"},
		{Path: "docs/github/workflows.md"},
		{Path: "package.json"},
		{Path: "gen.go", Content: []byte("package x\n\n//go:generate rm -rf ~\n")},
		{Path: "c.go", Content: []byte("package x\n// #include <x.h>\nimport \"C\"\n")},
		{Path: "d.go", Content: []byte("package x\n//go:linkname a b\n")},
		{Path: "run", Mode: 0o755},
		{Path: "script", Content: []byte("#!/bin/sh\n")},
		{Path: ".vscode/tasks.json"},
		{Path: "src/hooks/useThing.ts"},
		{Path: "tools/pre-commit"},
		{Path: "AGENTS.md"},
		{Path: "conftest.py", Delete: true},
	}}
	var got []string
	for _, s := range set.Sensitive() {
		if s.Why == "" {
			t.Errorf("%s: no reason", s.Path)
		}
		got = append(got, s.Path)
	}
	want := []string{"sub/Makefile", ".github/workflows/ci.yml", "package.json", "gen.go", "d.go", "run", "script", ".vscode/tasks.json", "tools/pre-commit", "AGENTS.md", "conftest.py"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzChangePath commits a file at any path at all: either it is refused, or
// exactly that file is there, inside, and nothing else changed.
func FuzzChangePath(f *testing.F) {
	for _, s := range []string{"a", "../x", "a/../../b", "/etc/x", "~/x", "C:\\x", "a/", "a ", "a.", ".git/hooks/x", ".GIT/x", "sub/.cf/x", "a\x00", "\xff", "link/x", "out/x", "f/x", "f", "d", "d/new/deep/x", ".g\u200cit/x", "git~1", strings.Repeat("a/", 200) + "b", "日本"} {
		f.Add(s)
	}
	outside := plant(f, map[string]string{"x": "outside"})
	dir := plant(f, map[string]string{"f": "f", "d/e": "e"})
	must(f, os.Symlink(outside, filepath.Join(dir, "out")))
	must(f, os.Symlink("d", filepath.Join(dir, "link")))
	tree := open(f, dir)
	l := ledger(f, tree)
	f.Fuzz(func(t *testing.T, p string) {
		before := snapshot(t, dir)
		set := &workspace.Set{Changes: []workspace.Change{{Path: p, Content: []byte("new")}}, Reads: map[string]string{"f": workspace.Hash([]byte("f")), "d/e": workspace.Hash([]byte("e"))}}
		_, err := l.Commit(t.Context(), set, workspace.CommitOptions{})
		after := snapshot(t, dir)
		if err != nil {
			same(t, "refused", after, before)
			return
		}
		if path.Clean(p) != p || path.IsAbs(p) || !filepath.IsLocal(p) {
			t.Errorf("%q landed", p)
		}
		data, err := os.ReadFile(filepath.Join(dir, p))
		if err != nil || !bytes.Equal(data, []byte("new")) {
			t.Errorf("%q: %q, %v", p, data, err)
		}
		_, err = l.Undo(t.Context(), "", workspace.UndoOptions{})
		must(t, err)
		same(t, "undone", snapshot(t, dir), before)
		_, err = l.Prune(workspace.PruneOptions{All: true})
		must(t, err)
		same(t, "outside", snapshot(t, outside), map[string]string{".": snapshot(t, outside)["."], "x": "-rw-r--r-- outside"})
	})
}
