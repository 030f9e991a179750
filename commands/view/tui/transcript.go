package tui

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/event"
)

// transcript is the session as plain text, for the scrollback after it: no
// escape sequences, nothing left out but folded thinking and earlier turns,
// which their own session already printed.
func (m *model) transcript() string {
	var b strings.Builder
	for _, t := range m.turns[min(len(m.opt.Earlier), len(m.turns)):] {
		t.print(&b)
	}
	if plan := m.plan(); plan != nil {
		if c := plan.commands(); len(c) > 0 {
			fmt.Fprintf(&b, "## Picked steps\n\n%s\n\n", strings.Join(c, "\n"))
		}
	}
	if id := m.session(); id != "" {
		fmt.Fprintf(&b, "session %s (go on with: cf ultrathink --session %s)\n", clean(id), shellQuote(clean(id)))
	}
	return b.String()
}

// print writes one turn.
func (t *turn) print(b *strings.Builder) {
	fmt.Fprintf(b, "> %s\n\n", strings.ReplaceAll(t.question, "\n", "\n> "))
	for _, r := range t.reads {
		fmt.Fprintf(b, "%s%s\n", pad(strings.ReplaceAll(clean(r.State), "-", " "), labelWidth), readItem(r))
	}
	if len(t.reads) > 0 {
		b.WriteString("\n")
	}
	if s := t.answer(); s != "" {
		b.WriteString(s + "\n\n")
	}
	for _, block := range t.blocks {
		if block.kind == notice && (block.warn || block.gap) {
			fmt.Fprintf(b, "%s\n\n", strings.TrimSpace(string(block.text.text)))
		}
	}
}

// answer is what the turn's sections say, with their headings, as Markdown.
func (t *turn) answer() string {
	var parts []string
	for _, block := range t.blocks {
		switch {
		case block.kind == heading && block.state == event.Missing:
			parts = append(parts, "## "+block.title+"\n\n(not answered"+because(block.why)+")")
		case block.kind == heading:
			text := t.sectionText(block.section)
			if block.state == event.Failing {
				text = strings.TrimSpace(text + "\n\n[cut short]")
			}
			if text != "" {
				parts = append(parts, "## "+block.title+"\n\n"+text)
			}
		case block.kind == prose && block.section == "":
			parts = append(parts, strings.TrimSpace(string(block.text.text)))
		}
	}
	return strings.Join(parts, "\n\n")
}
