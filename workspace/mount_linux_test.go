package workspace

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/bitactor/cf/fault"
)

// inNamespace runs a test of this binary as root of a mount namespace of its own.
func inNamespace(t *testing.T, test string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), childDir+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || strings.Contains(string(out), "no mounts here") {
		t.Skip("this machine lets nobody mount: a full disk and mount points are tested where it does")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mount %s: %v", target, err)
	}
}

func TestMounts(t *testing.T) { inNamespace(t, "TestChildMounts") }

// TestChildMounts is no test but the process of TestMounts.
func TestChildMounts(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		fmt.Println("no mounts here")
		return
	}
	tree := filepath.Join(dir, "tree")
	must(t, os.MkdirAll(tree, 0o755))
	mount(t, "tmpfs", tree, "tmpfs", 0, "size=64k")
	t.Run("full disk", func(t *testing.T) { fullDisk(t, tree, filepath.Join(dir, "state")) })
	t.Run("full state folder", func(t *testing.T) {
		state := filepath.Join(dir, "small")
		must(t, os.MkdirAll(state, 0o700))
		mount(t, "tmpfs", state, "tmpfs", 0, "size=16k")
		other := filepath.Join(dir, "other")
		must(t, os.MkdirAll(other, 0o755))
		must(t, os.WriteFile(filepath.Join(other, "big"), make([]byte, 40<<10), 0o644))
		refusedWhole(t, other, state, CodeNoSpace, &Set{Changes: []Change{{Path: "big", Content: []byte("x")}}, Reads: map[string]string{"big": Hash(make([]byte, 40<<10))}})
	})
	t.Run("mount points", func(t *testing.T) { mountPoints(t, dir) })
	t.Run("read-only", func(t *testing.T) {
		mount(t, "tmpfs", tree, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, "size=64k")
		refusedWhole(t, tree, filepath.Join(dir, "state2"), CodeReadOnly, &Set{Changes: []Change{{Path: "new", Content: []byte("x")}}})
	})
	t.Run("proc", func(t *testing.T) {
		refusedWhole(t, "/proc/self", filepath.Join(dir, "state3"), CodeTarget, &Set{Changes: []Change{{Path: "comm", Content: []byte("x")}}, Reads: map[string]string{}})
	})
}

// refusedWhole lands a set that must be refused, and nothing may have changed.
func refusedWhole(t *testing.T, dir, state, code string, set *Set) {
	t.Helper()
	l := realLedger(t, dir, state)
	if dir == "/proc/self" {
		now, err := l.tree.hashFile("comm")
		must(t, err)
		set.Reads["comm"] = now
		if _, err := l.Commit(t.Context(), set, CommitOptions{}); fault.CodeOf(err) != code {
			t.Errorf("%v, want %s", err, code)
		}
		return
	}
	before := files(t, dir)
	if _, err := l.Commit(t.Context(), set, CommitOptions{}); fault.CodeOf(err) != code {
		t.Errorf("%v, want %s", err, code)
	}
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func fullDisk(t *testing.T, tree, state string) {
	old := strings.Repeat("o", 8<<10)
	must(t, os.WriteFile(filepath.Join(tree, "old"), []byte(old), 0o644))
	set := &Set{Changes: []Change{{Path: "old", Content: []byte("n")}, {Path: "a", Content: make([]byte, 30<<10)}, {Path: "b", Content: make([]byte, 30<<10)}}, Reads: map[string]string{"old": Hash([]byte(old))}}
	refusedWhole(t, tree, state, CodeNoSpace, set)
	// The look at the free space is only the first net: somebody else may fill
	// the disk meanwhile.
	l := realLedger(t, tree, state)
	before := files(t, tree)
	err := l.locked("test", func(j *journal) error {
		p, err := j.prepare(set.wants())
		if err != nil {
			return err
		}
		p.in.ID = "20260102-030405-678"
		return j.land(t.Context(), &p.in, func(i int, w io.Writer) error { return p.content[i](w) })
	})
	if fault.CodeOf(err) != CodeNoSpace || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff(before, files(t, tree)); diff != "" {
		t.Error(diff)
	}
	// What fits lands.
	set.Changes = set.Changes[:2]
	if _, err := l.Commit(t.Context(), set, CommitOptions{}); err != nil {
		t.Error(err)
	}
}

func mountPoints(t *testing.T, dir string) {
	root, outside := filepath.Join(dir, "mounts"), filepath.Join(dir, "outside")
	for _, d := range []string{filepath.Join(root, "d"), outside} {
		must(t, os.MkdirAll(d, 0o755))
		must(t, os.WriteFile(filepath.Join(d, "f"), []byte("f"), 0o644))
	}
	must(t, os.WriteFile(filepath.Join(root, "file"), []byte("f"), 0o644))
	mount(t, outside, filepath.Join(root, "d"), "", unix.MS_BIND, "")
	mount(t, filepath.Join(outside, "f"), filepath.Join(root, "file"), "", unix.MS_BIND, "")
	for _, p := range []string{"d/f", "file", "d/new"} {
		refusedWhole(t, root, filepath.Join(dir, "state4"), CodeTarget, &Set{Changes: []Change{{Path: p, Content: []byte("x")}}})
	}
}

// TestFileSizeLimit has the kernel's limit below what is to be written: reaching
// it would end the process by a signal.
func TestFileSizeLimit(t *testing.T) {
	dir := crashTree(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestChildFileSizeLimit$", "-test.count=1")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestChildFileSizeLimit is no test but the process of TestFileSizeLimit.
func TestChildFileSizeLimit(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	there, _ := twoStates()
	var old syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 50_000, Max: old.Max}))
	refusedWhole(t, filepath.Join(dir, "tree"), filepath.Join(dir, "state"), CodeNoSpace, there)
	if fileBytesLimit() == math.MaxInt64 {
		t.Error("the limit is not seen")
	}
}
