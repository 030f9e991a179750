package tui

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

// bench is a model with a clock of its own and a turn under the test's hand.
type bench struct {
	*model
	t     *testing.T
	now   time.Time
	out   *bytes.Buffer
	asked chan string
	reply chan error
	env   map[string]string
	ctxs  chan context.Context
}

func (b *bench) Turn(ctx context.Context, text string, _ event.Sink) error {
	b.ctxs <- ctx
	b.asked <- text
	return <-b.reply
}

func newBench(t *testing.T, change func(*Options)) *bench {
	t.Helper()
	b := &bench{
		t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), out: &bytes.Buffer{},
		asked: make(chan string, 1), reply: make(chan error, 1), ctxs: make(chan context.Context, 1),
		env: map[string]string{"TERM": "xterm-256color", "NO_COLOR": "1"},
	}
	opt := Options{
		Conversation: b, Now: func() time.Time { return b.now }, Model: testModel,
		Getenv: func(name string) string { return b.env[name] },
	}
	if change != nil {
		change(&opt)
	}
	b.model = newModel(context.Background(), opt.withDefaults(), b.out)
	b.noticeFor = time.Millisecond // of a timer that tests wait for
	t.Cleanup(func() {
		select {
		case b.reply <- context.Canceled:
		default:
		}
		if b.model.queue.closed != nil {
			b.stop()
		}
	})
	return b
}

// ask starts a turn and waits until the conversation has it.
func (b *bench) ask(question string) {
	b.t.Helper()
	b.press(question, "enter")
	if got := <-b.asked; got != question {
		b.t.Errorf("asked %q, want %q", got, question)
	}
}

// send puts events of the running turn on the screen.
func (b *bench) send(events ...event.Event) {
	sink := b.queue.sink(b.serial)
	for _, e := range events {
		sink.Emit(e)
	}
	b.Update(eventsMsg{})
}

// end lets the running turn return.
func (b *bench) end(err error) {
	b.reply <- err
	b.live.Wait()
	b.Update(eventsMsg{})
}

// press types keys by name, or text.
func (b *bench) press(names ...string) tea.Cmd {
	named := map[string]tea.KeyMsg{
		"enter": {Type: tea.KeyEnter}, "ctrl+c": {Type: tea.KeyCtrlC}, "ctrl+d": {Type: tea.KeyCtrlD}, "tab": {Type: tea.KeyTab},
		"esc": {Type: tea.KeyEsc}, "up": {Type: tea.KeyUp}, "down": {Type: tea.KeyDown}, "pgup": {Type: tea.KeyPgUp},
		"pgdown": {Type: tea.KeyPgDown}, "ctrl+y": {Type: tea.KeyCtrlY}, "ctrl+t": {Type: tea.KeyCtrlT}, "space": {Type: tea.KeySpace, Runes: []rune{' '}},
		"ctrl+end": {Type: tea.KeyCtrlEnd}, "ctrl+home": {Type: tea.KeyCtrlHome}, "ctrl+j": {Type: tea.KeyCtrlJ}, "f1": {Type: tea.KeyF1},
	}
	var cmd tea.Cmd
	for _, n := range names {
		k, ok := named[n]
		if !ok {
			k = tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(n)}
		}
		_, cmd = b.Update(k)
	}
	return cmd
}

// screen is the frame without styles.
func (b *bench) screen() string { return ansi.Strip(b.View()) }

func (b *bench) shows(want ...string) {
	b.t.Helper()
	for _, w := range want {
		if s := b.screen(); !strings.Contains(s, w) {
			b.t.Errorf("%q is not on the screen:\n%s", w, s)
		}
	}
}

func (b *bench) hides(unwanted ...string) {
	b.t.Helper()
	for _, w := range unwanted {
		if s := b.screen(); strings.Contains(s, w) {
			b.t.Errorf("%q is on the screen:\n%s", w, s)
		}
	}
}

func quits(cmd tea.Cmd) bool {
	if cmd == nil {
		return false
	}
	_, ok := cmd().(tea.QuitMsg)
	return ok
}

func TestTurnStreamsSections(t *testing.T) {
	b := newBench(t, nil)
	b.resize(80, 40)
	b.ask("think")
	b.shows("○ Reasoning", "waiting for the model 0:00")
	b.send(firstTurn()[:7]...)
	b.shows("◐ Reasoning", "thinking 0:00", "▾ thinking", "The user wants a limiter", "README.md (412)", "absent    docs/limits.md", "left out  api/generated.go (48,211): over the budget")
	b.send(firstTurn()[7:]...)
	b.end(nil)
	b.shows("● Reasoning", "✗ Telemetry", "● Steps", "Telemetry Points  not answered: the model repeated the prompt", "[ ] create   limit/bucket.go", "done in 0:00, 611 tokens", "context 33% of 8,192", "61 tokens/s", "reused 95%")
	b.press("ctrl+home")
	b.shows("▸ thinking, 83 characters")
	b.hides("The user wants a limiter")
	b.press("ctrl+t")
	b.shows("The user wants a limiter")
	b.press("ctrl+t")
	b.hides("The user wants a limiter")
}

func TestWaitIsExplained(t *testing.T) {
	b := newBench(t, nil)
	b.ask("think")
	b.send(event.Read{Path: "a.go", State: "read", Tokens: 1200})
	b.now = b.now.Add(3 * time.Second)
	b.shows("waiting for the model 0:03: it reads 1,200 tokens")
	b.now = b.now.Add(20 * time.Second)
	b.shows("0:23: a cold one is loaded first")
	b.send(event.Call{PromptTokens: 1400, ReusedTokens: 200, Prefill: 2 * time.Second, Decode: time.Second, OutputTokens: 50})
	b.shows("it reads 1,200 tokens, about 2 s")
}

