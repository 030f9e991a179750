package syntax

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// scanErlang reads an Erlang source form by form. It knows tokens, brackets and
// the shape of forms, not expressions: what it accepts the compiler may still
// refuse, but what it reports is wrong.
func scanErlang(ctx context.Context, f *File) (harvest, error) {
	var h harvest
	s := newErlScanner(f, &h)
	m := erlModule{f: f, h: &h, exports: map[string]bool{}, halves: map[string]bool{}}
	for {
		tokens, err := s.form(ctx)
		if err != nil {
			return h, err
		}
		n := len(tokens)
		if n == 0 {
			break
		}
		whole := Range{tokens[0].at.Start, tokens[n-1].at.End}
		if tokens[n-1].kind == erlDot {
			m.form(tokens[:n-1], whole)
			continue
		}
		m.form(tokens, whole)
		m.problem(whole.End, `missing "." at the end of the last form`)
	}
	m.finish()
	return h, nil
}

// erlModule collects what the forms of one file say.
type erlModule struct {
	f         *File
	h         *harvest
	name      string
	exports   map[string]bool // "name/arity"
	exportAll bool
	halves    map[string]bool // macros that hold half a block, such as "case X of"
}

func (m *erlModule) problem(at int, format string, args ...any) {
	m.h.problems = append(m.h.problems, m.f.problem(at, fmt.Sprintf(format, args...)))
}

// form reads one form without its dot; whole includes it.
func (m *erlModule) form(tokens []erlToken, whole Range) {
	if len(tokens) == 0 {
		m.problem(whole.Start, `unexpected "."`)
		return
	}
	for i, t := range tokens {
		attribute := i == 1 && tokens[0].text == "-"
		if (t.kind == erlMacro || t.kind == erlAtom) && !attribute && t.text != "" {
			m.h.references = append(m.h.references, nameRange(m.f, t))
		}
	}
	if tokens[0].kind == erlPunct && tokens[0].text == "-" && len(tokens) > 1 {
		m.attribute(tokens, whole)
		return
	}
	if tokens[0].kind == erlMacro { // may stand for anything
		m.balance(tokens, true)
		return
	}
	half := slices.ContainsFunc(tokens, func(t erlToken) bool { return t.kind == erlMacro && m.halves[t.text] })
	sound := m.balance(tokens, !half) && (half || m.neighbours(tokens))
	if tokens[0].kind != erlAtom || len(tokens) < 2 || tokens[1].text != "(" {
		if sound {
			m.problem(tokens[0].at.Start, "unexpected %s: a form is an attribute or a function", quoted(m.f.Text(tokens[0].at)))
		}
		return
	}
	arrow := topLevel(tokens, "->")
	if arrow < 0 {
		if sound {
			m.problem(tokens[len(tokens)-1].at.End, `missing "->" in the function %s`, tokens[0].text)
		}
		return
	}
	d := definition{kind: Function, decl: whole, name: nameRange(m.f, tokens[0]), text: tokens[0].text, arity: arity(tokens[1:])}
	if arrow+1 < len(tokens) {
		d.body = Range{tokens[arrow+1].at.Start, tokens[len(tokens)-1].at.End}
	} else if sound {
		m.problem(tokens[arrow].at.End, "missing the body of the function %s", d.text)
	}
	if d.arity == 0 && (strings.HasSuffix(d.text, "_test") || strings.HasSuffix(d.text, "_test_")) {
		d.kind = Test
	}
	m.h.defs = append(m.h.defs, d)
}

// nameRange is where a name stands, without the quotes or question marks.
func nameRange(f *File, t erlToken) Range {
	r := t.at
	text := f.Text(r)
	trimmed := strings.TrimLeft(text, "?'")
	r.Start += len(text) - len(trimmed)
	r.End -= len(trimmed) - len(strings.TrimSuffix(trimmed, "'"))
	return r
}

