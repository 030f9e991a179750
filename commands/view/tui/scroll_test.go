package tui

import (
	"fmt"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"github.com/bitactor/cf/event"
)

func TestScrollStopsFollowing(t *testing.T) {
	b := newBench(t, nil)
	b.ask("think")
	more := func(from, to int) {
		for i := from; i < to; i++ {
			b.send(event.Text{Section: "plan", Text: fmt.Sprintf("row %d\n", i)})
		}
	}
	more(0, 100)
	b.shows("row 99")
	b.press("pgup")
	top := strings.Split(b.screen(), "\n")[3]
	more(100, 150)
	if got := strings.Split(b.screen(), "\n")[3]; got != top {
		t.Errorf("the screen moved: first row %q, was %q", got, top)
	}
	b.shows("more rows")
	b.press("pgdown", "pgdown", "pgdown", "pgdown", "pgdown")
	b.shows("row 149")
	more(150, 200)
	b.shows("row 199")
	b.Update(tea.MouseMsg{Action: tea.MouseActionPress, Button: tea.MouseButtonWheelUp})
	b.shows("3 more rows")
}

func TestResizeKeepsThePlace(t *testing.T) {
	b := newBench(t, nil)
	b.ask("think")
	for i := range 200 {
		b.send(event.Text{Section: "plan", Text: fmt.Sprintf("paragraph %d %s\n\n", i, strings.Repeat("words ", 30))})
	}
	b.scrollTo(b.total() / 2)
	for !strings.HasPrefix(ansi.Strip(b.body()[0]), "  paragraph") {
		b.scroll(1)
	}
	first := func() string {
		for _, w := range strings.Fields(strings.Join(b.body(), " ")) {
			if _, err := fmt.Sscanf(w, "%d", new(int)); err == nil {
				return w
			}
		}
		return ""
	}
	was := first()
	for _, size := range [][2]int{{120, 40}, {40, 10}, {20, 5}, {200, 60}, {33, 12}, {97, 30}, {41, 12}, {80, 24}} {
		b.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		if size[1] > 10 && first() != was {
			t.Errorf("at %v the first paragraph is %s, was %s", size, first(), was)
		}
	}
}

// TestEverySizeFits draws every state at every size: never a panic, a row that
// is too wide or a row too many.
func TestEverySizeFits(t *testing.T) {
	b := newBench(t, nil)
	b.ask("think about 日本語 and a question that is long enough to be wrapped on any screen that a person would use for this")
	b.send(firstTurn()...)
	b.end(nil)
	for _, keys := range [][]string{{}, {"tab"}, {"]", "]"}, {"tab"}, {"space"}, {"?"}, {"esc"}, {"tab"}, {"tab"}, {"a\tpaste"}, {"ctrl+j", "ctrl+j", "ctrl+j", "ctrl+j", "x"}} {
		b.press(keys...)
		for w := 0; w <= 130; w += 1 + w/8 {
			for _, h := range []int{0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 24, 50} {
				b.resize(w, h)
				rows := strings.Split(b.View(), "\n")
				if len(rows) > max(1, h) || h >= minHeight && w >= minWidth && len(rows) != h {
					t.Fatalf("%dx%d after %q: %d rows", w, h, keys, len(rows))
				}
				for _, r := range rows {
					if ansi.StringWidth(r) > max(1, w) {
						t.Fatalf("%dx%d after %q: too wide: %q", w, h, keys, r)
					}
				}
			}
		}
		b.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	}
	if b.crash != nil {
		t.Fatal(b.crash)
	}
}

func TestUnknownSizeIsIgnored(t *testing.T) {
	b := newBench(t, nil)
	b.Update(tea.WindowSizeMsg{})
	b.shows("what shall be thought through?")
}

// TestDraggingTheWindowDoesNotCreep changes the width often, within one long
// line, where a row at one width begins inside a row of another.
func TestDraggingTheWindowDoesNotCreep(t *testing.T) {
	b := newBench(t, nil)
	b.ask("think")
	var text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, "word%d ", i)
	}
	b.send(event.Text{Section: "plan", Text: text.String()})
	b.scrollTo(b.total() / 2)
	want := b.body()[0]
	for i := range 60 {
		b.Update(tea.WindowSizeMsg{Width: 40 + i*7%50, Height: 24})
	}
	b.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	if got := b.body()[0]; got != want {
		t.Errorf("the first row is %q, was %q", got, want)
	}
}