// TestUntrustedTextIsHarmless puts an attack into every field an event has.
func TestUntrustedTextIsHarmless(t *testing.T) {
	evil := "a\x1b]52;c;ZXZpbA==\x07b\x1b[2J\u009b31m\r\x00\u202ec\xff\x7f\u2028d"
	b := newBench(t, func(o *Options) { o.Model.Name, o.Title = evil, evil })
	b.resize(120, 60)
	b.ask("think")
	b.send(
		event.Read{Path: evil, State: "read", Why: evil}, event.Note{Level: "warn", Text: evil}, event.Step{Title: evil, State: event.Begin},
		event.Section{ID: evil, Title: evil, State: event.Missing, Why: evil}, event.Text{Section: evil, Text: evil}, event.Text{Section: "x", Text: evil, Thinking: true},
		event.Plan{Steps: []event.PlanStep{{Path: evil, Action: evil, Why: evil, Block: evil}}}, event.Call{Name: evil, Model: evil}, event.Saved{What: "session", ID: evil, Path: evil},
	)
	check := func(where, s string) {
		t.Helper()
		s = ansi.Strip(s) // our own styles; what is left is text
		for _, r := range s {
			if view.Hidden(r) {
				t.Errorf("%U in %s: %q", r, where, s)
				return
			}
		}
		if !utf8.ValidString(s) || strings.Contains(s, "\t") {
			t.Errorf("invalid UTF-8 or a tab in %s: %q", where, s)
		}
	}
	check("the running turn", b.View())
	b.end(fault.New(fault.Failed, "x", "%s", evil).Hint(evil))
	check("the failed turn", b.View())
	b.press("tab", "tab", "a")
	check("the steps", b.View())
	if strings.Contains(b.View(), "52;c;") && strings.Contains(b.View(), "\x1b]") {
		t.Error("an operating system command in the frame")
	}
	for _, r := range b.transcript() {
		if view.Hidden(r) {
			t.Errorf("%U in the transcript", r)
		}
	}
}

func TestFailedTurnShowsHints(t *testing.T) {
	b := newBench(t, nil)
	b.ask("think")
	b.end(fault.New(fault.Unreachable, "refused", "connection refused").On("chat", "http://127.0.0.1:1").Hint("cf setup"))
	b.shows("error: chat: http://127.0.0.1:1: connection refused", "hint: cf setup")
	b.press("again")
	b.shows("› again")
}

func TestLateEventsAreDropped(t *testing.T) {
	b := newBench(t, nil)
	b.ask("one")
	sink := b.queue.sink(b.serial)
	b.end(nil)
	sink.Emit(event.Text{Section: "plan", Text: "too late"})
	b.Update(eventsMsg{})
	b.hides("too late")
}

// TestSectionOpenedAgain: what a section said before is void, on the screen and
// in the transcript, wherever the section stands.
func TestSectionOpenedAgain(t *testing.T) {
	begin := func(id, why string) event.Section {
		return event.Section{ID: id, State: event.Begin, Why: why}
	}
	text := func(id, s string) event.Text { return event.Text{Section: id, Text: s} }
	b := newBench(t, nil)
	b.ask("think")
	b.send(begin("plan", ""), text("plan", "first try"), event.Text{Section: "plan", Text: "a thought", Thinking: true},
		begin("value", ""), text("value", "its value"),
		begin("plan", "asked again: it only repeated what it was shown"))
	b.hides("first try", "a thought")
	b.shows("Implementation Plan  asked again: it only repeated what it was shown", "its value")
	b.send(text("plan", "second try"), event.Section{ID: "plan", State: event.Done},
		event.Section{ID: "value", State: event.Missing, Why: "not answered: an echo"})
	b.hides("asked again", "its value", "not answered: not answered")
	b.shows("second try", "Business Value  not answered: an echo")
	b.end(nil)
	if s := b.screen(); strings.Index(s, "second try") > strings.Index(s, "Business Value") {
		t.Errorf("the plan stands under another heading:\n%s", s)
	}
	got := b.transcript()
	for _, bad := range []string{"first try", "its value", "a thought"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q is in the transcript:\n%s", bad, got)
		}
	}
}

// TestLongReasonStandsBelow: no reason is cut off at the edge.
func TestLongReasonStandsBelow(t *testing.T) {
	b := newBench(t, nil)
	b.ask("think")
	why := strings.Repeat("a long reason ", 9) + "to its end"
	b.send(event.Section{ID: "plan", Title: "Plan", State: event.Missing, Why: why})
	if got := strings.Join(strings.Fields(b.screen()), " "); !strings.Contains(got, "Plan not answered "+why) {
		t.Errorf("the reason is not whole:\n%s", b.screen())
	}
}

// TestSectionShowsWhatIsKept: the text of a section that is done is the one that
// is stored.
func TestSectionShowsWhatIsKept(t *testing.T) {
	b := newBench(t, nil)
	b.ask("think")
	b.send(event.Section{ID: "plan", State: event.Begin}, event.Text{Section: "plan", Text: "One. Two. Unfinished \xe2\x82"},
		event.Section{ID: "plan", State: event.Done, Text: "One. Two.\x1b[2J", Why: "the reply reached its longest"})
	b.shows(`One. Two.\x1b[2J`, "the reply reached its longest")
	b.hides("Unfinished", `\xe2`)
	b.end(nil)
	b.hides(`\xe2`)
}
