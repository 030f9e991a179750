package tui

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

func TestInterrupt(t *testing.T) {
	t.Run("cancels, then leaves", func(t *testing.T) {
		b := newBench(t, nil)
		b.ask("think")
		b.send(event.Section{ID: "plan", Title: "Plan", State: event.Begin}, event.Text{Section: "plan", Text: "half an ans"})
		ctx := <-b.ctxs
		if quits(b.press("ctrl+c")) {
			t.Fatal("the first ctrl-c left")
		}
		<-ctx.Done()
		b.shows("cancelling")
		b.end(fault.New(fault.Interrupted, "cancelled", "cancelled"))
		b.shows("half an ans", "cut short", "cancelled after 0:00")
		b.now = b.now.Add(time.Second)
		if !quits(b.press("ctrl+c")) {
			t.Error("the second ctrl-c did not leave")
		}
	})
	t.Run("idle leaves, text is dropped first", func(t *testing.T) {
		b := newBench(t, nil)
		b.press("draft")
		if quits(b.press("ctrl+c")) || !b.input.empty() {
			t.Error("ctrl-c left, or kept the draft")
		}
		if !quits(b.press("ctrl+c")) {
			t.Error("idle ctrl-c did not leave")
		}
	})
	t.Run("while cancelling, any later one leaves", func(t *testing.T) {
		b := newBench(t, nil)
		b.ask("think")
		b.press("ctrl+c")
		b.now = b.now.Add(time.Hour)
		if !quits(b.press("ctrl+c")) {
			t.Error("did not leave")
		}
	})
}

func TestLeave(t *testing.T) {
	for _, c := range []struct {
		name  string
		keys  []string
		leave bool
	}{
		{"ctrl-d on empty input", []string{"ctrl+d"}, true},
		{"ctrl-d deletes in a draft", []string{"x", "ctrl+d"}, false},
		{"q is text while typing", []string{"q"}, false},
		{"q leaves while reading", []string{"esc", "q"}, true},
		{"q closes the help first", []string{"esc", "?", "q"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := quits(newBench(t, nil).press(c.keys...)); got != c.leave {
				t.Errorf("left %v, want %v", got, c.leave)
			}
		})
	}
}

func TestHistoryAndPaste(t *testing.T) {
	b := newBench(t, nil)
	for _, q := range []string{"one", "two"} {
		b.ask(q)
		<-b.ctxs
		b.end(nil)
	}
	b.press("draft", "up")
	if got := b.input.area.Value(); got != "two" {
		t.Errorf("up gives %q, want two", got)
	}
	b.press("up", "down", "down")
	if got := b.input.area.Value(); got != "draft" {
		t.Errorf("down gives %q, want the draft", got)
	}
	b.input.set("")
	b.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("first\r\nsecond\x1b[31m"), Paste: true})
	if diff := cmp.Diff("first\nsecond[31m", b.input.area.Value()); diff != "" {
		t.Error(diff)
	}
	b.shows("› first", "    second")
	b.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(strings.Repeat("x", 30000)), Paste: true})
	b.shows("a question holds 20,000 characters")
	if n := b.input.area.Length(); n > inputRunes {
		t.Errorf("%d characters kept", n)
	}
}

