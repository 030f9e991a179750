package guard

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// feed gives text to f in pieces of n bytes.
func feed(text string, n int, f func(string)) {
	for len(text) > 0 {
		k := min(n, len(text))
		f(text[:k])
		text = text[k:]
	}
}

func TestRunesJoinsWhatWasSplitAnywhere(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"plain", "plain"},
		{"aä€😀z", "aä€😀z"},
		{"a\xffb", "a\uFFFDb"},
		{"cut \xe2\x82", "cut \uFFFD\uFFFD"},
		{"\xf0\x9f\x98x", "\uFFFD\uFFFD\uFFFDx"},
		{"", ""},
	} {
		for n := 1; n <= 5; n++ {
			var r Runes
			var got strings.Builder
			feed(test.in, n, func(p string) {
				out := r.Add(p)
				if !utf8.ValidString(out) {
					t.Errorf("%q is not UTF-8", out)
				}
				got.WriteString(out)
			})
			got.WriteString(r.End())
			if got.String() != test.want {
				t.Errorf("%q in pieces of %d: got %q, want %q", test.in, n, got.String(), test.want)
			}
		}
	}
}

func TestThinkSplitsAlikeHoweverItIsCut(t *testing.T) {
	for _, test := range []struct{ in, thought, text string }{
		{"just text", "", "just text"},
		{"<think>why</think>\n\nso", "why", "so"},
		{"\n <think>\nwhy\n</think>so <think>", "\nwhy\n", "so <think>"},
		{"<thinking>a</thinking>b", "a", "b"},
		{"<think>one</think>\n<think>two</think>x", "onetwo", "x"},
		{"<think>never closed </thin", "never closed </thin", ""},
		{"<thin", "", "<thin"},
		{"<table>", "", "<table>"},
		{"use <think> tags </think>", "", "use <think> tags </think>"},
		{"  two spaces", "", "  two spaces"},
		{"<think></think>", "", ""},
		{" ", "", " "},
	} {
		for n := 1; n <= len(test.in); n++ {
			var k Think
			var thought, text strings.Builder
			feed(test.in, n, func(p string) {
				a, b := k.Add(p)
				thought.WriteString(a)
				text.WriteString(b)
			})
			a, b := k.End()
			if got := thought.String() + a; got != test.thought {
				t.Errorf("%q in pieces of %d: thought %q, want %q", test.in, n, got, test.thought)
			}
			if got := text.String() + b; got != test.text {
				t.Errorf("%q in pieces of %d: text %q, want %q", test.in, n, got, test.text)
			}
		}
	}
}

func TestThinkOpenedByThePrompt(t *testing.T) {
	for prompt, want := range map[string]bool{"...assistant\n<think>\n": true, "<thinking>": true, "<think>\n\n</think>\n\n": false, "": false} {
		if Opens(prompt) != want {
			t.Errorf("%q: got %v", prompt, !want)
		}
	}
	var k Think
	k.Open()
	thought, text := k.Add("why</think>\n\nso")
	if thought != "why" || text != "so" {
		t.Errorf("got %q, %q", thought, text)
	}
}

func TestOrphan(t *testing.T) {
	for _, test := range []struct {
		in, thought, rest string
		ok                bool
	}{
		{"I wonder.</think>\n\nThe answer.", "I wonder.", "The answer.", true},
		{"I wonder.\n</thinking>The answer.", "I wonder.\n", "The answer.", true},
		{"I wonder.</think>", "I wonder.", "", true},
		{"The tag <think> is closed by </think>.", "", "", false},
		{"It ends with `</think>`.", "", "", false},
		{`It ends with "</think>".`, "", "", false},
		{"plain </thin", "", "", false},
	} {
		thought, rest, ok := Orphan(test.in)
		if thought != test.thought || rest != test.rest || ok != test.ok {
			t.Errorf("%q: got %q, %q, %v", test.in, thought, rest, ok)
		}
	}
}

func TestLoopFindsPeriods(t *testing.T) {
	for period := 1; period <= 64; period++ {
		var words, lines strings.Builder
		for i := range period {
			fmt.Fprintf(&words, "word%c%c ", 'a'+i%26, 'a'+i/26)
			fmt.Fprintf(&lines, "%s line %c%c of this text\n", strings.Repeat("x y z ", 30), 'a'+i%26, 'a'+i/26)
		}
		for kind, unit := range map[string]string{"words": words.String(), "lines": lines.String()} {
			l := NewLoop()
			found := l.Add("An answer that starts well. ")
			for i := 0; i < 200 && !found; i++ {
				found = l.Add(unit)
			}
			if !found {
				t.Errorf("a period of %d %s went unnoticed", period, kind)
			}
		}
	}
	for _, unit := range []string{" ", "\n", "\t", "a", "abc", "\n ", "0", "}", "<|x|>", "は"} {
		if !NewLoop().Add(strings.Repeat(unit, 4000)) {
			t.Errorf("%q for ever went unnoticed", unit)
		}
	}
}

func TestLoopLeavesRealTextAlone(t *testing.T) {
	texts := map[string]string{
		"table rule":  "| a | b |\n|" + strings.Repeat("-", 120) + "|" + strings.Repeat("-", 60) + "|\n",
		"empty cells": strings.Repeat("| | | | |\n", 10),
		"braces":      strings.Repeat("\t}\n", 12) + "}\n",
		"zeros":       "var table = [64]byte{" + strings.Repeat("0, ", 64) + "}\n",
		"indented":    strings.Repeat(strings.Repeat(" ", 60)+"x\n", 6),
		"numbered":    numbered(200),
		"matrix":      strings.Repeat("1 0 0 1 0\n0 1 1 0 1\n", 8),
		"dots":        "and so on " + strings.Repeat(".", 100),
	}
	sources, err := filepath.Glob("../*/*.go")
	if err != nil || len(sources) < 10 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, path := range sources {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(data)
	}
	for name, text := range texts {
		if NewLoop().Add(text) {
			t.Errorf("%s counts as a loop", name)
		}
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "| %d | row %d | ok |\n", i, i*i)
	}
	return b.String()
}
