package patch

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bitactor/cf/fault"
)

// Bounds of what a mismatch shows.
const (
	shownLines  = 12  // of a hunk, around the first difference
	shownBytes  = 200 // of a line
	commonLines = 64  // a line that stands more often says nothing about a place
)

// Mismatch is a hunk that does not apply: the text that it wants and the text
// that stands at the place most like it. Text is untrusted.
type Mismatch struct {
	File     string
	Hunk     int // from 1
	DiffLine int // of its header in the diff
	Line     int // in the file, from 1, of the first line of Have
	Want     []string
	Have     []string // shorter than Want at the file's end
	Why      string
}

// Error says what is wrong with the first line that differs.
func (m *Mismatch) Error() string { return m.Why }

// misfit is why a hunk has no place.
type misfit struct {
	file           string
	hunk, hunkLine int
	code, why      string
	hint           string
	at             int // nearest place, from 0
	want, have     [][]byte
}

func (f *misfit) fault() *fault.Error {
	m := &Mismatch{
		File: f.file, Hunk: f.hunk, DiffLine: f.hunkLine, Line: f.at + 1,
		Want: shown(f.want), Have: shown(f.have), Why: fmt.Sprintf("hunk %d (line %d of the diff): %s", f.hunk, f.hunkLine, f.why),
	}
	e := refuse(f.code, "%w", m).On("apply", f.file)
	if f.hint != "" {
		_ = e.Hint(f.hint)
	}
	return e
}

func shown(text [][]byte) []string {
	out := make([]string, len(text))
	for i, line := range text {
		s := strings.TrimSuffix(string(line), "\n")
		if len(s) > shownBytes {
			s = s[:shownBytes] + "..."
		}
		out[i] = s
	}
	return out
}

// explain says why the hunk's text, whose numbers want are, has no place, and
// which place comes nearest.
func explain(d *document, h Hunk, s *span, want []int32, named int, places []int) *misfit {
	f := &misfit{hunkLine: h.Line, code: CodeMismatch}
	switch {
	case len(places) > 1:
		f.code, f.at = CodeTwice, places[0]
		f.why = "its text is not where it says, and stands in " + fmt.Sprint(len(places)) + " other places: " + listPlaces(places)
		f.hint = "make the diff again, against the file as it is"
		return f
	case len(places) == 1:
		f.at = places[0]
		f.why = fmt.Sprintf("its text stands in line %d, before that of the hunk before it", f.at+1)
		return f
	}
	if done := d.number(s.new); len(done) > 0 && (d.holds(done, h.NewStart-1) || len(d.find(done)) == 1) {
		f.hint = "the file holds the text that this hunk would give it: perhaps the diff was applied before"
	}
	f.at = nearest(d, want, named)
	first := 0
	for first < len(want) && f.at+first < len(d.lines) && d.ids[f.at+first] == want[first] {
		first++
	}
	from := max(0, first-shownLines/3)
	f.want = s.old[from:min(len(s.old), from+shownLines)]
	f.have = d.lines[min(len(d.lines), f.at+from):min(len(d.lines), f.at+from+len(f.want))]
	f.at += from
	switch line := f.at - from + first + 1; {
	case first == len(want): // the text is there, and not at the file's edge
		f.why = fmt.Sprintf("its context says that it stands at the file's start or end, and lines %d to %d are not", f.at+1, f.at+len(want))
	case line > len(d.lines):
		f.why = fmt.Sprintf("the file ends with line %d, and the diff goes on with %s", len(d.lines), quoted(s.old[first]))
	default:
		f.why = fmt.Sprintf("line %d is %s, and the diff has %s", line, quoted(d.lines[line-1]), quoted(s.old[first])) + difference(d.lines[line-1], s.old[first])
	}
	return f
}

func listPlaces(places []int) string {
	var out []string
	for _, at := range places[:min(len(places), 5)] {
		out = append(out, lineWord(at+1))
	}
	if len(places) > len(out) {
		out = append(out, "...")
	}
	return strings.Join(out, ", ")
}

func quoted(line []byte) string {
	return fmt.Sprintf("%q", shown([][]byte{line})[0])
}

// difference names what a reader would not see.
func difference(have, want []byte) string {
	trim := func(b []byte) string { return string(bytes.TrimRight(b, "\r\n")) }
	switch {
	case trim(have) != trim(want):
		if strings.Join(strings.Fields(trim(have)), " ") == strings.Join(strings.Fields(trim(want)), " ") {
			return " (the white space differs)"
		}
		return ""
	case bytes.HasSuffix(have, []byte("\n")) != bytes.HasSuffix(want, []byte("\n")):
		return " (only one of them has a line feed at its end)"
	default:
		return " (the line ends differ: CRLF and LF)"
	}
}

// nearest returns the place, from 0, where most lines of want stand: each line
// that is not too common votes for the place it would put the hunk at. The tie
// goes to the place nearest to the named one.
func nearest(d *document, want []int32, named int) int {
	where := map[int32][]int{}
	for i, id := range d.ids {
		if len(where[id]) <= commonLines {
			where[id] = append(where[id], i)
		}
	}
	votes := map[int]int{}
	for i, id := range want {
		if id == 0 || len(where[id]) > commonLines {
			continue
		}
		for _, at := range where[id] {
			if at >= i {
				votes[at-i]++
			}
		}
	}
	best := min(max(named, 0), max(len(d.lines)-1, 0))
	for at, n := range votes {
		if m := votes[best]; n > m || n == m && abs(at-named) < abs(best-named) || n == m && abs(at-named) == abs(best-named) && at < best {
			best = at
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }
