package finish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

const cQuery = `
(translation_unit (preproc_include) @include)
(translation_unit [(preproc_if) (preproc_ifdef) (preproc_call)] @conditional)
(translation_unit (function_definition declarator: (function_declarator declarator: (identifier) @_main) body: (compound_statement (_) @statement) @body) @main (#eq? @_main "main"))
`

// cFile is a test program in C: definitions, and a main that calls them.
type cFile struct {
	*file
	includes    []syntax.Range
	conditional bool
	main, body  syntax.Range
	statements  []syntax.Range // of main
}

func readC(ctx context.Context, f *file) (*cFile, error) {
	c := &cFile{file: f}
	err := captures(ctx, f, cQuery, func(name string, at syntax.Range) {
		switch name {
		case "include":
			c.includes = append(c.includes, at)
		case "conditional":
			c.conditional = true
		case "main":
			c.main = at
		case "body":
			c.body = at
		case "statement":
			c.statements = append(c.statements, at)
		}
	})
	return c, err
}

var (
	// callOfCase calls one case, or hands it to a macro: a(); failed += a(); RUN(a);
	callOfCase = lazyregexp.New(`^(?:\(void\) ?)?(?:\w+ ?[+|]= ?)?\w+ ?\( ?(\w*) ?\) ?;$`)
	word       = lazyregexp.New(`\w+`)
	// printing tells of the end; beginning sets a harness up, such as UNITY_BEGIN(),
	printing = lazyregexp.New(`^(?:printf|puts|fprintf|fputs) ?\((?s:.*)\);$`)
	// or counts: what both mains have alike.
	beginning = lazyregexp.New(`^(?:[A-Z][A-Z0-9_]* ?\( ?\) ?|(?:static )?(?:int|unsigned|long|size_t) \w+(?: ?= ?0)?);$`)
	plainMain = lazyregexp.New(`^int main ?\( ?(?:void)? ?\)`)
)

// uniteC puts the definitions of extra before the main of into, and what its main
// calls before the end of that one.
func uniteC(ctx context.Context, into, extra *file, m *Merged) ([]byte, error) {
	to, from, err := both(ctx, into, extra, readC)
	if err != nil {
		return nil, err
	}
	if m.Why = apartC(to, from); m.Why != "" {
		return nil, nil
	}
	edits, gone, why := cNames(to, from, m)
	if why == "" {
		why = cHarness(to, from)
	}
	if why != "" {
		m.Why = why
		return nil, nil
	}
	calls := cCalls(to, from, gone, m.Renamed)
	for _, r := range append(from.includes, from.main) {
		edits = append(edits, syntax.Edit{Start: r.Start, End: r.End})
	}
	body, err := replaced(extra.text, edits)
	if err != nil {
		return nil, err
	}
	return syntax.Replace(into.text, cEdits(to, from, body, calls))
}

// apartC says why two programs can't be one.
func apartC(to, from *cFile) string {
	for _, c := range []*cFile{from, to} {
		of := "it"
		if c == to {
			of = to.path
		}
		switch {
		case len(c.statements) == 0:
			return of + " has no main that calls its cases"
		case c.conditional:
			return of + " has parts that are compiled under a condition"
		case !plainMain.MatchString(plain(c.tree.Text(c.main))):
			return of + " has a main with arguments"
		}
	}
	// What a header gives may depend on macros that stand above it.
	for _, s := range from.tree.Symbols() {
		if s.Kind == syntax.Macro && len(from.includes) > 0 && s.Range.Start < from.includes[len(from.includes)-1].Start && !slices.Contains(named(to.file, s.Name), plain(from.tree.Text(s.Decl))) {
			return s.Name + " is defined above its headers"
		}
	}
	return ""
}

// cHarness says what of extra's main can't move to the other one.
func cHarness(to, from *cFile) string {
	var own []string
	for _, s := range to.statements {
		own = append(own, plain(to.tree.Text(s)))
	}
	for i, s := range from.statements {
		text := plain(from.tree.Text(s))
		last := i == len(from.statements)-1
		switch {
		case last && strings.HasPrefix(text, "return"):
			if own[len(own)-1] != text {
				return fmt.Sprintf("its main ends with %q", text)
			}
		case beginning.MatchString(text):
			if !slices.Contains(own, text) {
				return fmt.Sprintf("its main begins with %q", text)
			}
		case callOfCase.MatchString(text), printing.MatchString(text), strings.HasPrefix(text, "/*"), strings.HasPrefix(text, "//"):
		default:
			return fmt.Sprintf("its main does more than call its cases: %q", oneLine(text))
		}
	}
	if len(own) > 0 && strings.HasPrefix(own[len(own)-1], "return") && !strings.HasPrefix(plain(from.tree.Text(from.statements[len(from.statements)-1])), "return") && own[len(own)-1] != "return 0;" {
		return "its main ends without a result"
	}
	return ""
}

// cCalls returns the statements of extra's main that are still wanted.
func cCalls(to, from *cFile, gone []string, renamed map[string]string) []string {
	var out []string
	for i, s := range from.statements {
		text := from.tree.Text(s)
		if i == len(from.statements)-1 && strings.HasPrefix(text, "return") || beginning.MatchString(plain(text)) {
			continue
		}
		names := word.FindAllString(text, -1)
		if callOfCase.MatchString(plain(text)) {
			if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(gone, n) }) {
				continue
			}
			for was, is := range renamed {
				text = replaceWord(text, was, is)
			}
		}
		out = append(out, text)
	}
	return out
}

