package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/fault"
)

// names are few, so that sets meet each other's files and folders.
var names = []string{"a", "b.txt", "run.sh", "d/a", "d/b", "d/e/f", "d/e/g", "x/y/z", "x/w"}

var contents = rapid.OneOf(
	rapid.SliceOfN(rapid.Byte(), 0, 64),
	rapid.SampledFrom([][]byte{nil, []byte("no newline"), []byte("crlf\r\n\r\n"), []byte("\ufeffbom\n"), {0, 0xff, 0}, []byte(strings.Repeat("long ", 1000))}),
)

var modes = rapid.SampledFrom([]fs.FileMode{0, 0o644, 0o600, 0o755, 0o444, 0o640})

// drawSet draws changes, deletions, renames and modes over a tree of files.
func drawSet(t *rapid.T, present map[string]string) *Set {
	set := &Set{Reads: map[string]string{}}
	used := map[string]bool{}
	free := func(p string) bool {
		for q := range used {
			if p == q || strings.HasPrefix(p, q+"/") || strings.HasPrefix(q, p+"/") {
				return false
			}
		}
		return true
	}
	for range rapid.IntRange(1, 5).Draw(t, "changes") {
		p := rapid.SampledFrom(names).Draw(t, "path")
		if !free(p) {
			continue
		}
		used[p] = true
		c := Change{Path: p}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			c.Delete = true
		case 1: // a rename: the old path goes too
			from := rapid.SampledFrom(names).Draw(t, "from")
			if _, ok := present[from]; ok && free(from) {
				used[from] = true
				c.From = from
				set.Changes = append(set.Changes, Change{Path: from, Delete: true})
			}
			fallthrough
		default:
			c.Content, c.Mode = contents.Draw(t, "content"), modes.Draw(t, "mode")
		}
		set.Changes = append(set.Changes, c)
	}
	return set
}

// treeWith is the tree that a set makes of files, by the words of Change.
func treeWith(files map[string]string, set *Set) map[string]string {
	out := maps.Clone(files)
	for _, c := range set.Changes {
		if c.Delete {
			delete(out, c.Path)
		}
	}
	for _, c := range set.Changes {
		if c.Delete {
			continue
		}
		mode := c.Mode
		for _, old := range []string{c.Path, c.From} {
			if was, ok := files[old]; ok && mode == 0 {
				var s string
				_, _ = fmt.Sscan(was, &s)
				mode = parseMode(s)
			}
		}
		if mode == 0 {
			mode = 0o644
		}
		out[c.Path] = mode.String() + " " + string(c.Content)
	}
	return out
}

// parseMode reads what fs.FileMode.String writes of permission bits.
func parseMode(s string) (mode fs.FileMode) {
	for i, c := range s[1:] {
		if c != '-' {
			mode |= 1 << (8 - i)
		}
	}
	return mode
}

// onlyFiles leaves the folders out.
func onlyFiles(snapshot map[string]string) map[string]string {
	out := maps.Clone(snapshot)
	maps.DeleteFunc(out, func(p, _ string) bool { return strings.HasSuffix(p, "/") })
	return out
}

