package workspace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/bitactor/cf/fault"
)

// The tests here run on a real disk, some in a process of their own: the test
// binary run again with one of these variables.
const (
	childDir  = "CF_TEST_DIR"
	childStep = "CF_TEST_STEP"
)

// realLedger opens a folder as a root, with its ledger in state.
func realLedger(t testing.TB, dir, state string) *Ledger {
	t.Helper()
	tree, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	l, err := OpenLedger(tree, state)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// twoStates returns a set that turns a tree of state a into b and one that
// turns it back; both need that the tree is in one of the two.
func twoStates() (there, back *Set) {
	a, b := strings.Repeat("a", 3000), strings.Repeat("b", 70_000)
	there = &Set{Changes: []Change{
		{Path: "one", Content: []byte(b)},
		{Path: "dir/two", Content: []byte(b), Mode: 0o755},
		{Path: "dir/gone", Delete: true},
		{Path: "new/deep/three", Content: []byte(b)},
		{Path: "mode", Content: []byte(a), Mode: 0o600},
	}, Reads: map[string]string{"one": Hash([]byte(a)), "dir/two": Hash([]byte(a)), "dir/gone": Hash([]byte(a)), "new/deep/three": "", "mode": Hash([]byte(a))}}
	back = &Set{Changes: []Change{
		{Path: "one", Content: []byte(a)},
		{Path: "dir/two", Content: []byte(a), Mode: 0o644},
		{Path: "dir/gone", Content: []byte(a)},
		{Path: "new/deep/three", Delete: true},
		{Path: "mode", Content: []byte(a), Mode: 0o644},
	}, Reads: map[string]string{"one": Hash([]byte(b)), "dir/two": Hash([]byte(b)), "dir/gone": "", "new/deep/three": Hash([]byte(b)), "mode": Hash([]byte(a))}}
	return there, back
}

func plantStateA(t testing.TB, dir string) {
	t.Helper()
	_, back := twoStates()
	for _, c := range back.Changes {
		if c.Delete {
			continue
		}
		full := filepath.Join(dir, c.Path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, c.Content, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// files maps the path of each file below dir to mode and hash.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		data, err := os.ReadFile(p)
		found[rel] = info.Mode().String() + " " + Hash(data)[:8]
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// states returns what files finds in the two states.
func states(t testing.TB) (a, b map[string]string) {
	t.Helper()
	dir := t.TempDir()
	plantStateA(t, dir)
	a = files(t, dir)
	l := realLedger(t, dir, t.TempDir())
	there, back := twoStates()
	if _, err := l.Commit(t.Context(), there, CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	b = files(t, dir)
	if _, err := l.Commit(t.Context(), back, CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, files(t, dir)); diff != "" {
		t.Fatal(diff)
	}
	return a, b
}

// child starts a test of this binary in a process of its own.
func child(t testing.TB, test, dir, step string) (*exec.Cmd, *bufio.Reader, io.WriteCloser) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.count=1", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), childDir+"="+dir, childStep+"="+step)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(out), in
}

// TestChildCommits is no test but the process that others kill: it lands the two
// states in turn for ever, and stops at the step it was given: "kill NAME" ends
// it there, "wait NAME" waits for a line.
func TestChildCommits(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	l := realLedger(t, filepath.Join(dir, "tree"), filepath.Join(dir, "state"))
	what, step, _ := strings.Cut(os.Getenv(childStep), " ")
	l.failpoint = func(s string) {
		switch {
		case s != step:
		case what == "kill":
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case what == "wait":
			fmt.Println("waiting")
			_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
			step = ""
		}
	}
	there, back := twoStates()
	for range 10_000 {
		_, err := l.Commit(t.Context(), there, CommitOptions{})
		if err != nil && fault.KindOf(err) != fault.Conflict {
			t.Fatal(err)
		}
		fmt.Println("landed")
		if what == "wait" {
			return
		}
		if _, err := l.Commit(t.Context(), back, CommitOptions{}); err != nil {
			t.Fatal(err)
		}
		fmt.Println("landed")
	}
}

// crashTree returns a folder with a tree in state a and a state folder.
func crashTree(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "tree"), 0o755); err != nil {
		t.Fatal(err)
	}
	plantStateA(t, filepath.Join(dir, "tree"))
	return dir
}

// quickDir returns a folder in memory where there is one: syncing costs nothing
// there, so that a race is tried more often.
func quickDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "cf-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// recovered opens the ledger anew and fails the test unless the tree is in one
// of the states.
func recovered(t *testing.T, what, dir string, want ...map[string]string) {
	t.Helper()
	l := realLedger(t, filepath.Join(dir, "tree"), filepath.Join(dir, "state"))
	got := files(t, filepath.Join(dir, "tree"))
	if !slices.ContainsFunc(want, func(s map[string]string) bool { return cmp.Equal(s, got) }) {
		t.Fatalf("%s: a mix (-before +got):\n%s\nrecovered: %+v", what, cmp.Diff(want[0], got), l.Recovered())
	}
}

// TestCommitSurvivesSIGKILL kills a process that commits at random moments.
func TestCommitSurvivesSIGKILL(t *testing.T) {
	a, b := states(t)
	dir := crashTree(t)
	const rounds = 200
	cut := 0
	for range rounds {
		cmd, out, _ := child(t, "TestChildCommits", dir, "")
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(rand.IntN(20_000)) * time.Microsecond) // the random moment
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		names, _ := filepath.Glob(filepath.Join(dir, "tree", "*", tempPrefix+"*"))
		if len(names) > 0 {
			cut++
		}
		recovered(t, "killed", dir, a, b)
	}
	if cut == 0 {
		t.Errorf("none of %d kills fell into a commit", rounds)
	}
	t.Logf("%d of %d kills left temporary files to clean up", cut, rounds)
}

// steps are the failpoints of a landing, in order.
var steps = []string{"written", "stored", "folders", "staged", "looked", "changed", "verified", "removed", "done"}

// TestCommitKilledAtEveryStep has the process end itself at each failpoint.
func TestCommitKilledAtEveryStep(t *testing.T) {
	a, b := states(t)
	for _, step := range steps {
		dir := crashTree(t)
		cmd, out, _ := child(t, "TestChildCommits", dir, "kill "+step)
		said, _ := io.ReadAll(out)
		err := cmd.Wait()
		if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
			t.Fatalf("%s: not killed: %v\n%s", step, err, said)
		}
		if step == "done" {
			recovered(t, step, dir, b)
		} else {
			recovered(t, step, dir, a)
		}
	}
}

