package secret

import (
	"math"
	"path"
	"regexp"
	"strings"
	"sync"
)

// assignment finds the head of NAME = VALUE in its many spellings, where the
// name ends in a word for a credential: after gitleaks' generic-api-key, made
// stricter so that "max_tokens: 4096" and "token := next()" stay. Its group is
// the word; the value is read by value.
var assignment = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(passw(?:or)?d|passphrase|pwd|secret|token|credentials?|(?:api|access|secret|private|encryption|signing|auth|account|master|shared|service|storage|license|client|app|session)[_.-]?key|apikey)` +
		`(?:[_-]?(?:value|prod|live|dev|test|staging|base64|b64|hex|base|[0-9]{1,2}))?` +
		`["'` + "`" + `\]]{0,2}[ \t]{0,4}(?::[ \t]?[a-z&]{1,12}[ \t]?=|:=|=>|==?|:|,|[ \t]string[ \t]?=)[ \t]{0,8}`)
})

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

// credentialWords is the cheap test before assignment is tried on a line.
var credentialWords = []string{"pass", "pwd", "secret", "token", "credential", "key"}

// redactAssignments works by line. quotedOnly says that a bare value is an
// expression, not a text.
func redactAssignments(text string, quotedOnly bool, counts map[string]int) string {
	var out strings.Builder
	changed := false
	for line := range strings.Lines(text) {
		redacted := line
		if mentionsCredential(line) {
			redacted = redactLine(line, quotedOnly, counts)
		}
		if redacted != line && !changed {
			changed = true
			out.Grow(len(text))
		}
		out.WriteString(redacted)
	}
	if !changed {
		return text
	}
	return out.String()
}

func mentionsCredential(line string) bool {
	if len(line) < 10 {
		return false
	}
	lower := strings.ToLower(line)
	for _, w := range credentialWords {
		if strings.Contains(lower, w) {
			return true
		}
	}
	return false
}

func redactLine(line string, quotedOnly bool, counts map[string]int) string {
	var out strings.Builder
	at := 0
	for _, m := range assignment().FindAllStringSubmatchIndex(line, -1) {
		from, to, bare := value(line[m[1]:])
		from, to = from+m[1], to+m[1]
		kind := kindOf(strings.ToLower(line[m[2]:m[3]]))
		if to <= from || from < at || bare && quotedOnly || !secretValue(kind, line[from:to]) {
			continue
		}
		out.WriteString(line[at:from])
		out.WriteString(mark(kind))
		counts[kind]++
		at = to
	}
	if at == 0 {
		return line
	}
	out.WriteString(line[at:])
	return out.String()
}

func kindOf(word string) string {
	switch {
	case strings.HasPrefix(word, "pass"), word == "pwd":
		return "password"
	case word == "token", word == "secret":
		return word
	case strings.HasPrefix(word, "credential"):
		return "credential"
	}
	return "api-key"
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

var uuidPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
})

func uuid(value string) bool { return uuidPattern().MatchString(value) }

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
