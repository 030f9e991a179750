package workspace_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

func TestChangedSince(t *testing.T) {
	dir := repository(t, map[string]string{"sub/kept": "1", "sub/edited": "1", "sub/gone": "1", "above": "1", ".gitignore": "*.log\n"})
	for name, text := range map[string]string{"sub/edited": "2", "sub/new": "2", "sub/a.log": "2", "above": "2"} {
		write(t, dir, name, text)
	}
	runGit(t, dir, "rm", "-q", "sub/gone")
	for folder, want := range map[string][]string{dir: {"above", "sub/edited", "sub/new"}, dir + "/sub": {"edited", "new"}} {
		tree, err := workspace.OpenFolder(folder)
		must(t, err)
		defer func() { _ = tree.Close() }()
		got, err := tree.ChangedSince(t.Context(), "HEAD", gitEnviron(t))
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", folder, diff)
		}
		for _, ref := range []string{"nothing", "--output=x", "HEAD:above"} {
			if _, err := tree.ChangedSince(t.Context(), ref, gitEnviron(t)); fault.CodeOf(err) != workspace.CodeNoRef {
				t.Errorf("%q: %v", ref, err)
			}
		}
	}
}

func TestCommitted(t *testing.T) {
	dir := repository(t, map[string]string{"a": "1"})
	write(t, dir, "b", "1")
	tree := open(t, dir)
	when, err := tree.Committed(t.Context(), []string{"a", "b"}, gitEnviron(t))
	if err != nil || when.IsZero() {
		t.Errorf("of a: %v, %v", when, err)
	}
	if when, err := tree.Committed(t.Context(), []string{"b"}, gitEnviron(t)); err != nil || !when.IsZero() {
		t.Errorf("of what git does not know: %v, %v", when, err)
	}
	outside := open(t, plant(t, map[string]string{"a": "1"}))
	if when, err := outside.Committed(t.Context(), []string{"a"}, gitEnviron(t)); err != nil || !when.IsZero() {
		t.Errorf("outside a repository: %v, %v", when, err)
	}
	if _, err := outside.ChangedSince(t.Context(), "HEAD", gitEnviron(t)); fault.CodeOf(err) != workspace.CodeNoGit {
		t.Errorf("outside a repository: %v", err)
	}
}
