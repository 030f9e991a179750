package tui

import (
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
)

func TestMarkdownRows(t *testing.T) {
	theme := newTheme(nil, func(string) string { return "" }, true)
	var p paragraph
	p.wrap(20)
	for _, r := range "## A heading\nplain **strong** `code`\n**open and\n2 * 3 ** 4 ``\n```go\n# **no** heading\n```\n#no heading\nend" {
		p.append(string(r))
	}
	var got []string
	for i, r := range p.rows {
		got = append(got, ansi.Strip(styled(p.line(i), r.marks, r.first, &theme)))
	}
	want := []string{"A heading", "plain strong", "`code`", "**open and", "2 * 3 ** 4 ``", "```go", "# **no** heading", "```", "#no heading", "end"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := styled("a **b** c", marks{}, true, &theme); s != "a "+theme.strong.Render("b")+" c" {
		t.Errorf("strong is %q", s)
	}
}

// FuzzShowMarkdown: showing a row never fails, never makes it wider, and adds
// nothing but styles.
func FuzzShowMarkdown(f *testing.F) {
	f.Add("a **b** `c` *", "```")
	f.Add("# ", "## x")
	theme := newTheme(nil, func(string) string { return "" }, true)
	f.Fuzz(func(t *testing.T, s, before string) {
		var p paragraph
		p.append(clean(before) + "\n" + clean(s))
		p.wrap(30)
		for i, r := range p.rows {
			line := p.line(i)
			if got := ansi.Strip(styled(line, r.marks, r.first, &theme)); ansi.StringWidth(got) > ansi.StringWidth(line) {
				t.Errorf("%q became %q", line, got)
			}
		}
	})
}
