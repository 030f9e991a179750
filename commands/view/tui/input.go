package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/cursor"
	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/bubbles/textarea"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
)

const (
	inputRunes = 20000 // longest question; a longer paste is cut, and said to be
	inputRows  = 5     // most rows shown of it
)

// input is the line where questions are typed, with the history of those asked.
type input struct {
	area    textarea.Model
	theme   *theme
	glyphs  *glyphs
	width   int
	history []string // oldest first
	at      int      // place in history; len(history) = the draft
	draft   string
}

func newInput(t *theme, g *glyphs) *input {
	in := &input{area: textarea.New(), glyphs: g}
	a := &in.area
	a.CharLimit, a.MaxHeight, a.ShowLineNumbers, a.EndOfBufferCharacter = inputRunes, 0, false, ' '
	a.KeyMap.InsertNewline = keys.NewLine
	a.KeyMap.Paste = key.NewBinding(key.WithDisabled()) // needs a program of the desktop; the terminal's own paste works
	a.Cursor.SetMode(cursor.CursorStatic)               // a blinking one would redraw an idle screen
	a.SetPromptFunc(2, func(row int) string {
		if row == 0 {
			return g.prompt + " "
		}
		return "  "
	})
	a.Focus()
	in.restyle(t)
	return in
}

// restyle takes another theme.
func (in *input) restyle(t *theme) {
	in.theme = t
	style := textarea.Style{
		Base: t.text, CursorLine: t.text, CursorLineNumber: t.dim, EndOfBuffer: t.text,
		LineNumber: t.dim, Placeholder: t.dim, Prompt: t.accent, Text: t.text,
	}
	in.area.FocusedStyle, in.area.BlurredStyle = style, style
	in.area.Cursor.Style, in.area.Cursor.TextStyle = t.text, t.text
	if in.area.Focused() { // makes the text area take the styles up
		in.area.Focus()
		return
	}
	in.area.Blur()
}

func (in *input) resize(width int) {
	in.width = width
	in.area.SetWidth(max(4, width))
	in.area.SetHeight(in.height())
}

// height is the rows the input takes, 1 to inputRows.
func (in *input) height() int {
	rows, room := 0, max(1, in.width-3)
	for line := range strings.SplitSeq(in.area.Value(), "\n") {
		rows += 1 + ansi.StringWidth(line)/room
		if rows >= inputRows {
			return inputRows
		}
	}
	return rows
}

// update takes a key or a paste. It returns a notice when a paste was cut.
func (in *input) update(msg tea.KeyMsg) (string, tea.Cmd) {
	switch {
	case key.Matches(msg, keys.Older) && in.area.Line() == 0 && in.at > 0:
		in.recall(in.at - 1)
		return "", nil
	case key.Matches(msg, keys.Newer) && in.area.Line() == in.area.LineCount()-1 && in.at < len(in.history):
		in.recall(in.at + 1)
		return "", nil
	}
	if msg.Paste { // CR is how terminals paste line ends
		s := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(msg.Runes))
		msg.Runes = []rune(s)
	}
	said := ""
	if over := in.area.Length() + len(msg.Runes) - inputRunes; msg.Type == tea.KeyRunes && over > 0 {
		said = fmt.Sprintf("a question holds %s characters: %s left out; give long texts with --context @FILE", thousands(inputRunes), thousands(over))
	}
	in.area.SetHeight(inputRows) // room for the rows about to come, or the view scrolls away from the first
	var cmd tea.Cmd
	in.area, cmd = in.area.Update(msg)
	in.area.SetHeight(in.height())
	return said, cmd
}

// recall puts an entry of the history, or the draft, into the line.
func (in *input) recall(at int) {
	if in.at == len(in.history) {
		in.draft = in.area.Value()
	}
	in.at = at
	if at == len(in.history) {
		in.set(in.draft)
		return
	}
	in.set(in.history[at])
}

func (in *input) set(s string) {
	in.area.SetHeight(inputRows)
	in.area.SetValue(s)
	in.area.SetHeight(in.height())
}

// take returns what was typed and empties the line.
func (in *input) take() string {
	s := strings.TrimSpace(in.area.Value())
	in.set("")
	in.draft = ""
	if s != "" && (len(in.history) == 0 || in.history[len(in.history)-1] != s) {
		in.history = append(in.history, s)
	}
	in.at = len(in.history)
	return s
}

func (in *input) empty() bool { return in.area.Value() == "" }

// view returns the rows of the input.
func (in *input) view(typing bool, hint string) []string {
	if in.empty() {
		mark := in.theme.accent.Render(in.glyphs.prompt) + " "
		if !typing {
			return []string{in.theme.dim.Render(in.glyphs.prompt + " " + hint)}
		}
		first, rest := " ", hint
		if hint != "" {
			first, rest = hint[:1], hint[1:]
		}
		return []string{mark + in.theme.cursor.Render(first) + in.theme.dim.Render(rest)}
	}
	return strings.Split(in.area.View(), "\n")
}
