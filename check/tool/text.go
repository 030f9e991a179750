package tool

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/bitactor/cf/lazyregexp"
)

// Bounds of texts, in bytes.
const (
	messageMax = 4 << 10
	outputMax  = 16 << 10
)

// escapes matches the sequences that colour a terminal's text (ECMA-48, 5.4)
// and those that set titles and links (xterm's OSC).
var escapes = lazyregexp.New("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(\x07|\x1b\\\\)")

// Message returns the text of a finding: valid UTF-8, no control characters but
// \n and \t, no blank line at its ends, at most 4 KiB.
func Message(s string) string { return bounded(plain(s), messageMax) }

// Output returns what a failed test printed, as Message does, at most 16 KiB.
func Output(s string) string { return bounded(plain(s), outputMax) }

// Line returns Message's text on one line.
func Line(s string) string { return strings.Join(strings.Fields(Message(s)), " ") }

func plain(s string) string {
	s = strings.ToValidUTF8(escapes.ReplaceAllString(s, ""), "\ufffd")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Trim(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s), " \t\n")
}

// bounded keeps the head and the tail of a text that is too long.
func bounded(s string, most int) string {
	if len(s) <= most {
		return s
	}
	half := most/2 - 32
	head, tail := strings.ToValidUTF8(s[:half], ""), strings.ToValidUTF8(s[len(s)-half:], "")
	return fmt.Sprintf("%s\n... %d bytes left out ...\n%s", head, len(s)-len(head)-len(tail), tail)
}
