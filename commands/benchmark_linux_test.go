package commands

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestInterruptedBenchmark: Ctrl-C ends a benchmark with 130, leaves no process, and a
// report of what was measured until then.
func TestInterruptedBenchmark(t *testing.T) {
	const mark = "0.0123456"
	cmd := asCF(t, []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, "benchmark", "--cmd", "sleep "+mark, "--vs", "sleep 0.02", "--report-dir", "out", "--json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if written, err := readUntil(out, `"done":9,`); err != nil {
		t.Fatalf("%v: %s%s", err, written, stderr.String())
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(out)
	if code := exitCodeOf(t, cmd.Wait()); code != 130 {
		t.Errorf("exit code %d\n%s", code, stderr.String())
	}
	for name, want := range map[string]string{"report.html": "stopped before its end", "report.md": "Stopped before its end", "report.json": `"stopped": true`} {
		text, err := os.ReadFile(filepath.Join(cmd.Dir, "out", name))
		if err != nil || !strings.Contains(string(text), want) || !strings.Contains(string(text), "sleep 0.02") {
			t.Errorf("%s says nothing of %q (%v)", name, want, err)
		}
	}
	running, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range running {
		if text, _ := os.ReadFile(name); strings.Contains(string(text), "sleep\x00"+mark) {
			t.Errorf("left running: %s %q", name, text)
		}
	}
}