// TestRandomSetsAreUndone lands and undoes 10,000 random sets, in runs that
// build on each other: bytes, modes, created, deleted and renamed files and the
// folders made for them come back exactly.
func TestRandomSetsAreUndone(t *testing.T) {
	const perRun = 100 // times rapid's 100 runs
	total := 0
	rapid.Check(t, func(t *rapid.T) {
		d := newMemDisk()
		w := world{d, d.folder(), d.folder()}
		for range perRun {
			before := w.tree.snapshot()
			set := drawSet(t, onlyFiles(before))
			landed, err := step(t, w, set)
			if err != nil {
				t.Fatal(err)
			}
			after := w.tree.snapshot()
			if diff := cmp.Diff(treeWith(onlyFiles(before), set), onlyFiles(after)); diff != "" {
				t.Fatalf("landed (-want +got):\n%s", diff)
			}
			total++
			if landed.ID == "" {
				continue
			}
			if _, err := w.journal().undo(t.Context(), landed.ID, UndoOptions{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, w.tree.snapshot()); diff != "" {
				t.Fatalf("undone (-want +got):\n%s", diff)
			}
			if rapid.Bool().Draw(t, "redo") {
				undone, err := w.journal().entries()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.journal().undo(t.Context(), undone[0].ID, UndoOptions{}); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(after, w.tree.snapshot()); diff != "" {
					t.Fatalf("done again (-want +got):\n%s", diff)
				}
			}
			if _, err := w.journal().prune(PruneOptions{All: true}, time.Now()); err != nil {
				t.Fatal(err)
			}
			if len(w.store.n.entries) > 0 {
				t.Fatalf("left in the ledger: %v", w.store.n.entries)
			}
			d.settle()
			d.forget(w.tree, w.store)
		}
	})
	t.Logf("%d sets", total)
}

// step lands a set that may want nothing new.
func step(t *rapid.T, w world, set *Set) (*Landed, error) {
	p, err := w.journal().prepare(set.wants())
	if err != nil || len(p.in.Files) == 0 {
		return &Landed{}, err
	}
	return w.journal().finish(t.Context(), p)
}

// TestRandomSetsOnARealDisk does the same through the API, and has the user edit
// a file before some of the undos.
func TestRandomSetsOnARealDisk(t *testing.T) {
	base := quickDir(t)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		dir := filepath.Join(base, fmt.Sprint(run))
		must(t, os.MkdirAll(filepath.Join(dir, "tree"), 0o755))
		defer os.RemoveAll(dir)
		tree, err := OpenFolder(filepath.Join(dir, "tree"))
		must(t, err)
		defer tree.Close()
		l, err := OpenLedger(tree, filepath.Join(dir, "state"))
		must(t, err)
		for range 4 {
			before := realSnapshot(t, tree.dir)
			set := drawSet(t, onlyFiles(before))
			for _, c := range set.Changes {
				set.Reads[c.Path], err = tree.hashFile(c.Path)
				must(t, err)
			}
			landed, err := l.Commit(t.Context(), set, CommitOptions{})
			must(t, err)
			after := realSnapshot(t, tree.dir)
			if diff := cmp.Diff(treeWith(onlyFiles(before), set), onlyFiles(after)); diff != "" {
				t.Fatalf("landed (-want +got):\n%s", diff)
			}
			if landed.ID == "" || rapid.Bool().Draw(t, "stay") {
				continue
			}
			if p := landed.Files[0]; p.Action != "delete" && rapid.Bool().Draw(t, "edit") {
				must(t, os.Remove(filepath.Join(tree.dir, p.Path)))
				must(t, os.WriteFile(filepath.Join(tree.dir, p.Path), fmt.Appendf(nil, "the user's own %s", landed.ID), 0o644))
				edited := realSnapshot(t, tree.dir)
				if _, err := l.Undo(t.Context(), landed.ID, UndoOptions{}); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), p.Path) {
					t.Fatalf("undone over an edit of %s: %v", p.Path, err)
				}
				if diff := cmp.Diff(edited, realSnapshot(t, tree.dir)); diff != "" {
					t.Fatal(diff)
				}
				continue
			}
			_, err = l.Undo(t.Context(), landed.ID, UndoOptions{})
			must(t, err)
			if diff := cmp.Diff(before, realSnapshot(t, tree.dir)); diff != "" {
				t.Fatalf("undone (-want +got):\n%s", diff)
			}
		}
	})
}

// fataler is what a test and a property have in common.
type fataler interface {
	Helper()
	Fatal(...any)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// realSnapshot is memFolder.snapshot for a real folder.
func realSnapshot(t fataler, dir string) map[string]string {
	found := map[string]string{}
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			found[rel+"/"] = info.Mode().Perm().String()
			return nil
		}
		data, err := os.ReadFile(p)
		found[rel] = info.Mode().String() + " " + string(data)
		return err
	}))
	return found
}

