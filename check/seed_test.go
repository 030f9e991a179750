package check

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bitactor/cf/workspace"
)

// seeded is a fake whose test canary leaves something in a build cache.
type seeded struct{ *fake }

func (s seeded) Seeds() []string { return []string{"build"} }

func (s seeded) Canaries() []Canary {
	return []Canary{{Files: map[string]string{"c" + s.suffix: "TEST planted failed\n"}, Test: "planted"}}
}

func TestANewProjectStartsFromTheCanarysCache(t *testing.T) {
	s := seeded{newFake("aa")}
	stage := tree(t, map[string]string{"a.aa": ""})(&workspace.Set{})
	cache := t.TempDir()
	r := running{Request: Request{Cache: cache, Stage: stage}}
	root := r.planted("aa", s.Canaries()[0])
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	from, err := stage.Box().Cache(root, "build")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(from, "ab", "std.a"), "compiled")
	if err := os.Symlink("/etc/passwd", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	mustRun(t, Request{Stage: stage, Checkers: []Checker{s}, Tests: true, Cache: cache})
	to, err := stage.Cache("build")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(to, "ab", "std.a")); err != nil || string(text) != "compiled" {
		t.Errorf("the project's cache: %q, %v", text, err)
	}
	if _, err := os.Lstat(filepath.Join(to, "link")); err == nil {
		t.Error("a link was copied")
	}
	// What a project built stays: nothing is laid over it.
	write(t, filepath.Join(to, "ab", "std.a"), "its own")
	write(t, filepath.Join(from, "ab", "std.a"), "newer")
	mustRun(t, Request{Stage: stage, Checkers: []Checker{s}, Cache: cache})
	if text, _ := os.ReadFile(filepath.Join(to, "ab", "std.a")); string(text) != "its own" {
		t.Errorf("the project's cache was replaced: %q", text)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(to), ".seed-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
