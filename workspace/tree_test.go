package workspace_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// plant writes files into a new folder; a path that ends in "/" is a folder.
func plant(t testing.TB, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		full := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(full, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(full), 0o755))
		must(t, os.WriteFile(full, []byte(content), 0o644))
	}
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string) *workspace.Tree {
	t.Helper()
	tree, err := workspace.Open(dir)
	must(t, err)
	t.Cleanup(func() { must(t, tree.Close()) })
	return tree
}

// promptly fails the test if f takes longer than two seconds.
func promptly(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		t.Fatal("blocked for two seconds")
	}
}

func TestFind(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		from  string
		home  string
		open  string // made writable for all
		root  string
		why   string
	}{
		{name: "state folder above", files: map[string]string{"p/.cf/": "", "p/a/b/": ""}, from: "p/a/b", root: "p", why: ".cf"},
		{name: "state folder before a nearer git", files: map[string]string{"p/.cf/": "", "p/a/.git/": ""}, from: "p/a", root: "p", why: ".cf"},
		{name: "git folder", files: map[string]string{"p/.git/HEAD": "x", "p/a/": ""}, from: "p/a", root: "p", why: "git"},
		{name: "git file of a work tree", files: map[string]string{"p/.git": "gitdir: /x", "p/a/": ""}, from: "p/a", root: "p", why: "git"},
		{name: "nothing", files: map[string]string{"p/a/": ""}, from: "p/a", root: "p/a", why: "no .cf"},
		{name: "a file called .cf is no state folder", files: map[string]string{"p/.cf": "x", "p/a/": ""}, from: "p/a", root: "p/a", why: "no .cf"},
		{name: "not the home folder from below", files: map[string]string{"p/.cf/": "", "p/.git/": "", "p/a/": ""}, from: "p/a", home: "p", root: "p/a", why: "no .cf"},
		{name: "the home folder itself", files: map[string]string{"p/.cf/": ""}, from: "p", home: "p", root: "p", why: ".cf"},
		{name: "not a folder open to all from below", files: map[string]string{"p/.cf/": "", "p/a/": ""}, from: "p/a", open: "p", root: "p/a", why: "no .cf"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := plant(t, tt.files)
			t.Setenv("HOME", filepath.Join(dir, tt.home, map[bool]string{true: "nowhere"}[tt.home == ""]))
			if tt.open != "" {
				must(t, os.Chmod(filepath.Join(dir, tt.open), 0o777))
			}
			root, why := workspace.Find(filepath.Join(dir, tt.from))
			if want := filepath.Join(dir, tt.root); root != want || !strings.Contains(why, tt.why) {
				t.Errorf("Find = %q (%s), want %q (%s)", root, why, want, tt.why)
			}
		})
	}
}

func TestRead(t *testing.T) {
	outside := plant(t, map[string]string{"out.txt": "secret of another project"})
	dir := plant(t, map[string]string{
		"a.txt": "hello", "sub/b.txt": "b", "nul.bin": "a\x00b", "big.txt": strings.Repeat("x", workspace.FileBytesMax+1),
		"full.txt": strings.Repeat("x", workspace.FileBytesMax), "latin.txt": "caf\xe9 cr\xe8me br\xfbl\xe9e, tr\xe8s bonne", "noise.dat": strings.Repeat("\x01\x8f\xff", 99),
		"empty": "", "late.bin": strings.Repeat("x", 9000) + "\x00",
	})
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	must(t, err)
	defer listener.Close()
	for name, target := range map[string]string{
		"in": "sub/b.txt", "out": filepath.Join(outside, "out.txt"), "updown": "../" + filepath.Base(dir) + "/a.txt",
		"loop": "loop", "abs": filepath.Join(dir, "a.txt"), "tofifo": "fifo", "null": "/dev/null",
	} {
		must(t, os.Symlink(target, filepath.Join(dir, name)))
	}
	tree := open(t, dir)
	tests := []struct{ rel, want, code string }{
		{"a.txt", "hello", ""},
		{"./sub/../a.txt", "hello", ""},
		{"in", "b", ""},
		{"empty", "", ""},
		{"latin.txt", "caf\xe9 cr\xe8me br\xfbl\xe9e, tr\xe8s bonne", ""},
		{"full.txt", strings.Repeat("x", workspace.FileBytesMax), ""},
		{"big.txt", "", workspace.CodeTooBig},
		{"nul.bin", "", workspace.CodeBinary},
		{"late.bin", "", workspace.CodeBinary},
		{"noise.dat", "", workspace.CodeBinary},
		{"none", "", workspace.CodeAbsent},
		{"a.txt/b", "", workspace.CodeAbsent},
		{"sub", "", workspace.CodeNotRegular},
		{"fifo", "", workspace.CodeNotRegular},
		{"tofifo", "", workspace.CodeNotRegular},
		{"s", "", workspace.CodeNotRegular},
		{"out", "", workspace.CodeOutside},
		{"abs", "", workspace.CodeOutside},
		{"updown", "", workspace.CodeOutside},
		{"null", "", workspace.CodeOutside},
		{"../x", "", workspace.CodeOutside},
		{"loop", "", workspace.CodeUnreadable},
	}
	for _, tt := range tests {
		t.Run(tt.rel, func(t *testing.T) {
			promptly(t, func() {
				got, err := tree.Read(tt.rel)
				if string(got) != tt.want || fault.CodeOf(err) != tt.code {
					t.Errorf("Read = %.40q, %v (code %q), want %.40q, code %q", got, err, fault.CodeOf(err), tt.want, tt.code)
				}
				if err != nil && !strings.Contains(err.Error(), `"`) {
					t.Errorf("the path is not quoted in %q", err)
				}
			})
		})
	}
}

