package promql

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bitactor/cf/lazyregexp"
)

// kind is what a token is. Operators and brackets are their own text.
type kind string

// The kinds of tokens that have many texts.
const (
	end        kind = "end of input"
	identifier kind = "identifier"
	metricName kind = "metric name" // an identifier with a colon
	keyword    kind = "keyword"
	number     kind = "number"
	duration   kind = "duration"
	str        kind = "string"
)

type token struct {
	kind kind
	text string // lower case for keywords; the value of strings
	pos  int
}

func (t token) String() string {
	switch t.kind {
	case end:
		return "end of input"
	case identifier, metricName, keyword, number, duration:
		return string(t.kind) + " " + strconv.Quote(t.text)
	case str:
		return "string " + strconv.Quote(t.text)
	}
	return strconv.Quote(t.text)
}

// keywords are the reserved words, which count in any case (key in
// promql/parser/lex.go). Those that metric may be names of metrics too.
var keywords = map[string]bool{
	"and": metric, "or": metric, "unless": metric, "atan2": false,
	"sum": metric, "avg": metric, "count": metric, "min": metric, "max": metric, "group": metric, "stddev": metric, "stdvar": metric, "topk": metric,
	"bottomk": metric, "count_values": metric, "quantile": metric, "limitk": metric, "limit_ratio": metric,
	"offset": metric, "smoothed": metric, "anchored": metric, "by": metric, "without": metric, "on": false, "ignoring": false, "group_left": false,
	"group_right": false, "bool": false, "start": metric, "end": metric, "step": metric,
}

const metric = true

var durationForm = lazyregexp.New(`^[0-9]+(?:ms|[smhdwy])(?:[0-9]+(?:ms|[smhdw]))*`)

// lexer cuts a text into tokens.
type lexer struct {
	text            string
	pos             int
	tokens          []token
	parens          int
	braces, bracket bool
}

func lex(text string) []token {
	l := lexer{text: text}
	for l.next() {
		continue
	}
	switch {
	case l.braces:
		fail(len(text), "unexpected end of input inside braces")
	case l.parens > 0:
		fail(len(text), "unclosed left parenthesis")
	case l.bracket:
		fail(len(text), "unclosed left bracket")
	}
	return append(l.tokens, token{kind: end, pos: len(text)})
}

func (l *lexer) emit(k kind, n int) {
	l.tokens = append(l.tokens, token{k, l.text[l.pos : l.pos+n], l.pos})
	l.pos += n
}

// next adds a token; it reports false at the end.
func (l *lexer) next() bool {
	rest := strings.TrimLeft(l.text[l.pos:], " \t\r\n")
	l.pos = len(l.text) - len(rest)
	if rest == "" {
		return false
	}
	c := rest[0]
	switch {
	case c == '#' && !l.bracket:
		if n := strings.IndexAny(rest, "\r\n"); n >= 0 {
			l.pos += n
			return true
		}
		return false
	case (c == '"' || c == '\'' || c == '`') && !l.bracket:
		l.str(rest)
	case alpha(c) && !l.bracket:
		l.word(rest)
	case c == ':' && !l.bracket && !l.braces:
		l.word(rest)
	case (digit(c) || c == '.' && len(rest) > 1 && digit(rest[1])) && !l.braces:
		l.number(rest)
	case l.braces:
		l.inBraces(rest)
	default:
		l.operator(rest)
	}
	return true
}

