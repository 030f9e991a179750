package workspace_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

func openBox(t testing.TB, off bool) *sandbox.Box {
	t.Helper()
	cache, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	box, err := sandbox.Open(t.Context(), sandbox.Options{Environ: os.Environ(), Cache: cache, Off: off})
	must(t, err)
	return box
}

// staged is a tree with every kind of change laid over it.
func staged(t testing.TB, box *sandbox.Box) (string, *workspace.Stage) {
	t.Helper()
	dir := plant(t, map[string]string{
		"keep.txt": "keep", "edit.txt": "old", "gone.txt": "x", "sub/gone.txt": "x", "sub/keep.txt": "k",
		"wasfile": "f", "wasdir/a.txt": "a", "run.sh": "old", "node_modules/dep/index.js": "dep", ".git/config": "[core]\n",
	})
	must(t, os.Chmod(filepath.Join(dir, "run.sh"), 0o755))
	must(t, os.Chmod(filepath.Join(dir, "sub"), 0o750))
	set := &workspace.Set{Changes: []workspace.Change{
		{Path: "edit.txt", Content: []byte("new")},
		{Path: "run.sh", Content: []byte("#!/bin/sh\n")},
		{Path: "made/deep/new.txt", Content: []byte("made"), Mode: 0o600},
		{Path: "gone.txt", Delete: true},
		{Path: "sub/gone.txt", Delete: true},
		{Path: "never.txt", Delete: true},
		{Path: "wasfile", Delete: true},
		{Path: "wasfile/b.txt", Content: []byte("b")},
		{Path: "wasdir/a.txt", Delete: true},
		{Path: "wasdir", Content: []byte("d")},
	}}
	stage, err := open(t, dir).Stage(t.Context(), set, box)
	must(t, err)
	t.Cleanup(func() { must(t, stage.Close()) })
	return dir, stage
}

// boxes are the ways in which a stage is shown to programs.
func boxes(t *testing.T, test func(t *testing.T, box *sandbox.Box)) {
	for _, off := range []bool{false, true} {
		box := openBox(t, off)
		t.Run(string(box.Tier()), func(t *testing.T) { test(t, box) })
	}
}

// treeOf runs find in the stage and returns each file with its mode and content.
func treeOf(t *testing.T, stage *workspace.Stage) map[string]string {
	t.Helper()
	r, err := stage.Run(t.Context(), sandbox.Command{Program: "/usr/bin/find", Args: []string{".", "-type", "f", "-printf", "%P %m\n"}})
	must(t, err)
	got := map[string]string{}
	for line := range strings.Lines(r.Stdout.String()) {
		name, mode, _ := strings.Cut(strings.TrimSpace(line), " ")
		r, err := stage.Run(t.Context(), sandbox.Command{Program: "/bin/cat", Args: []string{name}})
		if err != nil {
			t.Fatal(err, r.Stderr.String())
		}
		got[name] = mode + " " + r.Stdout.String()
	}
	return got
}

