package gather

import (
	"fmt"
	"slices"
	"strings"
)

// bytesPerTokenMax is more than a token of prose or code ever holds on
// average: a text longer than that many bytes for each token of its share is
// cut without being counted whole, since counting a megabyte takes a second.
const bytesPerTokenMax = 12

// wrapped is a piece as a prompt will hold it, for counting.
func wrapped(label, text string) string {
	ticks := strings.Repeat("`", Fence(text))
	return label + "\n" + ticks + "\n" + text + "\n" + ticks + "\n"
}

// size returns the tokens that d takes whole, or something above limit.
func size(d *document, limit int, count func(string) int) int {
	if len(d.text) > limit*bytesPerTokenMax {
		return limit + len(d.text)/bytesPerTokenMax
	}
	return count(wrapped(d.label, d.text))
}

// allot shares total among wants: each gets what it wants if that is no more
// than an even share of what the smaller ones leave.
func allot(wants []int, total int) []int {
	order := make([]int, len(wants))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return wants[a] - wants[b] })
	shares := make([]int, len(wants))
	for done, i := range order {
		shares[i] = min(wants[i], total/(len(wants)-done))
		total -= shares[i]
	}
	return shares
}

// fit makes d a piece of at most limit tokens, cut after a whole line (in
// Markdown rather before a heading) where it is longer. ok is false where
// nothing of it fits.
func fit(d *document, limit int, count func(string) int) (p Piece, ok bool) {
	p = Piece{Path: d.label, Kind: d.kind, Text: d.text, Fence: Fence(d.text)}
	if limit <= 0 {
		return p, false
	}
	if len(d.text) <= limit*bytesPerTokenMax {
		if p.Tokens = count(wrapped(d.label, d.text)); p.Tokens <= limit {
			return p, true
		}
	}
	lines := strings.SplitAfter(d.text, "\n")
	kept := fitting(d, lines, limit, count)
	for kept > 0 {
		text, note := shorten(lines, sectionEnd(d.label, lines, kept))
		if kept == len(lines) {
			text, note = d.text, ""
		}
		p.Text, p.Cut, p.Fence = text, note != "", Fence(text)
		if p.Tokens = count(wrapped(d.label, text)); p.Tokens <= limit {
			d.cutNote = note
			return p, true
		}
		kept -= max(1, kept/16) // lines counted apart can be fewer tokens than together
	}
	return fitWords(d, p, lines, limit, count)
}

// fitting returns how many lines fit in limit, counted one by one.
func fitting(d *document, lines []string, limit int, count func(string) int) int {
	used := count(wrapped(d.label, marker(len(lines), len(lines))))
	for i, line := range lines {
		if len(line) > (limit-used)*bytesPerTokenMax && len(line) > bytesPerTokenMax {
			return i
		}
		if used += count(line); used > limit {
			return i
		}
	}
	return len(lines)
}

// fitWords cuts inside the first line: the only way for a text that is one
// long line. Less than a few words of it are worth nothing.
func fitWords(d *document, p Piece, lines []string, limit int, count func(string) int) (Piece, bool) {
	const wordsMin = 8
	first := strings.TrimRight(lines[0], "\n")
	words := strings.SplitAfter(first[:min(len(first), limit*bytesPerTokenMax)], " ")
	for n := len(words) - 1; n >= wordsMin; n -= max(1, n/16) {
		head := strings.TrimRight(strings.Join(words[:n], ""), " ")
		note := fmt.Sprintf("%d of %d bytes left out", len(d.text)-len(head), len(d.text))
		text := head + "\n[... " + note + "]"
		p.Text, p.Cut, p.Fence = text, true, Fence(text)
		if p.Tokens = count(wrapped(d.label, text)); p.Tokens <= limit {
			d.cutNote = note
			return p, true
		}
	}
	return Piece{Path: d.label, Kind: d.kind}, false
}

// shorten keeps the first n lines and says in the text what is missing.
func shorten(lines []string, n int) (text, note string) {
	missing := len(lines) - n
	return strings.Join(lines[:n], "") + marker(missing, len(lines)), fmt.Sprintf("%d of %d lines left out", missing, len(lines))
}

func marker(missing, all int) string {
	return fmt.Sprintf("[... %d of %d lines left out]", missing, all)
}

// sectionEnd moves a cut in Markdown back to the heading before it, if that
// costs at most a quarter of what is kept.
func sectionEnd(label string, lines []string, kept int) int {
	if !strings.HasSuffix(strings.ToLower(label), ".md") {
		return kept
	}
	for i := kept; i > kept-kept/4 && i > 0; i-- {
		if i < len(lines) && strings.HasPrefix(lines[i], "#") {
			return i
		}
	}
	return kept
}