func alpha(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func digit(c byte) bool { return c >= '0' && c <= '9' }

// word adds an identifier, a name of a metric or a keyword.
func (l *lexer) word(rest string) {
	n := 1
	for n < len(rest) && (alpha(rest[n]) || digit(rest[n]) || rest[n] == ':' && !l.braces) {
		n++
	}
	lower := strings.ToLower(rest[:n])
	_, isKeyword := keywords[lower]
	switch {
	case l.braces:
		l.emit(identifier, n)
	case lower == "inf" || lower == "nan":
		l.emit(number, n)
	case isKeyword:
		l.tokens = append(l.tokens, token{keyword, lower, l.pos})
		l.pos += n
	case strings.Contains(lower, ":"):
		l.emit(metricName, n)
	default:
		l.emit(identifier, n)
	}
}

// number adds a number or a duration.
func (l *lexer) number(rest string) {
	n, k := len(durationForm.FindString(rest)), duration
	if n == 0 || n < len(rest) && (alpha(rest[n]) || digit(rest[n])) {
		var ok bool
		if n, ok = numeral(rest); !ok || n < len(rest) && (alpha(rest[n]) || digit(rest[n])) {
			fail(l.pos, "bad number or duration %q", rest[:min(n+1, len(rest))])
		}
		k = number
	}
	l.emit(k, n)
}

// numeral returns how long the number at the start of s is, by the rules of
// scanNumber in promql/parser/lex.go: even in a hexadecimal number the first
// "e" begins an exponent, and must not end it.
func numeral(s string) (n int, ok bool) {
	digits := "0123456789"
	if len(s) > 1 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		digits, n = "0123456789abcdefABCDEF", 2
		n += span(s[n:], "_", 1)
	}
	hex := len(digits) > 10
	n += span(s[n:], ".", 1)
	n += span(s[n:], digits, 1)
	dot, exponent := false, false
	for n < len(s) && strings.IndexByte(digits+"._eE", s[n]) >= 0 {
		c := s[n]
		switch {
		case c == '.':
			if dot || hex {
				return n, false
			}
			dot = true
		case c == 'e' || c == 'E':
			if exponent {
				return n, false
			}
			exponent = true
			n += span(s[n+1:], "+-", 1)
		case c != '_':
			n += span(s[n:], digits, len(s))
			continue
		}
		n++
		if c != '.' && n == len(s) || n < len(s) && (s[n] == '_' || s[n] == '.' || c != '.' && (s[n] == 'e' || s[n] == 'E')) {
			return n, false
		}
	}
	return n, n > 0
}

// span returns how many of at most limit bytes at the start of s are of a set.
func span(s, set string, limit int) int {
	n := 0
	for n < len(s) && n < limit && strings.IndexByte(set, s[n]) >= 0 {
		n++
	}
	return n
}

// str adds a string, with the escapes of Go.
func (l *lexer) str(rest string) {
	quote := rest[0]
	for n := 1; n < len(rest); n++ {
		switch {
		case rest[n] == '\\' && quote != '`':
			n++
		case rest[n] == '\n' && quote != '`':
			fail(l.pos, "string is not closed on its line")
		case rest[n] == quote:
			value, err := unquote(rest[:n+1])
			if err != nil || !utf8.ValidString(rest[:n+1]) || strings.ContainsRune(rest[:n+1], utf8.RuneError) {
				fail(l.pos, "bad escape or character in the string %s", rest[:n+1])
			}
			l.tokens = append(l.tokens, token{str, value, l.pos})
			l.pos += n + 1
			return
		}
	}
	fail(l.pos, "string is not closed")
}

// unquote returns the value of a string. strconv.Unquote takes '...' for one
// character of Go.
func unquote(s string) (string, error) {
	quote, body := s[0], s[1:len(s)-1]
	if quote == '`' {
		return body, nil
	}
	var b strings.Builder
	for body != "" {
		c, multibyte, tail, err := strconv.UnquoteChar(body, quote)
		if err != nil {
			return "", err
		}
		body = tail
		if c < utf8.RuneSelf || !multibyte {
			b.WriteByte(byte(c))
		} else {
			b.WriteRune(c)
		}
	}
	return b.String(), nil
}

// inBraces adds an operator between { and }.
func (l *lexer) inBraces(rest string) {
	for _, op := range []string{"=~", "!~", "!=", "=", ","} {
		if strings.HasPrefix(rest, op) {
			l.emit(kind(op), len(op))
			return
		}
	}
	if rest[0] != '}' {
		fail(l.pos, "unexpected %s inside braces", quoteFirst(rest))
	}
	l.emit("}", 1)
	l.braces = false
}

// operator adds an operator or a bracket outside braces.
func (l *lexer) operator(rest string) {
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "%", "^", ",", "@", "(", ")", "{", "[", "]", ":"} {
		if strings.HasPrefix(rest, op) {
			l.nest(op)
			l.emit(kind(op), len(op))
			return
		}
	}
	fail(l.pos, "unexpected character %s", quoteFirst(rest))
}

// nest keeps count of brackets.
func (l *lexer) nest(op string) {
	switch op {
	case "(":
		l.parens++
	case ")":
		if l.parens--; l.parens < 0 {
			fail(l.pos, "unexpected right parenthesis")
		}
	case "{":
		if l.bracket {
			fail(l.pos, "unexpected left brace inside brackets")
		}
		l.braces = true
	case "[":
		if l.bracket {
			fail(l.pos, "unexpected left bracket")
		}
		l.bracket = true
	case "]":
		if !l.bracket {
			fail(l.pos, "unexpected right bracket")
		}
		l.bracket = false
	}
}

func quoteFirst(s string) string {
	r, _ := utf8.DecodeRuneInString(s)
	return strconv.QuoteRune(r)
}