// attribute reads -name(...) and -name ....
func (m *erlModule) attribute(tokens []erlToken, whole Range) {
	name, rest := tokens[1], tokens[2:]
	if name.kind != erlAtom && name.kind != erlWord {
		m.problem(name.at.Start, "unexpected %s: an attribute has a name", quoted(m.f.Text(name.at)))
		return
	}
	if m.balance(rest, false) && name.text != "define" && name.text != "if" && name.text != "elif" {
		m.neighbours(rest)
	}
	first := erlToken{}
	if len(rest) > 1 {
		first = rest[1]
	}
	define := func(kind Kind, t erlToken, n int) {
		d := definition{kind: kind, decl: whole, name: nameRange(m.f, t), text: t.text, arity: n}
		if comma := topLevelIn(rest, ","); comma >= 0 && comma+1 < len(rest) {
			d.body = Range{rest[comma+1].at.Start, rest[len(rest)-1].at.Start}
		}
		m.h.defs = append(m.h.defs, d)
	}
	isName := first.kind == erlAtom || first.kind == erlVar || first.kind == erlWord
	switch name.text {
	case "module":
		if isName {
			m.name = first.text
			define(Module, first, -1)
		}
	case "record":
		if isName {
			define(Type, first, -1)
		}
	case "define":
		if isName {
			define(Macro, first, -1)
			m.halves[first.text] = wordBalance(rest) != 0
		}
	case "type", "opaque", "nominal":
		if len(rest) > 0 && rest[0].kind == erlAtom {
			define(Type, rest[0], -1)
		}
	case "callback":
		if len(rest) > 1 && rest[0].kind == erlAtom {
			define(Function, rest[0], arity(rest[1:]))
		}
	case "spec", "doc":
		m.h.attached = append(m.h.attached, whole)
	case "include", "include_lib", "import", "behaviour", "behavior":
		if first.kind == erlString || first.kind == erlAtom {
			m.h.imports = append(m.h.imports, first.at)
		}
	case "export":
		m.export(rest)
	case "compile":
		m.exportAll = m.exportAll || slices.ContainsFunc(rest, func(t erlToken) bool { return t.text == "export_all" })
	}
}

// export reads the list of -export([a/1, 'b c'/2]).
func (m *erlModule) export(tokens []erlToken) {
	for i := 0; i+2 < len(tokens); i++ {
		if tokens[i].kind == erlAtom && tokens[i+1].text == "/" && tokens[i+2].kind == erlNumber {
			m.exports[tokens[i].text+"/"+m.f.Text(tokens[i+2].at)] = true
		}
	}
}

// finish tells the definitions what only the whole file knows.
func (m *erlModule) finish() {
	for i := range m.h.defs {
		d := &m.h.defs[i]
		switch {
		case d.kind == Test || d.kind == Module:
			d.exported = true
		case d.kind == Function:
			d.exported = m.exportAll || m.exports[fmt.Sprintf("%s/%d", d.text, d.arity)]
		default: // records, macros and types of a header are for those who include it
			d.exported = m.name == ""
		}
		if d.kind != Module {
			d.parent = m.name
		}
	}
	slices.SortStableFunc(m.h.problems, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	if len(m.h.problems) > maxProblem {
		m.h.problems = m.h.problems[:maxProblem]
	}
}

// topLevel returns the index of the first token with text outside of brackets,
// or -1.
func topLevel(tokens []erlToken, text string) int {
	depth := 0
	for i, t := range tokens {
		if t.kind != erlPunct {
			continue
		}
		switch t.text {
		case "(", "[", "{", "<<":
			depth++
		case ")", "]", "}", ">>":
			depth--
		}
		if depth == 0 && t.text == text {
			return i
		}
	}
	return -1
}

// topLevelIn is topLevel inside the bracket that tokens begin with.
func topLevelIn(tokens []erlToken, text string) int {
	if len(tokens) == 0 || tokens[0].text != "(" {
		return -1
	}
	if i := topLevel(tokens[1:], text); i >= 0 {
		return i + 1
	}
	return -1
}

// arity counts the arguments in the brackets that tokens begin with.
func arity(tokens []erlToken) int {
	depth, count, empty := 0, 0, true
	for _, t := range tokens {
		if t.kind == erlPunct {
			switch t.text {
			case "(", "[", "{", "<<":
				if depth > 0 {
					empty = false
				}
				depth++
				continue
			case ")", "]", "}", ">>":
				if depth--; depth == 0 {
					if empty {
						return 0
					}
					return count + 1
				}
			case ",":
				if depth == 1 {
					count++
				}
			}
		}
		empty = false
	}
	return count
}
