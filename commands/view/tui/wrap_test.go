package tui

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/commands/view"
)

func lines(p *paragraph) []string {
	var out []string
	for i := range p.rows {
		out = append(out, p.line(i))
	}
	return out
}

func TestParagraphWrap(t *testing.T) {
	for _, c := range []struct {
		name, text string
		width      int
		want       []string
	}{
		{"empty", "", 10, []string{""}},
		{"words", "one two three", 8, []string{"one two", "three"}},
		{"exact", "12345678 9", 8, []string{"12345678", "9"}},
		{"space at the edge", "1234567  9", 8, []string{"1234567", "9"}},
		{"long word", "abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
		{"word after words", "ab abcdefghij", 4, []string{"ab", "abcd", "efgh", "ij"}},
		{"empty lines", "a\n\nb\n", 4, []string{"a", "", "b", ""}},
		{"hanging list", "- one two three", 9, []string{"- one two", "  three"}},
		{"hanging number", "12. aa bb cc dd", 12, []string{"12. aa bb cc", "    dd"}},
		{"no list", "-v aa", 4, []string{"-v", "aa"}},
		{"indented", "  aa bb cc", 8, []string{"  aa bb", "  cc"}},
		{"indent too deep", "          aa bb", 12, []string{"          aa", "bb"}},
		{"ideographs", "日本語日本語", 5, []string{"日本", "語日", "本語"}},
		{"emoji", "👩‍💻👩‍💻👩‍💻", 4, []string{"👩‍💻👩‍💻", "👩‍💻"}},
		{"tabs", "a\tb\n\tc", 8, []string{"a   b", "    c"}},
		{"wider than the room", "日", 1, []string{"日"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p paragraph
			p.append(c.text)
			p.wrap(c.width)
			if diff := cmp.Diff(c.want, lines(&p)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzWrapText: streaming in any pieces gives what wrapping the whole gives, no
// row is wider than the room, and no text but spaces is lost.
func FuzzWrapText(f *testing.F) {
	f.Add("one two three\n- four five six seven", 9, 3)
	f.Add("日本語 👩‍💻 e\u0301 \t x", 2, 1)
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaaaaa   b", 5, 2)
	f.Fuzz(func(t *testing.T, text string, width, piece int) {
		text = view.Sanitize(text)
		width, piece = 2+abs(width)%60, 1+abs(piece)%9
		var whole, streamed paragraph
		whole.append(text)
		whole.wrap(width)
		streamed.wrap(width)
		for runes := []rune(text); len(runes) > 0; {
			n := min(piece, len(runes))
			streamed.append(string(runes[:n]))
			runes = runes[n:]
		}
		if diff := cmp.Diff(lines(&whole), lines(&streamed)); diff != "" {
			t.Fatalf("streamed differs from whole:\n%s", diff)
		}
		var kept strings.Builder
		for i, l := range lines(&whole) {
			if w := ansi.StringWidth(l); w > width && utf8.RuneCountInString(strings.TrimSpace(l)) > 1 {
				t.Errorf("row %q has %d columns of %d", l, w, width)
			}
			if strings.ContainsAny(l, "\n\t\x1b") {
				t.Errorf("control character in %q", l)
			}
			r := whole.rows[i]
			kept.Write(whole.text[r.start:r.end])
		}
		strip := strings.NewReplacer(" ", "", "\n", "", "\t", "")
		if got, want := strip.Replace(kept.String()), strip.Replace(text); got != want {
			t.Errorf("text lost: %q, want %q", got, want)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}
