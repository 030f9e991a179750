package commands

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const smallDiff = "--- a/a.json\n+++ b/a.json\n@@ -1 +1 @@\n-[1]\n+[2]\n"

// plantProject makes a project of one file and a diff of it, and returns the
// project's folder, the diff and an environment with a home of its own.
func plantProject(t *testing.T) (dir, diff string, env []string) {
	t.Helper()
	top := t.TempDir()
	dir, diff = filepath.Join(top, "p"), filepath.Join(top, "small.diff")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.Mkdir(filepath.Join(top, "tmp"), 0o700),
		os.WriteFile(filepath.Join(dir, "a.json"), []byte("[1]\n"), 0o644), os.WriteFile(diff, []byte(smallDiff), 0o644)); err != nil {
		t.Fatal(err)
	}
	return dir, diff, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(top, "home"), "TMPDIR=" + filepath.Join(top, "tmp")}
}

func treeText(t *testing.T, dir string) string {
	t.Helper()
	text, err := treeOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestSignalsDuringChecksChangeNothing sends real signals while a check runs in
// the sandbox: the tree is as it was, no process and no temporary file is left.
func TestSignalsDuringChecksChangeNothing(t *testing.T) {
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		for _, verb := range []string{"apply", "validate"} {
			t.Run(verb+" "+sig.String(), func(t *testing.T) {
				dir, diff, env := plantProject(t)
				before := treeText(t, dir)
				// The seconds make the program one that can be told from others.
				nap := "61." + strconv.Itoa(os.Getpid()) + strconv.Itoa(int(sig)) + verb[:1]
				nap = strings.NewReplacer("a", "1", "v", "2").Replace(nap)
				args := []string{verb, "--json", "--test", "sleep " + nap}
				if verb == "apply" {
					args = append(args, diff)
				}
				cmd := asCF(t, env, args...)
				cmd.Dir = dir
				var errs bytes.Buffer
				cmd.Stderr = &errs
				stdout, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				var out bytes.Buffer
				lines := bufio.NewScanner(stdout)
				for lines.Scan() {
					out.WriteString(lines.Text() + "\n")
					if strings.Contains(lines.Text(), `"id":"check.test"`) {
						break
					}
				}
				waitFor(t, "the program to run", func() bool { return running(t, nap) })
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				for lines.Scan() {
					out.WriteString(lines.Text() + "\n")
				}
				if code := exitCodeOf(t, cmd.Wait()); code != want {
					t.Errorf("exit code %d, want %d; stderr %s", code, want, errs.String())
				}
				if err := checkLines(out.Bytes(), want); err != nil {
					t.Errorf("%v in %s", err, out.String())
				}
				if after := treeText(t, dir); after != before {
					t.Errorf("the tree changed:\n%s\nwas\n%s", after, before)
				}
				waitFor(t, "the program to end", func() bool { return !running(t, nap) })
				if left, _ := os.ReadDir(filepath.Join(filepath.Dir(dir), "tmp")); len(left) > 0 {
					t.Errorf("left in the folder for temporary files: %v", left)
				}
			})
		}
	}
}

// running tells whether a process has arg on its command line.
func running(t *testing.T, arg string) bool {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, _ := os.ReadFile(name) // gone meanwhile: not running
		words := strings.Split(string(text), "\x00")
		if len(words) > 1 && filepath.Base(words[0]) == "sleep" && words[1] == arg {
			return true
		}
	}
	return false
}

// waitFor looks until ok: nobody tells when a process has begun or ended.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestAFullDiskLosesNothing lands a diff in a project, and with a state folder,
// on a file system with no room: exit code 1, and every byte is as it was.
func TestAFullDiskLosesNothing(t *testing.T) {
	for _, full := range []string{"p", "home/.local/state"} {
		t.Run(full, func(t *testing.T) {
			dir, diff, env := plantProject(t)
			big := "--- /dev/null\n+++ b/big.json\n@@ -0,0 +1,20001 @@\n+[\n" + strings.Repeat("+1234567890,\n", 19999) + "+1]\n"
			if err := os.WriteFile(diff, []byte(smallDiff+big), 0o644); err != nil {
				t.Fatal(err)
			}
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			// In a name space of its own, where this user may mount.
			script := `set -e
top=$1; full=$2; cf=$3; diff=$4
mkdir -p "$top/$full"
mount -t tmpfs -o size=96k tmpfs "$top/$full"
[ "$full" = p ] || head -c 1M /dev/zero > "$top/$full/fill" 2>/dev/null || true
printf '[1]\n' > "$top/p/a.json"
cd "$top/p"
set +e
bash -c 'exec -a cf "$0" apply "$1" --no-sandbox' "$cf" "$diff"
code=$?
echo "code $code"
cat a.json
ls
`
			cmd := exec.Command("bash", "-c", script, "bash", filepath.Dir(dir), full, self, diff)
			cmd.Env = env
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, want := range []string{"cf: error: ", "code 1\n[1]\na.json\n"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
}

// TestAReadOnlyFolderIsLeftAlone runs cf as somebody who may read the project and
// not write it.
func TestAReadOnlyFolderIsLeftAlone(t *testing.T) {
	dir, diff, env := plantProject(t)
	cmd := asCF(t, env, "apply", diff)
	cmd.Dir = dir
	if os.Geteuid() == 0 { // root may write everywhere: be nobody
		const nobody = 65534
		top := filepath.Dir(dir)
		for at := top; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
			if err := os.Chmod(at, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		home := filepath.Join(top, "home")
		if err := errors.Join(os.Mkdir(home, 0o700), os.Chown(home, nobody, nobody), os.Chown(filepath.Join(top, "tmp"), nobody, nobody)); err != nil {
			t.Fatal(err)
		}
		self, err := os.ReadFile(cmd.Path)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Path = filepath.Join(top, "cf") // the test binary lies where nobody may not look
		if err := os.WriteFile(cmd.Path, self, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) }) // so that it can be removed
	before := treeText(t, dir)
	out, err := cmd.CombinedOutput()
	if code := exitCodeOf(t, err); code != 1 {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if !strings.Contains(string(out), "cf: error: ") || treeText(t, dir) != before {
		t.Errorf("%s\nthe tree changed: %v", out, treeText(t, dir) != before)
	}
}
