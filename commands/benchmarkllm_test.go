package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/llm/llmtest"
)

// TestBenchmarkLLM: the model that every verb would ask is measured, and the page draws
// how long it takes.
func TestBenchmarkLLM(t *testing.T) {
	s := llmtest.NewFaultServer(t, llmtest.Answers(llmtest.Answer{Text: "It restarts."}))
	env := testEnv(t, map[string]string{"CF_HOST": s.URL})
	env.Dir = t.TempDir()
	code, out, errs := try(env, quiet, "benchmark", "llm", "--quick", "--report-dir", "out")
	if code != 0 || !strings.Contains(out, "tokens a second") || !strings.Contains(out, "loads of the model between calls: 0, goal 0") {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	page, err := os.ReadFile(filepath.Join(env.Dir, "out", "report.html"))
	if err != nil || !strings.Contains(string(page), "Latency by percentile") {
		t.Errorf("the page draws no latencies (%v)", err)
	}
}
