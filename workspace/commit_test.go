package workspace_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// ledger opens the ledger of a tree with a state folder of the test's own.
func ledger(t testing.TB, tree *workspace.Tree) *workspace.Ledger {
	t.Helper()
	l, err := workspace.OpenLedger(tree, filepath.Join(t.TempDir(), "state"))
	must(t, err)
	return l
}

// reading returns changes as a set that has read its targets.
func reading(t testing.TB, dir string, changes ...workspace.Change) *workspace.Set {
	t.Helper()
	set := &workspace.Set{Changes: changes, Reads: map[string]string{}}
	for _, c := range changes {
		set.Reads[c.Path] = ""
		if data, err := os.ReadFile(filepath.Join(dir, c.Path)); err == nil {
			set.Reads[c.Path] = workspace.Hash(data)
		}
	}
	return set
}

// snapshot maps every path below dir to its mode and content; folders to their
// mode.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		switch {
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all[rel] = info.Mode().String() + " " + string(data)
		default:
			all[rel] = info.Mode().String()
		}
		return nil
	}))
	return all
}

func same(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestCommitAndUndo(t *testing.T) {
	dir := plant(t, map[string]string{
		"a.txt": "one\r\ntwo", "bom.txt": "\ufeffx\n", "run.sh": "#!/bin/sh\n", "secret": "s", "old/name.go": "package old\n", "same": "same",
	})
	must(t, os.Chmod(filepath.Join(dir, "run.sh"), 0o751))
	must(t, os.Chmod(filepath.Join(dir, "secret"), 0o600))
	before := snapshot(t, dir)
	tree := open(t, dir)
	l := ledger(t, tree)
	set := reading(t, dir,
		workspace.Change{Path: "a.txt", Content: []byte("one\r\n2")},
		workspace.Change{Path: "bom.txt", Delete: true},
		workspace.Change{Path: "run.sh", Content: []byte("#!/bin/sh\nexit\n")},
		workspace.Change{Path: "secret", Content: []byte("s"), Mode: 0o640},
		workspace.Change{Path: "old/name.go", Delete: true},
		workspace.Change{Path: "new/deep/name.go", Content: []byte("package deep\n"), From: "old/name.go"},
		workspace.Change{Path: "same", Content: []byte("same")},
		workspace.Change{Path: "never", Delete: true},
		workspace.Change{Path: "new/x", Content: []byte("#!x"), Mode: 0o755},
	)
	landed, err := l.Commit(t.Context(), set, workspace.CommitOptions{Title: "all kinds"})
	must(t, err)
	after := snapshot(t, dir)
	same(t, "after the commit", after, map[string]string{
		".": before["."], "a.txt": "-rw-r--r-- one\r\n2", "run.sh": "-rwxr-x--x #!/bin/sh\nexit\n", "secret": "-rw-r----- s",
		"old": before["old"], "new": "drwxr-xr-x", "new/deep": "drwxr-xr-x", "new/deep/name.go": "-rw-r--r-- package deep\n",
		"new/x": "-rwxr-xr-x #!x", "same": before["same"],
	})
	var did []string
	for _, f := range landed.Files {
		did = append(did, f.Action+" "+f.Path)
	}
	if diff := cmp.Diff([]string{
		"change a.txt", "delete bom.txt", "create new/deep/name.go", "create new/x", "delete old/name.go", "change run.sh", "mode secret",
	}, did); diff != "" {
		t.Error(diff)
	}
	again, err := l.Commit(t.Context(), reading(t, dir, set.Changes...), workspace.CommitOptions{})
	if err != nil || again.ID != "" {
		t.Errorf("landing the same twice: %+v, %v", again, err)
	}

	undone, err := l.Undo(t.Context(), "", workspace.UndoOptions{})
	must(t, err)
	same(t, "after the undo", snapshot(t, dir), before)
	if undone.Undoes != landed.ID {
		t.Errorf("undid %q, want %q", undone.Undoes, landed.ID)
	}
	if _, err := l.Undo(t.Context(), landed.ID, workspace.UndoOptions{}); fault.CodeOf(err) != workspace.CodeUndone {
		t.Errorf("undone twice: %v", err)
	}
	_, err = l.Undo(t.Context(), undone.ID, workspace.UndoOptions{})
	must(t, err)
	same(t, "after the undo of the undo", snapshot(t, dir), after)
	entries, err := l.List()
	must(t, err)
	if len(entries) != 3 || entries[2].ID != landed.ID || entries[2].UndoneBy != "" || entries[2].Title != "all kinds" || entries[1].UndoneBy != entries[0].ID {
		t.Errorf("entries: %+v", entries)
	}
	_, err = l.Undo(t.Context(), landed.ID[:len(landed.ID)-1], workspace.UndoOptions{})
	if err == nil {
		same(t, "after the second undo", snapshot(t, dir), before)
	}
}

func TestUndoRefuses(t *testing.T) {
	tests := []struct {
		name string
		edit func(t *testing.T, dir string)
		kind fault.Kind
		code string
		word string
	}{
		{"edited", func(t *testing.T, dir string) { must(t, os.WriteFile(filepath.Join(dir, "a"), []byte("mine"), 0o644)) }, fault.Conflict, workspace.CodeChanged, `"a"`},
		{"chmod", func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, "a"), 0o600)) }, fault.Conflict, workspace.CodeChanged, `"a"`},
		{"removed", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "a"))) }, fault.Conflict, workspace.CodeChanged, `"a"`},
		{"made again", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "gone"), []byte("mine"), 0o644))
		}, fault.Conflict, workspace.CodeChanged, `"gone"`},
		{"link", func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b")))
			must(t, os.Symlink("b", filepath.Join(dir, "a")))
		}, fault.Refused, workspace.CodeTarget, "symbolic link"},
		{"hard link", func(t *testing.T, dir string) { must(t, os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b"))) }, fault.Refused, workspace.CodeTarget, "hard link"},
		{"folder is a link", func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "other")))
			must(t, os.Symlink("other", filepath.Join(dir, "new")))
		}, fault.Refused, workspace.CodeTarget, `"new" is a symbolic link`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := plant(t, map[string]string{"a": "1", "gone": "g", "z": "z"})
			l := ledger(t, open(t, dir))
			_, err := l.Commit(t.Context(), reading(t, dir,
				workspace.Change{Path: "a", Content: []byte("2")}, workspace.Change{Path: "gone", Delete: true},
				workspace.Change{Path: "new/n", Content: []byte("n")}, workspace.Change{Path: "z", Content: []byte("zz")}), workspace.CommitOptions{})
			must(t, err)
			tt.edit(t, dir)
			before := snapshot(t, dir)
			_, err = l.Undo(t.Context(), "", workspace.UndoOptions{})
			if fault.KindOf(err) != tt.kind || fault.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.word) {
				t.Errorf("%v, want %s %s with %s", err, tt.kind, tt.code, tt.word)
			}
			same(t, "refused", snapshot(t, dir), before)
		})
	}
}

