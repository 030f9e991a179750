package commands

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInterruptedValidate: Ctrl-C ends a check with 130, leaves no process, and in each
// form a report of what was found until then that says so.
func TestInterruptedValidate(t *testing.T) {
	const mark = "61.0987"
	env := []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	started := func(io.Reader) (string, error) {
		waitFor(t, "the test to run", func() bool { return running(t, mark) })
		return "", nil
	}
	found := func(r io.Reader) (string, error) {
		text, err := readUntil(r, `"done":1,`)
		if err != nil {
			return text, err
		}
		_, err = started(r)
		return text, err
	}
	// The first run keeps what it found, so that the others have it at once.
	for _, form := range []struct {
		name  string
		ready func(io.Reader) (string, error)
		says  []string
	}{
		{"json", found, []string{`"stopped":true`, `"file":"a.json","line":1`}},
		{"sarif", started, []string{`"executionSuccessful": false`, `"ruleId": "json/syntax"`}},
		{"text", started, []string{"stopped before all was checked", "a.json:1:"}},
	} {
		cmd := asCF(t, env, "validate", "--format", form.name, "--test", "sleep "+mark)
		if err := os.WriteFile(filepath.Join(cmd.Dir, "a.json"), []byte("{\"a\": 1,,}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		out, _ := interrupted(t, cmd, form.ready)
		for _, want := range form.says {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s says nothing of %q:\n%s", form.name, want, out)
			}
		}
		if running(t, mark) {
			t.Errorf("%s: the program is left running", form.name)
		}
	}
}
