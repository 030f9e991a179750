package prompts

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Span is a piece of a streamed reply with the section that it belongs to; ""
// is text before the first heading.
type Span struct {
	Section string
	Text    string
}

// headingBytesMax is the longest line that can be a heading.
const headingBytesMax = 96

// Reader splits a reply into labelled sections while it streams. A heading is a
// line of its own, or the start of one followed by a colon: "## Reasoning",
// "**Code Strategy:**", "2. Validation", "PLAN: first ...", in any case and with
// common synonyms. Inside a fence nothing is a heading. The zero Reader knows
// no sections; use NewReader. Not safe for concurrent use.
type Reader struct {
	want    []Section
	section string // where text goes now
	line    string // what has come of a line that may still become a heading
	passing bool   // the rest of the line is text
	fence   string // the run of ` or ~ that closes the open fence; "" outside
}

// NewReader returns a Reader for the headings of want.
func NewReader(want []Section) *Reader { return &Reader{want: want} }

// Feed takes the next piece of the reply and returns what is decided by it.
// Text is held back only while its line may still become a heading.
func (r *Reader) Feed(chunk string) []Span {
	var out []Span
	for chunk != "" {
		part := chunk
		end := strings.IndexByte(chunk, '\n')
		if end >= 0 {
			part = chunk[:end+1]
		}
		chunk = chunk[len(part):]
		if r.passing {
			out = r.add(out, part)
			r.passing = end < 0
			continue
		}
		r.line += part
		if end >= 0 {
			out = r.decide(out, true)
		} else if !r.mayBeMark(r.line) {
			out = r.decide(out, false)
			r.passing = true
		}
	}
	return out
}

// Close returns what was held back.
func (r *Reader) Close() []Span { return r.decide(nil, true) }

// decide takes the held line as heading, fence or text.
func (r *Reader) decide(out []Span, whole bool) []Span {
	line := r.line
	r.line = ""
	if line == "" {
		return out
	}
	if whole && r.fenceLine(line) {
		return r.add(out, line)
	}
	if r.fence == "" && whole {
		if id, rest, ok := r.heading(line); ok {
			r.section = id
			return r.add(out, rest)
		}
	}
	return r.add(out, line)
}

func (r *Reader) add(out []Span, text string) []Span {
	if text == "" {
		return out
	}
	if n := len(out); n > 0 && out[n-1].Section == r.section {
		out[n-1].Text += text
		return out
	}
	return append(out, Span{r.section, text})
}

// fenceLine opens or closes a fence, after CommonMark 4.5: at least three ` or
// ~, closed by at least as many of the same with nothing behind them.
func (r *Reader) fenceLine(line string) bool {
	text := strings.TrimSpace(line)
	if text == "" || (text[0] != '`' && text[0] != '~') {
		return false
	}
	run := text[:len(text)-len(strings.TrimLeft(text, text[:1]))]
	if len(run) < 3 {
		return false
	}
	switch {
	case r.fence == "" && strings.Contains(text[len(run):], "`"):
		return false // inline code, such as ```x```
	case r.fence == "":
		r.fence = run
	case strings.HasPrefix(run, r.fence) && text == run:
		r.fence = ""
	}
	return true
}

// mayBeMark tells whether a line that starts so may become a heading or a fence.
func (r *Reader) mayBeMark(start string) bool {
	if len(start) > headingBytesMax {
		return false
	}
	text := strings.TrimLeft(start, " \t\r")
	if text == "" || text[0] == '`' || text[0] == '~' {
		return true
	}
	if r.fence != "" {
		return false
	}
	words, rest := label(text)
	if words == "" {
		return rest == ""
	}
	for _, s := range r.want {
		for _, name := range s.names {
			if rest == "" && strings.HasPrefix(name, words) || words == name || strings.HasPrefix(words, name+" ") && rest == "" {
				return true
			}
		}
	}
	return false
}

// marks may stand before a heading's words; closers behind them.
const (
	marks   = "#*_>-–—•+=()[].:0123456789 \t\r\n"
	closers = "*_#:=]) \t\r\n"
)

// label splits a line into the words of a possible heading, in lower case with
// single spaces, and the rest from the first byte that is no letter or space.
func label(line string) (words, rest string) {
	text := strings.TrimLeft(line, marks)
	end := strings.IndexFunc(text, func(c rune) bool { return !unicode.IsLetter(c) && c != ' ' && c != '\t' })
	if end < 0 {
		end = len(text)
	}
	return strings.ToLower(strings.Join(strings.Fields(text[:end]), " ")), text[end:]
}

// heading tells which section a whole line opens, and what of the line is text.
func (r *Reader) heading(line string) (id, rest string, ok bool) {
	if len(line) > headingBytesMax && !strings.Contains(line[:headingBytesMax], ":") {
		return "", "", false
	}
	words, rest := label(line)
	words = strings.TrimPrefix(words, "section ")
	for _, s := range r.want {
		for _, name := range s.names {
			if words != name {
				continue
			}
			if text, ok := afterLabel(rest); ok {
				return s.ID, text, true
			}
		}
	}
	return "", "", false
}

// afterLabel tells whether what follows a label's words makes it a heading, and
// returns the text behind it.
func afterLabel(rest string) (text string, ok bool) {
	trimmed := strings.TrimLeft(rest, closers)
	if trimmed == "" {
		return "", true // the line holds nothing else
	}
	if before := rest[:len(rest)-len(trimmed)]; strings.Contains(before, ":") {
		return trimmed, true
	}
	if first, size := utf8.DecodeRuneInString(trimmed); first == '(' || first == '—' || first == '–' {
		if tail := strings.TrimSpace(trimmed[size:]); first == '(' && strings.HasSuffix(strings.TrimRight(tail, closers), "") && strings.HasSuffix(tail, ")") {
			return "", true // "Validation (tests)"
		} else if first != '(' {
			return strings.TrimLeft(trimmed[size:], " \t"), true
		}
	}
	return "", false
}

// ReadSections parses a whole reply into the text of each section, by ID. Text
// of one section in two places is joined; before the first heading it is under
// "".
func ReadSections(reply string, want []Section) map[string]string {
	r := NewReader(want)
	parts := map[string]*strings.Builder{}
	for _, span := range append(r.Feed(reply), r.Close()...) {
		if parts[span.Section] == nil {
			parts[span.Section] = &strings.Builder{}
		}
		parts[span.Section].WriteString(span.Text)
	}
	out := map[string]string{}
	for id, b := range parts {
		if text := strings.TrimSpace(b.String()); text != "" {
			out[id] = text
		}
	}
	return out
}

// OneSection returns the text of a reply that was asked for one section: without
// its own heading, if it has one.
func OneSection(reply string, s Section) string {
	read := ReadSections(reply, []Section{s})
	if text := read[s.ID]; text != "" && read[""] == "" {
		return text
	}
	return strings.TrimSpace(reply)
}
