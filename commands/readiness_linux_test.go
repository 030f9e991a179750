package commands

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestInterruptedReadiness ends the run while a user's command runs: what the quick
// checks found by then is told, and no process is left.
func TestInterruptedReadiness(t *testing.T) {
	const seconds = "61.517" // tells this sleep from others
	cmd := asCF(t, append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir()), "validate", "--readiness", "--json", "--test", "sleep "+seconds)
	for name, text := range map[string]string{".git/HEAD": "ref: refs/heads/main\n", "a.json": "{\n"} {
		full := filepath.Join(cmd.Dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		out.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), `"id":"check.test"`) && strings.Contains(lines.Text(), `"begin"`) {
			runningSleep(t, seconds, true)
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	if code := exitCodeOf(t, cmd.Wait()); code != 130 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{`"rule":"unexpected-end"`, `"type":"checks"`, `"type":"exit","code":130`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
	runningSleep(t, seconds, false)
}

// runningSleep waits until a sleep of so many seconds runs, or none does.
func runningSleep(t *testing.T, seconds string, want bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		running := false
		list, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range list {
			line, err := os.ReadFile(file) // gone meanwhile: it does not run
			running = running || err == nil && bytes.Contains(line, []byte("sleep\x00"+seconds))
		}
		if running == want {
			return
		}
	}
	t.Fatalf("a sleep of %s seconds runs: %t", seconds, !want)
}
