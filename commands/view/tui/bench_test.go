package tui

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/event"
)

// frameBound is the time a frame may take with a megabyte on the screen.
const frameBound = 10 * time.Millisecond

// megabyte is 1 MiB of words: mostly ASCII, some wide.
func megabyte(lines bool) string {
	var b strings.Builder
	for i := 0; b.Len() < 1<<20; i++ {
		fmt.Fprintf(&b, "word%d is here, 日本語 too; ", i)
		if lines && i%12 == 11 {
			b.WriteString("\n\n")
		}
	}
	return b.String()
}

// full is a session that holds text and streams.
func full(tb testing.TB, text string) *model {
	tb.Helper()
	m := newModel(tb.Context(), Options{Getenv: func(string) string { return "" }, Conversation: turnFunc(nil), Model: testModel}.withDefaults(), &bytes.Buffer{})
	m.turn = newTurn("q", Sections, m.opt.Now())
	m.turns = []*turn{m.turn}
	m.turn.write("plan", text, false)
	m.View()
	return m
}

// BenchmarkModelView is one piece of text streaming in and the frame after it.
func BenchmarkModelView(b *testing.B) {
	for _, c := range []struct {
		name string
		text string
	}{{"empty", ""}, {"paragraphs", megabyte(true)}, {"oneline", megabyte(false)}} {
		b.Run("text="+c.name, func(b *testing.B) {
			m := full(b, c.text)
			for b.Loop() {
				m.queue.put(queued{event: event.Text{Section: "plan", Text: "another "}, pieces: 1})
				m.Update(eventsMsg{})
				m.View()
			}
		})
	}
}

// BenchmarkModelResize is the frame after the width changed: all is wrapped anew.
func BenchmarkModelResize(b *testing.B) {
	m := full(b, megabyte(true))
	for i := 0; b.Loop(); i++ {
		m.resize(80+i%2, 24)
		m.View()
	}
}

// TestFrameOfAMegabyteIsQuick takes the best of many frames, since a shared
// machine delays some.
func TestFrameOfAMegabyteIsQuick(t *testing.T) {
	for _, lines := range []bool{true, false} {
		m := full(t, megabyte(lines))
		best := time.Hour
		for range 20 {
			begin := time.Now()
			m.queue.put(queued{event: event.Text{Section: "plan", Text: "another "}, pieces: 1})
			m.Update(eventsMsg{})
			m.View()
			best = min(best, time.Since(begin))
		}
		if best > frameBound {
			t.Errorf("a frame took %s, want at most %s (lines: %v)", best, frameBound, lines)
		}
	}
}
