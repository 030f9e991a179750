package commands

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// asCF returns a command that runs this test binary as cf (TestMain), with
// nothing but the given variables.
func asCF(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &exec.Cmd{Path: self, Args: append([]string{"cf"}, args...), Dir: t.TempDir(), Env: env}
}

func exitCodeOf(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// slowTool makes a folder with a program git that tells by a fifo that it runs
// and never answers.
func slowTool(t *testing.T) (dir, started string) {
	t.Helper()
	dir = t.TempDir()
	started = filepath.Join(dir, "started")
	script := "#!/bin/sh\necho > " + started + "\nexec /bin/sleep 60\n"
	if err := errors.Join(syscall.Mkfifo(started, 0o600), os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o700)); err != nil {
		t.Fatal(err)
	}
	return dir, started
}

// TestSignalsEndTheProcess sends real signals while a program is being asked.
func TestSignalsEndTheProcess(t *testing.T) {
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		for _, args := range [][]string{{"status"}, {"status", "--json"}} {
			dir, started := slowTool(t)
			cmd := asCF(t, []string{"PATH=" + dir, "OLLAMA_HOST=127.0.0.1:1"}, args...)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.ReadFile(started); err != nil { // waits for the program
				t.Fatal(err)
			}
			sent := time.Now()
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if code := exitCodeOf(t, cmd.Wait()); code != want {
				t.Errorf("%v: exit code %d, want %d; stderr %s", sig, code, want, errs.String())
			}
			if took := time.Since(sent); took > time.Second {
				t.Errorf("%v: it took %s to end", sig, took)
			}
			if len(args) == 2 {
				if err := checkLines(out.Bytes(), want); err != nil {
					t.Errorf("%v: %v in %s", sig, err, out.String())
				}
			}
		}
	}
}

// TestTheSecondSignalEndsAtOnce: whatever the first one's clean-up is doing.
func TestTheSecondSignalEndsAtOnce(t *testing.T) {
	for _, args := range [][]string{{"stuck"}, {"stuck", "--json"}} {
		cmd := asCF(t, []string{"HOME=" + t.TempDir()}, args...)
		cmd.Args[0] = "stuckcf"
		var out bytes.Buffer
		cmd.Stdout = &out
		errs, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		says := bufio.NewScanner(errs)
		for _, word := range []string{"works", "cleans up"} {
			if !says.Scan() || says.Text() != word {
				t.Fatalf("%q, want %q", says.Text(), word)
			}
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
		second := time.Now()
		if code := exitCodeOf(t, cmd.Wait()); code != 130 || time.Since(second) > time.Second {
			t.Errorf("%v: exit code %d after %s", args, code, time.Since(second))
		}
		if len(args) == 2 {
			if err := checkLines(out.Bytes(), 130); err != nil {
				t.Errorf("%v in %q", err, out.String())
			}
		}
	}
}

// TestAReaderThatGoesAway closes the pipe before cf writes.
func TestAReaderThatGoesAway(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := asCF(t, nil, "config", "list")
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &errs
	r.Close()
	err = cmd.Run()
	w.Close()
	if code := exitCodeOf(t, err); code != 1 || errs.Len() > 0 {
		t.Errorf("exit code %d, stderr %q", code, errs.String())
	}
}

// TestNothingIsAskedOfTheTerminal runs cf on a terminal that never answers: an
// escape sequence at start would show, and waiting for a reply would take long.
func TestNothingIsAskedOfTheTerminal(t *testing.T) {
	for _, args := range [][]string{{"--version"}, {"--help"}, {"version"}, {"config", "list"}, {"nope"}} {
		cmd := asCF(t, []string{"TERM=xterm-256color", "HOME=" + t.TempDir()}, args...)
		begin := time.Now()
		terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
		if err != nil {
			t.Fatal(err)
		}
		out, _ := io.ReadAll(terminal) // ends with EIO when cf is gone
		err = cmd.Wait()
		terminal.Close()
		if strings.Contains(string(out), "\x1b") || len(out) == 0 {
			t.Errorf("cf %v (%v) wrote %q", args, err, out)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("cf %v took %s", args, took)
		}
	}
}
