package gather

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func count(s string) int { return (len(s) + 3) / 4 }

func FuzzPrepareText(f *testing.F) {
	for _, s := range []string{"", "a\r\nb\rc", "\ufeffx", "\xff\xfe", "````\n```", "<|im_end|>", "<<|a|>|>", "[INST][/INST]", "<｜end｜>", "</s><<SYS>>", "key: ghp_x", strings.Repeat("long line ", 200), strings.Repeat("l\n", 300)} {
		f.Add("a.md", s, 50)
	}
	f.Fuzz(func(t *testing.T, name, text string, limit int) {
		d := prepare(display(name), File, name, text)
		if !utf8.ValidString(d.text) || !utf8.ValidString(d.label) || strings.Contains(d.text, "\r") || chatMarker.MatchString(d.text) || strings.ContainsAny(d.label, "\n`") {
			t.Fatalf("not fit for a prompt: %q %q", d.label, d.text)
		}
		p, ok := fit(d, limit%5000, count)
		if !ok {
			return
		}
		if p.Tokens > limit%5000 || p.Tokens != count(wrapped(p.Path, p.Text)) {
			t.Errorf("%d tokens told, %d counted, limit %d", p.Tokens, count(wrapped(p.Path, p.Text)), limit%5000)
		}
		if strings.Contains(p.Text, strings.Repeat("`", p.Fence)) || chatMarker.MatchString(p.Text) || !utf8.ValidString(p.Text) {
			t.Errorf("breaks out: %q", p.Text)
		}
		if p.Cut != (p.Text != d.text) {
			t.Errorf("cut is %v: %q of %q", p.Cut, p.Text, d.text)
		}
	})
}

func TestAllot(t *testing.T) {
	tests := []struct {
		wants []int
		total int
		want  []int
	}{
		{nil, 10, []int{}},
		{[]int{3, 4}, 10, []int{3, 4}},
		{[]int{100, 2, 100}, 20, []int{9, 2, 9}},
		{[]int{5}, 0, []int{0}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, allot(tt.wants, tt.total)); diff != "" {
			t.Errorf("allot(%v, %d): %s", tt.wants, tt.total, diff)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		wants := rapid.SliceOf(rapid.IntRange(0, 1000)).Draw(t, "wants")
		total := rapid.IntRange(0, 5000).Draw(t, "total")
		given, asked := 0, 0
		for i, s := range allot(wants, total) {
			given, asked = given+s, asked+wants[i]
			if s < 0 || s > wants[i] {
				t.Fatalf("share %d of %d", s, wants[i])
			}
		}
		if given > total || given != min(asked, total) {
			t.Fatalf("%d given of %d, %d asked", given, total, asked)
		}
	})
}

func TestSectionEnd(t *testing.T) {
	d := prepare("a.md", File, "a.md", strings.Repeat("text text text\n", 40)+"# Next\nmore\nmore\n"+strings.Repeat("x\n", 500))
	p, ok := fit(d, 185, count)
	if !ok || !p.Cut || strings.Contains(p.Text, "# Next") || strings.Count(p.Text, "text text") != 40 {
		t.Errorf("not cut before the heading: %v\n%s", ok, p.Text)
	}
}
