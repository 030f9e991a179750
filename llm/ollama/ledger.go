package ollama

import (
	"time"

	"github.com/bitactor/cf/llm/profile"
)

// Bounds of what is learned from a call.
const (
	reloadLoad  = time.Second // a longer load of a model that ran before is a reload
	ratePrompt  = 64          // a shorter prompt says nothing about the prefill rate
	rateReply   = 16          // a shorter reply says nothing about the decode rate
	rateChange  = 0.05        // a smaller change of a figure is not written to disk
	rateWeight  = 0.25        // of a new figure in the smoothed one
	inexactBy   = 0.02        // a count that is further off is no exact count
	prefillSlow = 50 * time.Millisecond
)

// settle fills the ledger line of a reply that stands, and remembers what the
// call showed about the model.
//
// ReusedTokens is the expected reuse: the length of the longest common token
// prefix of this prompt and the last conversation of this Client on the model,
// its reply included, at most all but the prompt's last token, which Ollama
// always reads again. It is 0 after a reload. Where the prefill rate r of the
// model is known and the prefill took longer than 50 ms, the measured reuse,
// prompt - prefill*r, is taken instead if it is less than half of the expected:
// another program used the model in between. Counts without the model's own
// vocabulary have the measured reuse only.
func (v *conversation) settle(a *attempt) {
	s, c := v.served, &v.call
	digest := s.model.Digest
	known := v.client.options.Profiles.Get(digest)

	s.mu.Lock()
	prior := s.prior
	c.Reloaded = s.called && c.Load > reloadLoad
	s.called = true
	s.prior = nil
	if v.prompt.ids != nil {
		s.prior = append(v.prompt.ids[:len(v.prompt.ids):len(v.prompt.ids)], v.counter.encoder.Encode(a.text.String())...)
	}
	s.mu.Unlock()

	expected := min(common(prior, v.prompt.ids), max(0, c.PromptTokens-1))
	if c.Reloaded {
		expected = 0
	}
	c.ReusedTokens = expected
	if known.PrefillRate > 0 && c.Prefill > prefillSlow {
		measured := max(0, c.PromptTokens-int(c.Prefill.Seconds()*known.PrefillRate))
		if v.prompt.ids == nil || measured < expected/2 {
			c.ReusedTokens = min(measured, max(0, c.PromptTokens-1))
		}
	}
	v.learn(known, expected)
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
func (v *conversation) learn(known profile.Profile, reused int) {
	c, p := v.call, known
	if fresh := c.PromptTokens - reused; fresh >= ratePrompt && reused*10 < c.PromptTokens && c.Prefill > prefillSlow {
		p.PrefillRate = smooth(p.PrefillRate, float64(fresh)/c.Prefill.Seconds())
	}
	if c.OutputTokens >= rateReply && c.Decode > 0 {
		p.DecodeRate = smooth(p.DecodeRate, float64(c.OutputTokens)/c.Decode.Seconds())
	}
	p.Window, p.Model = v.window.Context, v.served.model.Name
	switch {
	case c.PromptTokens == 0:
	case v.prompt.ids != nil:
		if off := abs(c.PromptTokens - v.prompt.tokens); float64(off) > inexactBy*float64(c.PromptTokens)+2 {
			p.Inexact = true
			v.counter.exact.Lock()
			v.counter.wrong = true
			v.counter.exact.Unlock()
		}
	case v.prompt.guess > 0:
		ratio := min(10, max(0.1, float64(c.PromptTokens)/float64(v.prompt.guess)))
		p.Estimate = smooth(p.Estimate, ratio)
		if p.EstimateLow == 0 || ratio < p.EstimateLow {
			p.EstimateLow = ratio
		}
		p.EstimateSeen++
	}
	if !moved(known, p) {
		return
	}
	// A profile that can't be saved costs a better estimate, never a reply.
	_ = v.client.options.Profiles.Update(v.served.model.Digest, func(q *profile.Profile) {
		q.PrefillRate, q.DecodeRate, q.Window, q.Model = p.PrefillRate, p.DecodeRate, p.Window, p.Model
		q.Inexact, q.Estimate, q.EstimateLow, q.EstimateSeen = p.Inexact, p.Estimate, p.EstimateLow, p.EstimateSeen
	})
}

// moved tells whether a profile changed enough to be written.
func moved(old, now profile.Profile) bool {
	far := func(a, b float64) bool { return a != b && (a == 0 || b/a > 1+rateChange || b/a < 1-rateChange) }
	return far(old.PrefillRate, now.PrefillRate) || far(old.DecodeRate, now.DecodeRate) || far(old.Estimate, now.Estimate) ||
		old.Window != now.Window || old.Model != now.Model || old.Inexact != now.Inexact || old.EstimateLow != now.EstimateLow
}

// smooth is an exponential mean; the first figure is taken as it is.
func smooth(old, now float64) float64 {
	if old == 0 {
		return now
	}
	return old + (now-old)*rateWeight
}

func abs(n int) int { return max(n, -n) }
