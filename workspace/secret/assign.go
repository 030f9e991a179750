package secret

import (
	"math"
	"path"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// credentialWords are the words, by their first byte, that name a credential
// when a name ends in them: after gitleaks' generic-api-key, made stricter so
// that "max_tokens: 4096" and "token := next()" stay. A "key" counts only after
// one of keyPrefixes.
var credentialWords = map[byte][]string{
	'p': {"password", "passwd", "passphrase", "pwd"},
	's': {"secret"},
	't': {"token"},
	'c': {"credentials", "credential"},
	'k': {"key"},
}

var keyPrefixes = []string{
	"api", "access", "secret", "private", "encryption", "signing", "auth", "account", "master", "shared",
	"service", "storage", "license", "client", "app", "session",
}

// operator matches what stands between the word and its value in the many
// spellings of NAME = VALUE.
var operator = lazyregexp.New(`^(?i)(?:[_-]?(?:value|prod|live|dev|test|staging|base64|b64|hex|base|[0-9]{1,2}))?` +
	`["'` + "`" + `\]]{0,2}[ \t]{0,4}(?::[ \t]?[a-z&]{1,12}[ \t]?=|:=|=>|==?|:|,|[ \t]string[ \t]?=)[ \t]{0,8}`)

const operatorBytesMax = 48

// head returns where the next NAME = of lower, from at on, ends, and the word
// that the name ends in; end is 0 where there is none.
func head(line, lower string, at int) (word string, end int) {
	for i := at; i < len(lower); i++ {
		for _, w := range credentialWords[lower[i]] {
			if !strings.HasPrefix(lower[i:], w) || w == "key" && !keyOfSomething(lower[:i]) {
				continue
			}
			after := i + len(w)
			if m := operator.FindString(line[after:min(len(line), after+operatorBytesMax)]); m != "" {
				return w, after + len(m)
			}
		}
	}
	return "", 0
}

// keyOfSomething tells whether before ends in what makes a "key" a credential.
func keyOfSomething(before string) bool {
	if n := len(before); n > 0 && strings.IndexByte("_.-", before[n-1]) >= 0 {
		before = before[:n-1]
	}
	for _, p := range keyPrefixes {
		if strings.HasSuffix(before, p) {
			return true
		}
	}
	return false
}

// lowerASCII returns text with A to Z in lower case, every byte in its place.
func lowerASCII(text string) string {
	b := []byte(text)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// valueBytesMax bounds a value: what is longer is data, not a credential.
const valueBytesMax = 512

// value returns where the value at the start of text lies; bare tells that it
// has no quotes. to is 0 where there is none: an expression, an open quote.
func value(text string) (from, to int, bare bool) {
	for _, prefix := range []string{"<<", "@", "b", "r", "f", "c"} { // literals of Erlang, C#, Python, Rust
		if rest, ok := strings.CutPrefix(text, prefix); ok && rest != "" && strings.IndexByte("\"'`", rest[0]) >= 0 {
			from = len(prefix)
			break
		}
	}
	if from == len(text) {
		return 0, 0, false
	}
	quote := text[from]
	if strings.IndexByte("\"'`", quote) < 0 {
		end := strings.IndexAny(text[:min(len(text), valueBytesMax)], " \t\r\n\"'`,;(){}<>[]$&|#")
		if end < 0 {
			end = len(text)
		}
		if end < 8 || end > valueBytesMax || end < len(text) && strings.IndexByte("(){}<>[]$&|#", text[end]) >= 0 {
			return 0, 0, false
		}
		return 0, end, true
	}
	from++
	for to = from; to < len(text) && to < valueBytesMax; to++ {
		switch {
		case text[to] == quote:
			return from, to, false
		case text[to] == '\\' && quote != '`':
			to++
		case text[to] == '\n':
			return 0, 0, false
		}
	}
	return 0, 0, false
}

// redactAssignments works by line: no value spans two. quotedOnly says that a
// bare value is an expression, not a text.
func redactAssignments(text string, quotedOnly bool, counts map[string]int) string {
	var out strings.Builder
	at, start := 0, 0
	lowerText := lowerASCII(text)
	for line := range strings.Lines(text) {
		lower := lowerText[start : start+len(line)]
		for word, end := head(line, lower, 0); end > 0; word, end = head(line, lower, end) {
			from, to, bare := value(line[end:])
			if to <= from || bare && quotedOnly || !secretValue(kindOf(word), line[end+from:end+to]) {
				continue
			}
			out.WriteString(text[at : start+end+from])
			out.WriteString(mark(kindOf(word)))
			counts[kindOf(word)]++
			at, end = start+end+to, end+to
		}
		start += len(line)
	}
	if at == 0 {
		return text
	}
	out.WriteString(text[at:])
	return out.String()
}

func kindOf(word string) string {
	switch {
	case strings.HasPrefix(word, "pass"), word == "pwd":
		return "password"
	case word == "token", word == "secret":
		return word
	case word == "key":
		return "api-key"
	}
	return "credential"
}

// secretValue tells a credential from the ordinary values that such names get:
// words, identifiers, paths, references, UUIDs, prose.
func secretValue(kind, value string) bool {
	if placeholder(value) || strings.ContainsAny(value, " \t") || uuid(value) {
		return false
	}
	lower, upper, digit, other := classes(value)
	kinds := 0
	for _, n := range []int{lower, upper, digit, other} {
		if n > 0 {
			kinds++
		}
	}
	if kind == "password" {
		// People's passwords are short: two classes of characters will do, but
		// not an identifier or a path.
		return len(value) >= 6 && kinds >= 2 && (digit > 0 || strings.ContainsAny(value, "!@#$%^&*?~+=")) && !identifier(value)
	}
	if len(value) < 16 || digit == 0 || lower+upper == 0 || identifier(value) || strings.HasPrefix(value, "/") || strings.Contains(value, "://") {
		return false
	}
	least := 3.5 // bits a character, gitleaks' figure for generic-api-key
	if other == 0 && (lower == 0 || upper == 0) {
		least = 3.0 // hexadecimal: 4.0 at most
	}
	return entropy(value) >= least
}

// placeholder tells values that stand for a secret without being one.
func placeholder(value string) bool {
	if strings.HasPrefix(value, "[redacted") || strings.ContainsAny(value, "<>{}") || strings.Contains(value, "$(") || strings.HasPrefix(value, "$") || strings.HasPrefix(value, "%(") {
		return true
	}
	lower := strings.ToLower(value)
	for _, w := range []string{"example", "changeme", "change-me", "change_me", "placeholder", "your-", "your_", "dummy", "xxxx", "****", "....", "redacted", "insert", "process.env", "os.environ", "getenv", "system.get_env"} {
		if strings.Contains(lower, w) {
			return true
		}
	}
	return value == "" || strings.Trim(value, value[:1]) == ""
}

var uuidPattern = lazyregexp.New(`^(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func uuid(value string) bool { return uuidPattern.MatchString(value) }

// identifier tells names made of words and numbers: "my-app-prod-2024",
// "auth.token.v2", "config/prod/db".
func identifier(value string) bool {
	parts := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune("-_./:", r) })
	for _, p := range parts {
		lower, upper, digit, other := classes(p)
		letters := lower + upper
		if other > 0 || digit > 0 && letters > 1 {
			return false
		}
		if len(parts) == 1 && letters > 0 && digit > 0 {
			return false
		}
	}
	return true
}

func classes(s string) (lower, upper, digit, other int) {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		case c >= '0' && c <= '9':
			digit++
		default:
			other++
		}
	}
	return lower, upper, digit, other
}

// entropy returns Shannon's entropy of s in bits a byte, 0 to 8.
func entropy(s string) float64 {
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// lockFile tells files full of hashes that no person writes.
func lockFile(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch base {
	case "go.sum", "go.work.sum", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "gradle.lockfile":
		return true
	}
	return strings.HasSuffix(base, ".lock") || strings.HasSuffix(base, ".sum")
}

// sourceCode tells files in which a bare value is an expression.
func sourceCode(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".go", ".c", ".h", ".cc", ".cpp", ".hpp", ".rs", ".zig", ".py", ".rb", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx",
		".java", ".kt", ".scala", ".cs", ".swift", ".php", ".lua", ".erl", ".hrl", ".ex", ".exs", ".hs", ".ml", ".clj", ".dart",
		".vue", ".svelte", ".html", ".css", ".sql", ".proto", ".tmpl":
		return true
	}
	return false
}
