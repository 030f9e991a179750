package workspace_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

func list(t *testing.T, dir string, o workspace.ListOptions) *workspace.Listing {
	t.Helper()
	l, err := open(t, dir).List(t.Context(), o)
	must(t, err)
	return l
}

func paths(l *workspace.Listing) []string {
	var all []string
	for _, f := range l.Files {
		all = append(all, f.Path)
	}
	return all
}

func TestListIgnores(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		under string
		want  []string
	}{
		{"plain", map[string]string{"b": "", "a/c": "", "a-b": ""}, "", []string{"a-b", "a/c", "b"}},
		{"never entered", map[string]string{".git/x": "", ".cf/x": "", ".hg/x": "", "a": "", ".cfignore": "!.git/\n!.cf/"}, "", []string{".cfignore", "a"}},
		{"dependencies", map[string]string{"node_modules/x": "", "vendor/x": "", "_build/x": "", "x/__pycache__/y": "", "a": ""}, "", []string{"a"}},
		{"outputs by marker", map[string]string{"target/x": "", "Cargo.toml": "", "p/target/y": "", "build/z": ""}, "", []string{"Cargo.toml", "build/z", "p/target/y"}},
		{"cache tag", map[string]string{"c/CACHEDIR.TAG": "", "c/x": "", "a": ""}, "", []string{"a"}},
		{
			"patterns",
			map[string]string{".gitignore": "*.log\n!keep.log\n/only\nd/\n", "a.log": "", "keep.log": "", "only": "", "x/only": "", "d/y": "", "x/d": ""},
			"",
			[]string{".gitignore", "keep.log", "x/d", "x/only"},
		},
		{
			"nested, deeper wins",
			map[string]string{".gitignore": "*.log", "x/.gitignore": "!a.log", "x/a.log": "", "x/b.log": "", "a.log": ""},
			"",
			[]string{".gitignore", "x/.gitignore", "x/a.log"},
		},
		{
			"cfignore has the last word",
			map[string]string{".gitignore": "gen/\n", ".cfignore": "!gen/\n!vendor/\n*.md\n", "gen/x": "", "vendor/y": "", "a.md": ""},
			"",
			[]string{".cfignore", ".gitignore", "gen/x", "vendor/y"},
		},
		{"cfignore above a nested gitignore", map[string]string{".cfignore": "priv.txt", "x/.gitignore": "!priv.txt", "x/priv.txt": ""}, "", []string{".cfignore", "x/.gitignore"}},
		{"info/exclude", map[string]string{".git/info/exclude": "mine.txt", "mine.txt": "", "a": ""}, "", []string{"a"}},
		{"byte-order mark and CRLF", map[string]string{".gitignore": "\ufeffa.log\r\nb.log\r\n", "a.log": "", "b.log": ""}, "", []string{".gitignore"}},
		{"binary ignore file", map[string]string{".gitignore": "a\x00", "a": ""}, "", []string{".gitignore", "a"}},
		{"under", map[string]string{".gitignore": "*.log", "x/a.log": "", "x/y/b": "", "z": ""}, "x", []string{"x/y/b"}},
		{"under an ignored folder", map[string]string{"vendor/x": "", "z": ""}, "vendor", []string{"vendor/x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, paths(list(t, plant(t, tt.files), workspace.ListOptions{Under: tt.under}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestListOddEntries(t *testing.T) {
	dir := plant(t, map[string]string{"a": "12345", "d/b": "", "bad\xffname": "", "line\nbreak": ""})
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	must(t, os.Symlink("..", filepath.Join(dir, "d", "up")))
	must(t, os.Symlink("self", filepath.Join(dir, "self")))
	must(t, os.Symlink("a", filepath.Join(dir, "alias")))
	promptly(t, func() {
		l := list(t, dir, workspace.ListOptions{})
		want := &workspace.Listing{Files: []workspace.File{{Path: "a", Size: 5}, {Path: "bad\xffname"}, {Path: "d/b"}, {Path: "line\nbreak"}}, Special: 4}
		if diff := cmp.Diff(want, l); diff != "" {
			t.Error(diff)
		}
	})
}

func TestListBounds(t *testing.T) {
	files := map[string]string{"node_modules/x": ""}
	for i := range 50 {
		files[fmt.Sprintf("d%02d/f", i)] = ""
	}
	dir := plant(t, files)
	if l := list(t, dir, workspace.ListOptions{FilesMax: 10}); len(l.Files) != 10 || l.Unlisted != 40 || l.Stopped != "" {
		t.Errorf("FilesMax: %d files, %d unlisted, %q", len(l.Files), l.Unlisted, l.Stopped)
	}
	if l := list(t, dir, workspace.ListOptions{EntriesMax: 60}); l.Stopped == "" || len(l.Files) == 50 {
		t.Errorf("EntriesMax: %d files, stopped %q", len(l.Files), l.Stopped)
	}
	if l := list(t, dir, workspace.ListOptions{}); l.Folders != 1 || cmp.Diff(l.Skipped, []workspace.Skip{{Path: "node_modules", Why: "dependencies or build output"}}) != "" {
		t.Errorf("skipped %v", l.Skipped)
	}
}

func TestListDeep(t *testing.T) {
	dir := plant(t, map[string]string{strings.Repeat("d/", 140) + "f": "", "a": ""})
	if l := list(t, dir, workspace.ListOptions{}); len(l.Files) != 1 || l.Folders != 1 {
		t.Errorf("%d files, %d folders passed over", len(l.Files), l.Folders)
	}
}

func TestListErrors(t *testing.T) {
	tree := open(t, plant(t, map[string]string{"a": ""}))
	for under, code := range map[string]string{"none": workspace.CodeAbsent, "a": workspace.CodeNotRegular, "..": workspace.CodeOutside} {
		if _, err := tree.List(t.Context(), workspace.ListOptions{Under: under}); fault.CodeOf(err) != code {
			t.Errorf("List(%s) = %v, want code %q", under, err, code)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tree.List(ctx, workspace.ListOptions{}); fault.KindOf(err) != fault.Interrupted {
		t.Errorf("cancelled: %v", err)
	}
}

func BenchmarkTreeList(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			files := map[string]string{}
			for i := range n {
				files[fmt.Sprintf("package%03d/sub%d/file%05d.go", i/100, i%7, i)] = ""
			}
			tree := open(b, plant(b, files))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				if l, err := tree.List(b.Context(), workspace.ListOptions{}); err != nil || len(l.Files) != n {
					b.Fatal(err, len(l.Files))
				}
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapSys-before.HeapSys)/(1<<20), "heap-MiB")
		})
	}
}
