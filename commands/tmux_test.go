package commands

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/llm/llmtest"
)

// TestInteractiveInTmux holds a session of the real program on a real terminal:
// with a scripted server, and once with the real server and the real model.
func TestInteractiveInTmux(t *testing.T) {
	t.Run("scripted", func(t *testing.T) {
		s := llmtest.NewFaultServer(t, llmtest.Sound())
		holdSession(t, s.URL, "supervisor", 20*time.Second)
	})
	t.Run("real", func(t *testing.T) {
		holdSession(t, llmtest.RealServer(t), "", 6*time.Minute)
	})
}

// holdSession walks through a session: sections fill, the window changes, a
// question follows, a turn is cancelled, the session is left and opened again.
// said is a word that every answer holds.
func holdSession(t *testing.T, url, said string, patience time.Duration) {
	x := startTerminal(t, url, patience)
	x.keys(`cf ultrathink "design a job queue with retries"`, "Enter")
	x.until("the first section", func(s string) bool {
		return strings.Contains(s, "◐ Reasoning") || strings.Contains(s, "● Reasoning")
	})
	x.run("resize-window", "-x", "100", "-y", "30") // while it streams
	x.until("all 100 columns are used", func(s string) bool {
		return strings.Contains(s, strings.Repeat("─", 20)) && widest(s) == 100
	})
	x.shows("done in")
	if s := x.screen(); said != "" && !strings.Contains(s, said) {
		t.Errorf("no %q on the screen:\n%s", said, s)
	}
	x.run("resize-window", "-x", "80", "-y", "24")
	x.until("80 columns again", func(s string) bool { return widest(s) == 80 })

	x.keys("C-z")
	x.shows("Stopped")
	x.state("alternate=0 cursor=1 mouse=00")
	x.keys("fg", "Enter")
	x.shows("a follow-up question")
	x.state("alternate=1 cursor=0 mouse=11")

	x.keys("which part fails first?", "Enter")
	x.shows("› which part fails first?")
	x.until("the end of the second turn", func(s string) bool {
		_, after, ok := strings.Cut(s, "› which part fails first?")
		return ok && strings.Contains(after, "done in")
	})
	x.keys("C-c") // idle: leaves
	x.shows("(go on with: cf ultrathink --session ")
	x.state("alternate=0 cursor=1 mouse=00")

	x.keys("clear; cf ultrathink --continue", "Enter")
	x.shows("design a job queue")
	x.shows("a follow-up question")
	x.keys("and then?", "Enter", "C-c")
	x.until("the turn ends", func(s string) bool { return strings.Contains(s, "cancelled after") || strings.Contains(s, "done in") })
	x.keys("C-d")
	x.shows("(go on with: cf ultrathink --session ")
	x.state("alternate=0 cursor=1 mouse=00")

	kept, err := session.Open(x.dir).Latest()
	if err != nil || len(kept.Turns) < 2 || kept.Turns[1].Task != "which part fails first?" {
		t.Errorf("the session was not stored: %v, %+v", err, kept)
	}
}

// terminal is a shell in tmux whose cf is this test binary (TestMain).
type terminal struct {
	t           *testing.T
	socket, dir string
	patience    time.Duration
}

func startTerminal(t *testing.T, url string, patience time.Duration) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CF_TEST_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skip("tmux is not installed: make test installs it")
	}
	home, bin := t.TempDir(), t.TempDir()
	x := &terminal{t: t, socket: filepath.Join(bin, "tmux.sock"), dir: filepath.Join(home, "project"), patience: patience}
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(bin, "cf"))
	}
	if err == nil {
		err = os.MkdirAll(x.dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(x.dir, "queue.go"), []byte("package queue\n\n// Queue is a FIFO of jobs.\ntype Queue struct{ jobs []string }\n"), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	shell := exec.Command("tmux", "-u", "-S", x.socket, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-c", x.dir, "exec sh")
	shell.Env = []string{
		"PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + home, "OLLAMA_HOST=" + url, "CF_MODEL=" + llmtest.RealModel,
		"CF_MAX_TOKENS=32", "CF_CONTEXT_MAX=8192", "LANG=C.UTF-8", "TERM=screen-256color", "PS1=$ ",
	}
	if out, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("tmux: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", x.socket, "kill-server").Run() })
	x.run("set", "-g", "window-size", "manual")
	return x
}

func (x *terminal) run(args ...string) string {
	x.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-u", "-S", x.socket}, args...)...).CombinedOutput()
	if err != nil {
		x.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func (x *terminal) keys(keys ...string) {
	x.t.Helper()
	x.run(append([]string{"send-keys"}, keys...)...)
}

func (x *terminal) screen() string { return x.run("capture-pane", "-p") }

// until waits for the screen to be as wanted. A terminal tells nobody when it
// has drawn, so this looks again and again.
func (x *terminal) until(what string, ok func(screen string) bool) {
	x.t.Helper()
	for deadline := time.Now().Add(x.patience); ; time.Sleep(50 * time.Millisecond) {
		s := x.screen()
		if ok(s) {
			return
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("never came: %s. The screen:\n%s", what, s)
		}
	}
}

func (x *terminal) shows(text string) {
	x.t.Helper()
	x.until(text, func(s string) bool { return strings.Contains(s, text) })
}

// state wants the terminal as a shell needs it.
func (x *terminal) state(want string) {
	x.t.Helper()
	got := strings.TrimSpace(x.run("display-message", "-p", "alternate=#{alternate_on} cursor=#{cursor_flag} mouse=#{mouse_any_flag}#{mouse_button_flag}"))
	if got != want {
		x.t.Errorf("terminal state %q, want %q", got, want)
	}
}

// widest is the columns of the longest row.
func widest(screen string) int {
	n := 0
	for row := range strings.SplitSeq(screen, "\n") {
		n = max(n, len([]rune(row)))
	}
	return n
}
