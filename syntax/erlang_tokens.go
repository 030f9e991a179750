package syntax

import (
	"bytes"
	"context"
	"unicode"
	"unicode/utf8"
)

// erlKind is the kind of an Erlang token. The lexical rules are those of the
// reference manual, "Character Set and Source File Encoding", "Data Types" and
// "Preprocessor" (https://www.erlang.org/doc/system/reference_manual.html).
type erlKind uint8

const (
	erlAtom    erlKind = iota // also a quoted one
	erlWord                   // a reserved word
	erlVar                    // a variable
	erlNumber                 // an integer, a float, a character
	erlString                 // a string or a sigil
	erlMacro                  // ?NAME or ??NAME
	erlPunct                  // brackets, operators, separators
	erlDot                    // the end of a form
	erlComment                // only given to the harvest
)

// erlToken is a token; its text is a part of the source, without the quotes of an
// atom and the marks of a macro, and empty for what has no name.
type erlToken struct {
	kind erlKind
	at   Range
	text string
}

// erlReserved are the reserved words. "maybe" is one only where the feature is
// on; the brackets are counted so that both ways are right.
var erlReserved = map[string]bool{
	"after": true, "and": true, "andalso": true, "band": true, "begin": true, "bnot": true, "bor": true, "bsl": true,
	"bsr": true, "bxor": true, "case": true, "catch": true, "cond": true, "div": true, "else": true, "end": true,
	"fun": true, "if": true, "let": true, "maybe": true, "not": true, "of": true, "or": true, "orelse": true,
	"receive": true, "rem": true, "try": true, "when": true, "xor": true,
}

// erlOperators are the operators and marks of more than one character, the
// longest first.
var erlOperators = []string{
	"=:=", "=/=", "<:=", "<:-", "&&", "...",
	"->", "<-", "=>", ":=", "::", "||", "==", "/=", "=<", ">=", "++", "--", "<<", ">>", "<=", "?=", "..",
}

// erlScanner cuts a source into tokens.
type erlScanner struct {
	f    *File
	src  []byte
	text string // the same; tokens share it
	at   int
	h    *harvest
	list []erlToken // of the form being read
}

// maxFormTokens bounds the memory for one form.
const maxFormTokens = 1 << 19

func newErlScanner(f *File, h *harvest) *erlScanner {
	s := &erlScanner{f: f, src: f.src, text: string(f.src), h: h}
	if bytes.HasPrefix(s.src, []byte("\uFEFF")) {
		s.at = 3
	}
	if bytes.HasPrefix(s.src[s.at:], []byte("#!")) {
		s.comment()
	}
	return s
}

