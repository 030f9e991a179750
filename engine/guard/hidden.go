package guard

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/bitactor/cf/syntax"
)

// hidden finds text that a reader does not see as it is: bytes that are no UTF-8,
// control characters, and characters without a shape of their own that reorder
// or hide what stands around them (CVE-2021-42574, Unicode TR 36). What the
// present version holds is known.
func hidden(before, after *syntax.File) []Finding {
	if before == nil {
		return hiddenIn(nil, after.Source())
	}
	return hiddenIn(before.Source(), after.Source())
}

// hiddenIn is hidden for sources that are not parsed.
func hiddenIn(before, after []byte) []Finding {
	known := map[rune]bool{}
	for _, r := range string(before) {
		known[r] = true
	}
	line := func(at int) int { return 1 + bytes.Count(after[:at], []byte("\n")) }
	for at := 0; at < len(after); {
		r, n := utf8.DecodeRune(after[at:])
		switch {
		case r == utf8.RuneError && n == 1:
			return []Finding{{CodeHidden, line(at), fmt.Sprintf("byte %#x is no UTF-8", after[at])}}
		case r == '\r' && at+1 < len(after) && after[at+1] == '\n':
		case unseen(r) && !known[r]:
			return []Finding{{CodeHidden, line(at), fmt.Sprintf("the character %U", r)}}
		}
		at += n
	}
	return nil
}

// unseen tells whether a character has no place in source: it must be spelt as an
// escape. Joiners stay: scripts and emoji need them.
func unseen(r rune) bool {
	switch {
	case r == '\t' || r == '\n' || r == '\f':
		return false
	case r < 0x20, r >= 0x7f && r < 0xa0: // control characters, C0 and C1
		return true
	case r == 0xad, r == 0x200b, r == 0x2060, r == 0xfeff: // soft hyphen, zero-width space, word joiner, mark of byte order
		return true
	case r == 0x200e, r == 0x200f, r == 0x61c, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // direction
		return true
	case r == 0x2028, r == 0x2029, r == utf8.RuneError: // separators that end a line in some languages only
		return true
	}
	return r >= 0xe0000 && r <= 0xe007f // tags
}
