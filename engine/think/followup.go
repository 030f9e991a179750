package think

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
)

// followUp runs a further turn of a session: a free answer in the same
// conversation.
func (t *Thinker) followUp(ctx context.Context, in Input) (*session.Turn, error) {
	k, question, err := t.openFollowUp(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := k.answer(ctx, question); err != nil {
		return nil, err
	}
	return k.finish(in.Session)
}

// openFollowUp reads what the question newly names and makes the question. A
// conversation that no longer fits is left behind, with a summary and a note.
func (t *Thinker) openFollowUp(ctx context.Context, in Input) (*talk, llm.Message, error) {
	k, err := t.begin(session.Question, in, in.Session.Conversation())
	if err != nil {
		return nil, llm.Message{}, err
	}
	if in.Session.Open() != nil {
		k.note("info", "the turn before is not finished; this question is asked on what there is of it")
	}
	asked := llm.Message{Role: llm.User, Content: in.Task}
	before := ""
	if !k.fits([]llm.Message{asked}, k.sizes.answer) {
		if k, err = t.begin(session.Question, in, nil); err != nil {
			return nil, llm.Message{}, err
		}
		before = t.summary(in.Session)
		t.note("warn", fmt.Sprintf("the window of %d tokens is full: a new conversation starts with a summary of the old one, "+
			"the first sentences of its answers; the files read before are left out", t.Window.Context))
	}
	room := prompts.Room(t.Window.Context, k.sizes.answer+t.Counter.Count(before), t.Counter, append(k.conversation(), asked))
	files, err := k.read(ctx, in, room, newlyNamed(in))
	if err != nil {
		return nil, llm.Message{}, err
	}
	text, err := t.Words.FollowUp(prompts.FollowUpInput{Files: files, Task: in.Task, Before: before})
	if err != nil {
		return nil, llm.Message{}, err
	}
	k.seen.Add(text)
	return k, llm.Message{Role: llm.User, Content: text}, nil
}

// newlyNamed takes only what this question names and no earlier turn has read.
func newlyNamed(in Input) func(prompts.File) bool {
	read := map[string]bool{}
	for _, t := range in.Session.Turns {
		for _, r := range t.Reads {
			read[r.Path] = read[r.Path] || r.State == "read"
		}
	}
	named := in.Task + "\n" + strings.Join(in.Contexts, "\n")
	return func(f prompts.File) bool {
		if f.Kind == "text" {
			return true
		}
		return !read[f.Path] && strings.Contains(named, path.Base(f.Path))
	}
}

// summary is the first sentence of every answer, the newest turns first, in at
// most a quarter of the window.
func (t *Thinker) summary(s *session.Session) string {
	var lines []string
	room := t.Window.Context / 4
	for i := len(s.Turns) - 1; i >= 0; i-- {
		turn := &s.Turns[i]
		block := []string{"Asked: " + turn.Task}
		for _, section := range turn.Sections {
			if first := prompts.Sentences(section.Text); len(first) > 0 {
				block = append(block, section.Title+": "+first[0])
			}
		}
		text := strings.Join(block, "\n")
		if room -= t.Counter.Count(text); room < 0 {
			break
		}
		lines = append([]string{text}, lines...)
	}
	return strings.Join(lines, "\n")
}

// answer streams one free answer. It is asked for once: a question may well be
// answered by words that stood in the files.
func (k *talk) answer(ctx context.Context, question llm.Message) error {
	s := prompts.Answer
	k.emit(event.Section{ID: s.ID, Title: s.Title, State: event.Begin})
	reply, why, err := k.call(ctx, llm.Request{Name: s.ID, Messages: append(k.conversation(), question), MaxTokens: k.sizes.answer}, listen{
		text: func(chunk string) { k.emit(event.Text{Section: s.ID, Text: chunk}) },
		anew: func() { k.emit(event.Section{ID: s.ID, Title: s.Title, State: event.Begin, Why: whyAnew}) },
	})
	if err != nil {
		return err
	}
	if why == "" && strings.TrimSpace(reply.Text) == "" {
		why = "the model wrote nothing"
	}
	if why != "" {
		k.missing(s, why)
		return nil
	}
	k.keep(question, llm.Message{Role: llm.Assistant, Content: reply.Text})
	k.done(s, reply.Text, reply.Stop == llm.StopLength)
	return nil
}

// ask runs one question without a session.
func (t *Thinker) ask(ctx context.Context, in Input) (*session.Turn, error) {
	k, question, err := t.openAsk(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := k.answer(ctx, question); err != nil {
		return nil, err
	}
	if err := k.answered(); err != nil {
		return nil, err
	}
	k.turn.Ended = t.Now()
	return k.turn, nil
}

func (t *Thinker) openAsk(ctx context.Context, in Input) (*talk, llm.Message, error) {
	k, err := t.begin(session.Question, in, nil)
	if err != nil {
		return nil, llm.Message{}, err
	}
	bare, err := t.Words.Ask(prompts.ContextInput{Task: in.Task})
	if err != nil {
		return nil, llm.Message{}, err
	}
	fixed := append(k.conversation(), llm.Message{Role: llm.User, Content: bare})
	files, err := k.read(ctx, in, prompts.Room(t.Window.Context, k.sizes.answer, t.Counter, fixed), nil)
	if err != nil {
		return nil, llm.Message{}, err
	}
	text, err := t.Words.Ask(prompts.ContextInput{Files: files, Task: in.Task})
	if err != nil {
		return nil, llm.Message{}, err
	}
	return k, llm.Message{Role: llm.User, Content: text}, nil
}