// form returns the tokens up to the next dot that ends a form, which is the
// last of them; the form at the end of the source may lack it. None are left: it
// returns none. The tokens are valid until the next call. Comments and strings go
// to the harvest.
func (s *erlScanner) form(ctx context.Context) ([]erlToken, error) {
	s.list = s.list[:0]
	for {
		for s.at < len(s.src) && isSpace(s.src[s.at]) {
			s.at++
		}
		if s.at >= len(s.src) {
			return s.list, ctx.Err()
		}
		start := s.at
		kind, text := s.next()
		if kind == erlComment {
			continue
		}
		s.list = append(s.list, erlToken{kind, Range{start, s.at}, text})
		if kind == erlDot {
			return s.list, ctx.Err()
		}
		if len(s.list) == maxFormTokens {
			return nil, ErrTooComplex
		}
		if len(s.list)%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// next reads the token at s.at.
func (s *erlScanner) next() (erlKind, string) {
	start := s.at
	c := s.src[start]
	switch {
	case c == '%':
		s.comment()
		return erlComment, ""
	case c == '"':
		s.quoted(start)
		return erlString, ""
	case c == '\'':
		closed := s.until(start+1, '\'')
		if !closed {
			s.problem(start, "a quoted atom that is never closed begins with '")
		}
		inner := s.text[start+1 : s.at]
		if closed {
			inner = inner[:len(inner)-1]
		}
		return erlAtom, inner
	case c == '$':
		s.character()
		return erlNumber, ""
	case c >= '0' && c <= '9':
		s.number()
		return erlNumber, ""
	case c == '~':
		if s.sigil() {
			return erlString, ""
		}
	case c == '?':
		if text, ok := s.macro(); ok {
			return erlMacro, text
		}
	case c == '.' && s.endsForm(start+1):
		s.at++
		return erlDot, "."
	}
	if word := s.word(start); word != "" {
		first, _ := utf8.DecodeRuneInString(word)
		s.at = start + len(word)
		switch {
		case first == '_' || unicode.IsUpper(first):
			return erlVar, word
		case erlReserved[word]:
			return erlWord, word
		}
		return erlAtom, word
	}
	return s.punct()
}

func (s *erlScanner) problem(at int, message string) {
	s.h.problems = append(s.h.problems, s.f.problem(at, message))
}

func (s *erlScanner) comment() {
	start := s.at
	end := bytes.IndexByte(s.src[start:], '\n')
	if end < 0 {
		end = len(s.src) - start
	}
	s.at = start + end
	s.h.comments = append(s.h.comments, Range{start, s.at})
}

// endsForm tells whether a dot before at ends a form.
func (s *erlScanner) endsForm(at int) bool {
	return at >= len(s.src) || isSpace(s.src[at]) || s.src[at] == '%'
}

// word returns the letters, digits, "_" and "@" from at on, if the first is no digit.
func (s *erlScanner) word(at int) string {
	end := at
	for end < len(s.src) {
		r, size := utf8.DecodeRune(s.src[end:])
		if r != '_' && r != '@' && !unicode.IsLetter(r) && (end == at || !unicode.IsDigit(r)) || r == '@' && end == at {
			break
		}
		end += size
	}
	return s.text[at:end]
}

// until moves behind the next end that no backslash stands before.
func (s *erlScanner) until(from int, end byte) bool {
	for s.at = from; s.at < len(s.src); s.at++ {
		switch s.src[s.at] {
		case '\\':
			s.at++
		case end:
			s.at++
			return true
		}
	}
	s.at = len(s.src)
	return false
}

// quoted reads a string whose first quote is at mark: of one quote, or of three
// or more with the same number at the start of a line (OTP 27).
func (s *erlScanner) quoted(mark int) {
	n := 0
	for mark+n < len(s.src) && s.src[mark+n] == '"' {
		n++
	}
	rest := s.src[mark+n:]
	line, _, more := bytes.Cut(rest, []byte("\n"))
	closed := false
	switch {
	case n >= 3 && more && len(bytes.TrimSpace(line)) == 0:
		s.at, closed = s.tripleEnd(mark+n+len(line)+1, n)
	case n == 2 || n >= 3 && n%2 == 0: // empty strings side by side
		s.at, closed = mark+2, true
	default:
		closed = s.until(mark+1, '"')
	}
	if !closed {
		s.problem(mark, `a string that is never closed begins with "`)
	}
	s.h.strings = append(s.h.strings, Range{mark, s.at})
}

// tripleEnd returns the offset behind the line that begins with n quotes.
func (s *erlScanner) tripleEnd(from, n int) (int, bool) {
	fence := bytes.Repeat([]byte{'"'}, n)
	for from < len(s.src) {
		line := s.src[from:]
		size := len(line)
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line, size = line[:i], i+1
		}
		text := bytes.TrimLeft(line, " \t")
		if bytes.HasPrefix(text, fence) {
			return from + len(line) - len(text) + n, true
		}
		from += size
	}
	return len(s.src), false
}

// sigilEnds are the closing marks of sigils, by the opening ones.
var sigilEnds = map[byte]byte{'(': ')', '[': ']', '{': '}', '<': '>', '/': '/', '|': '|', '\'': '\'', '`': '`', '#': '#'}

// sigil reads ~"...", ~s(...), ~B"""...""" (OTP 27).
func (s *erlScanner) sigil() bool {
	start, at := s.at, s.at+1
	for at < len(s.src) && at < start+3 && (s.src[at]|0x20 >= 'a' && s.src[at]|0x20 <= 'z') {
		at++
	}
	if at >= len(s.src) {
		return false
	}
	if s.src[at] == '"' {
		s.quoted(at)
		s.h.strings[len(s.h.strings)-1].Start = start
		return true
	}
	end, ok := sigilEnds[s.src[at]]
	if !ok {
		return false
	}
	if !s.until(at+1, end) {
		s.problem(start, "a sigil that is never closed")
	}
	s.h.strings = append(s.h.strings, Range{start, s.at})
	return true
}

// character reads $a, $\n, $\x{41}, $\^A, $\101.
func (s *erlScanner) character() {
	s.at++
	if s.at < len(s.src) && s.src[s.at] == '\\' {
		s.at++
		switch {
		case bytes.HasPrefix(s.src[s.at:], []byte("x{")):
			for s.at < len(s.src) && s.src[s.at] != '}' && s.src[s.at] != '\n' {
				s.at++
			}
		case s.at < len(s.src) && s.src[s.at] == '^':
			s.at++
		case s.at < len(s.src) && s.src[s.at] >= '0' && s.src[s.at] <= '7':
			for n := 0; n < 2 && s.at+1 < len(s.src) && s.src[s.at+1] >= '0' && s.src[s.at+1] <= '7'; n++ {
				s.at++
			}
		}
	}
	if s.at < len(s.src) {
		_, size := utf8.DecodeRune(s.src[s.at:])
		s.at += size
	}
}

// number reads 1, 1_000, 16#FF, 1.5, 1.0e-3.
func (s *erlScanner) number() {
	digits := func() {
		for s.at < len(s.src) && (s.src[s.at] >= '0' && s.src[s.at] <= '9' || s.src[s.at] == '_') {
			s.at++
		}
	}
	digit := func(at int) bool { return at < len(s.src) && s.src[at] >= '0' && s.src[at] <= '9' }
	digits()
	switch {
	case s.at+1 < len(s.src) && s.src[s.at] == '#' && isAlnum(s.src[s.at+1]):
		for s.at++; s.at < len(s.src) && (isAlnum(s.src[s.at]) || s.src[s.at] == '_'); s.at++ {
		}
	case s.at < len(s.src) && s.src[s.at] == '.' && digit(s.at+1):
		s.at++
		digits()
		if s.at < len(s.src) && s.src[s.at]|0x20 == 'e' {
			next := s.at + 1
			if next < len(s.src) && (s.src[next] == '-' || s.src[next] == '+') {
				next++
			}
			if digit(next) {
				s.at = next
				digits()
			}
		}
	}
}

func isAlnum(b byte) bool {
	return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z'
}

// macro reads ?NAME and ??NAME; "?=" is an operator.
func (s *erlScanner) macro() (string, bool) {
	at := s.at + 1
	if at < len(s.src) && s.src[at] == '?' {
		at++
	}
	if at < len(s.src) && s.src[at] == '\'' {
		closed := s.until(at+1, '\'')
		if closed {
			return s.text[at+1 : s.at-1], true
		}
		return "", true
	}
	word := s.word(at)
	if word == "" {
		return "", false
	}
	s.at = at + len(word)
	return word, true
}

func (s *erlScanner) punct() (erlKind, string) {
	rest := s.src[s.at:]
	for _, op := range erlOperators {
		if bytes.HasPrefix(rest, []byte(op)) {
			s.at += len(op)
			return erlPunct, op
		}
	}
	r, size := utf8.DecodeRune(rest)
	s.at += size
	if !bytes.ContainsRune([]byte("()[]{},;:.=|!#<>+-*/?"), r) || r == utf8.RuneError {
		s.problem(s.at-size, "unexpected "+quoted(string(rest[:size])))
	}
	return erlPunct, s.text[s.at-size : s.at]
}
