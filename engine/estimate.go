package engine

import (
	"time"

	"github.com/bitactor/cf/event"
)

// estimate says what the search may take: the prompt is read once, and each
// candidate is at most as long as its replies may be.
func (r *run) estimate() event.Estimate {
	s := r.strategy(r.request.Level)
	e := event.Estimate{Path: r.target.path, Symbols: fullNames(r.target.symbols), Candidates: s.samples + s.spare + s.rounds}
	for _, q := range r.questions {
		e.PromptTokens += r.Counter.CountMessages(q.messages)
		e.ReplyTokens += q.tokens
	}
	return timed(e, r.Profile)
}

// timed adds the times that follow from the model's speed, where that is known.
func timed(e event.Estimate, p *Profile) event.Estimate {
	if p == nil || p.PrefillRate <= 0 || p.DecodeRate <= 0 {
		return e
	}
	reading := seconds(float64(e.PromptTokens) / p.PrefillRate)
	writing := seconds(float64(e.ReplyTokens) / p.DecodeRate)
	e.First = reading + writing/2 // most replies end long before they must
	e.Most = reading + time.Duration(e.Candidates)*writing
	return e
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Second / 10)
}
