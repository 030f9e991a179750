package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/bitactor/cf/event"
)

const (
	hintAfter = 2 * time.Second  // of waiting before the wait is explained
	coldAfter = 15 * time.Second // of waiting before a cold start is likely
)

// activity is what goes on now, in words, with the time it has taken.
func (m *model) activity() (string, lipgloss.Style) {
	if !m.busy() {
		return "", m.theme.dim
	}
	t := m.turn
	spin := m.glyphs.spinner[m.frame%len(m.glyphs.spinner)] + " "
	at := clock(m.elapsed())
	switch {
	case t.outcome == cancelling:
		return spin + "cancelling " + at, m.theme.warn
	case t.step != "":
		return spin + t.step + " " + at, m.theme.accent
	case t.first.IsZero():
		return spin + m.waiting(at), m.theme.accent
	}
	what := "answering"
	if b := t.last(); b != nil && b.kind == thought {
		what = "thinking"
	} else if s := t.openSection(); s != nil {
		what = s.title
		if s.id == stepsID { // comes whole, not as text
			return spin + what + " " + at, m.theme.accent
		}
	}
	s := spin + what + " " + at
	if d := m.opt.Now().Sub(t.first); d > time.Second && t.pieces > 1 {
		s += fmt.Sprintf(", about %.0f tokens/s", float64(t.pieces)/d.Seconds())
	}
	return s, m.theme.accent
}

// waiting explains what the model does before its first token.
func (m *model) waiting(at string) string {
	waited := m.elapsed()
	s := "waiting for the model " + at
	if waited < hintAfter {
		return s
	}
	n := m.turn.tokensRead()
	switch {
	case waited >= coldAfter && m.lastCall() == nil:
		s += ": a cold one is loaded first"
	case n > 0:
		s += fmt.Sprintf(": it reads %s tokens", thousands(n))
		if c := m.lastCall(); c != nil && c.Prefill > 0 && c.PromptTokens > c.ReusedTokens {
			rate := float64(c.PromptTokens-c.ReusedTokens) / c.Prefill.Seconds()
			s += fmt.Sprintf(", about %.0f s", float64(n)/rate)
		}
	default:
		s += ": it reads the prompt"
	}
	return s
}

// last is the block text goes into now.
func (t *turn) last() *block {
	if len(t.blocks) == 0 {
		return nil
	}
	return t.blocks[len(t.blocks)-1]
}

func (t *turn) openSection() *section {
	for _, s := range t.sections {
		if s.state == event.Begin {
			return s
		}
	}
	return nil
}

// lastCall is the ledger line of the last model call, or nil.
func (m *model) lastCall() *event.Call {
	for i := len(m.turns) - 1; i >= 0; i-- {
		if calls := m.turns[i].calls; len(calls) > 0 {
			return &calls[len(calls)-1]
		}
	}
	return nil
}

// session is the id of the session, once it was saved.
func (m *model) session() string {
	for i := len(m.turns) - 1; i >= 0; i-- {
		if s := m.turns[i].saved; s.What == "session" && s.ID != "" {
			return s.ID
		}
	}
	return m.opt.Session
}

// statusRow is the ledger: what does not fit is left off at the end.
func (m *model) statusRow() string {
	items := m.ledger()
	sep := " " + m.glyphs.dot + " "
	row := ""
	for _, item := range items {
		next := item
		if row != "" {
			next = row + sep + item
		}
		if ansi.StringWidth(next) > m.width-2*m.margin() {
			break
		}
		row = next
	}
	return strings.Repeat(" ", m.margin()) + m.theme.dim.Render(row)
}

// ledger is what the last call cost, most wanted first.
func (m *model) ledger() []string {
	window := m.opt.Model.Context
	c := m.lastCall()
	var items []string
	if name := clean(m.opt.Model.Name); name != "" {
		items = append(items, ansi.Truncate(name, 28, m.ellipsis()))
	}
	if c == nil {
		if window > 0 {
			items = append(items, thousands(window)+" tokens of context")
		}
		return m.addSession(items)
	}
	if used := c.PromptTokens + c.OutputTokens; window > 0 {
		items = append(items, fmt.Sprintf("context %d%% of %s", used*100/window, thousands(window)))
	}
	if s := c.Decode.Seconds(); s > 0 {
		items = append(items, fmt.Sprintf("%.0f tokens/s", float64(c.OutputTokens)/s))
	}
	if c.PromptTokens > 0 {
		items = append(items, fmt.Sprintf("reused %d%%", (c.ReusedTokens*100+c.PromptTokens/2)/c.PromptTokens))
	}
	if c.Reloaded {
		items = append(items, "model reloaded")
	}
	if c.FirstToken > 0 {
		items = append(items, fmt.Sprintf("first token %.1f s", c.FirstToken.Seconds()))
	}
	return m.addSession(items)
}

func (m *model) addSession(items []string) []string {
	if id := clean(m.session()); id != "" {
		items = append(items, "session "+id)
	}
	return items
}

// helpRow is the help bar: what does not fit is left off at the end.
func (m *model) helpRow() string {
	row, width := strings.Repeat(" ", m.margin()), m.margin()
	if m.help {
		return row + m.theme.dim.Render("any key closes, up and down scroll")
	}
	for i, b := range briefs(m.area, m.busy(), m.plan() != nil) {
		if m.glyphs == &asciiGlyphs {
			b.key = strings.ReplaceAll(b.key, "↑↓", "up down")
		}
		gap := ""
		if i > 0 {
			gap = "   "
		}
		width += len(gap) + ansi.StringWidth(b.key) + 1 + len(b.what)
		if width > m.width-m.margin() {
			break
		}
		row += gap + m.theme.text.Render(b.key) + " " + m.theme.dim.Render(b.what)
	}
	return row
}

// helpRows is every key, each with what it does beside it.
func (m *model) helpRows() []string {
	const column = 19
	margin := strings.Repeat(" ", m.margin())
	var rows []string
	for i, g := range keyGroups() {
		if i > 0 {
			rows = append(rows, "")
		}
		rows = append(rows, margin+m.theme.accent.Render(g.title))
		for _, b := range g.keys {
			var what paragraph
			what.append(b.Help().Desc)
			what.wrap(max(8, m.textWidth()-column))
			left := b.Help().Key
			for i := range what.rows {
				rows = append(rows, margin+m.theme.text.Render(pad(left, column))+m.theme.dim.Render(what.line(i)))
				left = ""
			}
		}
	}
	return rows
}
