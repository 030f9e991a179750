package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

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
