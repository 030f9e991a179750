package tui

import (
	"regexp"
	"strings"
	"testing"
)

// colour matches a sequence that sets a colour: SGR 30-37, 38, 90-97 or a
// background.
var colour = regexp.MustCompile(`\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[0-9;]*m`)

func TestThemes(t *testing.T) {
	frame := func(env map[string]string, dark bool) string {
		b := newBench(t, nil)
		b.env = env
		b.Update(darkMsg(dark))
		b.ask("think")
		b.send(firstTurn()...)
		return b.View()
	}
	plain := frame(map[string]string{"NO_COLOR": "1", "TERM": "xterm-256color", "COLORTERM": "truecolor"}, true)
	if c := colour.FindString(plain); c != "" {
		t.Errorf("colour %q in spite of NO_COLOR", c)
	}
	if !strings.Contains(plain, "\x1b[7m") {
		t.Error("without colour the cursor is gone")
	}
	dark := frame(map[string]string{"TERM": "xterm-256color"}, true)
	light := frame(map[string]string{"TERM": "xterm-256color"}, false)
	if !colour.MatchString(dark) || dark == light {
		t.Error("a light background gives the colours of a dark one, or none")
	}
	if f := frame(map[string]string{"TERM": "vt100"}, true); colour.MatchString(f) {
		t.Error("colour on a terminal without")
	}
}

func TestGlyphsFollowTheLocale(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want *glyphs
	}{
		{nil, &unicodeGlyphs},
		{map[string]string{"LANG": "de_DE.UTF-8"}, &unicodeGlyphs},
		{map[string]string{"LANG": "C"}, &asciiGlyphs},
		{map[string]string{"LANG": "C", "LC_ALL": "C.utf8"}, &unicodeGlyphs},
		{map[string]string{"LANG": "C.UTF-8", "LC_CTYPE": "POSIX"}, &asciiGlyphs},
	} {
		if got := glyphsFor(func(n string) string { return c.env[n] }); got != c.want {
			t.Errorf("glyphs for %v: %s", c.env, got.done)
		}
	}
	b := newBench(t, func(o *Options) { o.Getenv = func(n string) string { return map[string]string{"LANG": "C"}[n] } })
	b.ask("think")
	b.send(firstTurn()[:7]...)
	for _, r := range b.screen() {
		if r > 0x7f {
			t.Fatalf("%q on an ASCII terminal:\n%s", r, b.screen())
		}
	}
}
