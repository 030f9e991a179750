package telemetry

import "strings"

// arguments splits the text between the brackets of a call, a list or a map at its
// outermost commas. Strings in single, double and backquotes are kept whole.
func arguments(text string) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\'', '`':
			i = quoteEnd(text, i)
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(text[start:i]))
				start = i + 1
			}
		}
	}
	if last := strings.TrimSpace(text[min(start, len(text)):]); last != "" {
		out = append(out, last)
	}
	return out
}

// quoteEnd returns where the string that begins at i ends, or the end of the text.
func quoteEnd(text string, i int) int {
	quote := text[i]
	for j := i + 1; j < len(text); j++ {
		switch {
		case text[j] == '\\' && quote != '`':
			j++
		case text[j] == quote:
			return j
		}
	}
	return len(text)
}

// bracketed returns what stands between the bracket at i and the one that closes
// it, and false where none does.
func bracketed(text string, i int) (string, bool) {
	depth := 0
	for j := i; j < len(text); j++ {
		switch text[j] {
		case '"', '\'', '`':
			j = quoteEnd(text, j)
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return text[i+1 : j], true
			}
		}
	}
	return "", false
}

// inner takes one pair of brackets from a text.
func inner(text string) string {
	text = strings.TrimSpace(text)
	if n := len(text); n >= 2 && strings.ContainsRune("([{", rune(text[0])) && strings.ContainsRune(")]}", rune(text[n-1])) {
		return text[1 : n-1]
	}
	return text
}

// literal returns the value of a string literal without escapes.
func literal(text string) (string, bool) {
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '`' || text[0] == '\'') && text[n-1] == text[0] && !strings.ContainsAny(text[1:n-1], "\\\"`#{") {
		return text[1 : n-1], true
	}
	return "", false
}

// pairs reads "key: value" and "key = value" pairs.
func pairs(list []string, sign string) map[string]string {
	out := map[string]string{}
	for _, item := range list {
		if key, value, ok := strings.Cut(item, sign); ok && isWord(strings.TrimSpace(key)) {
			out[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return out
}

// isWord tells whether a text is a plain identifier.
func isWord(text string) bool {
	for i := range len(text) {
		c := text[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return text != ""
}
