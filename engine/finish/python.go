package finish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

const pythonQuery = `
(module [(import_statement) (import_from_statement) (future_import_statement)] @import)
(module . (expression_statement (string)) @docstring)
(module (if_statement condition: (comparison_operator (identifier) @_name) @condition) @main (#eq? @_name "__name__"))
`

// pythonHead is what of a Python file does not stay in its place.
type pythonHead struct {
	imports []syntax.Range
	main    syntax.Range
	cut     []syntax.Range // all of them, and the docstring
	end     int            // of the last import at the top, or of the docstring
}

func readPythonHead(ctx context.Context, f *file) (pythonHead, error) {
	var h pythonHead
	err := captures(ctx, f, pythonQuery, func(name string, at syntax.Range) {
		switch name {
		case "import":
			h.imports = append(h.imports, at)
			h.cut = append(h.cut, at)
			h.end = max(h.end, at.End)
		case "docstring":
			h.cut = append(h.cut, at)
			h.end = max(h.end, at.End)
		case "main":
			h.main = at
			h.cut = append(h.cut, at)
		}
	})
	return h, err
}

// reaching are definitions that change how every test of a file runs.
var reaching = lazyregexp.New(`(?m)^(?:pytestmark\b|def (?:setUpModule|tearDownModule|setup_module|teardown_module|setup_function|teardown_function|pytest_\w+)\b|.*\bautouse\s*=\s*True|(?:import|from) [^\n]*\*|__all__\b|if |try:|with |for |while )`)

// unitePython puts the definitions of extra behind those of into: imports above,
// the block of __main__ last.
func unitePython(ctx context.Context, into, extra *file, m *Merged) ([]byte, error) {
	to, from, err := both(ctx, into, extra, readPythonHead)
	if err != nil {
		return nil, err
	}
	rest := string(without(extra.text, syntax.Range{End: len(extra.text)}, slices.Clone(from.cut)))
	if found := reaching.FindString(rest); found != "" {
		m.Why = fmt.Sprintf("%q at its top is about the whole file", strings.TrimSpace(found))
		return nil, nil
	}
	if found := reaching.FindString(string(without(into.text, syntax.Range{End: len(into.text)}, slices.Clone(to.cut)))); found != "" {
		m.Why = fmt.Sprintf("%q at the top of %s is about the whole file", strings.TrimSpace(found), into.path)
		return nil, nil
	}
	edits, why := pythonNames(into, extra, m)
	if why != "" {
		m.Why = why
		return nil, nil
	}
	for _, c := range from.cut {
		edits = append(edits, syntax.Edit{Start: c.Start, End: c.End})
	}
	slices.SortFunc(edits, func(a, b syntax.Edit) int { return a.Start - b.Start })
	body, err := syntax.Replace(extra.text, edits)
	if err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, r := range to.imports {
		have[plain(into.tree.Text(r))] = true
	}
	var fresh []string
	for _, r := range from.imports {
		if text := extra.tree.Text(r); !have[plain(text)] {
			fresh = append(fresh, text)
		}
	}
	return pythonJoined(into, extra, to, from, fresh, string(body)), nil
}

// pythonJoined lays the parts out. An import of __future__ has to be the first.
func pythonJoined(into, extra *file, to, from pythonHead, fresh []string, body string) []byte {
	future, others := "", ""
	for _, f := range fresh {
		if strings.HasPrefix(f, "from __future__") {
			future += f + "\n"
		} else {
			others += "\n" + f
		}
	}
	text, main := string(into.text), ""
	if !to.main.Empty() {
		main = into.tree.Text(to.main)
		text = text[:to.main.Start] + text[to.main.End:]
	} else if !from.main.Empty() {
		main = extra.tree.Text(from.main)
	}
	if to.end == 0 {
		others = strings.TrimPrefix(others, "\n") + "\n"
	}
	text = text[:to.end] + others + text[to.end:]
	if future != "" {
		at := 0
		if len(to.imports) > 0 {
			at = to.imports[0].Start
		}
		text = text[:at] + future + text[at:]
	}
	text = strings.TrimRight(text, "\n") + "\n\n\n" + strings.Trim(body, "\n") + "\n"
	if main != "" {
		text += "\n\n" + main + "\n"
	}
	return []byte(text)
}

// pythonNames compares the names at the top of two files: equal definitions are
// dropped, a test of the same name and another body gets another name, anything else
// of one name can't be united.
func pythonNames(into, extra *file, m *Merged) (edits []syntax.Edit, why string) {
	taken := map[string]syntax.Symbol{}
	for _, s := range into.tree.Symbols() {
		if s.Parent == "" {
			taken[s.Name] = s
		}
	}
	for _, i := range into.tree.Imports() {
		if _, there := taken[i.Name]; !there {
			taken[i.Name] = syntax.Symbol{Name: i.Name}
		}
	}
	for _, s := range extra.tree.Symbols() {
		if s.Parent != "" {
			if s.Kind == syntax.Test {
				m.Cases++
			}
			continue
		}
		test := s.Kind == syntax.Test || strings.HasPrefix(s.Name, "Test")
		other, there := taken[s.Name]
		same := there && !other.Range.Empty() && plain(into.tree.Text(other.Range)) == plain(extra.tree.Text(s.Range))
		switch {
		case same:
			if s.Kind == syntax.Test {
				m.Dropped = append(m.Dropped, s.Name)
			}
			edits = append(edits, syntax.Edit{Start: s.Range.Start, End: s.Range.End})
		case there && test && strings.Count(string(extra.text), s.Name) == 1:
			fresh := s.Name + "_2"
			for n := 3; taken[fresh].Name != ""; n++ {
				fresh = fmt.Sprintf("%s_%d", s.Name, n)
			}
			m.Renamed[s.Name] = fresh
			if !strings.HasPrefix(s.Signature, "class") {
				m.Cases++
			}
			edits = append(edits, syntax.Edit{Start: s.NameRange.Start, End: s.NameRange.End, New: []byte(fresh)})
		case there:
			return nil, fmt.Sprintf("both define %s, and not the same", s.Name)
		case s.Kind == syntax.Test && !strings.HasPrefix(s.Signature, "class"):
			if twin, dup := sameBody(into, extra, s); dup && plain(twin.Signature[strings.IndexByte(twin.Signature, '(')+1:]) == plain(s.Signature[strings.IndexByte(s.Signature, '(')+1:]) {
				m.Dropped = append(m.Dropped, s.Name)
				edits = append(edits, syntax.Edit{Start: s.Range.Start, End: s.Range.End})
				continue
			}
			m.Cases++
		}
	}
	return edits, ""
}
