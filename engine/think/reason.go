package think

import (
	"context"
	"fmt"
	"strings"

	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
)

// The layouts of a reasoned answer; the names are those of llm/profile.
const (
	oneCall    = "one-call"
	perSection = "per-section"
)

// keptMin is how many of the three headings of one call a model must keep for
// the layout to be worth it.
const keptMin = 2

// sentencesMin is how many own sentences a section needs not to be asked for
// again; one is enough to count as an answer.
const sentencesMin = 2

// reason runs the first turn of a session.
func (t *Thinker) reason(ctx context.Context, in Input) (*session.Turn, error) {
	k, err := t.open(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, group := range []struct {
		name     string
		sections []prompts.Section
		words    func(prompts.HeadingsInput) (string, error)
	}{{"analyse", prompts.Analysed, t.Words.Analyse}, {"assess", prompts.Assessed, t.Words.Assess}} {
		missing := group.sections
		if k.turn.Layout == oneCall {
			text, err := group.words(prompts.HeadingsInput{Sections: group.sections})
			if err != nil {
				return nil, err
			}
			if missing, err = k.together(ctx, group.name, text, group.sections); err != nil {
				return nil, err
			}
			k.learn(len(group.sections)-len(missing), len(group.sections))
		}
		for _, s := range missing {
			if err := k.section(ctx, s); err != nil {
				return nil, err
			}
		}
	}
	k.order()
	if err := k.steps(ctx); err != nil {
		return nil, err
	}
	return k.finish(in.Session)
}

// open begins the first turn of a session: decides the layout, reads, and makes
// the head of the conversation.
func (t *Thinker) open(ctx context.Context, in Input) (*talk, error) {
	k, err := t.begin(session.Reasoning, in, nil)
	if err != nil {
		return nil, err
	}
	k.turn.Layout = k.layout()
	k.solo = t.Model.Parameters > 0 && t.Model.Parameters <= tinyParameters
	bare, err := t.Words.Context(prompts.ContextInput{Task: in.Task})
	if err != nil {
		return nil, err
	}
	fixed := append([]llm.Message{{Role: llm.User, Content: bare}}, k.kept...)
	files, err := k.read(ctx, in, prompts.Room(t.Window.Context, k.reserve(), t.Counter, fixed), nil)
	if err != nil {
		return nil, err
	}
	if k.head, err = t.Words.Context(prompts.ContextInput{Files: files, Task: in.Task}); err != nil {
		return nil, err
	}
	k.seen.Add(in.Task)
	return k, nil
}

// questionTokens is what the questions of one turn need at most: eight messages
// of about a hundred tokens.
const questionTokens = 800

// reserve is what the replies and questions of a whole first turn take.
func (k *talk) reserve() int {
	thought := 0
	if k.Think && k.Model.Thinking {
		thought = k.ThinkTokens
	}
	return len(prompts.Sections())*k.sizes.section + 2*k.sizes.steps + questionTokens + thought
}

// layout is the measured one, else it goes by size. An unknown size counts as
// able: what it leaves out is asked for alone.
func (t *Thinker) layout() string {
	if t.Profiles != nil {
		if known := t.Profiles.Layout(t.Model.Digest); known == oneCall || known == perSection {
			return known
		}
	}
	if t.Model.Parameters > 0 && t.Model.Parameters <= tinyParameters {
		return perSection
	}
	return oneCall
}

// learn remembers how a model kept the headings, and stops asking for several
// in this turn if it did not.
func (k *talk) learn(kept, asked int) {
	layout := oneCall
	if kept < keptMin {
		layout = perSection
		k.note("info", fmt.Sprintf("the model kept %d of %d headings; it is asked one section a call from now on", kept, asked))
		k.turn.Layout = perSection
	}
	if k.Profiles == nil || k.Profiles.Layout(k.Model.Digest) == layout {
		return
	}
	if err := k.Profiles.SetLayout(k.Model.Digest, layout); err != nil {
		k.note("warn", "what was learnt of the model is not kept: "+err.Error())
	}
}

// together asks for several sections in one call and returns those without a
// usable answer.
func (k *talk) together(ctx context.Context, name, text string, want []prompts.Section) ([]prompts.Section, error) {
	question := k.question(text)
	k.seen.Add(text)
	reader := prompts.NewReader(want)
	texts := map[string]*strings.Builder{}
	current := ""
	each := func(spans []prompts.Span) {
		for _, span := range spans {
			if span.Section == "" {
				continue
			}
			if span.Section != current && texts[span.Section] == nil {
				k.emit(event.Section{ID: span.Section, Title: titleOf(span.Section), State: event.Begin})
				texts[span.Section] = &strings.Builder{}
			}
			current = span.Section
			texts[current].WriteString(span.Text)
			k.emit(event.Text{Section: current, Text: span.Text})
		}
	}
	reply, _, err := k.call(ctx, llm.Request{Name: name, Messages: append(k.conversation(), question), MaxTokens: len(want) * k.sizes.section},
		func(chunk string) { each(reader.Feed(chunk)) })
	if err != nil {
		return nil, err
	}
	each(reader.Close())
	shown := k.seen.Clone()
	var missing []prompts.Section
	for _, s := range want {
		b := texts[s.ID]
		if b == nil || reply.Text == "" || len(shown.Own(b.String())) == 0 {
			missing = append(missing, s)
			continue
		}
		shown.Add(b.String())
		k.done(s, b.String(), reply.Stop == llm.StopLength && s.ID == current)
	}
	if len(missing) < len(want) { // a reply without one usable heading would only mislead what follows
		k.keep(question, llm.Message{Role: llm.Assistant, Content: reply.Text})
	}
	return missing, nil
}

// attempt is one try at a section.
type attempt struct {
	messages []llm.Message
	text     string
	own      int  // sentences of the model's own
	cut      bool // stopped at its longest
	why      string
}

// section asks for one section: in the conversation, or of a tiny model alone,
// and if that gives too little, once more alone.
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
	best.messages = []llm.Message{question}
	if best.own < sentencesMin {
		if best, err = k.again(ctx, s, best); err != nil {
			return err
		}
	}
	if best.own == 0 {
		k.missing(s, best.why)
		return nil
	}
	k.keep(best.messages[0], llm.Message{Role: llm.Assistant, Content: best.text})
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
	second.messages = []llm.Message{k.question(text)}
	if second.own > first.own {
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
	reply, why, err := k.call(ctx, llm.Request{Name: s.ID, Messages: messages, MaxTokens: k.sizes.section},
		func(chunk string) { show(reader.Feed(chunk)) })
	if err != nil {
		return attempt{}, err
	}
	show(reader.Close())
	own := len(k.seen.Own(prompts.OneSection(reply.Text, s)))
	if why == "" {
		why = "it only repeated what it was shown"
		if own > 0 {
			why = "it said too little of its own"
		}
	}
	return attempt{text: reply.Text, own: own, cut: reply.Stop == llm.StopLength, why: why}, nil
}

// conversation returns a copy that may be appended to.
func (k *talk) conversation() []llm.Message { return append([]llm.Message(nil), k.kept...) }

// done closes a section with its text.
func (k *talk) done(s prompts.Section, raw string, cut bool) {
	text, why := strings.TrimSpace(prompts.OneSection(raw, s)), ""
	if once, repeats := prompts.CutRepeats(text); repeats {
		text, why = once, "from here on the model repeated itself"
	} else if cut && !prompts.Complete(text) {
		text, why = prompts.CutToSentence(text), "the reply reached its longest; the unfinished last sentence is not kept"
	}
	k.turn.Sections = append(k.turn.Sections, session.Section{ID: s.ID, Title: s.Title, Text: text, State: event.Done, Cut: why != "", Why: why})
	k.emit(event.Section{ID: s.ID, Title: s.Title, State: event.Done, Why: why, Text: text})
}

// missing closes a section that has no answer.
func (k *talk) missing(s prompts.Section, why string) {
	why = "not answered: " + why
	k.turn.Sections = append(k.turn.Sections, session.Section{ID: s.ID, Title: s.Title, State: event.Missing, Why: why})
	k.emit(event.Section{ID: s.ID, Title: s.Title, State: event.Missing, Why: why})
}

// order puts the sections into their fixed order: those asked for alone came
// last.
func (k *talk) order() {
	var ordered []session.Section
	for _, s := range prompts.Sections() {
		if found := k.turn.Section(s.ID); found != nil {
			ordered = append(ordered, *found)
		}
	}
	k.turn.Sections = ordered
}

func titleOf(id string) string {
	for _, s := range prompts.Sections() {
		if s.ID == id {
			return s.Title
		}
	}
	return id
}
