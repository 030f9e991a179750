package tui

import (
	"io"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// theme is every style of the session: the terminal's own colours for text, one
// grey, one accent, one warning colour.
type theme struct {
	text, strong, dim, accent, warn, cursor, thought lipgloss.Style
}

// environ lets termenv read the injected environment.
type environ func(string) string

func (e environ) Getenv(name string) string { return e(name) }
func (e environ) Environ() []string         { return nil }

// newTheme returns the styles for a terminal with such an environment. With
// NO_COLOR (https://no-color.org) colours go and bold, faint and reverse stay,
// so that the cursor can still be seen.
func newTheme(out io.Writer, getenv func(string) string, dark bool) theme {
	colours := getenv("NO_COLOR") == ""
	profile := termenv.ANSI
	if colours {
		profile = termenv.NewOutput(out, termenv.WithEnvironment(environ(getenv)), termenv.WithTTY(true)).EnvColorProfile()
	}
	if profile == termenv.Ascii { // an unknown terminal still knows bold and reverse
		profile, colours = termenv.ANSI, false
	}
	r := lipgloss.NewRenderer(out, termenv.WithProfile(profile))
	r.SetColorProfile(profile)
	r.SetHasDarkBackground(dark)

	plain := r.NewStyle()
	t := theme{
		text: plain, strong: plain.Bold(true), dim: plain.Faint(true), accent: plain.Bold(true),
		warn: plain.Bold(true), cursor: plain.Reverse(true), thought: plain.Faint(true).Italic(true),
	}
	if !colours {
		return t
	}
	grey := lipgloss.CompleteAdaptiveColor{
		Dark:  lipgloss.CompleteColor{TrueColor: "#8a8f98", ANSI256: "245", ANSI: "8"},
		Light: lipgloss.CompleteColor{TrueColor: "#6b7078", ANSI256: "242", ANSI: "8"},
	}
	teal := lipgloss.CompleteAdaptiveColor{
		Dark:  lipgloss.CompleteColor{TrueColor: "#5fd7c4", ANSI256: "79", ANSI: "14"},
		Light: lipgloss.CompleteColor{TrueColor: "#00796b", ANSI256: "29", ANSI: "6"},
	}
	amber := lipgloss.CompleteAdaptiveColor{
		Dark:  lipgloss.CompleteColor{TrueColor: "#e5b567", ANSI256: "179", ANSI: "11"},
		Light: lipgloss.CompleteColor{TrueColor: "#9a6700", ANSI256: "94", ANSI: "3"},
	}
	t.dim = plain.Foreground(grey)
	t.thought = plain.Foreground(grey).Italic(true)
	t.accent = plain.Foreground(teal).Bold(true)
	t.warn = plain.Foreground(amber)
	return t
}
