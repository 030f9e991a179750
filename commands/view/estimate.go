package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/bitactor/cf/event"
)

// estimateText says what is written and what that may take.
func estimateText(e event.Estimate) string {
	what := e.Path
	if len(e.Symbols) > 0 {
		what = strings.Join(e.Symbols, ", ") + " of " + e.Path
	}
	text := fmt.Sprintf("writing %s: a prompt of %d tokens, up to %s of at most %d tokens", what, e.PromptTokens,
		count(e.Candidates, "answer", "answers"), e.ReplyTokens)
	if e.Most > 0 {
		text += fmt.Sprintf("; about %s for the first, at most %s for all, and the checks", roughly(e.First), roughly(e.Most))
	}
	return text
}

// roughly gives a time as precisely as a guess can be.
func roughly(d time.Duration) string {
	switch {
	case d < time.Second:
		return "a second"
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}
