package patch

import (
	"bytes"
	"strings"
)

// lines splits text behind its line feeds.
func lines(data []byte) [][]byte {
	out := make([][]byte, 0, bytes.Count(data, []byte("\n"))+1)
	for len(data) > 0 {
		var line []byte
		line, data = cutLine(data)
		out = append(out, line)
	}
	return out
}

// document is a file whose lines are numbered, so that equal lines are equal
// numbers and a search costs one pass.
type document struct {
	lines [][]byte
	ids   []int32
	known map[string]int32
}

func newDocument(data []byte) *document {
	d := &document{lines: lines(data), known: map[string]int32{}}
	d.ids = make([]int32, len(d.lines))
	for i, line := range d.lines {
		id, ok := d.known[string(line)]
		if !ok {
			id = int32(len(d.known)) + 1
			d.known[string(line)] = id
		}
		d.ids[i] = id
	}
	return d
}

// number returns the numbers of lines, 0 for one that is not in the document.
func (d *document) number(text [][]byte) []int32 {
	out := make([]int32, len(text))
	for i, line := range text {
		out[i] = d.known[string(line)]
	}
	return out
}

// find returns every place where want stands, in order (Knuth, Morris and Pratt
// 1977, on lines).
func (d *document) find(want []int32) []int {
	if len(want) == 0 || len(want) > len(d.ids) {
		return nil
	}
	border := make([]int, len(want)) // of each prefix, its longest proper border
	for i, k := 1, 0; i < len(want); i++ {
		for k > 0 && want[i] != want[k] {
			k = border[k-1]
		}
		if want[i] == want[k] {
			k++
		}
		border[i] = k
	}
	var found []int
	for i, k := 0, 0; i < len(d.ids); i++ {
		for k > 0 && (k == len(want) || d.ids[i] != want[k]) {
			k = border[k-1]
		}
		if d.ids[i] == want[k] {
			k++
		}
		if k == len(want) {
			found = append(found, i-k+1)
		}
	}
	return found
}

func (d *document) holds(want []int32, at int) bool {
	if at < 0 || at+len(want) > len(d.ids) {
		return false
	}
	for i, id := range want {
		if id == 0 || d.ids[at+i] != id {
			return false
		}
	}
	return true
}

// span is a hunk as text: the lines it wants and those it gives.
type span struct {
	old, new        [][]byte
	leading         int // context lines before the first change
	trailing        int
	added, removed  int
	carriageReturns bool
}

func (h Hunk) span() span {
	s := span{old: make([][]byte, 0, h.OldLines), new: make([][]byte, 0, h.NewLines)}
	h.each(func(op byte, text []byte) {
		if op != '+' {
			s.old = append(s.old, text)
		}
		if op != '-' {
			s.new = append(s.new, text)
		}
		switch {
		case op == '-':
			s.removed++
		case op == '+':
			s.added++
		case s.removed+s.added == 0:
			s.leading++
		}
		if s.trailing++; op != ' ' {
			s.trailing = 0
		}
		s.carriageReturns = s.carriageReturns || bytes.IndexByte(text, '\r') >= 0
	})
	return s
}

// fits tells whether the hunk may stand at this place: one whose context ends
// with the file, by its header or by having none behind, must find the file's end
// or start there (match_beginning and match_end in git's apply.c). A hunk without
// any context, of diff -U0, is held by its text alone, which must be unique.
func (s *span) fits(h Hunk, d *document, at int) bool {
	atEnd := at+len(s.old) == len(d.lines)
	if n := len(s.new); n > 0 && !bytes.HasSuffix(s.new[n-1], []byte("\n")) && !atEnd {
		return false
	}
	if s.leading+s.trailing == 0 {
		return true
	}
	if h.OldStart <= 1 && s.leading < s.trailing && at != 0 {
		return false
	}
	return s.trailing > 0 || atEnd
}

// hunks returns data with all hunks of f applied, and adds to out what was done.
func (m *maker) hunks(f *File, rel string, data []byte, out *Outcome) ([]byte, error) {
	if len(f.Hunks) == 0 {
		return data, nil
	}
	d := newDocument(data)
	spans := make([]span, len(f.Hunks))
	bare := true
	for i, h := range f.Hunks {
		spans[i] = h.span()
		bare = bare && !spans[i].carriageReturns
	}
	out.CRLF = bare && allCRLF(d.lines)
	var result []byte
	cursor, shift := 0, 0
	for i, h := range f.Hunks {
		s := &spans[i]
		if out.CRLF {
			toCRLF(s.old)
			toCRLF(s.new)
		}
		at, err := m.place(d, h, s, cursor, shift)
		if err != nil {
			err.file, err.hunk = rel, i+1
			return nil, err.fault()
		}
		if shift = at - h.index(); shift != 0 {
			out.Moves = append(out.Moves, Move{i + 1, h.index() + 1, at + 1})
		}
		result = appendLines(result, d.lines[cursor:at])
		result = appendLines(result, s.new)
		cursor = at + len(s.old)
		out.Added, out.Removed = out.Added+s.added, out.Removed+s.removed
	}
	return appendLines(result, d.lines[cursor:]), nil
}

// index is where the hunk's old text begins, from 0. Where it has none, its
// header names the line before (POSIX diff -u).
func (h Hunk) index() int {
	if h.OldLines == 0 {
		return h.OldStart
	}
	return h.OldStart - 1
}

func appendLines(to []byte, from [][]byte) []byte {
	for _, line := range from {
		to = append(to, line...)
	}
	return to
}

// allCRLF tells whether a file's every line ends in CRLF; its last may have no
// end at all.
func allCRLF(all [][]byte) bool {
	for i, line := range all {
		if !bytes.HasSuffix(line, []byte("\r\n")) && (i < len(all)-1 || bytes.HasSuffix(line, []byte("\n"))) {
			return false
		}
	}
	return len(all) > 0 && bytes.HasSuffix(all[0], []byte("\r\n"))
}

func toCRLF(text [][]byte) {
	for i, line := range text {
		if bytes.HasSuffix(line, []byte("\n")) {
			text[i] = []byte(strings.TrimSuffix(string(line), "\n") + "\r\n")
		}
	}
}

const contextHint = "make the diff with context: git diff, diff -u"

// place finds where the hunk lands, from 0, not before cursor. shift is how far
// from its own place the hunk before it was found.
func (m *maker) place(d *document, h Hunk, s *span, cursor, shift int) (int, *misfit) {
	named := h.index() + shift
	if len(s.old) == 0 {
		if len(d.lines) == 0 {
			return 0, nil
		}
		return 0, &misfit{hunkLine: h.Line, code: CodeMismatch, why: "it only inserts, without a line of context that could be compared", hint: contextHint}
	}
	want := d.number(s.old)
	exact := named >= cursor && d.holds(want, named) && s.fits(h, d, named)
	if exact && s.leading+s.trailing > 0 {
		return named, nil
	}
	var places []int
	for _, at := range d.find(want) {
		if s.fits(h, d, at) {
			places = append(places, at)
		}
	}
	if len(places) == 1 && places[0] >= cursor {
		return places[0], nil
	}
	if exact { // without context, a repeated line at the right place proves nothing
		return 0, &misfit{hunkLine: h.Line, code: CodeTwice, at: named, why: "it has no line of context, and its text stands in " + listPlaces(places), hint: contextHint}
	}
	return 0, explain(d, h, s, want, named, places)
}
