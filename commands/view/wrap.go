package view

import (
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// slack is how many columns must be free for a word to be written before it is
// known whole. Words longer than that are broken by the terminal.
const slack = 24

// wrapper breaks streamed text between words at width columns. It takes clean
// text and appends what can be written now. Lines that start with a space, a
// tab, a bar or a fence, and everything inside a fence, stay as they are: code
// and tables don't survive breaking. Width 0 switches it off.
type wrapper struct {
	width  int
	column int    // where the next character goes
	word   []byte // begun and not written yet
	space  int    // spaces before word, not written yet
	begun  bool   // the line holds something
	raw    bool   // this line is not wrapped
	fence  bool   // between ``` and ```
	line   []byte // first bytes of the line, to see a fence
}

// append appends text to dst, broken.
func (w *wrapper) append(dst, text []byte) []byte {
	if w.width < 2 {
		w.follow(text)
		return append(dst, text...)
	}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		dst = w.rune(dst, r, text[:size])
		text = text[size:]
	}
	// Room enough for any word: don't keep the reader waiting for its end.
	if w.column+w.space+cells(w.word)+slack < w.width {
		dst = w.flush(dst)
	}
	return dst
}

func (w *wrapper) rune(dst []byte, r rune, raw []byte) []byte {
	if r == '\n' {
		dst = append(w.flush(dst), '\n')
		w.fence = w.unclosed()
		*w = wrapper{width: w.width, fence: w.fence, word: w.word, line: w.line[:0]}
		return dst
	}
	if len(w.line) < 3 { // a longer rune makes it no fence
		w.line = append(w.line, raw...)
	}
	if !w.begun {
		w.begun = true
		w.raw = w.fence || r == ' ' || r == '\t' || r == '|' || r == '`'
	}
	switch {
	case w.raw:
		w.column += runewidth.RuneWidth(r)
		return append(dst, raw...)
	case r == ' ':
		dst = w.flush(dst)
		w.space++
		return dst
	}
	w.word = append(w.word, raw...)
	return dst
}

// follow notes fences in text that is not broken.
func (w *wrapper) follow(text []byte) {
	for _, c := range text {
		if c == '\n' {
			w.fence, w.line = w.unclosed(), w.line[:0]
		} else if len(w.line) < 3 {
			w.line = append(w.line, c)
		}
	}
}

// unclosed tells whether the text so far ends inside a block of code.
func (w *wrapper) unclosed() bool { return w.fence != (string(w.line) == "```") }

// flush writes the word that is held, on a new line if it does not fit.
func (w *wrapper) flush(dst []byte) []byte {
	if len(w.word) == 0 {
		return dst
	}
	n := cells(w.word)
	if w.column > 0 && w.space > 0 && w.column+w.space+n > w.width {
		dst = append(dst, '\n')
		w.column = 0
	} else {
		for range w.space {
			dst = append(dst, ' ')
		}
		w.column += w.space
	}
	w.space = 0
	dst = append(dst, w.word...)
	w.column += n
	w.word = w.word[:0]
	return dst
}

func cells(b []byte) int { return runewidth.StringWidth(string(b)) }

// fit cuts clean one-line text to at most width columns; 0 means no limit.
func fit(s string, width int) string {
	if width <= 0 || runewidth.StringWidth(s) <= width {
		return s
	}
	if width < 2 {
		return runewidth.Truncate(s, width, "")
	}
	return runewidth.Truncate(s, width, "…")
}