// TestInterruptedAtEveryStep ends the context at each failpoint.
func TestInterruptedAtEveryStep(t *testing.T) {
	a, b := states(t)
	for i, step := range steps {
		dir := crashTree(t)
		l := realLedger(t, filepath.Join(dir, "tree"), filepath.Join(dir, "state"))
		ctx, cancel := context.WithCancelCause(t.Context())
		l.failpoint = func(s string) {
			if s == step {
				cancel(fault.New(fault.Terminated, "signal", "terminated"))
			}
		}
		there, _ := twoStates()
		_, err := l.Commit(ctx, there, CommitOptions{})
		if i < slices.Index(steps, "looked") {
			if fault.KindOf(err) != fault.Terminated || fault.CodeOf(err) != CodeInterrupted {
				t.Errorf("%s: %v", step, err)
			}
			recovered(t, step, dir, a)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", step, err)
		}
		recovered(t, step, dir, b)
	}
}

// TestTwoProcesses has one hold the lock while another wants it.
func TestTwoProcesses(t *testing.T) {
	a, b := states(t)
	dir := crashTree(t)
	cmd, out, in := child(t, "TestChildCommits", dir, "wait staged")
	if line, err := out.ReadString('\n'); err != nil || line != "waiting\n" {
		t.Fatalf("%q, %v", line, err)
	}
	l := realLedger(t, filepath.Join(dir, "tree"), filepath.Join(dir, "state"))
	there, _ := twoStates()
	_, err := l.Commit(t.Context(), there, CommitOptions{})
	if fault.KindOf(err) != fault.Locked || !strings.Contains(err.Error(), fmt.Sprintf("process %d ", cmd.Process.Pid)) {
		t.Errorf("%v, want locked by %d", err, cmd.Process.Pid)
	}
	if len(l.Recovered()) > 0 {
		t.Error("took back what another process is doing")
	}
	_, _ = in.Write([]byte("\n"))
	said, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	recovered(t, "landed", dir, b)
	_ = a
}

