package tui

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-osc52/v2"
	tea "github.com/charmbracelet/bubbletea"
)

// clipboardBytes is the longest text sent to a clipboard: what fits into a
// sequence of 100,000 bytes with its 8 bytes of frame as base64. The limit is that
// of hterm's osc52.sh (OSC_52_MAX_SEQUENCE, chromium.googlesource.com/apps/libapps,
// hterm/etc/osc52.sh); some terminals take more.
const clipboardBytes = 74994

// copyText sends text to the terminal's clipboard by OSC 52 and says so. A
// terminal never answers, so "sent" is all that can be promised.
func (m *model) copyText(what, text string) tea.Cmd {
	if strings.TrimSpace(text) == "" {
		return m.say("nothing to copy yet")
	}
	if len(text) > clipboardBytes {
		return m.say(fmt.Sprintf("%s is too long for a terminal's clipboard: it is printed when you leave", what))
	}
	if _, err := io.WriteString(m.out, clipboard(m.opt.Getenv, text)); err != nil {
		return m.say("the terminal took no copy: " + err.Error())
	}
	return m.say(fmt.Sprintf("sent to the clipboard: %s, %s characters", what, thousands(utf8.RuneCountInString(text))))
}

// clipboard returns the sequence that sets the clipboard. Inside tmux it is sent
// twice: plain for "set-clipboard on", wrapped for "allow-passthrough on".
func clipboard(getenv func(string) string, text string) string {
	seq := osc52.New(text)
	switch {
	case getenv("TMUX") != "":
		return seq.String() + seq.Tmux().String()
	case strings.HasPrefix(getenv("TERM"), "screen"):
		return seq.Screen().String()
	}
	return seq.String()
}

// copyAnswer copies the answer of the last turn that has one.
func (m *model) copyAnswer() tea.Cmd {
	for i := len(m.turns) - 1; i >= 0; i-- {
		if s := m.turns[i].answer(); s != "" {
			return m.copyText("the whole answer", s)
		}
	}
	return m.copyText("", "")
}

// copySection copies the marked section, or without a mark the one at the top.
func (m *model) copySection() tea.Cmd {
	if m.selected == nil {
		m.selectSection(0)
	}
	if m.selected == nil {
		return m.copyAnswer()
	}
	for _, t := range m.turns {
		for _, b := range t.blocks {
			if b == m.selected {
				return m.copyText(b.title, t.sectionText(b.section))
			}
		}
	}
	return nil
}

// copySteps copies the command lines of the picked steps.
func (m *model) copySteps(b *block) tea.Cmd {
	lines := b.commands()
	if len(lines) == 0 {
		return m.say("no step is picked: space picks one")
	}
	what := "1 command"
	if len(lines) > 1 {
		what = fmt.Sprintf("%d commands", len(lines))
	}
	return m.copyText(what, strings.Join(lines, "\n")+"\n")
}
