package tui

import (
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// key acts on one key, by area.
func (m *model) key(k tea.KeyMsg) tea.Cmd {
	if k.Paste {
		m.area, m.help = typing, false
		return m.typed(k)
	}
	if key.Matches(k, keys.Cancel) {
		return m.interrupt()
	}
	m.lastBreak = time.Time{} // any other key parts two Ctrl-C
	if m.help {
		return m.helpKey(k)
	}
	switch {
	case key.Matches(k, keys.Leave) && (m.area != typing || m.input.empty()):
		return m.leave()
	case key.Matches(k, keys.Area):
		m.enter(m.nextArea())
	case key.Matches(k, keys.PageUp):
		m.scroll(-max(1, m.bodyHeight()-1))
	case key.Matches(k, keys.PageDown):
		m.scroll(max(1, m.bodyHeight()-1))
	case key.Matches(k, keys.Top):
		m.scrollTo(0)
	case key.Matches(k, keys.End):
		m.toEnd()
	case key.Matches(k, keys.CopyAnswer):
		return m.copyAnswer()
	case key.Matches(k, keys.Fold):
		m.toggleFold()
	case key.Matches(k, keys.Help):
		m.help, m.helpTop = true, 0
	case key.Matches(k, keys.Suspend):
		if !suspendable() {
			return m.say("no shell waits for this program: it can't be suspended")
		}
		return tea.Suspend
	default:
		switch m.area {
		case reading:
			return m.readKey(k)
		case stepping:
			return m.stepKey(k)
		}
		return m.typed(k)
	}
	return nil
}

// typed acts on a key while typing.
func (m *model) typed(k tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(k, keys.ToReading):
		m.enter(reading)
		return nil
	case key.Matches(k, keys.HelpEmpty) && m.input.empty():
		m.help, m.helpTop = true, 0
		return nil
	case key.Matches(k, keys.Ask) && !k.Paste:
		return m.ask()
	case key.Matches(k, keys.Older) && m.ahead != "" && m.input.empty():
		m.input.set(m.ahead)
		m.ahead = ""
		return nil
	}
	said, cmd := m.input.update(k)
	if said != "" {
		return tea.Batch(cmd, m.say(said))
	}
	return cmd
}

// ask asks what was typed, or while a turn runs lets it wait for the end of that.
func (m *model) ask() tea.Cmd {
	if m.busy() && m.ahead != "" && !m.input.empty() {
		return m.say("one question waits already: empty the line and press up to change it")
	}
	question := m.input.take()
	if question == "" {
		return nil
	}
	m.input.resize(m.textWidth())
	if m.busy() {
		m.ahead = question
		return nil
	}
	return m.start(question)
}

// readKey acts on a key while reading.
func (m *model) readKey(k tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(k, keys.Up):
		m.scroll(-1)
	case key.Matches(k, keys.Down):
		m.scroll(1)
	case key.Matches(k, keys.ReadTop):
		m.scrollTo(0)
	case key.Matches(k, keys.ReadEnd):
		m.toEnd()
	case key.Matches(k, keys.PrevSection):
		m.selectSection(-1)
	case key.Matches(k, keys.NextSection):
		m.selectSection(1)
	case key.Matches(k, keys.CopySection):
		return m.copySection()
	case key.Matches(k, keys.CopyAll):
		return m.copyAnswer()
	case key.Matches(k, keys.FoldRead):
		m.toggleFold()
	case key.Matches(k, keys.Mouse):
		return m.toggleMouse()
	case key.Matches(k, keys.ToTyping):
		m.enter(typing)
	case key.Matches(k, keys.HelpRead):
		m.help, m.helpTop = true, 0
	case key.Matches(k, keys.Quit):
		return m.leave()
	}
	return nil
}

