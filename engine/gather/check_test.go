package gather

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// TestCheck finds what Gather would refuse, with the same hints.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": "package main", ".env": "TOKEN=x", "bin.dat": "a\x00b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := workspace.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for context, code := range map[string]string{
		"text": "", "@main.go": "", "@.": "", "@@text": "", "@man.go": CodeAbsent, "@.env": CodeSecret, "@bin.dat": CodeUnfit,
	} {
		err := Check(t.Context(), tree, []string{"first", context})
		if fault.CodeOf(err) != code || (err == nil) != (code == "") {
			t.Errorf("%s: %v", context, err)
		}
		if code == CodeAbsent && !strings.Contains(strings.Join(fault.HintsOf(err), " "), "main.go") {
			t.Errorf("no hint at main.go: %v", fault.HintsOf(err))
		}
	}
}
