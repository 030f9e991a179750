package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// world is a tree and a ledger on one memDisk.
type world struct {
	d           *memDisk
	tree, store *memFolder
}

func (w world) journal() *journal { return &journal{tree: w.tree, store: w.store} }

// afterLoss returns the world after a loss of power.
func (w world) afterLoss(survives func(int) bool) world {
	d, f := w.d.afterLoss(survives, w.tree, w.store)
	return world{d, f[0], f[1]}
}

// crashWorld is a tree with one file for each thing that can happen to a file.
func crashWorld(t testing.TB, plain bool) world {
	d := newMemDisk()
	d.plain = plain
	w := world{d, d.folder(), d.folder()}
	w.tree.put(t, "change", "before", 0o644)
	w.tree.put(t, "dir/delete", "gone soon", 0o600)
	w.tree.put(t, "keep", "kept", 0o644)
	return w
}

func crashSet() *Set {
	return &Set{Changes: []Change{
		{Path: "change", Content: []byte("after")},
		{Path: "dir/delete", Delete: true},
		{Path: "new/create", Content: []byte("created"), Mode: 0o755},
	}}
}

// land lands a set as Ledger.Commit does, without what looks at the real disk.
func (w world) land(t testing.TB, set *Set) (*Landed, error) {
	t.Helper()
	p, err := w.journal().prepare(set.wants())
	if err != nil {
		t.Fatal(err)
	}
	return w.journal().finish(t.Context(), p)
}

// whole fails the test unless the world is whole and its tree is one of want.
func whole(t *testing.T, what string, w world, want ...map[string]string) {
	t.Helper()
	got := w.tree.snapshot()
	for _, s := range want {
		if maps.Equal(got, s) {
			for name := range w.store.n.entries {
				if !strings.HasSuffix(name, landingSuffix) {
					t.Errorf("%s: %s is left in the ledger", what, name)
				}
			}
			return
		}
	}
	t.Fatalf("%s: a mix (-before +got):\n%s", what, cmp.Diff(want[0], got))
}

// scenarios are what is stopped: a landing, its undo, and the undo of that.
var scenarios = []struct {
	name    string
	prepare func(t testing.TB, w world) // lands what act builds on
	act     func(t testing.TB, w world) error
}{
	{"commit", func(testing.TB, world) {}, func(t testing.TB, w world) error {
		_, err := w.land(t, crashSet())
		return err
	}},
	{"undo", func(t testing.TB, w world) {
		_, err := w.land(t, crashSet())
		must(t, err)
	}, undoNewest},
	{"redo", func(t testing.TB, w world) {
		_, err := w.land(t, crashSet())
		must(t, errors.Join(err, undoNewest(t, w)))
	}, undoNewest},
}

func undoNewest(t testing.TB, w world) error {
	ids, err := w.journal().ids()
	must(t, err)
	_, err = w.journal().undo(t.Context(), ids[len(ids)-1], UndoOptions{})
	return err
}

// outcome runs a scenario with a kill before operation n of what it does, -1
// for none. first is the number of the first such operation.
func outcome(t *testing.T, scenario int, plain bool, n int) (w world, first int, before, after map[string]string, landed bool) {
	t.Helper()
	s := scenarios[scenario]
	done := crashWorld(t, plain)
	s.prepare(t, done)
	before = done.tree.snapshot()
	must(t, s.act(t, done))
	after = done.tree.snapshot()
	w = crashWorld(t, plain)
	s.prepare(t, w)
	first = w.d.ops
	if n >= 0 {
		w.d.killAt(first + n)
	}
	err := s.act(t, w)
	w.d.before = nil
	return w, first, before, after, err == nil
}

// subsets calls f with every subset of n unsynced effects, or with all
// beginnings and 500 others where there are more than 10.
func subsets(n int, r *rand.Rand, f func(survives func(int) bool)) int {
	if n <= 10 {
		for mask := range 1 << n {
			f(func(i int) bool { return mask>>i&1 == 1 })
		}
		return 1 << n
	}
	for k := range n + 1 {
		f(func(i int) bool { return i < k })
	}
	for range 500 {
		bits := make([]bool, n)
		for i := range bits {
			bits[i] = r.IntN(2) == 0
		}
		f(func(i int) bool { return bits[i] })
	}
	return n + 1 + 500
}

// TestCommitKilledAtEveryOperation stops a landing, an undo and its undo before
// each operation, with every subset of what was not synced lost, and recovers.
func TestCommitKilledAtEveryOperation(t *testing.T) {
	for i, s := range scenarios {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/plain=%v", s.name, plain), func(t *testing.T) { killedEverywhere(t, i, plain) })
		}
	}
}