func TestPrune(t *testing.T) {
	w := crashWorld(t, false)
	var ids []string
	for i := range 6 {
		landed, err := w.land(t, &Set{Changes: []Change{{Path: "change", Content: fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", 1000))}}})
		must(t, err)
		ids = append(ids, landed.ID)
	}
	left := func() []string { got, err := w.journal().ids(); must(t, err); return got }
	size := int64(len(w.store.n.entries[ids[5]+landingSuffix].data))
	j := w.journal()
	for _, tt := range []struct {
		o    PruneOptions
		now  time.Time
		keep int
	}{
		{PruneOptions{}, time.Now(), 6},
		{PruneOptions{Bytes: 4*size + 100}, time.Now(), 4},
		{PruneOptions{Bytes: 1}, time.Now(), 1},
		{PruneOptions{Age: time.Hour}, time.Now().Add(2 * time.Hour), 1},
		{PruneOptions{All: true}, time.Now(), 0},
	} {
		before := len(left())
		p, err := j.prune(tt.o, tt.now)
		must(t, err)
		if got := left(); !slices.Equal(got, ids[6-tt.keep:]) || p.Entries != before-tt.keep {
			t.Errorf("%+v: %v left, %+v", tt.o, got, p)
		}
	}
}

func TestUndoChoice(t *testing.T) {
	w := crashWorld(t, false)
	first, err := w.land(t, crashSet())
	must(t, err)
	second, err := w.land(t, &Set{Changes: []Change{{Path: "change", Content: []byte("later")}}})
	must(t, err)
	j := w.journal()
	_, err = j.undo(t.Context(), first.ID, UndoOptions{})
	if fault.CodeOf(err) != CodeChanged || !strings.Contains(strings.Join(fault.HintsOf(err), "\n"), second.ID) {
		t.Errorf("undone under a later one: %v, %q", err, fault.HintsOf(err))
	}
	for id, code := range map[string]string{"none": CodeNoEntry, first.ID[:8]: CodeNoEntry} {
		if _, err := j.undo(t.Context(), id, UndoOptions{}); fault.CodeOf(err) != code || fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v", id, err)
		}
	}
	before := w.tree.snapshot()
	try, err := j.undo(t.Context(), "", UndoOptions{DryRun: true})
	must(t, err)
	if try.Undoes != second.ID || try.ID != "" || len(try.Files) != 1 {
		t.Errorf("dry run: %+v", try)
	}
	whole(t, "dry run", w, before)
	for _, want := range []string{second.ID, first.ID} {
		got, err := j.undo(t.Context(), "", UndoOptions{})
		must(t, err)
		if got.Undoes != want {
			t.Errorf("undid %s, want %s", got.Undoes, want)
		}
	}
	if _, err := j.undo(t.Context(), "", UndoOptions{}); fault.CodeOf(err) != CodeNoEntry {
		t.Errorf("nothing is left: %v", err)
	}
	whole(t, "all undone", w, crashWorld(t, false).tree.snapshot())
}

// TestUndoLeavesWhatIsNotCfs keeps a folder that the user has put a file into.
func TestUndoLeavesWhatIsNotCfs(t *testing.T) {
	w := crashWorld(t, false)
	before := w.tree.snapshot()
	_, err := w.land(t, crashSet())
	must(t, err)
	w.tree.put(t, path.Join("new", "mine"), "mine", 0o644)
	_, err = w.journal().undo(t.Context(), "", UndoOptions{})
	must(t, err)
	before["new/"], before["new/mine"] = "-rwxr-xr-x", "-rw-r--r-- mine"
	whole(t, "undone", w, before)
}

func TestLedgerFolderIsTheUsersAlone(t *testing.T) {
	dir := crashTree(t)
	l := realLedger(t, filepath.Join(dir, "tree"), filepath.Join(dir, "state"))
	if _, err := os.Lstat(filepath.Join(dir, "state")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("opening left a trace")
	}
	there, _ := twoStates()
	_, err := l.Commit(t.Context(), there, CommitOptions{})
	must(t, err)
	must(t, filepath.WalkDir(l.Dir(), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; err == nil && info.Mode().Perm() != want {
			t.Errorf("%s: %v", p, info.Mode())
		}
		return err
	}))
	must(t, os.Chmod(l.Dir(), 0o755))
	if _, err := OpenLedger(l.tree, filepath.Join(dir, "state")); fault.CodeOf(err) != CodeNoState {
		t.Errorf("a folder that others may read: %v", err)
	}
	// A ledger below the root is out of reach of a set.
	in := filepath.Join(dir, "tree", "home", "state")
	must(t, os.MkdirAll(in, 0o755))
	l = realLedger(t, filepath.Join(dir, "tree"), in)
	for _, p := range []string{"home/state/roots/x", "home/state"} {
		if _, err := l.Commit(t.Context(), &Set{Changes: []Change{{Path: p}}}, CommitOptions{}); fault.CodeOf(err) != CodeTarget {
			t.Errorf("%s: %v", p, err)
		}
	}
	if _, err := OpenLedger(l.tree, ""); fault.CodeOf(err) != CodeNoState {
		t.Errorf("no state folder: %v", err)
	}
}
