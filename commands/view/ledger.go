package view

import (
	"fmt"
	"time"

	"github.com/bitactor/cf/event"
)

// ledger sums up the model calls of one run.
type ledger struct {
	began                                    time.Time
	calls, empty                             int // empty: without an answer
	prompt, reused, output, thought, retries int
	decode, load, first                      time.Duration
}

// begin notes when the work began, once.
func (l *ledger) begin(now time.Time) {
	if l.began.IsZero() {
		l.began = now
	}
}

func (l *ledger) add(e event.Call, now time.Time) {
	l.begin(now.Add(-e.Total))
	l.calls++
	if e.OutputTokens == 0 {
		l.empty++
	}
	l.prompt, l.reused, l.output = l.prompt+e.PromptTokens, l.reused+e.ReusedTokens, l.output+e.OutputTokens
	l.thought, l.retries = l.thought+e.ThinkTokens, l.retries+e.Retries
	l.decode += e.Decode
	if e.Reloaded {
		l.load += e.Load
	}
	if l.first == 0 {
		l.first = e.FirstToken
	}
}

// sum is one line for all calls, "" if no token was written.
func (l *ledger) sum(now time.Time) string {
	if l.output == 0 {
		return ""
	}
	line := plural(l.calls, "call", "calls")
	if l.empty > 0 {
		line += fmt.Sprintf(" (%d without an answer)", l.empty)
	}
	line += fmt.Sprintf(", %d prompt tokens", l.prompt)
	if l.prompt > 0 {
		line += fmt.Sprintf(" (%.0f %% reused)", 100*float64(l.reused)/float64(l.prompt))
	}
	line += ", " + plural(l.output, "token", "tokens") + " written"
	if l.thought > 0 {
		line += fmt.Sprintf(" (%d of thought)", l.thought)
	}
	if l.decode > 0 {
		line += fmt.Sprintf(" at %.0f/s", float64(l.output)/l.decode.Seconds())
	}
	if l.first > 0 {
		line += ", first token after " + span(l.first)
	}
	if l.load > 0 {
		line += ", loading the model took " + span(l.load)
	}
	if l.retries > 0 {
		line += ", " + plural(l.retries, "retry", "retries")
	}
	return line + ", " + span(now.Sub(l.began)) + " in all"
}

// callLine is the ledger of one model call in a line.
func callLine(e event.Call) string {
	name := e.Name
	if name == "" {
		name = "call"
	}
	line := fmt.Sprintf("%s: %d prompt tokens", name, e.PromptTokens)
	if e.PromptTokens > 0 {
		line += fmt.Sprintf(" (%.0f %% reused)", 100*float64(e.ReusedTokens)/float64(e.PromptTokens))
	}
	if read := e.PromptTokens - e.ReusedTokens; read > 0 && e.Prefill > 0 {
		line += fmt.Sprintf(", read at %.0f tokens/s", float64(read)/e.Prefill.Seconds())
	}
	line += fmt.Sprintf("; %d tokens", e.OutputTokens)
	if e.ThinkTokens > 0 {
		line += fmt.Sprintf(" (%d of thought)", e.ThinkTokens)
	}
	if e.Decode > 0 && e.OutputTokens > 0 {
		line += fmt.Sprintf(" at %.1f tokens/s", float64(e.OutputTokens)/e.Decode.Seconds())
	}
	line += "; first token after " + span(e.FirstToken)
	if e.Reloaded {
		line += "; loading the model took " + span(e.Load)
	}
	if e.Retries > 0 {
		line += fmt.Sprintf("; %s", plural(e.Retries, "retry", "retries"))
	}
	if e.Stop == "length" {
		line += "; stopped by the length limit"
	}
	return oneLine(line)
}

// span writes a duration: "0.2 s", "23 s", "2 min 5 s".
func span(d time.Duration) string {
	switch s := int(d.Round(time.Second) / time.Second); {
	case d < 10*time.Second-50*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	default:
		return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