func TestQuestionWaitsForTheAnswer(t *testing.T) {
	t.Run("asked when the turn is done", func(t *testing.T) {
		b := newBench(t, nil)
		b.ask("one")
		b.press("two", "enter")
		b.shows("next: two", "enter ask next")
		b.press("three", "enter")
		b.shows("one question waits already", "› three")
		<-b.ctxs
		b.end(nil)
		if got := <-b.asked; got != "two" {
			t.Errorf("asked %q, want two", got)
		}
		b.shows("› two", "› three")
		b.hides("next: ")
	})
	t.Run("up takes it back", func(t *testing.T) {
		b := newBench(t, nil)
		b.ask("one")
		b.press("two", "enter", "up")
		b.hides("next: ")
		b.shows("› two")
	})
	t.Run("not asked after a cancelled turn", func(t *testing.T) {
		b := newBench(t, nil)
		b.ask("one")
		b.press("two", "enter", "ctrl+c")
		b.end(fault.New(fault.Interrupted, "cancelled", "cancelled"))
		b.hides("next: ")
		if b.busy() || b.input.area.Value() != "two" {
			t.Errorf("busy %v, input %q", b.busy(), b.input.area.Value())
		}
	})
	t.Run("not asked when the session is over", func(t *testing.T) {
		b := newBench(t, nil)
		b.ask("one")
		b.press("two", "enter", "ctrl+c", "ctrl+c")
		b.reply <- nil
		b.stop()
		if len(b.turns) != 1 {
			t.Errorf("%d turns", len(b.turns))
		}
		b.queue.closed = nil // stopped
	})
}

func TestStepsArePicked(t *testing.T) {
	b := newBench(t, nil)
	b.ask("think")
	b.send(event.Plan{Steps: []event.PlanStep{{Path: "a.go", Action: "create"}, {Path: "-it's me.go", Action: "change"}}})
	b.end(nil)
	b.press("tab", "tab", "y")
	b.shows("no step is picked")
	b.press("space")
	b.shows("[x] create   a.go", "cf implement a.go")
	b.press("down", "space")
	b.shows(`cf implement -- '-it'\''s me.go'`)
	b.press("a")
	b.hides("cf implement")
	b.press("a")
	b.press("y")
	want := "cf implement a.go\ncf implement -- '-it'\\''s me.go'\n"
	if !strings.Contains(b.out.String(), osc52Of(want)) {
		t.Errorf("clipboard got %q", b.out)
	}
	b.shows("sent to the clipboard: 2 commands")
	if !strings.Contains(b.transcript(), "## Picked steps\n\ncf implement a.go\n") {
		t.Errorf("picked steps are not in the transcript:\n%s", b.transcript())
	}
}

func TestStepsAreCarriedOut(t *testing.T) {
	b := newBench(t, nil)
	b.ask("think")
	b.send(event.Plan{Steps: []event.PlanStep{{Path: "a.go", Action: "create"}, {Path: "b.go", Action: "change"}}})
	b.press("tab", "tab", "down", "space")
	if quits(b.press("x")) {
		t.Error("left while a turn runs")
	}
	b.shows("a turn runs")
	b.end(nil)
	b.press("space")
	if quits(b.press("x")) {
		t.Error("left with no step picked")
	}
	b.shows("no step is picked")
	b.press("space")
	if !quits(b.press("x")) || !slices.Equal(b.picked, []int{1}) {
		t.Errorf("picked %v", b.picked)
	}
}

func TestCopy(t *testing.T) {
	b := newBench(t, nil)
	b.ask("think")
	b.send(firstTurn()...)
	b.end(nil)
	b.press("esc", "g")
	b.press("]", "]")
	b.press("y")
	b.shows("sent to the clipboard: Implementation Plan")
	if want := osc52Of(b.turn.sectionText("plan")); b.out.String() != want {
		t.Errorf("clipboard got %q, want %q", b.out, want)
	}
	b.out.Reset()
	b.env["TMUX"] = "/run/tmux,1,0"
	b.press("Y")
	plain := osc52Of(b.turn.answer())
	wrapped := "\x1bPtmux;" + strings.ReplaceAll(plain, "\x1b", "\x1b\x1b") + "\x1b\\"
	if b.out.String() != plain+wrapped {
		t.Errorf("inside tmux the clipboard got %q", b.out)
	}
	b.send(event.Text{})
	b.turn.write("plan", strings.Repeat("x", 80000), false)
	b.out.Reset()
	b.press("Y")
	b.shows("too long for a terminal's clipboard")
	if b.out.Len() > 0 {
		t.Error("something was sent though")
	}
}

func osc52Of(s string) string {
	return "\x1b]52;c;" + base64.StdEncoding.EncodeToString([]byte(s)) + "\x07"
}
