package data

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/bitactor/cf/check/source"
)

// depthMax is how deep arrays and objects may nest; encoding/json refuses more
// than this too (maxNestingDepth in its scanner).
const depthMax = 10000

// Dialect is what a JSON file may hold beyond RFC 8259.
type Dialect int

// The dialects.
const (
	Strict   Dialect = iota // RFC 8259: one value
	Lines                   // one value a line, empty lines allowed (.jsonl, .ndjson)
	Comments                // one value, with comments and trailing commas, as tsconfig.json has them
)

// CheckJSON records what is wrong with f as JSON: the first syntax error, and
// every duplicate key and every string that is not UTF-8 before it.
func CheckJSON(f *source.File, d Dialect) {
	if f.Mark {
		f.Warn(0, "byte-order-mark", "JSON must not begin with a byte order mark (RFC 8259, section 8.1)")
	}
	s := jsonScanner{f: f, data: f.Data, dialect: d}
	if d != Lines {
		s.document()
		return
	}
	for line := 1; line <= f.Lines(); line++ {
		start := f.Offset(line, 1)
		s.pos, s.data = start, f.Data[:start+len(f.Line(line))]
		if s.blank(); s.pos < len(s.data) {
			s.document()
		}
	}
}

// jsonScanner walks JSON text without recursion, so that deep nesting costs
// memory in proportion only. It accepts what encoding/json accepts; a fuzz
// test holds the two together.
type jsonScanner struct {
	f       *source.File
	data    []byte
	pos     int
	dialect Dialect
	open    []container
}

// container is an object or array that is not closed yet.
type container struct {
	close byte // '}' or ']'
	start int
	keys  map[string]int // offset of each key of an object, nil until the first
	comma int            // offset of the comma just passed, -1 for none
}

// document scans one value and what may follow it.
func (s *jsonScanner) document() {
	s.open = s.open[:0]
	if err := s.value(); err != nil {
		s.f.Error(err.at, err.code, "%s", err.text)
		return
	}
	if err := s.space(); err != nil {
		s.f.Error(err.at, err.code, "%s", err.text)
	} else if s.pos < len(s.data) {
		s.f.Error(s.pos, "trailing-data", "%s after the end of the value", s.see())
	}
}

type jsonFault struct {
	at         int
	code, text string
}

func (s *jsonScanner) fault(at int, code, format string, args ...any) *jsonFault {
	return &jsonFault{at, code, fmt.Sprintf(format, args...)}
}

// value scans a value with all that is nested in it.
func (s *jsonScanner) value() *jsonFault {
	for {
		opened, err := s.begin()
		if err != nil {
			return err
		}
		if opened {
			if done, err := s.first(); err != nil {
				return err
			} else if !done {
				continue
			}
		}
		if done, err := s.next(); done || err != nil {
			return err
		}
	}
}

// begin scans a scalar or the opening of a container.
func (s *jsonScanner) begin() (opened bool, err *jsonFault) {
	if err := s.space(); err != nil {
		return false, err
	}
	if s.pos >= len(s.data) {
		return false, s.unexpectedEnd("a value")
	}
	switch c := s.data[s.pos]; {
	case c == '{' || c == '[':
		if len(s.open) == depthMax {
			return false, s.fault(s.pos, "nesting", "nested more than %d deep", depthMax)
		}
		s.open = append(s.open, container{close: c + 2, start: s.pos, comma: -1})
		s.pos++
		return true, nil
	case c == '"':
		_, err := s.str()
		return false, err
	case c == '-' || c >= '0' && c <= '9':
		return false, s.number()
	default:
		return false, s.word()
	}
}

// first scans from a container's opening to its first value. It reports true
// when the container was empty and is closed.
func (s *jsonScanner) first() (closed bool, err *jsonFault) {
	if err := s.space(); err != nil {
		return false, err
	}
	top := &s.open[len(s.open)-1]
	if s.pos < len(s.data) && s.data[s.pos] == top.close {
		s.pos++
		s.open = s.open[:len(s.open)-1]
		return true, nil
	}
	if top.close == '}' {
		return false, s.key(top)
	}
	return false, nil
}

// next scans from the end of a value to the start of the one after it in the
// innermost container, closing containers on the way. It reports true when all
// are closed.
func (s *jsonScanner) next() (done bool, err *jsonFault) {
	for len(s.open) > 0 {
		if err := s.space(); err != nil {
			return false, err
		}
		top := &s.open[len(s.open)-1]
		if s.pos >= len(s.data) {
			return false, s.unexpectedEnd(fmt.Sprintf("%q", top.close))
		}
		switch c := s.data[s.pos]; {
		case c == top.close:
			s.pos++
			s.open = s.open[:len(s.open)-1]
			continue
		case c != ',':
			return false, s.fault(s.pos, "syntax", "%s where ',' or %q should be", s.see(), top.close)
		}
		top.comma = s.pos
		s.pos++
		if err := s.space(); err != nil {
			return false, err
		}
		if s.pos < len(s.data) && s.data[s.pos] == top.close {
			if s.dialect != Comments {
				return false, s.fault(top.comma, "trailing-comma", "comma before %q", top.close)
			}
			s.pos++
			s.open = s.open[:len(s.open)-1]
			continue
		}
		if top.close == '}' {
			return false, s.key(top)
		}
		return false, nil
	}
	return true, nil
}

