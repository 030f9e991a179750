package tui

import "strings"

// glyphs is every sign that is not text. Each is one column wide.
type glyphs struct {
	prompt, marked, folded, unfolded, rule, dot string
	pending, open, done, missing                string
	spinner                                     []string
}

var unicodeGlyphs = glyphs{
	prompt: "›", marked: "▌", folded: "▸", unfolded: "▾", rule: "─", dot: "·",
	pending: "○", open: "◐", done: "●", missing: "✗",
	spinner: strings.Split("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", ""),
}

var asciiGlyphs = glyphs{
	prompt: ">", marked: "|", folded: "+", unfolded: "-", rule: "-", dot: "|",
	pending: ".", open: "o", done: "*", missing: "x",
	spinner: strings.Split(`|/-\`, ""),
}

// glyphsFor returns the ASCII signs where the locale says outright that the
// terminal does not speak UTF-8 (LC_ALL before LC_CTYPE before LANG, POSIX.1-2017
// section 8.2); an unset locale, as in containers, says nothing.
func glyphsFor(getenv func(string) string) *glyphs {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(getenv(name)); v != "" {
			if strings.Contains(v, "utf-8") || strings.Contains(v, "utf8") {
				return &unicodeGlyphs
			}
			return &asciiGlyphs
		}
	}
	return &unicodeGlyphs
}
