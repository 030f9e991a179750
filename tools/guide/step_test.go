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
