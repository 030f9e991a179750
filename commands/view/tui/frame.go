package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/bitactor/cf/event"
)

// The smallest screen that anything is shown on.
const (
	minWidth  = 20
	minHeight = 5
)

// parts is which parts fit on the screen; the body takes what they leave.
type parts struct{ title, bar, space, rule, status, help bool }

func (m *model) parts() parts {
	h := m.height
	return parts{
		rule: true, help: h >= 6, bar: h >= 8, title: h >= 9, status: h >= 10, space: h >= 12,
	}
}

// bodyHeight is the rows left for the document.
func (m *model) bodyHeight() int {
	p, rows := m.parts(), m.height-m.inputHeight()
	for _, on := range []bool{p.title, p.bar, p.space, p.rule, p.status, p.help} {
		if on {
			rows--
		}
	}
	return max(1, rows)
}

// inputHeight is the rows of the input: on a low screen it leaves room for the
// answer.
func (m *model) inputHeight() int { return min(m.input.height(), max(1, (m.height-4)/2)) }

// View draws the screen, one row a line, each at most as wide as the screen.
func (m *model) View() string {
	frame := ""
	m.guard(func() { frame = m.draw() })
	return frame
}

func (m *model) draw() string {
	if m.width < minWidth || m.height < minHeight {
		return m.tooSmall()
	}
	p := m.parts()
	rows := make([]string, 0, m.height)
	show := func(on bool, row func() string) {
		if on {
			rows = append(rows, row())
		}
	}
	show(p.title, m.titleRow)
	show(p.bar, m.barRow)
	show(p.space, func() string { return "" })
	rows = append(rows, m.body()...)
	show(p.rule, m.ruleRow)
	rows = append(rows, m.inputRows()...)
	show(p.status, m.statusRow)
	show(p.help, m.helpRow)
	for i, r := range rows {
		if len(r) > m.width {
			rows[i] = ansi.Truncate(r, m.width, "")
		}
	}
	return strings.Join(rows, "\n")
}

func (m *model) tooSmall() string {
	rows := make([]string, max(1, m.height))
	say := "terminal too small"
	if m.width < len(say) {
		say = "too small"
	}
	rows[0] = ansi.Truncate(say, max(1, m.width), "")
	return strings.Join(rows, "\n")
}

// body is the visible part of the document, or of the keys.
func (m *model) body() []string {
	h := m.bodyHeight()
	rows := make([]string, 0, h)
	if m.help {
		all := m.helpRows()
		m.helpTop = min(max(0, m.helpTop), max(0, len(all)-h))
		rows = append(rows, all[m.helpTop:min(len(all), m.helpTop+h)]...)
	} else {
		l, first := m.look(), m.first()
		m.each(func(b *block, row, n int) bool {
			for i := max(0, first-row); i < n && len(rows) < h && row+i >= first; i++ {
				rows = append(rows, b.line(i, l))
			}
			return len(rows) < h
		})
	}
	for len(rows) < h {
		rows = append(rows, "")
	}
	return rows
}

// titleRow shows what the session is about, and the model at the right.
func (m *model) titleRow() string {
	title := m.opt.Title
	if title == "" && len(m.turns) > 0 {
		title = m.turns[0].question
	}
	left := firstLine(title)
	right := clean(m.opt.Model.Name)
	if m.width < 60 {
		right = ""
	}
	room := max(1, m.width-2*m.margin()-ansi.StringWidth(right)-2)
	left = ansi.Truncate(left, room, m.ellipsis())
	return strings.Repeat(" ", m.margin()) + m.theme.strong.Render(left) +
		strings.Repeat(" ", room-ansi.StringWidth(left)+2) + m.theme.dim.Render(right)
}

func (m *model) ellipsis() string {
	if m.glyphs == &asciiGlyphs {
		return "..."
	}
	return "…"
}

// barRow shows which sections are open, done, not answered: with full titles if
// they fit, else short ones, else the title of the open one only.
func (m *model) barRow() string {
	var t *turn
	for _, c := range m.turns {
		if len(c.sections) > 1 {
			t = c
		}
	}
	if t == nil {
		return ""
	}
	long, short, signs, open := make([]string, 0, 8), make([]string, 0, 8), "", ""
	for _, s := range t.sections {
		sign, style := m.glyphs.pending, m.theme.dim
		switch s.state {
		case event.Begin:
			sign, style = m.glyphs.open, m.theme.accent
			open = s.title
		case event.Done:
			sign, style = m.glyphs.done, m.theme.text
		case event.Missing, event.Failing, event.Skipped:
			sign, style = m.glyphs.missing, m.theme.warn
		}
		long = append(long, style.Render(sign+" "+s.title))
		short = append(short, style.Render(sign+" "+m.shortTitle(s)))
		signs += style.Render(sign)
	}
	margin := strings.Repeat(" ", m.margin())
	for _, row := range []string{strings.Join(long, "  "), strings.Join(short, "  ")} {
		if ansi.StringWidth(row) <= m.width-2*m.margin() {
			return margin + row
		}
	}
	return margin + signs + "  " + m.theme.accent.Render(open)
}

func (m *model) shortTitle(s *section) string {
	for _, e := range m.opt.Sections {
		if e.ID == s.id && e.Short != "" {
			return e.Short
		}
	}
	return s.title
}

// ruleRow parts the answer from the input: what goes on at the left, where the
// reader is at the right.
func (m *model) ruleRow() string {
	left, style := m.activity()
	if m.notice != "" {
		left, style = m.notice, m.theme.accent
	}
	right := ""
	if rest := m.maxTop() - m.first(); rest > 0 && !m.help {
		right = fmt.Sprintf("%s more rows", thousands(rest))
	}
	room := m.width - 6
	if right != "" {
		room -= ansi.StringWidth(right) + 2
	}
	if room < 10 {
		right, room = "", m.width-6
	}
	row := m.theme.dim.Render(m.glyphs.rule)
	used := 1
	if left != "" {
		left = ansi.Truncate(left, max(1, room), m.ellipsis())
		row += " " + style.Render(left) + " "
		used += ansi.StringWidth(left) + 2
	}
	if right != "" {
		right = " " + right + " "
	}
	fill := max(0, m.width-used-ansi.StringWidth(right)-1)
	return row + m.theme.dim.Render(strings.Repeat(m.glyphs.rule, fill)+right+m.glyphs.rule)
}

// inputRows is the visible rows of the input, cursor included.
func (m *model) inputRows() []string {
	rows := m.input.view(m.area == typing && !m.help, m.inputHint())
	if h := m.inputHeight(); len(rows) > h {
		from := min(max(0, m.input.area.Line()-h+1), len(rows)-h)
		rows = rows[from : from+h]
	}
	margin := strings.Repeat(" ", m.margin())
	for i := range rows {
		rows[i] = margin + rows[i]
	}
	return rows
}

func (m *model) inputHint() string {
	switch {
	case m.ahead != "":
		return ansi.Truncate("next: "+firstLine(m.ahead), max(1, m.textWidth()-20), m.ellipsis()) + " (up: change it)"
	case m.area != typing:
		return "press i to type"
	case len(m.turns) == 0:
		return "what shall be thought through?"
	}
	return "a follow-up question"
}

// elapsed is how long the running turn has taken.
func (m *model) elapsed() time.Duration { return m.opt.Now().Sub(m.turn.began) }
