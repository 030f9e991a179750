package markdown_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/markdown"
	"github.com/bitactor/cf/check/source/sourcetest"
	"github.com/bitactor/cf/workspace"
)

func TestCanaries(t *testing.T) { sourcetest.Canaries(t, markdown.New()) }

func TestGoldens(t *testing.T) { sourcetest.Goldens(t, markdown.New(), "testdata") }

func TestMatch(t *testing.T) {
	for name, want := range map[string]bool{"README.md": true, "a/B.MD": true, "a.markdown": true, "md": false, "a.mdx": false, "a.txt": false} {
		if got := markdown.New().Match(name, nil); got != want {
			t.Errorf("Match(%q) = %v", name, got)
		}
	}
}

// TestSlug holds examples seen on GitHub.
func TestSlug(t *testing.T) {
	for heading, want := range map[string]string{
		"Install":                        "install",
		"What it's for?":                 "what-its-for",
		"C++ & Go":                       "c--go",
		"snake_case and kebab-case":      "snake_case-and-kebab-case",
		"Über uns":                       "über-uns",
		"🚀 Start":                        "-start",
		"1.2.3 (2024-01-02)":             "123-2024-01-02",
		"`--flag` and <x>":               "--flag-and-x",
		"日本語 の見出し":                       "日本語-の見出し",
		"tabs\tare removed, spaces  not": "tabsare-removed-spaces--not",
	} {
		if got := markdown.Slug(heading); got != want {
			t.Errorf("slug of %q is %q, want %q", heading, got, want)
		}
	}
}

// TestLinksToWhatChanged: a deleted file and a renamed heading break links in
// files that the change does not touch; their other mistakes are not its own.
func TestLinksToWhatChanged(t *testing.T) {
	files := map[string]string{
		"a.md":     "# A\n\n[b](b.md#old) [c](c.md) [x](absent.md)\n\n```json\n{\n```\n",
		"b.md":     "# Old\n",
		"sub/d.md": "[b](../b.md)\n",
	}
	stage := sourcetest.Stage(t, files, workspace.Change{Path: "b.md", Content: []byte("# New\n")}, workspace.Change{Path: "c.md", Delete: true})
	out, err := markdown.New().Check(t.Context(), check.Target{Stage: stage, Project: ".", Files: []string{"a.md", "b.md", "sub/d.md"}, Changed: []string{"b.md"}})
	if err != nil {
		t.Fatal(err)
	}
	want := "a.md:3:1: error [broken-anchor] b.md has no heading or anchor #old\n" +
		"a.md:3:15: error [broken-link] nothing lies at c.md\n"
	if got := sourcetest.Render(out); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// TestHostileFilesAreBounded gives the parser texts that it needs long for.
func TestHostileFilesAreBounded(t *testing.T) {
	markdown.SetPatience(100 * time.Millisecond)
	t.Cleanup(func() { markdown.SetPatience(10 * time.Second) })
	rep := strings.Repeat
	for _, text := range []string{
		rep(">", 200000), rep("> ", 200000) + "a", rep("- ", 200000) + "a", rep("1. ", 100000) + "a",
		rep("[", 200000), rep("![", 200000), rep("[a](", 200000), rep("[a](<b", 100000), rep("[a][b] ", 100000), rep("[", 100000) + "a" + rep("]", 100000),
		rep("*a_ ", 200000), rep("a**b", 100000) + rep("c* ", 100000), rep("*", 400000), rep("`", 400000),
		rep("a <!-- ", 100000), rep("x <a ", 100000), "<div>" + rep("<a b ", 100000), rep("&a", 200000),
		rep("[a]: b\n", 50000) + rep("[a]\n", 50000), rep("# a\n", 100000), rep("```\n", 100000), rep("a\n=\n", 100000),
	} {
		out := sourcetest.Bounded(t, markdown.New(), 5*time.Second, "a.md", text)
		for _, g := range out.Gaps {
			if !g.Blocks && g.What != "report" {
				t.Errorf("%.20q...: a gap that does not block: %v", text, g)
			}
		}
	}
}

// TestLargeFile is about the size of a long reference manual.
func TestLargeFile(t *testing.T) {
	var b strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&b, "## Section %d\n\nText with [a link](#section-%d), `code` and *words*.\n\n- one\n  - two\n\n", i, (i+7)%4000)
	}
	out := sourcetest.Bounded(t, markdown.New(), 5*time.Second, "manual.md", b.String())
	if got := sourcetest.Render(out); got != "" {
		t.Errorf("got %.300s", got)
	}
}
