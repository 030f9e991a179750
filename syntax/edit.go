package syntax

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
)

// Edit replaces the bytes of a range by New.
type Edit struct {
	Start, End int // End excluded; equal: New is put in before Start
	New        []byte
}

// ErrBadEdits is returned for edits that can't be applied.
var ErrBadEdits = errors.New("the edits overlap, are out of order or lie outside the source")

// Replace returns src with the edits applied. They must be sorted and must not
// overlap. Bytes outside of them are kept as they are; src is not changed.
func Replace(src []byte, edits []Edit) ([]byte, error) {
	size, last := len(src), 0
	for _, e := range edits {
		if e.Start < last || e.End < e.Start || e.End > len(src) {
			return nil, fmt.Errorf("edit of bytes %d to %d: %w", e.Start, e.End, ErrBadEdits)
		}
		last = e.End
		size += len(e.New) - (e.End - e.Start)
	}
	out, last := make([]byte, 0, size), 0
	for _, e := range edits {
		out = append(append(out, src[last:e.Start]...), e.New...)
		last = e.End
	}
	return append(out, src[last:]...), nil
}

// Splice returns the source with one symbol of the file replaced by text, which
// is the whole definition. Every byte outside of the symbol's Range stays. The
// text is fitted to its place: blank lines around it are dropped, it gets the
// indentation of the symbol it replaces (not inside its string literals) and the
// file's line ends. Where text has no comment or attribute above its
// definition, what stands above the old one is kept.
//
// The new text is not judged; Check the result. The errors are those of Parse,
// and ErrBadEdits for a symbol of another file.
func (f *File) Splice(ctx context.Context, s Symbol, text string) ([]byte, error) {
	if s.Range.Start < 0 || s.Range.End > len(f.src) || !s.Range.holds(s.Decl) {
		return nil, fmt.Errorf("symbol %s: %w", s.FullName(), ErrBadEdits)
	}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\uFEFF"), "\r\n", "\n")
	text = strings.TrimRight(trimBlankLines(text), " \t\n")
	fresh, err := Parse(ctx, f.language, []byte(text))
	if err != nil {
		return nil, err
	}
	at := s.Range
	if symbols := fresh.symbols; s.Decl.Start > s.Range.Start && len(symbols) > 0 &&
		symbols[0].Range.Start == symbols[0].Decl.Start && strings.TrimSpace(text[:symbols[0].Decl.Start]) == "" {
		at = s.Decl
	}
	indent := ""
	if n, first := f.indent(at.Start); first {
		indent = string(f.src[at.Start-n : at.Start])
	}
	text = fresh.reindent(text, indent)
	if f.endsLinesWithCR() {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return Replace(f.src, []Edit{{at.Start, at.End, []byte(text)}})
}

// trimBlankLines takes the empty lines from the start of text, but not the
// indentation of its first line.
func trimBlankLines(text string) string {
	for {
		line, rest, more := strings.Cut(text, "\n")
		if !more || strings.TrimSpace(line) != "" {
			return text
		}
		text = rest
	}
}

// endsLinesWithCR tells whether most lines of the source end with CR LF.
func (f *File) endsLinesWithCR() bool {
	crlf := bytes.Count(f.src, []byte("\r\n"))
	return 2*crlf > bytes.Count(f.src, []byte("\n"))
}

// reindent gives text, the source of f, the indentation of its new place. The
// first line is put behind what stands there and loses its own.
func (f *File) reindent(text, indent string) string {
	lines := strings.Split(text, "\n")
	old := lines[0][:len(lines[0])-len(strings.TrimLeft(lines[0], " \t"))]
	lines[0] = lines[0][len(old):]
	if old == indent {
		return strings.Join(lines, "\n")
	}
	// A first line without indentation above lines that have the right one: a
	// model that was shown the symbol without its first spaces.
	if old == "" && len(lines) > 1 && f.closedAt(lines, indent) {
		return strings.Join(lines, "\n")
	}
	region := 0
	for i := 1; i < len(lines); i++ {
		at := f.lines[i]
		for region < len(f.regions) && f.regions[region].Range.End <= at {
			region++
		}
		inString := region < len(f.regions) && f.regions[region].Kind == String && f.regions[region].Range.Start < at
		if inString || strings.TrimSpace(lines[i]) == "" {
			continue
		}
		if rest, ok := strings.CutPrefix(lines[i], old); ok {
			lines[i] = indent + rest
		}
	}
	return strings.Join(lines, "\n")
}

// closedAt tells whether no line after the first is indented less than indent,
// and the last one exactly so.
func (f *File) closedAt(lines []string, indent string) bool {
	for _, line := range lines[1:] {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, indent) {
			return false
		}
	}
	last := lines[len(lines)-1]
	return last[:len(last)-len(strings.TrimLeft(last, " \t"))] == indent
}
