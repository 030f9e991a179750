package view

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/event"
)

// findings are the events of cf validate and cf apply, as tools give them.
var findings = []event.Event{
	event.Diagnostic{File: "a.go", Line: 5, Column: 2, Severity: "error", Rule: "unused-variable", Message: "declared and not used: x", Checker: "go", Tool: "go build", Source: "\tx := 1"},
	event.Diagnostic{File: "wide.go", Line: 12, Column: 20, Severity: "warning", Rule: "go", Message: "first\nsecond line", Checker: "go", Tool: "go", Source: "\ts := \"日本語\x1b\" + y"},
	event.Diagnostic{File: "b.md", Line: 3, Severity: "warning", Message: "no column", Checker: "markdown", Source: "text"},
	event.Diagnostic{File: "c.c", Line: 1, Column: 99, Severity: "error", Rule: "e", Message: "beyond the end", Checker: "c", Tool: "gcc", Source: "int x;"},
	event.Diagnostic{File: "d", Severity: "error", Message: "no place", Checker: "yaml"},
	event.Test{Name: "pkg.TestX", File: "x_test.go", Line: 9, State: "failed", Output: strings.Repeat("line\n", 41) + "got 1, want 2\n"},
	event.Test{Name: "pkg.TestOld", State: "failed", Before: true},
	event.Test{Name: "pkg.TestF", State: "flaky", Output: "once"},
	event.Gap{Checker: "python", What: "lint", Why: "neither ruff nor pyflakes is installed", Hint: "pip install ruff"},
	event.Gap{File: "x.zig", What: "everything", Why: "no checker knows this kind of file", Blocks: true},
	event.Mismatch{File: "a.go", Hunk: 2, DiffLine: 14, Line: 30, Want: []string{"a", "\tb", "c"}, Have: []string{"a", "    b"}, Why: "x"},
	event.Diff{Path: "a.go", Text: "--- a/a.go\n+++ b/a.go\n@@ -1,2 +1,2 @@\n x\n-y\n+z\x1b[2J\n\\ No newline at end of file\n"},
	event.Changes{Base: "sub", Files: []event.FileChange{
		{Path: "sub/a.go", Action: "change", Added: 3, Removed: 1, Checked: "tested", Lines: 3, Executed: 2, Moves: []event.Move{{Hunk: 1, From: 4, To: 9}}},
		{Path: "sub/n", From: "sub/o", Action: "rename", Checked: "not checked", Why: "no checker knows this kind of file", CRLF: true, Sensitive: "can be run as a program"},
	}},
	event.Checks{
		Tier: "bubblewrap", Tests: true, State: "findings", Diagnostics: 2, TestsPassed: 31, TestsFailed: 1, FilesChecked: 14, FilesNot: 2, Own: 90 * time.Millisecond, Tools: 4 * time.Second,
		Parts: []event.CheckedPart{
			{Checker: "go", Project: "api", Files: 14, State: "findings", Diagnostics: 2, Passed: 31, Failed: 1, Skipped: 1, Ran: []event.Program{
				{Argv: []string{"/usr/bin/go", "vet", "./..."}, Version: "go1.26"}, {Argv: []string{"go", "test", "-json"}, Version: "go1.26"}, {Argv: []string{"gofmt", "-l"}},
			}},
			{Checker: "shell", Project: ".", Files: 1, State: "not checked", Why: "shellcheck is not installed", Hint: "apt-get install shellcheck"},
			{Checker: "json", Project: ".", Files: 3, State: "passed", Cached: true},
		},
	},
	event.Verdict{Why: []string{"1 new diagnostic", "1 failing test"}},
	event.Verdict{Land: true, Mended: 2},
	event.Landed{ID: "1-2", Files: []event.Touch{{Path: "a", Action: "change"}}, Git: "0123456789abcdef0", Notes: []string{"a note"}},
	event.Landed{DryRun: true, Files: []event.Touch{{Path: "a", Action: "change"}, {Path: "b", Action: "create"}}},
	event.Landed{},
	event.Undone{ID: "1-3", Undoes: "1-2", Files: []event.Touch{{Path: "a", Action: "change"}, {Path: "b", Action: "delete"}}},
	event.Undone{DryRun: true, Undoes: "1-2"},
	event.Recovered{ID: "1-4", Title: "Apply x", Files: []string{"a"}, Kept: []string{"b"}, Why: "damaged"},
}

// TestFindingsGolden shows how findings, checks and changes look in a pipe and on
// a narrow terminal.
func TestFindingsGolden(t *testing.T) {
	for name, o := range map[string]PlainOptions{
		"findings-pipe":     {},
		"findings-terminal": {StdoutTTY: true, StderrTTY: true, ColorOut: true, ColorErr: true, Width: 72},
	} {
		out, errs := render(o, findings...)
		got := out + "--- stderr\n" + errs
		golden := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || string(want) != got {
			t.Errorf("%s: %v; got\n%s\nwant\n%s", name, err, got, want)
		}
	}
}

// TestCaret wants the caret under the byte that the column names, whatever stands
// before it, and none where the column is not in the line.
func TestCaret(t *testing.T) {
	for _, tt := range []struct {
		source string
		column int
		want   string // before the caret
	}{
		{"x = 1", 1, ""},
		{"\tx = 1", 2, "\t"},
		{"日本 = 1", 7, "    "},
		{"a\x1bb", 3, "     "},
		{"ab", 3, "  "},
		{"ab", 4, "none"},
		{"ab", 0, "none"},
	} {
		_, caret, found := strings.Cut(sourceText(tt.source, 7, tt.column, false), "\n      | ")
		if want := tt.want + "^\n"; found != (tt.want != "none") || found && caret != want {
			t.Errorf("%q at %d: %q, want %q", tt.source, tt.column, caret, want)
		}
	}
}
