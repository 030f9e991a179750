package view

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Sanitizer makes control characters of untrusted text visible, piece by
// piece: a rune or a pair that is split between two pieces is put together.
// The zero value is ready; it is not safe for concurrent use.
//
// What comes out is valid UTF-8 without any byte below 0x20 but \n and \t, and
// without the characters that Hidden names. They are written as in Go source:
// \x1b, \u202e, \U000e0041, and \xff for a byte that is not UTF-8. Three things
// pass because text is poorer without them: "\r\n", which becomes "\n"; a
// zero-width joiner between two symbols (an emoji family); and one variation
// selector 15 or 16 after a symbol, a digit, # or *.
type Sanitizer struct {
	partial [utf8.UTFMax]byte // start of a rune that is not complete yet
	n       int
	held    rune // '\r' or zwj, waiting for what follows; 0 = none
	symbol  bool // the last rune out was a symbol, perhaps with its selector
	base    bool // the last rune out may take a variation selector
}

const (
	zwj  = '\u200d'
	vs15 = '\ufe0e'
	vs16 = '\ufe0f'
)

// Sanitize returns the whole text s made visible.
func Sanitize(s string) string {
	if plainASCII(s) {
		return s
	}
	var z Sanitizer
	return string(z.Flush(z.Append(nil, s)))
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < 0x20 && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// Append appends what can be said of piece so far to dst and returns it.
func (z *Sanitizer) Append(dst []byte, piece string) []byte {
	for z.n > 0 && len(piece) > 0 {
		z.partial[z.n] = piece[0]
		z.n++
		piece = piece[1:]
		if utf8.FullRune(z.partial[:z.n]) {
			dst = z.drain(dst)
		}
	}
	for len(piece) > 0 {
		if !utf8.FullRuneInString(piece) {
			z.n = copy(z.partial[:], piece)
			return dst
		}
		r, size := utf8.DecodeRuneInString(piece)
		dst = z.put(dst, r, size, piece[0])
		piece = piece[size:]
	}
	return dst
}

// drain writes the complete rune that partial starts with, and what stands
// behind it when it was none.
func (z *Sanitizer) drain(dst []byte) []byte {
	for z.n > 0 && utf8.FullRune(z.partial[:z.n]) {
		r, size := utf8.DecodeRune(z.partial[:z.n])
		dst = z.put(dst, r, size, z.partial[0])
		z.n = copy(z.partial[:], z.partial[size:z.n])
	}
	return dst
}

// Flush appends what was held back at the end of the text and returns dst.
func (z *Sanitizer) Flush(dst []byte) []byte {
	dst = z.release(dst)
	for _, b := range z.partial[:z.n] {
		dst = fmt.Appendf(dst, `\x%02x`, b)
	}
	*z = Sanitizer{}
	return dst
}

func (z *Sanitizer) release(dst []byte) []byte {
	if z.held != 0 {
		dst = appendVisible(dst, z.held)
		z.held, z.symbol, z.base = 0, false, false
	}
	return dst
}

func (z *Sanitizer) put(dst []byte, r rune, size int, first byte) []byte {
	invalid := r == utf8.RuneError && size == 1
	symbol := !invalid && isSymbol(r)
	switch z.held {
	case '\r':
		if r == '\n' {
			z.held = 0
		}
	case zwj:
		if symbol {
			z.held = 0
			dst = append(dst, string(zwj)...)
		}
	}
	dst = z.release(dst)
	switch {
	case invalid:
		z.symbol, z.base = false, false
		return fmt.Appendf(dst, `\x%02x`, first)
	case r == '\r', r == zwj && z.symbol:
		z.held = r
		z.base = false
		return dst
	case (r == vs15 || r == vs16) && z.base:
		z.base = false
		return utf8.AppendRune(dst, r)
	}
	z.symbol = symbol
	z.base = symbol || r >= '0' && r <= '9' || r == '#' || r == '*'
	if Hidden(r) {
		return appendVisible(dst, r)
	}
	return utf8.AppendRune(dst, r)
}

// isSymbol tells whether emoji sequences may be built on r. Skin tones are
// modifier symbols (Sk); a few arrows take part and are mathematical (Sm).
func isSymbol(r rune) bool {
	return r >= 0x2190 && unicode.In(r, unicode.So, unicode.Sm, unicode.Sk)
}

// hidden lists what a terminal obeys or does not show, beyond the categories
// that Hidden asks for.
var hidden = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x00ad, 0x00ad, 1}, // soft hyphen
		{0x034f, 0x034f, 1}, // combining grapheme joiner
		{0x115f, 0x1160, 1}, // Hangul fillers
		{0x17b4, 0x17b5, 1}, // Khmer inherent vowels
		{0x180b, 0x180f, 1}, // Mongolian selectors
		{0x2028, 0x2029, 1}, // line and paragraph separator
		{0x3164, 0x3164, 1}, // Hangul filler
		{0xfe00, 0xfe0f, 1}, // variation selectors
		{0xffa0, 0xffa0, 1}, // Hangul filler
	},
	R32: []unicode.Range32{
		{0xe0000, 0xe0fff, 1}, // tags, variation selectors supplement, and their block
	},
}

// Hidden tells whether r is shown by its number instead of itself: control
// characters but \n and \t, format characters (bidirectional, zero-width,
// interlinear, tags), separators of lines, fillers, variation selectors,
// surrogates and noncharacters.
func Hidden(r rune) bool {
	if r < 0x7f {
		return r < 0x20 && r != '\n' && r != '\t'
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cs, hidden) || r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
}

// appendVisible writes r as an escape of Go source.
func appendVisible(dst []byte, r rune) []byte {
	switch {
	case r < 0x80:
		return fmt.Appendf(dst, `\x%02x`, r)
	case r < 0x10000:
		return fmt.Appendf(dst, `\u%04x`, r)
	}
	return fmt.Appendf(dst, `\U%08x`, r)
}
