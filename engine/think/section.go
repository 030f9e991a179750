package think

import (
	"context"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
)

// whyAnew is why a section begins a second time in one call.
const whyAnew = "the reply broke off and is asked for again"

// attempt is one try at a section.
type attempt struct {
	question llm.Message // as it is kept
	text     string
	own      int // sentences of the model's own
	cut      bool
	looped   bool // text ends where the loop began
	why      string
}

// enough tells whether the section need not be asked for again.
func (a attempt) enough() bool { return a.own >= sentencesMin && !a.looped }

// betterThan prefers an answer without a loop, then the one that says more.
func (a attempt) betterThan(b attempt) bool {
	if a.own > 0 && b.own > 0 && a.looped != b.looped {
		return b.looped
	}
	return a.own > b.own
}

// section asks for one section: in the conversation, or of a tiny model alone,
// and if that gives too little or a loop, once more alone. What a loop leaves of
// the better try is kept as cut.
func (k *talk) section(ctx context.Context, s prompts.Section) error {
	text, err := k.Words.Section(s, k.turn.Task, false)
	if err != nil {
		return err
	}
	k.emit(event.Section{ID: s.ID, Title: s.Title, State: event.Begin})
	question := k.question(text)
	k.seen.Add(text)
	messages := append(k.conversation(), question)
	if k.solo || !k.fits([]llm.Message{question}, k.sizes.section) {
		messages = k.alone(text)
	}
	best, err := k.try(ctx, s, messages)
	if err != nil {
		return err
	}
	best.question = question
	if !best.enough() {
		if best, err = k.again(ctx, s, best); err != nil {
			return err
		}
	}
	if best.own == 0 {
		k.missing(s, best.why)
		return nil
	}
	k.keep(best.question, llm.Message{Role: llm.Assistant, Content: best.text})
	if best.looped {
		k.close(s, prompts.OneSection(best.text, s), "from here on "+whyLoop)
		return nil
	}
	k.done(s, best.text, best.cut)
	return nil
}

// again asks for a section alone, out of sight of what was said so far, and
// returns the better try.
func (k *talk) again(ctx context.Context, s prompts.Section, first attempt) (attempt, error) {
	text, err := k.Words.Section(s, k.turn.Task, true)
	if err != nil {
		return first, err
	}
	k.emit(event.Section{ID: s.ID, Title: s.Title, State: event.Begin, Why: "asked again: " + first.why})
	k.seen.Add(text)
	second, err := k.try(ctx, s, k.alone(text))
	if err != nil {
		return first, err
	}
	second.question = k.question(text)
	if second.own > 0 && !first.betterThan(second) { // of equals the one that is on the screen
		return second, nil
	}
	if first.own > 0 {
		k.emit(event.Section{ID: s.ID, Title: s.Title, State: event.Begin, Why: "the first answer was better"})
		k.emit(event.Text{Section: s.ID, Text: prompts.OneSection(first.text, s)})
	}
	return first, nil
}

// try makes one call for a section, streaming its text.
func (k *talk) try(ctx context.Context, s prompts.Section, messages []llm.Message) (attempt, error) {
	reader := prompts.NewReader([]prompts.Section{s})
	show := func(spans []prompts.Span) {
		for _, span := range spans {
			k.emit(event.Text{Section: s.ID, Text: span.Text})
		}
	}
	reply, why, err := k.call(ctx, llm.Request{Name: s.ID, Messages: messages, MaxTokens: k.sizes.section}, listen{
		text: func(chunk string) { show(reader.Feed(chunk)) },
		anew: func() {
			reader = prompts.NewReader([]prompts.Section{s})
			k.emit(event.Section{ID: s.ID, Title: s.Title, State: event.Begin, Why: whyAnew})
		},
	})
	if err != nil {
		return attempt{}, err
	}
	show(reader.Close())
	own := len(k.seen.Own(prompts.OneSection(reply.Text, s)))
	a := attempt{text: reply.Text, own: own, cut: reply.Stop == llm.StopLength, looped: why == whyLoop, why: why}
	switch {
	case why != "":
	case own > 0:
		a.why = "it said too little of its own"
	default:
		a.why = "it only repeated what it was shown"
	}
	return a, nil
}
