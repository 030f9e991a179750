package tui

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

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
	b := newBench(t, nil)
	b.ask("one")
	b.press("two", "enter")
	b.shows("wait for the answer", "› two")
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

func TestPanicIsAnError(t *testing.T) {
	for _, c := range []struct {
		name string
		talk Conversation
		now  func() time.Time
	}{
		{"in a turn", panicking{}, nil},
		{"on the screen", &script{}, func() func() time.Time {
			n := 0
			return func() time.Time {
				if n++; n > 3 { // the question is shown by then
					panic("the clock says so")
				}
				return time.Time{}
			}
		}()},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			r, err := Run(t.Context(), Options{In: &forever{t.Context()}, Out: &out, Conversation: c.talk, First: "the question", Now: c.now})
			var p *PanicError
			if !errors.As(err, &p) || fault.CodeOf(err) != "panic" || !strings.Contains(string(p.Stack), "tui") {
				t.Fatalf("error %v, want a PanicError with its stack", err)
			}
			if !strings.Contains(r.Transcript, "the question") || !strings.HasSuffix(out.String(), r.Transcript) {
				t.Errorf("the transcript was not printed last: %q", out.String())
			}
			if !strings.Contains(out.String(), "\x1b[?1049l") {
				t.Error("the alternate screen was not left")
			}
		})
	}
}

type panicking struct{}

func (panicking) Turn(context.Context, string, event.Sink) error { panic("no") }

// forever is a terminal at which nobody types.
type forever struct{ ctx context.Context }

func (f *forever) Read([]byte) (int, error) { <-f.ctx.Done(); return 0, io.EOF }

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("terminated")
	talk := turnFunc(func(ctx context.Context, _ string, sink event.Sink) error {
		sink.Emit(event.Text{Section: "plan", Text: "so far"})
		cancel(why)
		<-ctx.Done()
		return ctx.Err()
	})
	r, err := Run(ctx, Options{In: &forever{t.Context()}, Out: io.Discard, Conversation: talk, First: "q"})
	if !errors.Is(err, why) {
		t.Errorf("error %v, want %v", err, why)
	}
	if !strings.Contains(r.Transcript, "so far") || !strings.Contains(r.Transcript, "cancelled after") {
		t.Errorf("transcript %q", r.Transcript)
	}
}

type turnFunc func(context.Context, string, event.Sink) error

func (f turnFunc) Turn(ctx context.Context, text string, sink event.Sink) error {
	return f(ctx, text, sink)
}

func TestEarlierTurnsAreShown(t *testing.T) {
	b := newBench(t, func(o *Options) {
		o.Session = "s-1"
		o.Earlier = []Turn{{Question: "before", Events: []event.Event{event.Section{ID: "plan", Title: "Plan", State: event.Done}, event.Text{Section: "plan", Text: "the old plan"}}}}
	})
	b.shows("› before", "the old plan", "session s-1")
	b.ask("more")
	b.send(event.Text{Section: "answer", Text: "the new answer"})
	b.end(nil)
	if s := b.transcript(); strings.Contains(s, "the old plan") || !strings.Contains(s, "the new answer") || !strings.HasSuffix(s, "session s-1 (go on with: cf ultrathink --session s-1)\n") {
		t.Errorf("transcript %q", s)
	}
}

func TestUnknownSizeIsIgnored(t *testing.T) {
	b := newBench(t, nil)
	b.Update(tea.WindowSizeMsg{})
	b.shows("what shall be thought through?")
}

func TestUsable(t *testing.T) {
	for _, c := range []struct {
		term    string
		in, out bool
		want    bool
	}{
		{"xterm", true, true, true},
		{"dumb", true, true, false},
		{"", true, true, false},
		{"xterm", false, true, false},
		{"xterm", true, false, false},
	} {
		if got := Usable(func(string) string { return c.term }, c.in, c.out); got != c.want {
			t.Errorf("Usable(TERM=%q, %v, %v) = %v", c.term, c.in, c.out, got)
		}
	}
}

func osc52Of(s string) string {
	return "\x1b]52;c;" + base64.StdEncoding.EncodeToString([]byte(s)) + "\x07"
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
