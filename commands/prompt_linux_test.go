package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPromptEditOnATerminal: the editor owns the terminal. In a process group of
// its own it would be stopped at its first read, and cf wait for good.
func TestPromptEditOnATerminal(t *testing.T) {
	x := startTerminal(t, "127.0.0.1:1", 20*time.Second)
	home := filepath.Dir(x.dir)
	editor := filepath.Join(home, "editor")
	script := "#!/bin/sh\n[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo \"$1 sees a terminal\"\nread -r words\nprintf '%s\\n' \"$words\" > \"$2\"\n"
	if err := os.WriteFile(editor, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	x.keys("EDITOR='"+editor+" --wait' cf prompt edit system", "Enter")
	x.shows("--wait sees a terminal")
	x.keys("C-z")
	x.until("the shell is back", func(s string) bool {
		return strings.Contains(s, "Stopped") && strings.ContainsAny(strings.TrimSpace(s)[len(strings.TrimSpace(s))-1:], "#$")
	})
	x.keys("fg", "Enter")
	lost := 0
	x.until("the editor is back", func(s string) bool {
		// On a busy machine a key that comes while the shell takes the terminal back is lost.
		if n := strings.Count(s, "not found"); n > lost {
			lost = n
			x.keys("fg", "Enter")
		}
		return strings.Count(s, "cf prompt edit system") == 2
	})
	x.keys("My own words.", "Enter")
	x.until("cf has ended", func(s string) bool {
		return strings.HasSuffix(strings.TrimSpace(s), "\n#") || strings.HasSuffix(strings.TrimSpace(s), "\n$")
	})
	x.keys("echo ended with $?", "Enter")
	x.shows("ended with 0")
	raw, err := os.ReadFile(filepath.Join(home, ".config", "cf", "prompts", "system.md.tmpl"))
	if err != nil || string(raw) != "My own words.\n" {
		t.Errorf("the words are %q, %v", raw, err)
	}

	x.keys("clear; EDITOR='"+editor+" --wait' cf prompt edit system; echo ended with $?", "Enter")
	x.shows("--wait sees a terminal")
	x.keys("{{{{.Broken", "Enter") // {{ in words opens an action
	x.shows("ended with 64")
}