// key scans a member's key and the colon behind it.
func (s *jsonScanner) key(object *container) *jsonFault {
	if s.pos >= len(s.data) {
		return s.unexpectedEnd("a key")
	}
	if s.data[s.pos] != '"' {
		return s.fault(s.pos, "syntax", "%s where a key in double quotes should be", s.see())
	}
	at := s.pos
	name, err := s.str()
	if err != nil {
		return err
	}
	if object.keys == nil {
		object.keys = map[string]int{}
	}
	if before, ok := object.keys[name]; ok {
		line, _ := s.f.Position(before)
		s.f.Error(at, "duplicate-key", "key %s is already defined on line %d", strconv.Quote(name), line+s.f.Above)
	} else {
		object.keys[name] = at
	}
	if err := s.space(); err != nil {
		return err
	}
	if s.pos >= len(s.data) {
		return s.unexpectedEnd("':'")
	}
	if s.data[s.pos] != ':' {
		return s.fault(s.pos, "syntax", "%s where ':' should be", s.see())
	}
	s.pos++
	return nil
}

// str scans a string and returns what it stands for.
func (s *jsonScanner) str() (string, *jsonFault) {
	start := s.pos
	plain := true
	for s.pos++; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return s.meaning(start, plain), nil
		case c < 0x20:
			if c == '\n' || c == '\r' {
				return "", s.fault(start, "syntax", "string is not closed on its line")
			}
			return "", s.fault(s.pos, "syntax", "control character %#02x in a string", c)
		case c == '\\':
			plain = false
			if err := s.escape(); err != nil {
				return "", err
			}
		}
	}
	return "", s.fault(start, "unexpected-end", "string is not closed")
}

// meaning returns the value of the string that begins at start and ends before
// pos.
func (s *jsonScanner) meaning(start int, plain bool) string {
	raw := s.data[start:s.pos]
	if !utf8.Valid(raw) {
		s.f.Error(start, "not-utf8", "string is not UTF-8")
	}
	if plain {
		return string(raw[1 : len(raw)-1])
	}
	var value string
	if json.Unmarshal(raw, &value) != nil {
		return string(raw)
	}
	return value
}

// escape scans from a backslash to the last byte of the escape.
func (s *jsonScanner) escape() *jsonFault {
	start := s.pos
	s.pos++
	if s.pos >= len(s.data) {
		return s.unexpectedEnd("an escape")
	}
	switch s.data[s.pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			s.pos++
			if s.pos >= len(s.data) || !isHex(s.data[s.pos]) {
				return s.fault(start, "syntax", `\u needs four hexadecimal digits`)
			}
		}
		return nil
	}
	return s.fault(start, "syntax", "no escape \\%c in JSON", rune(s.data[s.pos]))
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// number scans a number by the grammar of RFC 8259, section 6.
func (s *jsonScanner) number() *jsonFault {
	start := s.pos
	if s.data[s.pos] == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return s.fault(start, "syntax", "number without digits")
	}
	if c := s.peek(); c >= '0' && c <= '9' {
		return s.fault(start, "syntax", "number with a leading zero")
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return s.fault(start, "syntax", "number without digits after its point")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return s.fault(start, "syntax", "number without digits in its exponent")
		}
	}
	return nil
}

func (s *jsonScanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *jsonScanner) digits() bool {
	start := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}

// word scans true, false and null, and says what else a word may have meant.
func (s *jsonScanner) word() *jsonFault {
	start, end := s.pos, s.pos
	for end < len(s.data) && isWord(s.data[end]) {
		end++
	}
	switch w := string(s.data[start:end]); w {
	case "true", "false", "null":
		s.pos = end
		return nil
	case "True", "False", "None", "NaN", "Infinity", "undefined":
		return s.fault(start, "syntax", "%s is not JSON", w)
	}
	if s.data[start] == '\'' {
		return s.fault(start, "syntax", "strings stand in double quotes in JSON")
	}
	return s.fault(start, "syntax", "%s where a value should be", s.see())
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// blank passes over white space.
func (s *jsonScanner) blank() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// space passes over white space, and comments where the dialect has them.
func (s *jsonScanner) space() *jsonFault {
	for {
		s.blank()
		if s.peek() != '/' {
			return nil
		}
		start := s.pos
		if s.dialect != Comments {
			return s.fault(start, "comment", "JSON has no comments")
		}
		if err := s.comment(); err != nil {
			return err
		}
	}
}

// comment passes over the comment at pos.
func (s *jsonScanner) comment() *jsonFault {
	start := s.pos
	s.pos++
	switch s.peek() {
	case '/':
		for s.pos < len(s.data) && s.data[s.pos] != '\n' {
			s.pos++
		}
		return nil
	case '*':
		for s.pos++; s.pos+1 < len(s.data); s.pos++ {
			if s.data[s.pos] == '*' && s.data[s.pos+1] == '/' {
				s.pos += 2
				return nil
			}
		}
		return s.fault(start, "unexpected-end", "comment is not closed")
	}
	return s.fault(start, "syntax", "'/' where a value should be")
}

// see describes what stands at pos.
func (s *jsonScanner) see() string {
	if s.pos >= len(s.data) {
		return "the end"
	}
	r, _ := utf8.DecodeRune(s.data[s.pos:])
	return strconv.QuoteRune(r)
}

// unexpectedEnd says that the text ends too early, and what is still open.
func (s *jsonScanner) unexpectedEnd(wanted string) *jsonFault {
	if n := len(s.open); n > 0 {
		line, column := s.f.Position(s.open[n-1].start)
		return s.fault(s.pos, "unexpected-end", "the text ends where %s should be; %q of line %d, column %d is open",
			wanted, s.data[s.open[n-1].start], line+s.f.Above, column)
	}
	return s.fault(s.pos, "unexpected-end", "the text ends where %s should be", wanted)
}
