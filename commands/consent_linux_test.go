package commands

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestATerminalIsAsked: where a person sits, what cf would refuse in a pipe is a
// question, and anything but yes changes nothing.
func TestATerminalIsAsked(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CF_TEST_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip("git is not installed")
	}
	dirty := func(t *testing.T, dir string, env []string) {
		for _, args := range [][]string{{"init", "-q"}, {"add", "a.json"}, {"-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-qm", "x"}} {
			git := exec.Command("git", args...)
			git.Dir, git.Env = dir, env
			if out, err := git.CombinedOutput(); err != nil {
				t.Fatalf("git %q: %v\n%s", args, err, out)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "a.json"), []byte("[1]\n[2]\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const (
		dirtyDiff = "--- a/a.json\n+++ b/a.json\n@@ -1,2 +1 @@\n [1]\n-[2]\n"
		modeDiff  = "diff --git a/a.json b/a.json\nold mode 100644\nnew mode 100755\n"
	)
	for _, tt := range []struct {
		name, diff, answer string
		dirty              bool
		question           string
		code               int
	}{
		{"edits, yes", dirtyDiff, "y\n", true, "change files with uncommitted edits: a.json (modified)? [y/N]", 0},
		{"edits, no", dirtyDiff, "\n", true, "change files with uncommitted edits: a.json (modified)? [y/N]", 4},
		{"a program, yes", modeDiff, "yes\n", false, "Go on? [y/N]", 0},
		{"a program, no", modeDiff, "maybe\n", false, "Go on? [y/N]", 64},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, diff, env := plantProject(t)
			if tt.dirty {
				dirty(t, dir, env)
			}
			if err := os.WriteFile(diff, []byte(tt.diff), 0o644); err != nil {
				t.Fatal(err)
			}
			before := treeText(t, dir)
			cmd := asCF(t, append(env, "TERM=xterm-256color"), "apply", diff)
			cmd.Dir = dir
			terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 200})
			if err != nil {
				t.Fatal(err)
			}
			defer terminal.Close()
			var seen strings.Builder
			buf := make([]byte, 4096)
			for !strings.Contains(seen.String(), "[y/N]") {
				n, err := terminal.Read(buf)
				seen.Write(buf[:n])
				if err != nil {
					t.Fatalf("%v; %q", err, seen.String())
				}
			}
			_, err = io.WriteString(terminal, tt.answer)
			rest, _ := io.ReadAll(terminal) // ends with EIO when cf is gone
			seen.Write(rest)
			if code := exitCodeOf(t, errors.Join(err, cmd.Wait())); code != tt.code {
				t.Errorf("exit code %d, want %d: %s", code, tt.code, seen.String())
			}
			if !strings.Contains(seen.String(), tt.question) {
				t.Errorf("no %q in %q", tt.question, seen.String())
			}
			if changed := treeText(t, dir) != before; changed != (tt.code == 0) {
				t.Errorf("the tree changed: %v", changed)
			}
		})
	}
}
