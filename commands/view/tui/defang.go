package tui

import (
	"strings"
	"unicode/utf8"
)

// defang makes s safe to lay out whatever Options.Clean did or left undone:
// it keeps newline and tab, drops carriage returns before a newline, and
// replaces every other C0 or C1 control, DEL, bidirectional control (U+061C,
// U+200E-F, U+202A-E, U+2066-9), line or paragraph separator and invalid byte by
// U+FFFD. It is the last line of defence, not the pretty one: Clean shows such
// characters as readable escapes.
func defang(s string) string {
	if harmless(s) {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if dangerous(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// harmless tells in one quick pass that s is plain ASCII text.
func harmless(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < 0x20 && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

func dangerous(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20 || r >= 0x7f && r < 0xa0:
		return true
	case r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

// oneLine puts s on a single line, for paths, titles and reasons.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
