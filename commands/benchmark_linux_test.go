package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInterruptedBenchmark: Ctrl-C ends a benchmark with 130, leaves no process, and a
// report of what was measured until then.
func TestInterruptedBenchmark(t *testing.T) {
	const mark = "0.0123456"
	cmd := asCF(t, []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, "benchmark", "--cmd", "sleep "+mark, "--vs", "sleep 0.02", "--report-dir", "out", "--json")
	interrupted(t, cmd, until(`"done":9,`))
	for name, want := range map[string]string{"report.html": "stopped before its end", "report.md": "Stopped before its end", "report.json": `"stopped": true`} {
		text, err := os.ReadFile(filepath.Join(cmd.Dir, "out", name))
		if err != nil || !strings.Contains(string(text), want) || !strings.Contains(string(text), "sleep 0.02") {
			t.Errorf("%s says nothing of %q (%v)", name, want, err)
		}
	}
	if running(t, mark) {
		t.Error("a program is left running")
	}
}
