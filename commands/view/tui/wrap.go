package tui

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// tabStop is the distance of tab stops in columns, counted from the text's own
// left edge.
const tabStop = 4

// row is one screen line of a text: text[start:end], shown indent columns in.
// next is where the row after it begins: spaces at a break belong to no row.
type row struct {
	start, end, next int
	indent           int
	first            bool // begins a line of the text rather than continuing one
	marks            marks
}

// paragraph is a text that grows at its end and the rows it wraps into.
//
// Wrapping is greedy, so a row that another one follows never changes when text
// is appended: append re-wraps the last row only, which makes streaming cost
// the new bytes and not the whole text. The zero value is an empty text.
// Not safe for concurrent use.
type paragraph struct {
	text  []byte
	rows  []row
	width int // columns the rows were wrapped to; 0 = not wrapped yet
	hang  int // indent of the rows that continue the current line
}

// append adds s, which must hold no control characters but tab and newline.
func (p *paragraph) append(s string) {
	p.text = append(p.text, s...)
	if p.width > 0 {
		p.flow()
	}
}

// wrap lays the text out for width columns, 1 or more. It costs nothing when
// the width is as before.
func (p *paragraph) wrap(width int) {
	if width == p.width {
		return
	}
	p.width, p.rows, p.hang = width, p.rows[:0], 0
	p.flow()
}

// flow wraps from the start of the last row to the end of the text.
func (p *paragraph) flow() {
	pos, first := 0, true
	if n := len(p.rows); n > 0 {
		last := p.rows[n-1]
		p.rows = p.rows[:n-1]
		pos, first = last.start, last.first
	}
	for {
		var m marks
		if n := len(p.rows); n > 0 {
			m = p.rows[n-1].marks
		}
		if first {
			p.hang = hangingIndent(p.text[pos:], p.width)
			m = marksOf(p.text[pos:], m)
		}
		r, closed := p.fill(pos, first)
		r.marks = m
		p.rows = append(p.rows, r)
		if !closed {
			return
		}
		pos, first = r.next, p.text[r.next-1] == '\n'
	}
}

// fill returns the row that starts at pos, and whether it is closed: ended by a
// newline or by a cluster that no longer fits. An open row ends with the text.
func (p *paragraph) fill(pos int, first bool) (row, bool) {
	r := row{start: pos, first: first}
	if !first {
		r.indent = p.hang
		for pos < len(p.text) && p.text[pos] == ' ' {
			pos++
		}
		r.start = pos
	}
	room := p.width - r.indent
	col, breakAt := 0, -1
	for pos < len(p.text) {
		c := p.text[pos]
		if c == '\n' {
			r.end, r.next = pos, pos+1
			return r, true
		}
		size, width := p.cluster(pos, col)
		if c == ' ' || c == '\t' {
			breakAt = pos + size
			if col+width > room { // the space hangs over the edge, unseen
				r.end, r.next = pos, pos+size
				return r, true
			}
		} else if col+width > room && col > 0 {
			if breakAt > r.start {
				pos = breakAt
			}
			r.end, r.next = pos, pos
			return r, true
		}
		pos += size
		col += width
		if width == 2 && size > 1 { // ideographs may be parted anywhere
			breakAt = pos
		}
	}
	r.end, r.next = pos, pos
	return r, false
}

// cluster returns the bytes and columns of what a reader takes for one
// character at pos, given the column it starts in.
func (p *paragraph) cluster(pos, col int) (size, width int) {
	c := p.text[pos]
	if c == '\t' {
		return 1, tabStop - col%tabStop
	}
	if c == ' ' { // even before a combining mark: where a row breaks may not depend on what comes after
		return 1, 1
	}
	if c < utf8.RuneSelf && (pos+1 == len(p.text) || p.text[pos+1] < utf8.RuneSelf) {
		return 1, 1
	}
	g, w := ansi.FirstGraphemeCluster(p.text[pos:], ansi.GraphemeWidth)
	return max(len(g), 1), w
}

// line returns row i as it is shown, without trailing spaces.
func (p *paragraph) line(i int) string {
	r := p.rows[i]
	s := strings.TrimRight(string(p.text[r.start:r.end]), " ")
	if strings.IndexByte(s, '\t') >= 0 {
		s = expandTabs(s)
	}
	if s == "" || r.indent == 0 {
		return s
	}
	return strings.Repeat(" ", r.indent) + s
}

// expandTabs replaces tabs by spaces up to the next tab stop.
func expandTabs(s string) string {
	var b strings.Builder
	col := 0
	for len(s) > 0 {
		if s[0] == '\t' {
			n := tabStop - col%tabStop
			b.WriteString("    "[:n])
			col, s = col+n, s[1:]
			continue
		}
		g, w := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
		b.WriteString(g)
		col, s = col+w, s[len(g):]
	}
	return b.String()
}

// hangingIndent returns the columns by which the continuation of a line is
// shown indented: as deep as the words after its leading spaces and its list
// mark ("- ", "* ", "12. "), unless that takes over a third of the width.
func hangingIndent(line []byte, width int) int {
	i := 0
	for i < len(line) && line[i] == ' ' {
		i++
	}
	mark := i
	if i < len(line) && (line[i] == '-' || line[i] == '*' || line[i] == '+') {
		i++
	} else {
		for i < len(line) && i-mark < 3 && line[i] >= '0' && line[i] <= '9' {
			i++
		}
		if i > mark && i < len(line) && (line[i] == '.' || line[i] == ')') {
			i++
		} else {
			i = mark
		}
	}
	if i > mark {
		if i >= len(line) || line[i] != ' ' {
			i = mark // no list after all: "-v", "3.14"
		} else {
			i++
		}
	}
	if i*3 > width {
		return 0
	}
	return i
}
