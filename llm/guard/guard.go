// Package guard watches the text of a reply while it streams: it mends split
// characters, takes thoughts out, and notices a reply that repeats itself.
//
// It must never change a byte of a reply that is valid UTF-8 and holds no
// thought, and never keep more than a few lines of it.
//
// Its types are fed the pieces of one reply in order and are not safe for
// concurrent use. However a reply is cut into pieces, the outcome is the same.
package guard

import (
	"strings"
	"unicode/utf8"
)

// Runes joins characters that were split between two pieces. What is no UTF-8
// becomes U+FFFD, one for each byte. The zero value is ready.
type Runes struct{ rest []byte }

// Add takes a piece and returns the whole characters so far.
func (r *Runes) Add(piece string) string {
	if len(r.rest) == 0 && utf8.ValidString(piece) {
		return piece
	}
	data := append(r.rest, piece...)
	var out strings.Builder
	for len(data) > 0 && utf8.FullRune(data) {
		c, n := utf8.DecodeRune(data)
		out.WriteRune(c)
		data = data[n:]
	}
	r.rest = append([]byte(nil), data...)
	return out.String()
}

// End returns U+FFFD for each byte of a character that never became whole.
func (r *Runes) End() string {
	n := len(r.rest)
	r.rest = nil
	return strings.Repeat("\uFFFD", n)
}
