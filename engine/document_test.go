package engine

import (
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
	"github.com/google/go-cmp/cmp"
)

func TestSectionText(t *testing.T) {
	s := section{title: "Use", level: 2}
	g := grounds{dir: "docs", shown: "see https://example.com/real\n", there: func(p string) bool { return p == "docs/a.md" || p == "src/b.go" }}
	for name, test := range map[string]struct {
		reply string
		cut   bool
		want  string
	}{
		"plain":                {"One. Two.\n", false, "One. Two."},
		"its own heading":      {"## Use\n\nOne. Two.", false, "One. Two."},
		"another heading":      {"One.\n\n# More\n\nTwo.", false, "One.\n\n### More\n\nTwo."},
		"in a fence":           {"```markdown\nOne.\n\nTwo.\n```", false, "One.\n\nTwo."},
		"fences stay":          {"One.\n\n```sh\n# a comment\nls\n```\n", false, "One.\n\n```sh\n# a comment\nls\n```"},
		"an open fence":        {"One.\n\n```sh\nls\n", true, "One."},
		"cut":                  {"One is here. Two is there. Three is", true, "One is here. Two is there."},
		"a link to a file":     {"See [a](a.md) and [b](../src/b.go).", false, "See [a](a.md) and [b](../src/b.go)."},
		"a link to nothing":    {"See [a](b.md), ![c](c.png) and [d](#d).", false, "See a, c and d."},
		"an address, shown":    {"See [x](https://example.com/real).", false, "See [x](https://example.com/real)."},
		"an address, made up":  {"See [x](https://example.com/made-up) and <https://example.org>.", false, "See x and https://example.org."},
		"links in fences stay": {"One:\n\n```\n[a](b.md)\n```", false, "One:\n\n```\n[a](b.md)\n```"},
	} {
		if got := sectionText(test.reply, s, test.cut, g); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	if got := g.invented("`a.md`, `src/b.go`, `made/up.go`, `f()` and `made/up.go`"); !cmp.Equal(got, []string{"made/up.go"}) {
		t.Errorf("invented: %q", got)
	}
}

func TestSectionsOf(t *testing.T) {
	source := "intro\n# A\n\n## B #\ntext\n```\n# no heading\n```\n### C\n"
	var got []string
	for _, s := range sectionsOf(source) {
		got = append(got, strings.Repeat("#", s.level)+s.title+"|"+source[s.start:s.end])
	}
	if diff := cmp.Diff([]string{"#A|\n", "##B|text\n```\n# no heading\n```\n", "###C|"}, got); diff != "" {
		t.Error(diff)
	}
}

func sections(replies func(section string, n int) string) *llmtest.Script {
	counts := map[string]int{}
	return &llmtest.Script{Reply: func(_ int, r llm.Request) (string, error) {
		last := r.Messages[len(r.Messages)-1].Content
		_, title, _ := strings.Cut(last, `Write the section "`)
		title, _, _ = strings.Cut(title, `"`)
		counts[title]++
		return replies(title, counts[title]-1), nil
	}}
}

func good(title string) string {
	var words []string
	for _, w := range []string{"limits", "bursts", "waits", "passes", "counts", "ends"} {
		words = append(words, title+w)
	}
	return "It " + strings.Join(words, " ") + ". Later it " + strings.Join(words[1:], " too ") + "."
}

// A new document gets its sections one by one; of a full one only those that are
// empty or named are written, and every other byte stays.
func TestDocument(t *testing.T) {
	full := "# Limits\r\n\r\n## Purpose\r\n\r\nIt limits.\r\n\r\n## Use\r\n\r\n## Rest\r\nEnd.\r\n"
	for name, test := range map[string]struct {
		present string
		request Request
		want    string
		symbols []string
		code    string
	}{
		"new": {"", Request{Path: "docs/limits.md"}, "# Limits\n\n## Purpose\n\n" + good("Purpose") + "\n\n## Structure\n\n" + good("Structure") + "\n\n## Use\n\n" + good("Use") + "\n\n## Limits\n\n" + good("Limits") + "\n", []string{"Purpose", "Structure", "Use", "Limits"}, ""},
		"an outline of one's own": {
			"",
			Request{Path: "docs/x.md", Instructions: "Sections:\n- One\n- Two"},
			"# X\n\n## One\n\n" + good("One") + "\n\n## Two\n\n" + good("Two") + "\n",
			[]string{"One", "Two"},
			"",
		},
		"an empty section": {full, Request{Path: "docs/limits.md"}, strings.Replace(full, "## Use\r\n", "## Use\r\n\r\n"+good("Use")+"\r\n", 1), []string{"Use"}, ""},
		"a named one":      {full, Request{Path: "docs/limits.md", Symbol: "purpose"}, strings.Replace(full, "It limits.", good("Purpose"), 1), []string{"Purpose"}, ""},
		"one in words":     {full, Request{Path: "docs/limits.md", Instructions: "rewrite the purpose"}, strings.Replace(full, "It limits.", good("Purpose"), 1), []string{"Purpose"}, ""},
		"none of the name": {full, Request{Path: "docs/limits.md", Symbol: "Nope"}, "", nil, CodeNoSymbol},
		"nothing is empty": {"# A\n\nText.\n", Request{Path: "docs/limits.md"}, "", nil, CodeNothing},
		"none in words":    {"# A\n\nText.\n", Request{Path: "docs/limits.md", Instructions: "make it nicer"}, "", nil, CodeWhichSymbol},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"limit/limit.go": stub}
			if test.present != "" {
				files["docs/limits.md"] = test.present
			}
			s := sections(func(title string, _ int) string { return good(title) })
			e := engineFor(t, project(t, files), s, &judge{}, 5e8)
			out, err := e.Implement(t.Context(), test.request)
			if fault.CodeOf(err) != test.code {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, string(out.Trial().Set.Changes[0].Content)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.symbols, out.Symbols()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A section without two sentences of its own is asked for again; one with a
// finding is written anew, and only that.
func TestDocumentIsRepaired(t *testing.T) {
	asked := map[string]int{}
	s := sections(func(title string, n int) string {
		asked[title]++
		switch {
		case title == "One" && n == 0:
			return "Sure!"
		case title == "Two" && n == 0:
			return good(title) + "\n\n```json\n{,}\n```"
		}
		return good(title) + strings.Repeat(" Truly.", n)
	})
	j := &judge{shape: func(tr *land.Trial) {
		source := string(tr.Set.Changes[0].Content)
		if at := strings.Index(source, "{,}"); at >= 0 {
			tr.Verdict.Land, tr.Verdict.Why = false, []string{"1 new diagnostic"}
			tr.Verdict.New = []check.Diagnostic{{File: "docs/x.md", Line: strings.Count(source[:at], "\n") + 1, Message: "bad"}}
		}
	}}
	e := engineFor(t, project(t, map[string]string{"limit/limit.go": stub}), s, j, 5e8)
	out, err := e.Implement(t.Context(), Request{Path: "docs/x.md", Instructions: "- One\n- Two", Focus: FocusBoth})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"One": 2, "Two": 2}, asked); diff != "" {
		t.Error(diff)
	}
	if len(out.Candidates) != 2 || out.Candidates[0].Why != "1 new diagnostic" || strings.Contains(out.Candidates[1].Source, "{,}") {
		t.Errorf("%+v", out.Candidates)
	}
	never := sections(func(string, int) string { return "No." })
	e = engineFor(t, project(t, map[string]string{"limit/limit.go": stub}), never, &judge{}, 5e8)
	if _, err := e.Implement(t.Context(), Request{Path: "docs/x.md"}); fault.CodeOf(err) != CodeNoCandidate {
		t.Errorf("got %v", err)
	}
}