// stepKey acts on a key in the steps.
func (m *model) stepKey(k tea.KeyMsg) tea.Cmd {
	b := m.plan()
	if b == nil {
		m.enter(reading)
		return nil
	}
	switch {
	case key.Matches(k, keys.StepUp):
		m.moveStep(b, -1)
	case key.Matches(k, keys.StepDown):
		m.moveStep(b, 1)
	case key.Matches(k, keys.Pick):
		b.picked[b.cursor] = !b.picked[b.cursor]
		b.width = 0
	case key.Matches(k, keys.PickAll):
		b.pickAll()
	case key.Matches(k, keys.CopySteps):
		return m.copySteps(b)
	case key.Matches(k, keys.CarryOut):
		return m.carryOut(b)
	case key.Matches(k, keys.StepsBack):
		m.enter(reading)
	case key.Matches(k, keys.HelpRead):
		m.help, m.helpTop = true, 0
	case key.Matches(k, keys.Quit):
		return m.leave()
	}
	return nil
}

// helpKey acts on a key while all keys are shown: scrolls them, or closes.
func (m *model) helpKey(k tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(k, keys.PageDown):
		m.helpTop += max(1, m.bodyHeight()-1)
	case key.Matches(k, keys.PageUp):
		m.helpTop -= max(1, m.bodyHeight()-1)
	case key.Matches(k, keys.Down):
		m.helpTop++
	case key.Matches(k, keys.Up):
		m.helpTop--
	default:
		m.help = false
	}
	return nil
}

// interrupt is Ctrl-C: it cancels a running turn; when idle, or a second time,
// it leaves. What was typed is dropped first, as in a shell.
func (m *model) interrupt() tea.Cmd {
	now := m.opt.Now()
	twice := !m.lastBreak.IsZero() && now.Sub(m.lastBreak) <= twiceBound
	m.lastBreak = now
	switch {
	case m.help:
		m.help = false
		return nil
	case twice:
		return m.leave()
	case m.busy() && m.turn.outcome == running:
		m.turn.outcome = cancelling
		m.turn.cancel()
		return m.say("cancelling; ctrl-c again to leave")
	case m.busy():
		return m.leave()
	case !m.input.empty():
		m.input.set("")
		return m.say("ctrl-c again to leave")
	}
	return m.leave()
}

// leave ends the session.
func (m *model) leave() tea.Cmd {
	m.leaving = true
	return tea.Quit
}

// nextArea is where the area key leads.
func (m *model) nextArea() area {
	switch {
	case m.area == typing:
		return reading
	case m.area == reading && m.plan() != nil:
		return stepping
	}
	return typing
}

// enter changes the area.
func (m *model) enter(a area) {
	m.area = a
	if a == typing {
		m.input.area.Focus()
	} else {
		m.input.area.Blur()
	}
	if a == stepping {
		m.moveStep(m.plan(), 0)
	}
}

// plan is the last plan with steps, or nil.
func (m *model) plan() *block {
	for i := len(m.turns) - 1; i >= 0; i-- {
		if p := m.turns[i].plan; p != nil && len(p.steps) > 0 {
			return p
		}
	}
	return nil
}

// moveStep moves the cursor of the plan and scrolls it into view.
func (m *model) moveStep(b *block, by int) {
	b.cursor = min(max(0, b.cursor+by), len(b.steps)-1)
	row := m.rowOf(b) + b.rowOfStep(b.cursor)
	if h := m.bodyHeight(); row < m.top || row >= m.top+h-1 {
		m.scrollTo(row - h/3)
	}
}

// toggleFold shows all thinking if some of it is folded, else folds it.
func (m *model) toggleFold() {
	at, next := m.anchor(), foldAlways
	m.each(func(b *block, _, _ int) bool {
		if b.kind == thought && b.folded(m.look()) {
			next = foldNever
		}
		return true
	})
	m.fold = next
	m.restore(at)
}

func (m *model) toggleMouse() tea.Cmd {
	m.mouse = !m.mouse
	if m.mouse {
		return tea.Batch(tea.EnableMouseCellMotion, m.say("the mouse wheel scrolls"))
	}
	return tea.Batch(tea.DisableMouse, m.say("the terminal's own mouse selection works"))
}

// wheel scrolls by the mouse.
func (m *model) wheel(e tea.MouseMsg) {
	if e.Action != tea.MouseActionPress {
		return
	}
	by := wheelRows
	switch e.Button {
	case tea.MouseButtonWheelUp:
		by = -wheelRows
	case tea.MouseButtonWheelDown:
	default:
		return
	}
	if m.help {
		m.helpTop += by
		return
	}
	m.scroll(by)
}

// firstLine is the first line of s, for titles.
func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return clean(s)
}
