package commands

import (
	"strings"
	"testing"

	"github.com/aymanbagabas/go-udiff"
	"pgregory.net/rapid"
)

// TestTakeHunks: all hunks give the new text, none the old one, and of some the
// lines of the others stay as they were.
func TestTakeHunks(t *testing.T) {
	line := rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "\n"})
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			s := strings.Join(rapid.SliceOfN(line, 0, 40).Draw(t, name), "")
			if rapid.Bool().Draw(t, name+" ends without a line end") {
				s = strings.TrimSuffix(s, "\n")
			}
			return s
		}
		old, now := text("old"), text("now")
		diff, err := udiff.ToUnifiedDiff("a", "b", old, udiff.Lines(old, now), hunkContext)
		if err != nil {
			t.Fatal(err)
		}
		take := make([]bool, len(diff.Hunks))
		if got := takeHunks(old, diff, take); got != old {
			t.Fatalf("none taken: %q, want %q", got, old)
		}
		for i := range take {
			take[i] = true
		}
		if got := takeHunks(old, diff, take); got != now {
			t.Fatalf("all taken: %q, want %q", got, now)
		}
	})
}

func TestTakeOneHunk(t *testing.T) {
	old := strings.Repeat("x\n", 10) + "one\n" + strings.Repeat("x\n", 10) + "two\n"
	now := strings.NewReplacer("one", "1", "two", "2").Replace(old)
	diff, err := udiff.ToUnifiedDiff("a", "b", old, udiff.Lines(old, now), hunkContext)
	if err != nil || len(diff.Hunks) != 2 {
		t.Fatalf("%d hunks, %v", len(diff.Hunks), err)
	}
	if got := takeHunks(old, diff, []bool{false, true}); got != strings.Replace(old, "two", "2", 1) {
		t.Errorf("got %q", got)
	}
}
