package commands

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/workspace"
)

// TestRememberOnlyTells: a change that landed stays landed where nothing can be kept.
func TestRememberOnlyTells(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	if err := os.WriteFile(state, nil, 0o600); err != nil { // where a folder should be
		t.Fatal(err)
	}
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	answers := []engine.Example{{Task: engine.Task{Path: "a.go", Language: "go", Instructions: "count them"}, Code: "func Count() {}"}}
	for state, want := range map[string]string{
		state:                      "nothing was kept as an example: ",
		filepath.Join(dir, "good"): "",
		"":                         "", // no place for it: no memory
	} {
		var out, told bytes.Buffer
		a := &App{Env: &Env{
			Stdout: &out, Stderr: &told, Getenv: func(string) string { return "" }, Now: time.Now, Dir: dir, Paths: Paths{State: state},
		}}
		m := a.openMemory(tree)
		a.remember(t.Context(), m, answers)
		a.close()
		if got := told.String(); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("state %q: told %q, want %q", state, got, want)
		}
		if (m == nil) != (state == "") {
			t.Errorf("state %q: memory %v", state, m)
		}
		if m == nil || want != "" {
			continue
		}
		near, err := m.Near(t.Context(), engine.Task{Path: "b.go", Language: "go", Instructions: "count them"}, 1)
		if err != nil || len(near) != 1 {
			t.Errorf("%v, %v", near, err)
		}
	}
}
