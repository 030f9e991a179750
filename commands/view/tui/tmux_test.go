package tui

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// tmux is a session of this test binary on a real terminal.
type tmux struct {
	t      *testing.T
	socket string
}

// startTmux runs the driver in tmux at 80 by 24. The pane stays after the
// program ends, so that what it left on the terminal can be seen.
func startTmux(t *testing.T, how string) *tmux {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CF_TEST_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skip("tmux is not installed: make test installs it")
	}
	x := &tmux{t: t, socket: fmt.Sprintf("cf-tui-%d-%s", os.Getpid(), how)}
	shell := fmt.Sprintf("echo before; %s=%s %s; stty -a | grep -o '.echo '; echo AFTER; exec sleep 60", driver, how, os.Args[0])
	x.run("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", shell)
	t.Cleanup(func() { _ = exec.Command("tmux", "-L", x.socket, "kill-server").Run() })
	x.run("set", "-g", "history-limit", "5000")
	return x
}

func (x *tmux) run(args ...string) string {
	x.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-u", "-L", x.socket}, args...)...).CombinedOutput()
	if err != nil {
		x.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func (x *tmux) keys(keys ...string) {
	x.t.Helper()
	x.run(append([]string{"send-keys"}, keys...)...)
}

func (x *tmux) screen() string { return x.run("capture-pane", "-p", "-S", "-") }

// until waits for the screen to be as wanted. A terminal tells nobody when it
// has drawn, so this looks again and again, for 10 s at most.
func (x *tmux) until(what string, ok func(screen string) bool) string {
	x.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		s := x.screen()
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("never came: %s. The screen:\n%s", what, s)
		}
		time.Sleep(30 * time.Millisecond)
	}
}

func (x *tmux) shows(text string) string {
	x.t.Helper()
	return x.until(text, func(s string) bool { return strings.Contains(s, text) })
}

func TestSessionInTmux(t *testing.T) {
	x := startTmux(t, "session")
	x.until("a section while it is open", func(s string) bool { return strings.Contains(s, "◐") })
	x.shows("done in")
	x.shows("context 33% of 8,192")

	x.keys("PPage")
	x.shows("more rows")
	x.keys("C-End")
	x.until("the end", func(s string) bool { return !strings.Contains(s, "more rows") })

	x.keys("and what about ", "bursts?", "Enter")
	x.shows("Answer line 1 to the follow-up.")

	for _, size := range [][2]int{{40, 10}, {20, 5}, {12, 3}, {120, 40}, {80, 24}} {
		x.run("resize-window", "-x", fmt.Sprint(size[0]), "-y", fmt.Sprint(size[1]))
		want := "follow-up"
		if size[0] < minWidth {
			want = "too small"
		}
		x.shows(want)
	}

	x.keys("stream forever", "Enter")
	x.shows("Answer line 5 to the follow-up.")
	x.keys("C-c")
	x.shows("cancelled after")
	x.keys("C-c")
	left := x.shows("driver: left")
	for _, want := range []string{"before", "> design a rate limiter", "## Implementation Plan", "Answer line 5", "session 2026-11-23-rate-limiter"} {
		if !strings.Contains(left, want) {
			t.Errorf("%q is not in the scrollback:\n%s", want, left)
		}
	}
	x.restored()
}

func TestPanicInTmuxRestoresTheTerminal(t *testing.T) {
	x := startTmux(t, "panic")
	x.shows("driver: session: panic: the script says so")
	x.restored()
}

// restored checks that the shell behind the session has its terminal back: the
// main screen with what stood there, echo, the cursor, no mouse.
func (x *tmux) restored() {
	x.t.Helper()
	s := x.shows("AFTER")
	if !strings.Contains(s, " echo") || !strings.Contains(s, "before") {
		x.t.Errorf("the terminal is not as it was:\n%s", s)
	}
	got := strings.TrimSpace(x.run("display-message", "-p", "alternate=#{alternate_on} cursor=#{cursor_flag} mouse=#{mouse_any_flag}#{mouse_button_flag}"))
	if want := "alternate=0 cursor=1 mouse=00"; got != want {
		x.t.Errorf("terminal state %q, want %q", got, want)
	}
}