func killedEverywhere(t *testing.T, scenario int, plain bool) {
	r := rand.New(rand.NewPCG(1, 2))
	full, first, _, _, _ := outcome(t, scenario, plain, -1)
	steps := append(full.d.steps[first:], "nothing")
	cases := 0
	for n, step := range steps {
		w, _, before, after, landed := outcome(t, scenario, plain, n)
		if landed != (step == "nothing") {
			t.Fatalf("killed before operation %d, %s: landed %v", n, step, landed)
		}
		cases += subsets(len(w.d.effects), r, func(survives func(int) bool) {
			x := w.afterLoss(survives)
			if _, err := x.journal().recoverAll(); err != nil {
				t.Fatalf("killed before %d: %v", n, err)
			}
			if landed {
				whole(t, "landed", x, after)
			} else {
				whole(t, "killed before "+step, x, before, after)
			}
			// What recovery did is durable itself.
			x = x.afterLoss(func(int) bool { return false })
			if _, err := x.journal().recoverAll(); err != nil {
				t.Fatal(err)
			}
			whole(t, "recovered", x, before, after)
		})
	}
	t.Logf("%d operations, %d cases", len(steps)-1, cases)
}

// TestRecoveryKilledAtEveryOperation stops recovery too.
func TestRecoveryKilledAtEveryOperation(t *testing.T) {
	for scenario := range scenarios {
		for _, plain := range []bool{false, true} {
			full, first, _, _, _ := outcome(t, scenario, plain, -1)
			r := rand.New(rand.NewPCG(3, 4))
			for n := range full.d.ops - first {
				w, _, before, after, _ := outcome(t, scenario, plain, n)
				for _, lost := range []func(int) bool{all, func(int) bool { return r.IntN(2) == 0 }} {
					killedTwice(t, w.afterLoss(lost), r, before, after)
				}
			}
		}
	}
}

// killedTwice stops the recovery of a crashed world before each operation.
func killedTwice(t *testing.T, crashed world, r *rand.Rand, before, after map[string]string) {
	t.Helper()
	for k := 0; ; k++ {
		x := crashed.afterLoss(all)
		x.d.killAt(k)
		_, err := x.journal().recoverAll()
		x = x.afterLoss(func(int) bool { return r.IntN(2) == 0 })
		if _, err := x.journal().recoverAll(); err != nil {
			t.Fatal(err)
		}
		whole(t, "twice killed", x, before, after)
		if err == nil {
			return
		}
	}
}

// TestCommitWithFailingOperations fails each operation, once or from then on.
func TestCommitWithFailingOperations(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
		for _, forGood := range []bool{false, true} {
			full, _, before, after, _ := outcome(t, 0, false, -1)
			for n := range full.d.ops {
				w := crashWorld(t, false)
				w.d.before = func(op string, at int) error {
					if at == n || forGood && at > n {
						return &fs.PathError{Op: op, Err: errno}
					}
					return nil
				}
				_, err := w.land(t, crashSet())
				what := errno.Error() + " at " + full.d.steps[n]
				var stuck *stuckError
				var unsure *unsureError
				switch {
				case err == nil:
					t.Fatalf("%s: no error", what)
				case errors.As(err, &stuck) || errors.As(err, &unsure):
					if !forGood {
						t.Errorf("%s: %v", what, err)
					}
				case !errors.Is(err, errno):
					t.Errorf("%s: %v", what, err)
				default: // the caller is told that nothing was changed
					got := w.tree.snapshot()
					if !maps.Equal(got, before) {
						t.Errorf("%s (-before +got):\n%s", what, cmp.Diff(before, got))
					}
				}
				if len(w.d.broken) > 0 {
					t.Errorf("%s: synced again after a failed sync: %v", what, w.d.broken)
				}
				w.d.before = nil
				x := w.afterLoss(all)
				if _, err := x.journal().recoverAll(); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				whole(t, what, x, before, after)
			}
		}
	}
}

// TestFailureThenKill kills the process while it takes a failed landing back.
func TestFailureThenKill(t *testing.T) {
	full, _, before, after, _ := outcome(t, 0, false, -1)
	for n := range full.d.ops {
		for k := n + 1; k < full.d.ops+40; k++ {
			w := crashWorld(t, false)
			w.d.before = func(string, int) error {
				switch at := w.d.ops - 1; {
				case at == n:
					return syscall.EIO
				case at >= k:
					return errKilled
				}
				return nil
			}
			_, err := w.land(t, crashSet())
			ops := w.d.ops
			w.d.before = nil
			x := w.afterLoss(all)
			if _, err := x.journal().recoverAll(); err != nil {
				t.Fatal(err)
			}
			whole(t, full.d.steps[n], x, before, after)
			if err != nil && ops <= k {
				break
			}
		}
	}
}

// TestAfterRecoveryUndoStillWorks undoes what landed before a crash amid the
// next landing.
func TestAfterRecoveryUndoStillWorks(t *testing.T) {
	w := crashWorld(t, false)
	before := w.tree.snapshot()
	if _, err := w.land(t, crashSet()); err != nil {
		t.Fatal(err)
	}
	w.d.killAt(w.d.ops + 12)
	if _, err := w.land(t, &Set{Changes: []Change{{Path: "change", Content: []byte("third")}, {Path: "new/create", Delete: true}}}); err == nil {
		t.Fatal("not killed")
	}
	x := w.afterLoss(all)
	if _, err := x.journal().recoverAll(); err != nil {
		t.Fatal(err)
	}
	if _, err := x.journal().undo(t.Context(), "", UndoOptions{}); err != nil {
		t.Fatal(err)
	}
	whole(t, "undone", x, before)
}

