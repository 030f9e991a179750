package workspace_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bitactor/cf/workspace"
)

// TestStampTellsAnEdit rewrites a file with as many bytes and sets its time back,
// as a program that hides an edit would.
func TestStampTellsAnEdit(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.go")
	then := time.Now().Add(-time.Hour)
	write := func(text string) workspace.File {
		t.Helper()
		must(t, os.WriteFile(name, []byte(text), 0o600))
		must(t, os.Chtimes(name, then, then))
		return list(t, dir, workspace.ListOptions{Stamps: true}).Files[0]
	}
	before := write("package a\n")
	if again := list(t, dir, workspace.ListOptions{Stamps: true}).Files[0]; again != before {
		t.Errorf("nothing changed, and %+v became %+v", before, again)
	}
	for deadline := time.Now().Add(5 * time.Second); write("package b\n").Stamp == before.Stamp; { // within one step of the clock they may be equal
		if time.Now().After(deadline) {
			t.Fatalf("an edit left the stamp %+v", before.Stamp)
		}
	}
	if plain := list(t, dir, workspace.ListOptions{}).Files[0]; plain.Stamp != (workspace.Stamp{}) {
		t.Errorf("a stamp that nobody asked for: %+v", plain)
	}
}

func TestStampSettles(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	ago := func(d time.Duration) int64 { return at.Add(-d).UnixNano() }
	tests := []struct {
		name  string
		stamp workspace.Stamp
		want  bool
	}{
		{"old", workspace.Stamp{Modified: ago(time.Hour), Changed: ago(time.Hour)}, true},
		{"just written", workspace.Stamp{Modified: ago(time.Second), Changed: ago(time.Second)}, false},
		{"set back just now", workspace.Stamp{Modified: ago(time.Hour), Changed: ago(time.Second)}, false},
		{"from the future", workspace.Stamp{Modified: ago(-time.Hour), Changed: ago(time.Hour)}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.stamp.Settled(at); got != test.want {
				t.Errorf("Settled = %v, want %v", got, test.want)
			}
		})
	}
}
