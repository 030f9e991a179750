package tui

import "strings"

// marks is what a line of Markdown means for the rows it wraps into.
type marks struct {
	fence bool // the line opens or closes a block of code
	code  bool // it stands inside one
	title bool // it is a heading
}

// marksOf reads a line, given the marks of the line before.
func marksOf(line []byte, before marks) marks {
	inside := before.code != before.fence // a fence turns over what it stands in
	s := strings.TrimLeft(string(line[:min(len(line), 16)]), " ")
	m := marks{code: inside, fence: strings.HasPrefix(s, "```")}
	if !inside && !m.fence {
		hashes := len(s) - len(strings.TrimLeft(s, "#"))
		m.title = hashes > 0 && hashes <= 6 && strings.HasPrefix(s[hashes:], " ")
	}
	return m
}

// styled shows a row of an answer: fences dim, code as it is, headings and
// **strong** words strong without their marks, `code` with dim ticks.
// A mark that is not closed in the row is shown. What is copied keeps every mark.
func styled(s string, m marks, first bool, t *theme) string {
	switch {
	case m.fence:
		return t.dim.Render(s)
	case m.code:
		return s
	case m.title:
		if first {
			s = strings.TrimLeft(strings.TrimLeft(s, " "), "#")[1:]
		}
		return t.strong.Render(strings.ReplaceAll(s, "**", ""))
	case strings.IndexByte(s, '*') < 0 && strings.IndexByte(s, '`') < 0:
		return s
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "*`")
		if i < 0 {
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		mark := "`"
		if s[0] == '*' {
			mark = "**"
		}
		word, rest, closed := strings.Cut(strings.TrimPrefix(s, mark), mark)
		if !strings.HasPrefix(s, mark) || !closed || word == "" || strings.HasPrefix(word, " ") {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		if mark == "`" {
			b.WriteString(t.dim.Render(mark) + word + t.dim.Render(mark))
		} else {
			b.WriteString(t.strong.Render(word))
		}
		s = rest
	}
	b.WriteString(s)
	return b.String()
}