// TestEditsDuringCommit has somebody edit a target after each step.
func TestEditsDuringCommit(t *testing.T) {
	edits := map[string]func(w world){
		"change":     func(w world) { w.tree.n.entries["change"].data = []byte("mine") },
		"dir/delete": func(w world) { w.tree.n.entries["dir"].entries["delete"].data = []byte("mine") },
	}
	for name, edit := range edits {
		for _, step := range []string{"written", "stored", "folders", "staged", "looked"} {
			w := crashWorld(t, false)
			j := w.journal()
			j.failpoint = func(s string) {
				if s == step {
					edit(w)
				}
			}
			p, err := j.prepare(crashSet().wants())
			if err != nil {
				t.Fatal(err)
			}
			_, err = j.finish(t.Context(), p)
			var changed *changedError
			if !errors.As(err, &changed) || changed.paths[0] != name {
				t.Errorf("%s after %q: %v", name, step, err)
			}
			want := crashWorld(t, false)
			edit(want)
			whole(t, name+" after "+step, w, want.tree.snapshot())
		}
	}
}

// TestEditsAfterACrash leaves alone what somebody changed before cf ran again.
func TestEditsAfterACrash(t *testing.T) {
	full, _, before, _, _ := outcome(t, 0, false, -1)
	for n := range full.d.ops {
		w, _, _, _, _ := outcome(t, 0, false, n)
		w = w.afterLoss(all)
		w.tree.n.entries["change"] = w.d.node(false, 0o644)
		w.tree.n.entries["change"].data = []byte("mine")
		back, err := w.journal().recoverAll()
		if err != nil {
			t.Fatal(err)
		}
		got := w.tree.snapshot()
		if got["change"] != "-rw-r--r-- mine" {
			t.Fatalf("killed before %s: %v", full.d.steps[n], got)
		}
		if len(back) > 0 && len(back[0].Kept) > 0 && !cmp.Equal(back[0].Kept, []string{"change"}) {
			t.Errorf("killed before %s: reported %+v", full.d.steps[n], back)
		}
		got["change"] = before["change"]
		if len(back) > 0 && !maps.Equal(got, before) {
			t.Errorf("killed before %s (-before +got):\n%s", full.d.steps[n], cmp.Diff(before, got))
		}
	}
}

// TestDecide looks at each row of the rule of taking back.
func TestDecide(t *testing.T) {
	pre, post, edit, none := state{Hash: "pre", Mode: 0o644}, state{Hash: "post", Mode: 0o644}, state{Hash: "edit", Mode: 0o644}, state{}
	tests := []struct {
		name      string
		pre, post state
		now, temp state
		how       how
		drop      bool
	}{
		{"change not begun", pre, post, pre, none, backNothing, false},
		{"change staged", pre, post, pre, post, backNothing, true},
		{"change exchanged", pre, post, post, pre, backSwap, true},
		{"change exchanged with a late edit", pre, post, post, edit, backSwap, true},
		{"change settled", pre, post, post, none, backImage, false},
		{"change staged, then edited", pre, post, edit, post, backNothing, true},
		{"change exchanged, then edited", pre, post, edit, pre, backKeep, true},
		{"change exchanged, edited before and after", pre, post, edit, edit, backKeep, false},
		{"change staged, somebody wrote the same", pre, post, post, post, backNothing, true},
		{"create not begun", none, post, none, none, backNothing, false},
		{"create staged", none, post, none, post, backNothing, true},
		{"create done", none, post, post, none, backRemove, false},
		{"create done, then edited", none, post, edit, none, backKeep, false},
		{"create staged, somebody wrote the same", none, post, post, post, backNothing, true},
		{"delete not begun", pre, none, pre, none, backNothing, false},
		{"delete moved", pre, none, none, pre, backMove, false},
		{"delete moved with a late edit", pre, none, none, edit, backMove, false},
		{"delete settled", pre, none, none, none, backImage, false},
		{"delete moved, made anew", pre, none, edit, pre, backKeep, true},
	}
	for _, tt := range tests {
		b := decide(filePlan{Pre: tt.pre, Post: tt.post}, tt.now, tt.temp)
		if b.how != tt.how || b.dropTemp != tt.drop {
			t.Errorf("%s: %+v", tt.name, b)
		}
	}
}

func TestIDsOnlyGrow(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	id := nextID(now, "")
	if id != "20260102-030405-678" {
		t.Errorf("id %q", id)
	}
	for _, at := range []time.Time{now, now.Add(-time.Hour), now.Add(time.Microsecond)} {
		if next := nextID(at, id); next != "20260102-030405-679" {
			t.Errorf("after %s at %v: %s", id, at, next)
		}
	}
	if at, err := timeOf(id); err != nil || !at.Equal(now) {
		t.Errorf("%v, %v", at, err)
	}
}
