package session

import (
	"fmt"
	"strings"
	"time"

	"github.com/bitactor/cf/event"
)

// Markdown returns the turn as a document: the task, what was read, the
// sections, the steps. Text of the model stands in it raw.
func (t *Turn) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", firstLine(t.Task))
	if strings.Contains(strings.TrimSpace(t.Task), "\n") {
		fmt.Fprintf(&b, "%s\n\n", quote(t.Task))
	}
	fmt.Fprintf(&b, "Model %s, window %d tokens, temperature %g, seed %d, %s.\n\n",
		t.Model, t.Window, t.Temperature, t.Seed, t.Started.UTC().Format(time.RFC3339))
	t.writeContext(&b)
	for _, s := range t.Sections {
		fmt.Fprintf(&b, "## %s\n\n", s.Title)
		if s.State == event.Missing {
			fmt.Fprintf(&b, "_Not answered: %s._\n\n", s.Why)
			continue
		}
		fmt.Fprintf(&b, "%s\n\n", strings.TrimSpace(s.Text))
		if s.Cut {
			fmt.Fprintf(&b, "_Cut here: %s._\n\n", s.Why)
		}
	}
	t.writeSteps(&b)
	return b.String()
}

func (t *Turn) writeContext(b *strings.Builder) {
	if len(t.Contexts)+len(t.Reads) == 0 {
		return
	}
	b.WriteString("## Context\n\n")
	for _, c := range t.Contexts {
		fmt.Fprintf(b, "- given: %s\n", firstLine(c))
	}
	for _, r := range t.Reads {
		fmt.Fprintf(b, "- %s: `%s`", r.State, r.Path)
		if r.Why != "" {
			fmt.Fprintf(b, " (%s)", r.Why)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
}

func (t *Turn) writeSteps(b *strings.Builder) {
	if t.Kind != Reasoning {
		return
	}
	if t.Incomplete {
		b.WriteString("_Not finished: " + openHint + "._\n")
		return
	}
	b.WriteString("## Steps\n\n")
	if len(t.Steps) == 0 {
		b.WriteString("_Not answered._\n")
		return
	}
	for i, s := range t.Steps {
		fmt.Fprintf(b, "%d. %s `%s`: %s\n", i+1, s.Action, s.Path, s.Why)
	}
}

// Markdown returns the whole session as one document.
func (s *Session) Markdown() string {
	var b strings.Builder
	for i := range s.Turns {
		if i > 0 {
			b.WriteString("\n---\n\n")
		}
		b.WriteString(s.Turns[i].Markdown())
	}
	return b.String()
}

// titleRunes is the longest title of a session or a turn.
const titleRunes = 100

// firstLine returns the first line of text, cut to titleRunes.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(line); len(runes) > titleRunes {
		line = string(runes[:titleRunes-1]) + "…"
	}
	return strings.TrimSpace(line)
}

func quote(text string) string {
	return "> " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n> ")
}
