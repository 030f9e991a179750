package view

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSanitize(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"plain":                {"a b\tc\n", "a b\tc\n"},
		"letters":              {"größe 日本 עברית", "größe 日本 עברית"},
		"escape":               {"\x1b[31mred", `\x1b[31mred`},
		"title":                {"\x1b]0;x\x07", `\x1b]0;x\x07`},
		"clipboard, OSC 52":    {"\x1b]52;c;aGk=\x1b\\", `\x1b]52;c;aGk=\x1b` + `\`},
		"link, OSC 8":          {"\x1b]8;;http://x\x1b\\", `\x1b]8;;http://x\x1b` + `\`},
		"C1 as a byte":         {"\x9b31m", `\x9b31m`},
		"C1 as UTF-8":          {"\u009b31m\u0085", `\u009b31m\u0085`},
		"carriage return":      {"good\revil", `good\x0devil`},
		"line ends":            {"a\r\nb\r\r\nc\r", "a\nb\\x0d\nc\\x0d"},
		"backspace, bell, DEL": {"a\b\a\x7f\v\f\x00", `a\x08\x07\x7f\x0b\x0c\x00`},
		"bidirectional":        {"a\u202eb\u2066c\u2069\u200f\u061c", `a\u202eb\u2066c\u2069\u200f\u061c`},
		"zero width":           {"a\u200bb\u200c\u2060\ufeff\u00ad", `a\u200bb\u200c\u2060\ufeff\u00ad`},
		"tags":                 {"a\U000e0041\U000e007f", `a\U000e0041\U000e007f`},
		"interlinear":          {"\ufff9a\ufffab\ufffb", `\ufff9a\ufffab\ufffb`},
		"separators":           {"a\u2028b\u2029", `a\u2028b\u2029`},
		"fillers":              {"a\u3164\u115f\uffa0", `a\u3164\u115f\uffa0`},
		"noncharacters":        {"\ufdd0\uffff\U0001fffe", `\ufdd0\uffff\U0001fffe`},
		"invalid":              {"a\xff\xc3(\xe2\x82", `a\xff\xc3(\xe2\x82`},
		"surrogate as UTF-8":   {"\xed\xa0\x80", `\xed\xa0\x80`},
		"overlong":             {"\xc0\xaf", `\xc0\xaf`},
		"replacement":          {"\ufffd", "\ufffd"},
		"emoji":                {"👍🏽 ❤️ 1️⃣", "👍🏽 ❤️ 1️⃣"},
		"family":               {"👨‍👩‍👧", "👨‍👩‍👧"},
		"flag of hearts":       {"❤️‍🔥", "❤️‍🔥"},
		"joiner in letters":    {"a\u200db", `a\u200db`},
		"joiner at the end":    {"👨\u200d", `👨\u200d`},
		"joiner twice":         {"👨\u200d\u200d👩", `👨\u200d\u200d👩`},
		"joiner, then text":    {"👨\u200da", `👨\u200da`},
		"selector on a letter": {"a\ufe0f", `a\ufe0f`},
		"selectors in a row":   {"❤\ufe0f\ufe0f\ufe01", "❤\ufe0f" + `\ufe0f\ufe01`},
		"supplement":           {"❤\U000e0100", `❤\U000e0100`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Sanitize(tt.in); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			for cut := range len(tt.in) + 1 {
				var z Sanitizer
				got := string(z.Flush(z.Append(z.Append(nil, tt.in[:cut]), tt.in[cut:])))
				if got != tt.want {
					t.Errorf("cut at %d: %q", cut, got)
				}
			}
			if got := bytewise(tt.in); got != tt.want {
				t.Errorf("byte by byte: %q", got)
			}
		})
	}
}

func bytewise(s string) string {
	var z Sanitizer
	var out []byte
	for i := range len(s) {
		out = z.Append(out, s[i:i+1])
	}
	return string(z.Flush(out))
}

// TestNothingIsHeldBackForLong: only a rune, a CR or a joiner may wait.
func TestNothingIsHeldBackForLong(t *testing.T) {
	var z Sanitizer
	if got := string(z.Append(nil, "word")); got != "word" {
		t.Errorf("%q", got)
	}
	if got := string(z.Append(nil, "\xe2\x82")); got != "" {
		t.Errorf("%q", got)
	}
	if got := string(z.Append(nil, "\xac!")); got != "€!" {
		t.Errorf("%q", got)
	}
}

// FuzzSanitize wants, of any bytes in any pieces: valid UTF-8, no control
// character but \n and \t, nothing hidden but what the doc allows, the same
// however it is cut, and clean text unchanged.
func FuzzSanitize(f *testing.F) {
	for _, s := range []string{"", "abc", "\x1b]8;;x\x1b\\", "👨‍👩‍👧 ❤️ 1️⃣", "a\r\nb\r", "\xff\xc3\x28", "\u202e\u200d\U000e0041"} {
		f.Add(s, 1)
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, at int) {
		got := Sanitize(s)
		if !utf8.ValidString(got) {
			t.Fatalf("invalid UTF-8: %q", got)
		}
		for _, r := range got {
			switch {
			case r == zwj || r == vs15 || r == vs16:
			case Hidden(r):
				t.Fatalf("%U came through: %q", r, got)
			}
		}
		if got != bytewise(s) {
			t.Fatalf("byte by byte %q, whole %q", bytewise(s), got)
		}
		cut := min(max(at, 0), len(s))
		var z Sanitizer
		if pieces := string(z.Flush(z.Append(z.Append(nil, s[:cut]), s[cut:]))); pieces != got {
			t.Fatalf("cut at %d %q, whole %q", cut, pieces, got)
		}
		if Sanitize(got) != got {
			t.Fatalf("not stable: %q, then %q", got, Sanitize(got))
		}
		if strings.IndexFunc(s, Hidden) < 0 && utf8.ValidString(s) && got != s {
			t.Fatalf("clean text changed: %q to %q", s, got)
		}
		line := string(EscapeJSON([]byte(s)))
		for _, r := range line {
			if r >= 0x80 && r != utf8.RuneError && Hidden(r) {
				t.Fatalf("%U in JSON: %q", r, line)
			}
		}
	})
}
