package scaffold

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMerge(t *testing.T) {
	for name, tt := range map[string]struct {
		base, ours, theirs, want string
		hunks                    []int // lines of ours
	}{
		"apart":                   {"a b c d e", "A b c d e", "a b c d E", "A b c d E", nil},
		"the same change":         {"a b c", "a X c", "a X c", "a X c", nil},
		"ours alone":              {"a b c", "b x c", "a b c", "b x c", nil},
		"theirs alone":            {"a b c", "a b c", "", "", nil},
		"both end":                {"a", "a x", "a y", "", []int{2}},
		"same line":               {"a b c", "a X c", "a Y c", "", []int{2}},
		"beside each other":       {"a b c", "X b c", "a Y c", "", []int{1}},
		"a line between":          {"a b c", "X b c", "a b Y", "X b Y", nil},
		"deleted and changed":     {"a b c", "a c", "a Y c", "", []int{2}},
		"both delete":             {"a b c", "a c", "a c", "a c", nil},
		"two hunks":               {"a b c d e", "1 b c d 2 3", "x b c d y", "", []int{1, 5}},
		"a hunk behind an insert": {"a b c d", "n n a b c X", "a b c Y", "", []int{6}},
		"from nothing":            {"", "a", "a", "a", nil},
		"all of it":               {"a b", "x", "y", "", []int{1}},
		"one side covers two":     {"a b c d e", "X", "a B c D e", "", []int{1}},
	} {
		got, hunks := merge(lines(tt.base), lines(tt.ours), lines(tt.theirs))
		var at []int
		for _, h := range hunks {
			at = append(at, h.Line)
		}
		if got != lines(tt.want) && hunks == nil || !slices.Equal(at, tt.hunks) {
			t.Errorf("%s: %q with hunks %+v, want %q with hunks in lines %v", name, got, hunks, lines(tt.want), tt.hunks)
		}
	}
}

// lines makes each word a line.
func lines(words string) string {
	if words == "" {
		return ""
	}
	return strings.ReplaceAll(words, " ", "\n") + "\n"
}

// edited is a text of different lines after random edits, and what they were.
type edited struct {
	text           string
	added, dropped []string
}

// edit draws changes of text, whose lines all differ; what is added begins with mark.
func randomEdit(t *rapid.T, text, mark string) edited {
	var e edited
	var out []string
	add := func() {
		for range rapid.IntRange(0, 2).Draw(t, mark+" lines") {
			line := fmt.Sprintf("%s%d\n", mark, len(e.added))
			e.added = append(e.added, line)
			out = append(out, line)
		}
	}
	for line := range strings.Lines(text) {
		switch rapid.SampledFrom([]string{"keep", "keep", "keep", "keep", "keep", "drop", "change", "insert"}).Draw(t, mark) {
		case "keep":
			out = append(out, line)
		case "drop":
			e.dropped = append(e.dropped, line)
		case "change":
			e.dropped = append(e.dropped, line)
			add()
		case "insert":
			add()
			out = append(out, line)
		}
	}
	if rapid.Bool().Draw(t, mark+" at the end") {
		add()
	}
	e.text = strings.Join(out, "")
	return e
}

// holds says what of the edit is not in text, in its order.
func (e edited) holds(text string) error {
	got := split(text)
	at := 0
	for _, line := range e.added {
		i := slices.Index(got[at:], line)
		if i < 0 {
			return fmt.Errorf("%q is not there, or not in its order", line)
		}
		at += i + 1
	}
	for _, line := range e.dropped {
		if slices.Contains(got, line) {
			return fmt.Errorf("%q is there again", line)
		}
	}
	return nil
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

// TestMergeKeepsBothSides: what merges holds every edit of both sides and nothing
// else; what does not names lines that both changed.
func TestMergeKeepsBothSides(t *testing.T) {
	merged, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		base := numbered(rapid.IntRange(0, 30).Draw(t, "lines"))
		ours, theirs := randomEdit(t, base, "ours"), randomEdit(t, base, "theirs")
		got, hunks := merge(base, ours.text, theirs.text)
		back, backHunks := merge(base, theirs.text, ours.text)
		if len(hunks) != len(backHunks) || len(hunks) == 0 && got != back {
			t.Fatalf("the other way round it is %q, %v", back, backHunks)
		}
		if len(hunks) > 0 {
			refused++
			for _, h := range hunks {
				if slices.Equal(h.Ours, h.Theirs) || slices.Equal(h.Ours, h.Base) || slices.Equal(h.Theirs, h.Base) {
					t.Fatalf("no conflict: %+v", h)
				}
				mine := split(ours.text)
				if h.Line < 1 || h.Line-1+len(h.Ours) > len(mine) || !slices.Equal(mine[h.Line-1:h.Line-1+len(h.Ours)], h.Ours) {
					t.Fatalf("line %d does not hold %q", h.Line, h.Ours)
				}
			}
			return
		}
		merged++
		for _, e := range []edited{ours, theirs} {
			if err := e.holds(got); err != nil {
				t.Fatalf("%v in\n%s", err, got)
			}
		}
		want := strings.Count(base, "\n") + len(ours.added) + len(theirs.added)
		for line := range strings.Lines(base) {
			if slices.Contains(ours.dropped, line) || slices.Contains(theirs.dropped, line) {
				want--
			}
		}
		if n := strings.Count(got, "\n"); n != want {
			t.Fatalf("%d lines, want %d:\n%s", n, want, got)
		}
	})
	if merged < 10 || refused < 10 {
		t.Errorf("%d merged, %d did not: the test draws too few of one kind", merged, refused)
	}
}

func FuzzMerge(f *testing.F) {
	f.Add("a\nb\n", "a\nc\n", "b\n")
	f.Add("", "x", "y\n")
	f.Add("a\n\n\na\n", "a\n", "a\n\na\n")
	f.Fuzz(func(t *testing.T, base, ours, theirs string) {
		if got, hunks := merge(base, ours, base); got != ours || hunks != nil {
			t.Errorf("ours alone: %q, %v", got, hunks)
		}
		if got, hunks := merge(base, base, theirs); got != theirs || hunks != nil {
			t.Errorf("theirs alone: %q, %v", got, hunks)
		}
		if got, hunks := merge(base, ours, ours); got != ours || hunks != nil {
			t.Errorf("both the same: %q, %v", got, hunks)
		}
		merge(base, ours, theirs)
	})
}
