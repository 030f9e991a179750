package think

import (
	"context"
	"fmt"
	"slices"
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

// reason runs the first turn of a session, or what is missing of it.
func (t *Thinker) reason(ctx context.Context, in Input) (*session.Turn, error) {
	k, err := t.openReasoning(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := k.sections(ctx); err != nil {
		return nil, k.keepPart(in.Session, err)
	}
	if err := k.answered(); err != nil {
		return nil, err
	}
	if err := k.steps(ctx); err != nil {
		return nil, k.keepPart(in.Session, err)
	}
	return k.finish(in.Session)
}

// sections asks for the sections that have no outcome yet.
func (k *talk) sections(ctx context.Context) error {
	defer k.order()
	for _, group := range k.groups() {
		missing := k.unasked(group.sections)
		if k.turn.Layout == oneCall && len(missing) == len(group.sections) {
			text, err := group.words(prompts.HeadingsInput{Sections: group.sections})
			if err != nil {
				return err
			}
			if missing, err = k.together(ctx, group.name, text, group.sections); err != nil {
				return err
			}
			k.learn(len(group.sections)-len(missing), len(group.sections))
		}
		for _, s := range missing {
			if err := k.section(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// group is what one signature asks for.
type group struct {
	name     string
	sections []prompts.Section
	words    func(prompts.HeadingsInput) (string, error)
}

func (k *talk) groups() []group {
	return []group{{"analyse", prompts.Analysed, k.Words.Analyse}, {"assess", prompts.Assessed, k.Words.Assess}}
}

// unasked returns the sections of group without an outcome.
func (k *talk) unasked(group []prompts.Section) []prompts.Section {
	return slices.DeleteFunc(slices.Clone(group), func(s prompts.Section) bool { return k.turn.Section(s.ID) != nil })
}

// openReasoning begins the first turn of a session: decides the layout, reads,
// and makes the head of the conversation.
func (t *Thinker) openReasoning(ctx context.Context, in Input) (*talk, error) {
	if in.unfinished() {
		return t.goOn(in)
	}
	k, err := t.begin(session.Reasoning, in, nil)
	if err != nil {
		return nil, err
	}
	k.turn.Layout = k.layout()
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
	reply, why, err := k.call(ctx, llm.Request{Name: name, Messages: append(k.conversation(), question), MaxTokens: len(want) * k.sizes.section}, listen{
		text: func(chunk string) { each(reader.Feed(chunk)) },
		anew: func() {
			k.note("info", whyAnew)
			reader, current = prompts.NewReader(want), ""
			clear(texts)
		},
	})
	if err != nil {
		return nil, err
	}
	if why != "" {
		return want, nil // each is asked for alone, which voids what was streamed
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
	k.close(s, text, why)
}

// close ends a section with its text; why says that and why it is cut.
func (k *talk) close(s prompts.Section, text, why string) {
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
