package clean

import (
	"strings"

	"github.com/bitactor/cf/syntax"
)

// actions are the mends, by name. false means that this place can't be mended so.
var actions = map[string]func(p *Pattern, m match) (syntax.Edit, bool){
	"replace":     replace,
	"wrap":        wrap,
	"drop-try":    dropTry,
	"drop-rescue": dropRescue,
}

// replace puts the pattern's text in place of what is called @change, or else of
// @found; $name stands for the text of a capture.
func replace(p *Pattern, m match) (syntax.Edit, bool) {
	at, ok := m.by["change"]
	if !ok {
		at = m.by["found"]
	}
	text := p.With
	for name := range m.by {
		text = strings.ReplaceAll(text, "$"+name, m.text(name))
	}
	return syntax.Edit{Start: at.Start, End: at.End, New: []byte(text)}, true
}

// wrap turns the last verb of the format in @change into %w.
func wrap(_ *Pattern, m match) (syntax.Edit, bool) {
	at := m.by["change"]
	return syntax.Edit{Start: at.End - len(`v"`), End: at.End, New: []byte(`w"`)}, true
}

// dropTry leaves what stands in @body of a statement that spans whole lines, with the
// indentation of the statement itself.
func dropTry(_ *Pattern, m match) (syntax.Edit, bool) {
	found, body := m.by["found"], m.by["body"]
	src := m.tree.Source()
	indent, whole := indentation(src, found.Start)
	inner, bodyWhole := indentation(src, body.Start)
	if !whole || !bodyWhole || hasString(m.tree, body) {
		return syntax.Edit{}, false
	}
	return syntax.Edit{Start: found.Start, End: found.End, New: []byte(dedented(m.text("body"), inner, indent))}, true
}

// dropRescue leaves what stands between "do" and @rescue. Of a function, whose block
// goes on after it, only @rescue goes; of try also the words around.
func dropRescue(_ *Pattern, m match) (syntax.Edit, bool) {
	src := m.tree.Source()
	rescue := m.by["rescue"]
	if block, of := m.by["block"]; !of {
		start := rescue.Start
		for start > 0 && (src[start-1] == ' ' || src[start-1] == '\t') {
			start--
		}
		end := rescue.End
		for end < len(src) && (src[end] == ' ' || src[end] == '\t' || src[end] == '\n') {
			end++
		}
		indent, _ := indentation(src, end)
		return syntax.Edit{Start: start, End: end, New: []byte(indent)}, true
	} else {
		body := syntax.Range{Start: block.Start + len("do"), End: rescue.Start}
		for body.Start < body.End && strings.IndexByte(" \t\r\n", src[body.Start]) >= 0 {
			body.Start++
		}
		text := strings.TrimRight(m.tree.Text(body), " \t\r\n")
		indent, _ := indentation(src, m.by["found"].Start)
		inner, bodyWhole := indentation(src, body.Start)
		if !bodyWhole || text == "" || hasString(m.tree, body) {
			return syntax.Edit{}, false
		}
		// Several expressions are one only inside brackets, unless the try stands alone.
		if _, alone := indentation(src, m.by["found"].Start); !alone && strings.Contains(text, "\n") {
			return syntax.Edit{}, false
		}
		return syntax.Edit{Start: m.by["found"].Start, End: m.by["found"].End, New: []byte(dedented(text, inner, indent))}, true
	}
}

// indentation returns the white space before the first other byte of the line that
// holds offset, and whether that byte is the one at offset.
func indentation(src []byte, offset int) (string, bool) {
	start := offset
	for start > 0 && src[start-1] != '\n' {
		start--
	}
	end := start
	for end < len(src) && (src[end] == ' ' || src[end] == '\t') {
		end++
	}
	return string(src[start:end]), end == offset
}

// dedented gives the lines behind the first another indentation.
func dedented(text, from, to string) string {
	lines := strings.Split(text, "\n")
	for i := 1; i < len(lines); i++ {
		if rest, ok := strings.CutPrefix(lines[i], from); ok {
			lines[i] = to + rest
		}
	}
	return strings.Join(lines, "\n")
}

// hasString tells whether a string of several lines lies in a range: its lines must
// not move.
func hasString(f *syntax.File, r syntax.Range) bool {
	for _, region := range f.Regions() {
		if region.Kind == syntax.String && r.Start <= region.Range.Start && region.Range.End <= r.End && strings.Contains(f.Text(region.Range), "\n") {
			return true
		}
	}
	return false
}