func replaceWord(text, was, is string) string {
	return word.ReplaceAllStringFunc(text, func(w string) string {
		if w == was {
			return is
		}
		return w
	})
}

// cEdits are the changes of into: includes, definitions, calls.
func cEdits(to, from *cFile, body string, calls []string) []syntax.Edit {
	var edits []syntax.Edit
	var have []string
	for _, r := range to.includes {
		have = append(have, plain(to.tree.Text(r)))
	}
	fresh := ""
	for _, r := range from.includes {
		if text := strings.TrimSpace(from.tree.Text(r)); !slices.Contains(have, plain(text)) {
			fresh += text + "\n"
		}
	}
	if fresh != "" {
		at := 0
		if len(to.includes) > 0 {
			at = to.includes[len(to.includes)-1].End
		}
		if at > 0 && to.text[at-1] != '\n' {
			fresh = "\n" + strings.TrimSuffix(fresh, "\n")
		}
		edits = append(edits, syntax.Edit{Start: at, End: at, New: []byte(fresh)})
	}
	if body = strings.Trim(body, "\n"); body != "" {
		edits = append(edits, syntax.Edit{Start: to.mainStart(), End: to.mainStart(), New: []byte(body + "\n\n")})
	}
	if len(calls) > 0 {
		last := to.statements[len(to.statements)-1]
		indent := "\t"
		if start := strings.LastIndexByte(string(to.text[:last.Start]), '\n'); start >= 0 && strings.TrimSpace(string(to.text[start:last.Start])) == "" {
			indent = string(to.text[start+1 : last.Start])
		}
		at, text := last.End, "\n"+indent+strings.Join(calls, "\n"+indent)
		if strings.HasPrefix(to.tree.Text(last), "return") {
			at, text = last.Start, strings.Join(calls, "\n"+indent)+"\n"+indent
		}
		edits = append(edits, syntax.Edit{Start: at, End: at, New: []byte(text)})
	}
	return edits
}

// mainStart is where main begins, with the comment above it.
func (c *cFile) mainStart() int {
	for _, s := range c.tree.Symbols() {
		if s.Name == "main" {
			return s.Range.Start
		}
	}
	return c.main.Start
}

// cNames compares what two programs define. gone are functions that extra no longer
// defines.
func cNames(to, from *cFile, m *Merged) (edits []syntax.Edit, gone []string, why string) {
	taken := map[string]string{}
	for _, s := range to.tree.Symbols() {
		taken[s.Name] = plain(to.tree.Text(s.Decl))
	}
	text := string(from.text)
	for _, s := range from.tree.Symbols() {
		if s.Name == "main" || s.Parent != "" {
			continue
		}
		own, there := taken[s.Name]
		isCase := s.Kind == syntax.Test
		same := there && own == plain(from.tree.Text(s.Decl)) || isCase && !there && countWord(text, s.Name) == 2 && cTwin(to, from, s)
		switch {
		case same && s.Kind == syntax.Constant:
			return nil, nil, "both define " + s.Name
		case same:
			switch called := !there || countWord(to.tree.Text(to.main), s.Name) > 0; {
			case isCase && called:
				m.Dropped = append(m.Dropped, s.Name)
				gone = append(gone, s.Name)
			case isCase: // into defines it and never runs it
				m.Cases++
			}
			edits = append(edits, syntax.Edit{Start: s.Range.Start, End: s.Range.End})
		case there && isCase && countWord(text, s.Name) == 2:
			fresh := s.Name + "_2"
			for n := 3; taken[fresh] != "" || countWord(text, fresh) > 0; n++ {
				fresh = fmt.Sprintf("%s_%d", s.Name, n)
			}
			m.Renamed[s.Name] = fresh
			m.Cases++
			edits = append(edits, syntax.Edit{Start: s.NameRange.Start, End: s.NameRange.End, New: []byte(fresh)})
		case there:
			return nil, nil, fmt.Sprintf("both define %s, and not the same", s.Name)
		case isCase:
			m.Cases++
		}
	}
	return edits, gone, ""
}

func countWord(text, name string) int {
	n := 0
	for _, w := range word.FindAllString(text, -1) {
		if w == name {
			n++
		}
	}
	return n
}

// cTwin tells whether to has a case with the head and body of s.
func cTwin(to, from *cFile, s syntax.Symbol) bool {
	form := func(f *file, s syntax.Symbol) string {
		return plain(f.tree.Text(syntax.Range{Start: s.Decl.Start, End: s.NameRange.Start}) + " " + f.tree.Text(syntax.Range{Start: s.NameRange.End, End: s.Decl.End}))
	}
	if reflects.MatchString(from.tree.Text(s.BodyRange)) {
		return false
	}
	return slices.ContainsFunc(topTests(to.file), func(t syntax.Symbol) bool {
		return countWord(string(to.text), t.Name) == 2 && form(to.file, t) == form(from.file, s)
	})
}