func TestCommitConflicts(t *testing.T) {
	dir := plant(t, map[string]string{"read": "r", "target": "t"})
	l := ledger(t, open(t, dir))
	set := reading(t, dir, workspace.Change{Path: "target", Content: []byte("new")}, workspace.Change{Path: "fresh", Content: []byte("f")})
	set.Reads["read"] = workspace.Hash([]byte("r"))
	tests := []struct {
		name string
		edit func()
		code string
	}{
		{"a file that was read", func() { must(t, os.WriteFile(filepath.Join(dir, "read"), []byte("R"), 0o644)) }, workspace.CodeChanged},
		{"a target", func() { must(t, os.WriteFile(filepath.Join(dir, "target"), []byte("T"), 0o644)) }, workspace.CodeChanged},
		{"a target is gone", func() { must(t, os.Remove(filepath.Join(dir, "target"))) }, workspace.CodeChanged},
		{"a new file is there already", func() { must(t, os.WriteFile(filepath.Join(dir, "fresh"), []byte("F"), 0o644)) }, workspace.CodeChanged},
		{"a target was never read", func() { delete(set.Reads, "target") }, workspace.CodeUnread},
	}
	reads := set.Reads
	for _, tt := range tests {
		must(t, os.WriteFile(filepath.Join(dir, "read"), []byte("r"), 0o644))
		must(t, os.WriteFile(filepath.Join(dir, "target"), []byte("t"), 0o644))
		must(t, ignoreAbsent(os.Remove(filepath.Join(dir, "fresh"))))
		set.Reads = map[string]string{}
		for k, v := range reads {
			set.Reads[k] = v
		}
		tt.edit()
		before := snapshot(t, dir)
		_, err := l.Commit(t.Context(), set, workspace.CommitOptions{})
		if fault.KindOf(err) != fault.Conflict || fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %v", tt.name, err)
		}
		same(t, tt.name, snapshot(t, dir), before)
	}
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func TestTargetsThatAreNeverWritten(t *testing.T) {
	outside := plant(t, map[string]string{"f": "outside", "d/f": "outside"})
	tests := []struct {
		name, path, word string
		make             func(dir string) error
	}{
		{"link inside", "x", "symbolic link", func(dir string) error { return os.Symlink("file", filepath.Join(dir, "x")) }},
		{"link outside", "x", "symbolic link", func(dir string) error { return os.Symlink(filepath.Join(outside, "f"), filepath.Join(dir, "x")) }},
		{"link to nothing", "x", "symbolic link", func(dir string) error { return os.Symlink("none", filepath.Join(dir, "x")) }},
		{"folder is a link inside", "x/f", "folder \"x\" is a symbolic link", func(dir string) error { return os.Symlink("dir", filepath.Join(dir, "x")) }},
		{"folder is a link outside", "x/f", "folder \"x\" is a symbolic link", func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "x")) }},
		{"folder above is a link", "x/d/f", "folder \"x\" is a symbolic link", func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "x")) }},
		{"hard link", "x", "2 names", func(dir string) error { return os.Link(filepath.Join(dir, "file"), filepath.Join(dir, "x")) }},
		{"FIFO", "x", "FIFO", func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "x"), 0o644) }},
		{"folder", "dir", "a folder", func(string) error { return nil }},
		{"below a file", "file/x", "not a folder", func(string) error { return nil }},
		{"setuid", "x", "mode", func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "x"), nil, 0o755), os.Chmod(filepath.Join(dir, "x"), 0o755|fs.ModeSetuid))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := plant(t, map[string]string{"file": "f", "dir/f": "d"})
			must(t, tt.make(dir))
			l := ledger(t, open(t, dir))
			set := &workspace.Set{Changes: []workspace.Change{{Path: tt.path, Content: []byte("evil")}, {Path: "fine", Content: []byte("x")}}}
			promptly(t, func() {
				_, err := l.Commit(context.WithoutCancel(t.Context()), set, workspace.CommitOptions{})
				if fault.CodeOf(err) != workspace.CodeTarget || fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), tt.word) {
					t.Errorf("%v, want %q", err, tt.word)
				}
			})
			if _, err := os.Lstat(filepath.Join(dir, "fine")); err == nil {
				t.Error("part of the set landed")
			}
		})
	}
	same(t, "outside", snapshot(t, outside), map[string]string{".": "drwx" + snapshot(t, outside)["."][4:], "f": "-rw-r--r-- outside", "d": "drwxr-xr-x", "d/f": "-rw-r--r-- outside"})
}
