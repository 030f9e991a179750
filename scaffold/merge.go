package scaffold

import (
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Hunk is lines that both sides changed differently.
type Hunk struct {
	Line               int // of Ours, from 1
	Base, Ours, Theirs []string
}

// edit replaces the lines [from, to) of the base.
type edit struct {
	from, to int
	lines    []string
}

// merge joins two changes of base line by line. Where they touch the same lines, or
// lines beside each other, and do not agree, it returns a hunk, and no text. It never
// drops a line that only one side has changed.
func merge(base, ours, theirs string) (string, []Hunk) {
	lines := split(base)
	a, b := edits(base, ours), edits(base, theirs)
	var out []string
	var hunks []Hunk
	at := 0    // in lines
	shift := 0 // from a line of base to the line of ours
	for len(a) > 0 || len(b) > 0 {
		from, to := region(a, b)
		mine, restA := take(a, to)
		yours, restB := take(b, to)
		a, b = restA, restB
		out = append(out, lines[at:from]...)
		at = to
		o, t := applied(lines, from, to, mine), applied(lines, from, to, yours)
		switch {
		case len(yours) == 0 || slices.Equal(o, t):
			out = append(out, o...)
		case len(mine) == 0:
			out = append(out, t...)
		default:
			hunks = append(hunks, Hunk{Line: from + shift + 1, Base: lines[from:to], Ours: o, Theirs: t})
		}
		shift += len(o) - (to - from)
	}
	if len(hunks) > 0 {
		return "", hunks
	}
	return strings.Join(append(out, lines[at:]...), ""), nil
}

// region returns the lines of the next edits of either side, with all that overlap
// or touch them.
func region(a, b []edit) (from, to int) {
	first := a
	if len(a) == 0 || len(b) > 0 && b[0].from < a[0].from {
		first = b
	}
	from, to = first[0].from, first[0].to
	for grown := true; grown; {
		grown = false
		for _, side := range [][]edit{a, b} {
			for _, e := range side {
				if e.from <= to && e.to > to {
					to, grown = e.to, true
				}
			}
		}
	}
	return from, to
}

// take cuts off the edits that begin up to line to.
func take(side []edit, to int) (in, rest []edit) {
	n := 0
	for n < len(side) && side[n].from <= to {
		n++
	}
	return side[:n], side[n:]
}

// applied returns the lines [from, to) of the base with the edits made.
func applied(lines []string, from, to int, side []edit) []string {
	var out []string
	for _, e := range side {
		out = append(out, lines[from:e.from]...)
		out = append(out, e.lines...)
		from = e.to
	}
	return append(out, lines[from:to]...)
}

// edits returns how after differs from before, in lines.
func edits(before, after string) []edit {
	offsets := map[int]int{0: 0} // byte offset -> line
	at := 0
	for i, line := range split(before) {
		at += len(line)
		offsets[at] = i + 1
	}
	var out []edit
	for _, e := range udiff.Lines(before, after) {
		out = append(out, edit{offsets[e.Start], offsets[e.End], split(e.New)})
	}
	return out
}

func split(text string) []string { return slices.Collect(strings.Lines(text)) }