func TestReadToChange(t *testing.T) {
	dir := plant(t, map[string]string{"a.txt": strings.Repeat("x", 100), "b.bin": "\x00"})
	must(t, os.Chmod(filepath.Join(dir, "a.txt"), 0o640))
	tree := open(t, dir)
	data, mode, err := tree.ReadToChange("a.txt", 100)
	if err != nil || len(data) != 100 || mode != 0o640 {
		t.Errorf("ReadToChange = %d bytes, %o, %v", len(data), mode, err)
	}
	for rel, code := range map[string]string{"none": workspace.CodeAbsent, "b.bin": workspace.CodeBinary, "../x": workspace.CodeOutside, ".": workspace.CodeNotRegular} {
		if _, _, err := tree.ReadToChange(rel, 100); fault.CodeOf(err) != code {
			t.Errorf("ReadToChange(%s) = %v, want code %s", rel, err, code)
		}
	}
	if _, _, err := tree.ReadToChange("a.txt", 99); fault.CodeOf(err) != workspace.CodeTooBig {
		t.Errorf("ReadToChange over its limit = %v", err)
	}
}

func TestReadOutside(t *testing.T) {
	dir := plant(t, map[string]string{"a.txt": "hello", "b.bin": "\x00"})
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	for name, code := range map[string]string{"a.txt": "", "b.bin": workspace.CodeBinary, "fifo": workspace.CodeNotRegular, "none": workspace.CodeAbsent, ".": workspace.CodeNotRegular} {
		promptly(t, func() {
			if _, err := workspace.ReadOutside(filepath.Join(dir, name)); fault.CodeOf(err) != code {
				t.Errorf("ReadOutside(%s) = %v, want code %q", name, err, code)
			}
		})
	}
	promptly(t, func() {
		if _, err := workspace.ReadOutside("/dev/zero"); fault.CodeOf(err) != workspace.CodeNotRegular {
			t.Errorf("ReadOutside(/dev/zero) = %v", err)
		}
	})
}

func TestHead(t *testing.T) {
	tree := open(t, plant(t, map[string]string{"a.txt": "hello", "e": ""}))
	for name, want := range map[string]string{"a.txt": "hel", "e": ""} {
		buf := make([]byte, 3)
		if n, err := tree.Head(name, buf); err != nil || string(buf[:n]) != want {
			t.Errorf("Head(%s) = %q, %v", name, buf[:n], err)
		}
	}
	if _, err := tree.Head("none", make([]byte, 1)); fault.CodeOf(err) != workspace.CodeAbsent {
		t.Errorf("Head(none) = %v", err)
	}
}

func TestKindAndTarget(t *testing.T) {
	dir := plant(t, map[string]string{".env": "x", "sub/": ""})
	must(t, os.Symlink(".env", filepath.Join(dir, "notes.txt")))
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "out")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	tree := open(t, dir)
	for rel, want := range map[string]string{".env": "file", "notes.txt": "file", "sub": "folder", "fifo": "other", "out": "", "none": ""} {
		if got := tree.Kind(rel); got != want {
			t.Errorf("Kind(%s) = %q, want %q", rel, got, want)
		}
	}
	for rel, want := range map[string]string{".env": ".env", "notes.txt": ".env", "out": "out", "none": "none"} {
		if got := tree.Target(rel); got != want {
			t.Errorf("Target(%s) = %q, want %q", rel, got, want)
		}
	}
}

func TestStateDir(t *testing.T) {
	tree := open(t, plant(t, map[string]string{"a": ""}))
	for range 2 {
		dir, err := workspace.StateDir(tree)
		must(t, err)
		if dir != filepath.Join(tree.Root(), ".cf") {
			t.Errorf("StateDir = %q", dir)
		}
		info, err := os.Stat(dir)
		must(t, err)
		if info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("mode = %v", info.Mode())
		}
		ignore, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
		must(t, err)
		if diff := cmp.Diff("*", strings.Split(string(ignore), "\n")[1]); diff != "" {
			t.Error(diff)
		}
	}
}

func TestStateDirRefuses(t *testing.T) {
	outside := plant(t, nil)
	for name, make := range map[string]func(dir string) error{
		"file": func(dir string) error { return os.WriteFile(filepath.Join(dir, ".cf"), nil, 0o600) },
		"link": func(dir string) error { return os.Symlink(outside, filepath.Join(dir, ".cf")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := plant(t, nil)
			must(t, make(dir))
			if _, err := workspace.StateDir(open(t, dir)); fault.CodeOf(err) != workspace.CodeNoState {
				t.Errorf("StateDir = %v", err)
			}
			if left, _ := os.ReadDir(outside); len(left) != 0 {
				t.Error("wrote through the link")
			}
		})
	}
}

func TestOpenAbsent(t *testing.T) {
	_, err := workspace.Open(filepath.Join(t.TempDir(), "none"))
	if fault.CodeOf(err) != workspace.CodeAbsent || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open = %v", err)
	}
}
