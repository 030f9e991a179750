package ollama

import (
	"time"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm/profile"
)

// Bounds of what is learned from a call.
const (
	reloadLoad  = time.Second           // a longer load is one of the model, not of the request
	ratePrompt  = 64                    // fewer tokens say nothing about the prefill rate
	rateReply   = 16                    // a shorter reply says nothing about the decode rate
	rateChange  = 0.05                  // a smaller change of a figure is not written to disk
	rateWeight  = 0.25                  // of a new figure in the smoothed one
	inexactBy   = 0.02                  // a count that is further off is no exact count
	prefillSlow = 50 * time.Millisecond // a shorter prefill says nothing about its rate
	reuseLeast  = 0.15                  // a smaller share of the prompt may be noise of the rate
)

// settle fills the ledger line of a reply that stands, and remembers what the
// call showed about the model.
func (v *conversation) settle(a *attempt) {
	s, c := v.served, &v.call
	known := v.client.options.Profiles.Get(s.model.Digest)

	s.mu.Lock()
	prior := s.prior
	c.Reloaded = s.called && c.Load > reloadLoad
	s.called = true
	s.prior = nil
	if v.prompt.ids != nil {
		s.prior = append(v.prompt.ids[:len(v.prompt.ids):len(v.prompt.ids)], v.counter.encoder.Encode(a.text.String())...)
	}
	s.mu.Unlock()

	b := before{known: prior != nil && v.prompt.ids != nil, empty: c.Load > reloadLoad}
	if !b.empty {
		b.common = min(common(prior, v.prompt.ids), max(0, c.PromptTokens-1))
	}
	c.ReusedTokens = b.reused(c.PromptTokens, c.Prefill, known.PrefillRate*pace(*c, known.DecodeRate))
	v.learn(known, b)
}

// pace returns how fast the machine was during a call, 1 being its usual pace:
// what else it did slowed the prefill as it slowed the decoding.
func pace(c event.Call, rate float64) float64 {
	if rate == 0 || c.Decode <= 0 || c.OutputTokens < rateReply/2 {
		return 1
	}
	return min(1, float64(c.OutputTokens)/c.Decode.Seconds()/rate)
}

// before is what is known of the server's prompt cache as a call began.
type before struct {
	empty  bool // the model was loaded for the call
	known  bool // this Client made the last call on the model, as far as it knows
	common int  // tokens of that call, reply included, that start this prompt too
}

// reused returns how many tokens of a prompt the server did not read again.
// Ollama does not tell: it keeps the longest common prefix of this prompt and
// the last conversation, at most all but the prompt's last token.
//
// Where this Client made the last call the common prefix is the answer, unless
// the prefill took so long that more than half of it must have been read:
// another program used the model in between. Where it did not, as in a process
// that makes its first call, the answer follows from the model's known prefill
// rate: prompt - prefill*rate.
func (b before) reused(prompt int, prefill time.Duration, rate float64) int {
	if b.empty || prompt == 0 {
		return 0
	}
	measured := max(0, prompt-1-int(prefill.Seconds()*rate))
	switch {
	case b.known && (rate == 0 || prefill <= prefillSlow || measured >= b.common/2):
		return b.common
	case rate == 0 || float64(measured) < reuseLeast*float64(prompt):
		return 0
	}
	return measured
}

// rate returns the prefill rate of a model after one more call. What a cache
// held makes a call look faster than the model reads, so a call raises the rate
// only where the cache is known not to have held its prompt; any call may lower
// it, since reading can't be slower than it is. An uncertain call that is a
// little faster counts a little: without it a rate from a busy hour would stay.
func (b before) rate(old float64, prompt int, prefill time.Duration) float64 {
	fresh := prompt - b.common
	if fresh < ratePrompt || prefill <= prefillSlow {
		return old
	}
	now := float64(fresh) / prefill.Seconds()
	certain := b.empty || b.known && b.common*10 < prompt
	switch {
	case old == 0, now < old/3: // far below: what was known came from a cached call
		return now
	case certain, now < old:
		return old + (now-old)*rateWeight
	case now < old*1.3:
		return old + (now-old)*rateWeight/4
	}
	return old
}

// common returns the length of the longest common prefix.
func common(a, b []int32) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// learn updates the model's profile where a figure moved.
func (v *conversation) learn(known profile.Profile, b before) {
	c, p := v.call, known
	p.PrefillRate = b.rate(p.PrefillRate, c.PromptTokens, c.Prefill)
	if c.OutputTokens >= rateReply && c.Decode > 0 {
		p.DecodeRate = smooth(p.DecodeRate, float64(c.OutputTokens)/c.Decode.Seconds())
	}
	p.Window, p.Model = v.window.Context, v.served.model.Name
	v.judge(&p)
	if !moved(known, p) {
		return
	}
	// A profile that can't be saved costs a better estimate, never a reply.
	_ = v.client.options.Profiles.Update(v.served.model.Digest, func(q *profile.Profile) {
		q.PrefillRate, q.DecodeRate, q.Window, q.Model = p.PrefillRate, p.DecodeRate, p.Window, p.Model
		q.Confirmed, q.Inexact, q.Estimate = p.Confirmed, p.Inexact, p.Estimate
	})
}

// judge compares the server's count of the prompt with cf's. A count by the
// vocabulary is confirmed by the first call that agrees; one that was confirmed
// is given up at the second call in a row that does not, any other at the first.
func (v *conversation) judge(p *profile.Profile) {
	reported := v.call.PromptTokens
	// A thinking model under a schema is run twice, the second time with its
	// thought in the prompt (ChatHandler in server/routes.go): what it reports
	// then is not what was sent.
	if reported == 0 || v.request.Schema != nil && v.served.model.Thinking {
		return
	}
	switch {
	case v.prompt.ids != nil:
		off := v.prompt.tokens - reported
		switch agree := float64(max(off, -off)) <= inexactBy*float64(reported)+2; {
		case agree:
			p.Confirmed = true
		case p.Confirmed:
			p.Confirmed = false
		default:
			p.Inexact = true
		}
	case v.prompt.guess > 0:
		p.Estimate = smooth(p.Estimate, min(10, max(0.1, float64(reported)/float64(v.prompt.guess))))
	}
}

// moved tells whether a profile changed enough to be written.
func moved(old, now profile.Profile) bool {
	far := func(a, b float64) bool { return a != b && (a == 0 || b/a > 1+rateChange || b/a < 1-rateChange) }
	return far(old.PrefillRate, now.PrefillRate) || far(old.DecodeRate, now.DecodeRate) || far(old.Estimate, now.Estimate) ||
		old.Window != now.Window || old.Model != now.Model || old.Inexact != now.Inexact || old.Confirmed != now.Confirmed
}

// smooth is an exponential mean; the first figure is taken as it is.
func smooth(old, now float64) float64 {
	if old == 0 {
		return now
	}
	return old + (now-old)*rateWeight
}
