package guard

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// Tests that exist are protected: where nobody asked for a test by its name, it
// stays as it is, but for its comments and white space. One that was asked for may
// change, yet not check less: it keeps as many assertions and as many literals,
// and it must not be able to pass whatever the code does.

// changed finds what is wrong with a test that is in both versions.
func changed(b, a *versions, s, same syntax.Symbol, named bool) []Finding {
	if was, is := plain(b, s), plain(a, same); was == is {
		return nil
	}
	if was, is := assertions(b.code, s), assertions(a.code, same); is < was {
		return []Finding{{CodeAssertions, same.Line, fmt.Sprintf("%s has %d of %d assertions", s.FullName(), is, was)}}
	}
	if !named {
		return []Finding{{CodeChangedTest, same.Line, s.FullName() + ": nobody asked for this test to change"}}
	}
	if was, is := literals(b, s), literals(a, same); is < was {
		return []Finding{{CodeCases, same.Line, fmt.Sprintf("%s has %d of %d values", s.FullName(), is, was)}}
	}
	known := map[string]bool{}
	for _, w := range weaknesses(b, s) {
		known[w.What] = true
	}
	for _, w := range weaknesses(a, same) {
		if !known[w.What] {
			return []Finding{w}
		}
	}
	return nil
}

// versions is one version of a file in the forms that are compared.
type versions struct {
	file *syntax.File
	code string // without comments and strings
	said string // without comments
}

func newVersions(f *syntax.File) *versions {
	return &versions{f, code(f), blanked(f, syntax.Comment)}
}

var blanks = lazyregexp.New(`[ \t]+`)

// plain is a symbol without comments, blank lines and, but for the indentation
// where that is grammar, white space that says nothing.
func plain(v *versions, s syntax.Symbol) string {
	var b strings.Builder
	for line := range strings.Lines(v.said[s.Range.Start:s.Range.End]) {
		text := strings.TrimSpace(line)
		if text == "" {
			continue
		}
		if v.file.Language().Name() == "python" {
			b.WriteString(line[:len(line)-len(strings.TrimLeft(line, " \t"))])
		}
		b.WriteString(blanks.ReplaceAllString(text, " ") + "\n")
	}
	return b.String()
}

var number = lazyregexp.New(`\b[0-9][0-9a-zA-Z_.]*|\b([tT]rue|[fF]alse|nil|None|null|undefined)\b`)

// literals counts the values that a test names.
func literals(v *versions, s syntax.Symbol) int {
	n := len(number.FindAllString(v.code[s.Range.Start:s.Range.End], -1))
	for _, r := range v.file.Regions() {
		if r.Kind == syntax.String && r.Range.Start >= s.Range.Start && r.Range.End <= s.Range.End {
			n++
		}
	}
	return n
}

// weak are forms of a test that passes whatever the code does, with what to call
// them.
var weak = []struct {
	form *lazyregexp.Regexp
	name string
}{
	{lazyregexp.New(`\bassert\w*[\s(]+([tT]rue|:ok|1)\s*\)?\s*(,|;|$|\n)`), "an assertion of a constant"},
	{lazyregexp.New(`(\bor\b|\|\|)\s*([tT]rue|:ok)\b`), "a condition that always holds"},
	{lazyregexp.New(`\b[fF]alse\s*(&&|\band\b)|(&&|\band\b)\s*[fF]alse\b`), "a condition that never holds"},
	{lazyregexp.New(`\bif\s*\(?\s*([tT]rue|[fF]alse|0|1)\s*\)?\s*[:{]`), "a condition that is a constant"},
	{lazyregexp.New(`\brecover\s*\(\s*\)|\bexcept\b[^:\n]*:\s*pass\b|\brescue\b|\bcatch\b`), "failures that are caught"},
	{lazyregexp.New(`^[^{]*\{\s*return\b|^[^:\n]*\):\s*return\b`), "a return before anything is checked"},
	{lazyregexp.New(`\bgo\s+func\b`), "checks that nobody waits for"},
}

// compared are two operands around an equality.
var compared = lazyregexp.New(`([\w.]+(?:\([^()]*\))?)\s*[!=]==?\s*([\w.]+(?:\([^()]*\))?)`)

// bound is a name and the call that it stands for: "got := Allow(n)".
var bound = lazyregexp.New(`\b(\w+)\s*:?=\s*([\w.]+\([^()\n]*\))`)

// weaknesses finds such forms in a test.
func weaknesses(v *versions, s syntax.Symbol) []Finding {
	src := v.code[s.Decl.Start:s.Decl.End]
	var found []Finding
	for _, w := range weak {
		if at := w.form.FindStringIndex(src); at != nil {
			found = append(found, Finding{CodeWeakTest, v.file.Line(s.Decl.Start + at[0]), w.name})
		}
	}
	stands := map[string]string{}
	for _, m := range bound.FindAllStringSubmatch(src, -1) {
		stands[m[1]] = m[2]
	}
	for _, at := range compared.FindAllStringSubmatchIndex(src, -1) {
		left, right := src[at[2]:at[3]], src[at[4]:at[5]]
		if left == right || stands[left] == right || stands[right] == left {
			found = append(found, Finding{CodeWeakTest, v.file.Line(s.Decl.Start + at[0]), "a value that is compared with itself"})
		}
	}
	return found
}
