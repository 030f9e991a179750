package commands

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/llm/llmtest"
)

// TestDraftValue: the goals under Business Value land as a value.yaml whose open points
// the check names; a second draft does not replace it, and undo takes it back.
func TestDraftValue(t *testing.T) {
	server := llmtest.NewFaultServer(t, llmtest.Answers(
		llmtest.Answer{When: "List the files to write", Text: `{"files":[{"path":"a.json","action":"change","why":"it has to count"}]}`},
		llmtest.Answer{When: "Who gains from this", Text: "Support staff no longer replay lost orders by hand. That saves two people each night."},
		llmtest.Answer{Text: "The count belongs beside the limit, where both files can read it."}))
	dir, _, env := plantProject(t)
	env = append(env, "OLLAMA_HOST="+server.URL)
	if err := os.Mkdir(filepath.Join(dir, ".cf"), 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(want int, args ...string) string {
		t.Helper()
		cmd := asCF(t, env, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if code := exitCodeOf(t, err); code != want {
			t.Fatalf("%v: exit code %d, want %d\n%s", args, code, want, out)
		}
		return string(out)
	}
	name := filepath.Join(dir, "value.yaml")
	run(0, "ultrathink", "keep the orders", "--draft-value", "--dry-run")
	if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a dry run wrote it (%v)", err)
	}
	run(0, "ultrathink", "keep the orders")
	asked := server.Calls()
	run(0, "ultrathink", "--continue", "--draft-value")
	if server.Calls() != asked {
		t.Errorf("the model was asked %d times for a draft of a finished session", server.Calls()-asked)
	}
	draft, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(draft), "Support staff no longer replay lost orders by hand") {
		t.Fatalf("%v\n%s", err, draft)
	}
	open := run(3, "validate", "value.yaml", "--check-business-value")
	for _, want := range []string{`goal-support-staff-no-longer needs "target"`, `goal-that-saves-two-people needs "owner"`, "has no evidence"} {
		if !strings.Contains(open, want) {
			t.Errorf("the check does not name %q:\n%s", want, open)
		}
	}
	if out := run(4, "ultrathink", "again", "--draft-value"); !strings.Contains(out, "never replaces it") || server.Calls() != asked {
		t.Errorf("%s; %d calls", out, server.Calls()-asked)
	}
	run(0, "undo")
	if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("undo left it (%v)", err)
	}
}
