package tui

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/charmbracelet/x/exp/teatest"
)

// TestFrames runs a whole session through bubbletea and compares what the user
// sees after the first turn, at the top, in the steps and in the help
// (testdata/TestFrames; go test -update rewrites them: read them then).
func TestFrames(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 10}} {
		for _, c := range []struct {
			name string
			keys []tea.KeyMsg
		}{
			{"answered", nil},
			{"top", []tea.KeyMsg{{Type: tea.KeyCtrlHome}}},
			{"section", []tea.KeyMsg{{Type: tea.KeyEsc}, rune1('g'), rune1(']'), rune1(']')}},
			{"steps", []tea.KeyMsg{{Type: tea.KeyTab}, {Type: tea.KeyTab}, {Type: tea.KeySpace, Runes: []rune(" ")}}},
			{"keys", []tea.KeyMsg{rune1('?')}},
		} {
			t.Run(fmt.Sprintf("%s-%dx%d", c.name, size[0], size[1]), func(t *testing.T) {
				m := golded(t, &bytes.Buffer{})
				tm := teatest.NewTestModel(t, m, teatest.WithInitialTermSize(size[0], size[1]))
				teatest.WaitFor(t, tm.Output(), func(out []byte) bool { return bytes.Contains(out, []byte("done in")) }, teatest.WithDuration(5*time.Second))
				for _, k := range c.keys {
					tm.Send(k)
				}
				tm.Send(tea.QuitMsg{})
				final := tm.FinalModel(t, teatest.WithFinalTimeout(5*time.Second)).(*model)
				frame := ansi.Strip(final.View())
				var trimmed []string
				for _, l := range strings.Split(frame, "\n") {
					trimmed = append(trimmed, strings.TrimRight(l, " "))
				}
				golden.RequireEqual(t, []byte(strings.Join(trimmed, "\n")+"\n"))
				m.stop()
			})
		}
	}
}

// TestTranscript compares what is printed on leaving.
func TestTranscript(t *testing.T) {
	m := golded(t, &bytes.Buffer{})
	m.Init()
	m.live.Wait()
	m.stop()
	golden.RequireEqual(t, []byte(m.transcript()))
}

func rune1(r rune) tea.KeyMsg { return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}} }

// golded is a session whose first turn is the script, at a clock that stands.
func golded(t *testing.T, out *bytes.Buffer) *model {
	t.Helper()
	return newModel(context.Background(), Options{
		Conversation: &script{}, First: "design a rate limiter for the public API", Model: testModel,
		Now:    func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) },
		Getenv: func(string) string { return "" },
	}.withDefaults(), out)
}
