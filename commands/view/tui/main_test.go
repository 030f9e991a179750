package tui

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

// driver is the variable that makes the test binary a session on its terminal:
// "session", "panic" (in the first turn), or "version" (leaves at once).
const driver = "CF_TUI_DRIVER"

func TestMain(m *testing.M) {
	switch os.Getenv(driver) {
	case "":
		// teatest waits for an interrupt for as long as the process lives
		goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/charmbracelet/x/exp/teatest.NewTestModel.func2"))
	case "version":
		fmt.Println("cf version")
	default:
		os.Exit(drive(os.Getenv(driver)))
	}
}

// drive holds a session with a scripted model.
func drive(how string) int {
	talk := &script{pace: 5 * time.Millisecond, how: how}
	_, err := Run(context.Background(), Options{
		In: os.Stdin, Out: os.Stdout, Getenv: os.Getenv, Conversation: talk, First: "design a rate limiter for the public API",
		Model: testModel,
	})
	if err != nil {
		fmt.Println("driver:", err)
		return 1
	}
	fmt.Println("driver: left")
	return 0
}

var testModel = event.Model{Name: "qwen3:8b", Server: "http://127.0.0.1:11434", Source: "running", Context: 8192}

// script is a model that says the same always. Follow-ups that hold "forever"
// stream until they are cancelled.
type script struct {
	pace  time.Duration
	how   string
	turns int
}

func (s *script) Turn(ctx context.Context, text string, sink event.Sink) error {
	s.turns++
	if s.how == "panic" {
		panic("the script says so")
	}
	if s.turns > 1 {
		return s.followUp(ctx, text, sink)
	}
	for _, e := range firstTurn() {
		if t, ok := e.(event.Text); ok {
			if err := s.stream(ctx, t, sink); err != nil {
				return err
			}
			continue
		}
		sink.Emit(e)
	}
	return nil
}

func (s *script) followUp(ctx context.Context, text string, sink event.Sink) error {
	sink.Emit(event.Section{ID: "answer", Title: "Answer", State: event.Begin})
	for i := 1; i == 1 || strings.Contains(text, "forever"); i++ {
		if err := s.stream(ctx, event.Text{Section: "answer", Text: fmt.Sprintf("Answer line %d to the follow-up.\n", i)}, sink); err != nil {
			return err
		}
	}
	sink.Emit(event.Section{ID: "answer", Title: "Answer", State: event.Done})
	return nil
}

// stream emits a text word by word.
func (s *script) stream(ctx context.Context, t event.Text, sink event.Sink) error {
	for _, word := range strings.SplitAfter(t.Text, " ") {
		if s.pace > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(s.pace):
			}
		}
		if ctx.Err() != nil {
			return fault.New(fault.Interrupted, "cancelled", "%w", ctx.Err())
		}
		sink.Emit(event.Text{Section: t.Section, Text: word, Thinking: t.Thinking})
	}
	return nil
}

// firstTurn is every kind of event a first turn may bring.
func firstTurn() []event.Event {
	say := func(id, text string) event.Event { return event.Text{Section: id, Text: text} }
	begin := func(id, title string) event.Event { return event.Section{ID: id, Title: title, State: event.Begin} }
	done := func(id, title string) event.Event { return event.Section{ID: id, Title: title, State: event.Done} }
	return []event.Event{
		event.Read{Path: "README.md", State: "read", Tokens: 412},
		event.Read{Path: "api/server.go", State: "read", Tokens: 1203},
		event.Read{Path: "docs/limits.md", State: "absent"},
		event.Read{Path: "api/generated.go", State: "left-out", Tokens: 48211, Why: "over the budget"},
		event.Note{Level: "warn", Text: "the prompt named limits.md, which is not there"},
		begin("reasoning", "Reasoning"),
		event.Text{Section: "reasoning", Thinking: true, Text: "The user wants a limiter. Token bucket or sliding window? Think about bursts first."},
		say("reasoning", "The public API has one entry point, so a limiter belongs in its middleware, before authentication spends any work. A token bucket per client key allows short bursts while it bounds the mean rate, and it needs two numbers per key.\n\nThree things decide the design:\n\n- **Memory** must stay bounded: idle keys are dropped after they would be full again.\n- **Clocks**: refill is computed from monotonic time at each request, so that no timer runs per key.\n- 日本語 keys and emoji 👩‍💻 are keys like any other.\n"),
		done("reasoning", "Reasoning"),
		begin("plan", "Implementation Plan"),
		say("plan", "1. Add a limiter package with a bucket per key behind a sharded map.\n2. Wrap the router with a middleware that answers 429 and a Retry-After header in whole seconds.\n3. Test with a fake clock, then a load test.\n"),
		done("plan", "Implementation Plan"),
		begin("strategy", "Code Strategy"),
		say("strategy", "Keep the bucket a plain value type:\n\n```go\ntype bucket struct {\n\ttokens float64\n\tlast   time.Time\n}\n```\n\nShards by hash of the key keep locks short."),
		done("strategy", "Code Strategy"),
		begin("value", "Business Value"),
		say("value", "One client can no longer take the service down for the others."),
		done("value", "Business Value"),
		event.Section{ID: "telemetry", Title: "Telemetry Points", State: event.Missing, Why: "the model repeated the prompt"},
		begin("validation", "Validation"),
		say("validation", "A property test holds that no window of one second ever passes more than burst plus rate."),
		done("validation", "Validation"),
		event.Plan{Steps: []event.PlanStep{
			{Path: "limit/bucket.go", Action: "create", Why: "the token bucket and its arithmetic"},
			{Path: "limit/bucket_test.go", Action: "test", Why: "refill, burst and overflow against a fake clock"},
			{Path: "api/server.go", Action: "change", Why: "the middleware, before authentication", Block: "http-middleware"},
		}},
		event.Call{
			Name: "reasoning", Model: "qwen3:8b", PromptTokens: 2104, CountedTokens: 2104, ReusedTokens: 1996, OutputTokens: 611,
			Prefill: 400 * time.Millisecond, Decode: 10 * time.Second, FirstToken: 430 * time.Millisecond, Total: 11 * time.Second, Stop: "stop",
		},
		event.Saved{What: "session", ID: "2026-11-23-rate-limiter", Path: ".cf/sessions/2026-11-23-rate-limiter"},
	}
}
