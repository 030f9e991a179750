package tool

import (
	"strconv"
	"strings"
)

// Record is one line of what a script of ours reports: its kind and fields.
//
// The form is ours, because the languages share none that their standard
// libraries can write: fields parted by tabs, and in a field \\, \t, \n and \r
// stand for backslash, tab, newline and carriage return.
type Record struct {
	Kind   string
	Fields []string
}

// Records reads what a script reported. The last line counts only with its
// newline: a script that was killed may have written half of it. Lines without
// a kind are passed over.
func Records(data []byte) []Record {
	var all []Record
	text := string(data)
	for {
		line, rest, whole := strings.Cut(text, "\n")
		if !whole {
			return all
		}
		text = rest
		fields := strings.Split(line, "\t")
		for i, f := range fields {
			fields[i] = unescape(f)
		}
		if fields[0] != "" {
			all = append(all, Record{Kind: fields[0], Fields: fields[1:]})
		}
	}
}

// Field returns the field number i, or "".
func (r Record) Field(i int) string {
	if i < len(r.Fields) {
		return r.Fields[i]
	}
	return ""
}

// Number returns the field number i as a number of at least 0, or 0.
func (r Record) Number(i int) int {
	n, err := strconv.Atoi(r.Field(i))
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// Escape returns s as a field of a record.
func Escape(s string) string {
	return strings.NewReplacer("\\", "\\\\", "\t", "\\t", "\n", "\\n", "\r", "\\r").Replace(s)
}

func unescape(s string) string {
	if !strings.Contains(s, "\\") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