func TestStageShowsTheSet(t *testing.T) {
	boxes(t, func(t *testing.T, box *sandbox.Box) {
		dir, stage := staged(t, box)
		got := treeOf(t, stage)
		delete(got, ".git/config")
		delete(got, ".cf") // what keeps it from being made
		delete(got, "node_modules/dep/index.js")
		want := map[string]string{
			"keep.txt": "644 keep", "edit.txt": "644 new", "sub/keep.txt": "644 k", "run.sh": "755 #!/bin/sh\n",
			"made/deep/new.txt": "600 made", "wasfile/b.txt": "644 b", "wasdir": "644 d",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		r, err := stage.Run(t.Context(), sandbox.Command{Program: "/bin/cat", Args: []string{"node_modules/dep/index.js"}})
		if err != nil || r.Stdout.String() != "dep" {
			t.Errorf("dependencies: %q, %v", r.Stdout, err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "edit.txt")); err != nil || string(text) != "old" {
			t.Errorf("the user's file: %q, %v", text, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "gone.txt")); err != nil {
			t.Error(err)
		}
	})
}

func TestStageReads(t *testing.T) {
	_, stage := staged(t, nil)
	for rel, want := range map[string]struct{ text, code, kind string }{
		"keep.txt": {"keep", "", "file"}, "edit.txt": {"new", "", "file"}, "./edit.txt": {"new", "", "file"},
		"gone.txt": {"", workspace.CodeAbsent, ""}, "sub/gone.txt": {"", workspace.CodeAbsent, ""}, "sub": {"", workspace.CodeNotRegular, "folder"},
		"made/deep/new.txt": {"made", "", "file"}, "made/deep": {"", workspace.CodeAbsent, "folder"}, "made": {"", workspace.CodeAbsent, "folder"},
		"wasfile": {"", workspace.CodeAbsent, "folder"}, "wasfile/b.txt": {"b", "", "file"}, "wasdir": {"d", "", "file"}, "wasdir/a.txt": {"", workspace.CodeAbsent, ""},
		"none": {"", workspace.CodeAbsent, ""},
	} {
		got, err := stage.Read(rel)
		if string(got) != want.text || fault.CodeOf(err) != want.code {
			t.Errorf("Read(%s) = %q, %v", rel, got, err)
		}
		if kind := stage.Kind(rel); kind != want.kind {
			t.Errorf("Kind(%s) = %q, want %q", rel, kind, want.kind)
		}
		buf := make([]byte, 2)
		if n, err := stage.Head(rel, buf); want.code == "" && (err != nil || string(buf[:n]) != want.text[:min(2, len(want.text))]) {
			t.Errorf("Head(%s) = %q, %v", rel, buf[:n], err)
		}
	}
	want := []string{"edit.txt", "gone.txt", "made/deep/new.txt", "never.txt", "run.sh", "sub/gone.txt", "wasdir", "wasdir/a.txt", "wasfile", "wasfile/b.txt"}
	if diff := cmp.Diff(want, stage.Changed()); diff != "" {
		t.Error(diff)
	}
}

func TestStageLists(t *testing.T) {
	_, stage := staged(t, nil)
	names := func(o workspace.ListOptions) string {
		l, err := stage.List(t.Context(), o)
		if err != nil {
			return fault.CodeOf(err)
		}
		var list []string
		for _, f := range l.Files {
			list = append(list, fmt.Sprintf("%s:%d", f.Path, f.Size))
		}
		return strings.Join(list, " ") + strings.Repeat(" +unlisted", min(l.Unlisted, 1))
	}
	for _, tt := range []struct {
		o    workspace.ListOptions
		want string
	}{
		{workspace.ListOptions{}, "edit.txt:3 keep.txt:4 made/deep/new.txt:4 run.sh:10 sub/keep.txt:1 wasdir:1 wasfile/b.txt:1"},
		{workspace.ListOptions{Under: "sub"}, "sub/keep.txt:1"},
		{workspace.ListOptions{Under: "made"}, "made/deep/new.txt:4"},
		{workspace.ListOptions{Under: "none"}, workspace.CodeAbsent},
		{workspace.ListOptions{FilesMax: 1}, "edit.txt:3 +unlisted"},
	} {
		if got := names(tt.o); got != tt.want {
			t.Errorf("List(%+v) = %s, want %s", tt.o, got, tt.want)
		}
	}
}

func TestStageRefusesWhatNoFileIs(t *testing.T) {
	dir := plant(t, map[string]string{"a": "a"})
	s, err := open(t, dir).Stage(t.Context(), &workspace.Set{Changes: []workspace.Change{
		{Path: "big", Content: make([]byte, workspace.FileBytesMax+1)}, {Path: "bin", Content: []byte("a\x00")},
	}}, nil)
	must(t, err)
	for rel, code := range map[string]string{"big": workspace.CodeTooBig, "bin": workspace.CodeBinary} {
		if _, err := s.Read(rel); fault.CodeOf(err) != code {
			t.Errorf("Read(%s) = %v", rel, err)
		}
	}
}

// A set comes from a model: no path in it leads out of the layer.
func TestStageKeepsPathsInside(t *testing.T) {
	boxes(t, func(t *testing.T, box *sandbox.Box) {
		dir := plant(t, map[string]string{"tree/a": "a", "canary": "safe"})
		for _, bad := range []string{"../canary", "/" + filepath.Join(dir, "canary"), "a/../../canary"} {
			stage, err := open(t, filepath.Join(dir, "tree")).Stage(t.Context(),
				&workspace.Set{Changes: []workspace.Change{{Path: bad, Content: []byte("bad")}}}, box)
			if err == nil {
				_, err = stage.Run(t.Context(), sandbox.Command{Program: "true"})
				must(t, stage.Close())
			}
			if err == nil {
				t.Errorf("%s was taken", bad)
			}
			if text, err := os.ReadFile(filepath.Join(dir, "canary")); err != nil || string(text) != "safe" {
				t.Fatalf("%s: the canary holds %q, %v", bad, text, err)
			}
		}
	})
}

func TestRunsDoNotSeeEachOther(t *testing.T) {
	box := openBox(t, false)
	if !box.Overlays() {
		t.Logf("no overlays here: %s", box.Why())
		return
	}
	dir, stage := staged(t, box)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			r, err := stage.Run(t.Context(), sandbox.Command{Program: "sh", Args: []string{"-c", fmt.Sprintf("cat keep.txt && echo %d >keep.txt && cat keep.txt && ls own* 2>/dev/null; touch own%d", i, i)}})
			if want := fmt.Sprintf("keep%d\n", i); err != nil || r.Stdout.String() != want {
				t.Errorf("run %d: %q, %v, want %q", i, r.Stdout, err, want)
			}
		})
	}
	wait.Wait()
	if text, err := os.ReadFile(filepath.Join(dir, "keep.txt")); err != nil || string(text) != "keep" {
		t.Errorf("the user's file: %q, %v", text, err)
	}
}