func TestManyLedgersAtOnce(t *testing.T) {
	a, b := states(t)
	dir := crashTree(t)
	there, back := twoStates()
	var wg sync.WaitGroup
	var landed atomic.Int32
	for range 8 {
		l := realLedger(t, filepath.Join(dir, "tree"), filepath.Join(dir, "state"))
		wg.Go(func() {
			for _, set := range []*Set{there, back, there, back} {
				_, err := l.Commit(t.Context(), set, CommitOptions{})
				switch k := fault.KindOf(err); {
				case err == nil:
					landed.Add(1)
				case k != fault.Locked && k != fault.Conflict:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if landed.Load() == 0 {
		t.Error("nobody landed")
	}
	recovered(t, "at once", dir, a, b)
}

// TestStaleNote takes a lock whose note names a process that is gone, or another
// one of the same number: only the kernel's lock counts.
func TestStaleNote(t *testing.T) {
	dir := crashTree(t)
	l := realLedger(t, filepath.Join(dir, "tree"), filepath.Join(dir, "state"))
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, note := range []string{`{"pid":1,"start":"x"}`, `{"pid":99999999,"start":"x"}`, "", "\x00"} {
		if err := os.WriteFile(filepath.Join(l.dir, lockName), []byte(note), 0o600); err != nil {
			t.Fatal(err)
		}
		release, err := lock(l.dir)
		if err != nil {
			t.Fatal(err)
		}
		if note == "" {
			if err := os.WriteFile(filepath.Join(l.dir, lockName), []byte(`{"pid":99999999,"start":"x"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := lock(l.dir); fault.KindOf(err) != fault.Locked || !strings.Contains(err.Error(), "is gone") {
				t.Errorf("held by a process that is gone: %v", err)
			}
		}
		release()
	}
}

// TestSymlinkRace swaps a folder for a link that leads out while cf commits.
func TestSymlinkRace(t *testing.T) {
	dir, outside := quickDir(t), t.TempDir()
	plantStateA(t, filepath.Join(dir, "tree"))
	plantStateA(t, outside)
	want := files(t, outside)
	at := func(name string) string { return filepath.Join(dir, "tree", name) }
	if err := os.Symlink(filepath.Join(outside, "dir"), at("evil")); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, at("dir"), unix.AT_FDCWD, at("evil"), unix.RENAME_EXCHANGE)
			}
		}
	})
	landed, refused := 0, 0
	tree, err := OpenFolder(filepath.Join(dir, "tree"))
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	deadline := time.Now().Add(20 * time.Second)
	for landed+refused < 300 || landed == 0 && time.Now().Before(deadline) {
		// A landing that the race cut short is taken back by the next opening, which
		// the race may stop too.
		l, err := OpenLedger(tree, filepath.Join(dir, "state"))
		if err != nil {
			refused++
			continue
		}
		set := &Set{Changes: []Change{{Path: "dir/two", Content: fmt.Appendf(nil, "evil %d", landed)}, {Path: "dir/x", Content: fmt.Appendf(nil, "evil %d", landed)}}, Reads: map[string]string{}}
		for _, c := range set.Changes {
			set.Reads[c.Path], _ = l.tree.hashFile(c.Path)
		}
		if _, err := l.Commit(t.Context(), set, CommitOptions{}); err == nil {
			landed++
		} else {
			refused++
		}
	}
	close(stop)
	wg.Wait()
	if info, err := os.Lstat(at("dir")); err != nil || !info.IsDir() {
		if err := unix.Renameat2(unix.AT_FDCWD, at("dir"), unix.AT_FDCWD, at("evil"), unix.RENAME_EXCHANGE); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenLedger(tree, filepath.Join(dir, "state")); err != nil {
		t.Errorf("what the race cut short can't be taken back after it: %v", err)
	}
	if diff := cmp.Diff(want, files(t, outside)); diff != "" {
		t.Errorf("outside (-want +got):\n%s", diff)
	}
	if landed == 0 || refused == 0 {
		t.Errorf("no race: %d landed, %d refused", landed, refused)
	}
	t.Logf("%d landed, %d refused", landed, refused)
}

// TestWithoutExchangingRename lands and undoes as on file systems that lack it.
func TestWithoutExchangingRename(t *testing.T) {
	a, b := states(t)
	dir := crashTree(t)
	l := realLedger(t, filepath.Join(dir, "tree"), filepath.Join(dir, "state"))
	there, _ := twoStates()
	plainly := func(f func(j *journal) error) {
		t.Helper()
		if err := l.locked("test", func(j *journal) error { j.tree.(*rootFolder).plain = true; return f(j) }); err != nil {
			t.Fatal(err)
		}
	}
	plainly(func(j *journal) error { _, err := l.commit(t.Context(), j, there, CommitOptions{}); return err })
	recovered(t, "landed", dir, b)
	plainly(func(j *journal) error { _, err := j.undo(t.Context(), "", UndoOptions{}); return err })
	recovered(t, "undone", dir, a)
}

// TestOpeningStandsInNobodysWay opens ledgers while another commits.
func TestOpeningStandsInNobodysWay(t *testing.T) {
	dir := quickDir(t)
	plantStateA(t, filepath.Join(dir, "tree"))
	l := realLedger(t, filepath.Join(dir, "tree"), filepath.Join(dir, "state"))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var opened atomic.Int32
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			other, err := OpenLedger(l.tree, filepath.Join(dir, "state"))
			if err != nil || len(other.Recovered()) > 0 {
				t.Errorf("%+v, %v", other, err)
			}
			opened.Add(1)
		}
	})
	there, back := twoStates()
	missed := 0
	for i := range 200 {
		_, err := l.Commit(t.Context(), []*Set{there, back}[i%2], CommitOptions{})
		for fault.KindOf(err) == fault.Locked { // it saw a commit under way and asked whether that was cut short
			missed++
			_, err = l.Commit(t.Context(), []*Set{there, back}[i%2], CommitOptions{})
		}
		must(t, err)
	}
	close(stop)
	wg.Wait()
	t.Logf("%d opened, %d commits found the lock held for a moment", opened.Load(), missed)
}
