package main

import (
	"slices"
	"testing"
)

func TestSplitReadsTheGuidesSyntax(t *testing.T) {
	for line, want := range map[string][]string{
		`cf status`:                              {"cf", "status"},
		`cf ultrathink "a, b" --context "x + y"`: {"cf", "ultrathink", "a, b", "--context", "x + y"},
		`cf implement file.ex --ai-level normal # For simple`: {"cf", "implement", "file.ex", "--ai-level", "normal"},
		`cf custom ""`: {"cf", "custom", ""},
	} {
		got, err := split(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{`cf "open`, `cf a; rm b`, "cf `x`"} {
		if got, err := split(line); err == nil {
			t.Errorf("%s: accepted as %q", line, got)
		}
	}
}

func TestEveryVerbOfTheGuideHasACheck(t *testing.T) {
	lines, err := readLines("../../testdata/guide/commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 65 {
		t.Errorf("%d commands", len(lines))
	}
	for _, line := range lines {
		args, err := split(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if checks[args[1]] == nil {
			t.Errorf("no check for %s", line)
		}
	}
}

// TestCustomWithoutAChange: it counts only with the evidence that it was done before.
func TestCustomWithoutAChange(t *testing.T) {
	const clean = "clean: 0 diagnostics, 9 tests passed; 14 files checked; isolation: bubblewrap; 0.1 s, of which cf 9 ms\n"
	for name, tt := range map[string]struct {
		stdout string
		code   int
		ok     bool
	}{
		"nothing said":        {"", 0, false},
		"checked alone":       {clean, 0, false},
		"there and unchecked": {"15 files as the blocks have them\n", 0, false},
		"there and checked":   {"15 files as the blocks have them\n\n" + clean, 0, true},
		"findings":            {"15 files as the blocks have them\n\n" + clean, 3, false},
		"no file checked":     {"15 files as the blocks have them\n\nclean: 0 diagnostics; 0 files checked\n", 0, false},
	} {
		err := checkCustom(&result{args: []string{"custom", "add metrics"}, stdout: tt.stdout, code: tt.code})
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