func TestStageCacheIsKept(t *testing.T) {
	box := openBox(t, false)
	_, stage := staged(t, box)
	cache, err := stage.Cache("go")
	must(t, err)
	for range 2 {
		_, err := stage.Run(t.Context(), sandbox.Command{Program: "sh", Args: []string{"-c", "echo more >>$C/log"}, Env: []string{"C=" + cache}})
		must(t, err)
	}
	if text, err := os.ReadFile(filepath.Join(cache, "log")); err != nil || string(text) != "more\nmore\n" {
		t.Errorf("the cache holds %q, %v", text, err)
	}
}

// A root that holds cf's own cache folder can't lie under an overlay.
func TestStageFallsBackToACopy(t *testing.T) {
	dir := plant(t, map[string]string{"a.txt": "a", "b.txt": "b", "home/.cache/": ""})
	box, err := sandbox.Open(t.Context(), sandbox.Options{Environ: process.Setenv(os.Environ(), "HOME=/nonexistent"), Cache: filepath.Join(dir, "home/.cache")})
	must(t, err)
	stage, err := open(t, dir).Stage(t.Context(), &workspace.Set{Changes: []workspace.Change{{Path: "a.txt", Content: []byte("new")}, {Path: "b.txt", Delete: true}}}, box)
	must(t, err)
	defer stage.Close()
	r, err := stage.Run(t.Context(), sandbox.Command{Program: "sh", Args: []string{"-c", "pwd; cat a.txt; ls b.txt"}})
	if want := stage.Root() + "\nnew"; fault.CodeOf(err) != process.CodeExit || r.Stdout.String() != want {
		t.Errorf("%q, %v, want %q; %s", r.Stdout, err, want, r.Stderr)
	}
}

func TestStageClosed(t *testing.T) {
	box := openBox(t, false)
	_, stage := staged(t, box)
	must(t, stage.Close())
	if _, err := stage.Run(t.Context(), sandbox.Command{Program: "true"}); fault.CodeOf(err) != workspace.CodeClosed {
		t.Errorf("Run = %v", err)
	}
}
