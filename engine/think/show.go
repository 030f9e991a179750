package think

import (
	"context"
	"fmt"
	"strings"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
)

// render makes the prompts of a turn without running it.
func (t *Thinker) render(ctx context.Context, in Input) ([]event.Prompt, error) {
	if in.Session != nil && len(in.Session.Turns) > 0 && !in.unfinished() {
		k, question, err := t.openFollowUp(ctx, in)
		if err != nil {
			return nil, err
		}
		return []event.Prompt{k.exact(ctx, prompts.Answer.ID, append(k.conversation(), question), nil)}, nil
	}
	k, err := t.openReasoning(ctx, in)
	if err != nil {
		return nil, err
	}
	questions, err := k.questions()
	if err != nil {
		return nil, err
	}
	var out []event.Prompt
	for i, q := range questions {
		if k.solo && q.schema == nil {
			out = append(out, k.exact(ctx, q.name, k.alone(q.text), nil))
			continue
		}
		if i == 0 {
			out = append(out, k.exact(ctx, q.name, append(k.conversation(), k.question(q.text)), q.schema))
			continue
		}
		// What the model replied before stands in front of it: only the new
		// message is known.
		out = append(out, event.Prompt{
			Name: q.name, Tokens: t.Counter.Count(q.text), Exact: t.Counter.Exact(),
			Text: "(the conversation so far, then)\n" + labelled([]llm.Message{{Role: llm.User, Content: q.text}}),
		})
	}
	return out, nil
}

// AskPrompt returns the exact prompt that Ask would send. It asks no model.
func (t *Thinker) AskPrompt(ctx context.Context, in Input) ([]event.Prompt, error) {
	k, question, err := t.openAsk(ctx, t.clean(in))
	if err != nil {
		return nil, err
	}
	return []event.Prompt{k.exact(ctx, prompts.Answer.ID, append(k.conversation(), question), nil)}, nil
}

type plainQuestion struct {
	name, text string
	schema     []byte
}

// questions are the user messages of a first turn in order, as long as every
// reply is usable.
func (k *talk) questions() ([]plainQuestion, error) {
	var out []plainQuestion
	for _, group := range k.groups() {
		missing := k.unasked(group.sections)
		if k.turn.Layout == oneCall && len(missing) == len(group.sections) {
			text, err := group.words(prompts.HeadingsInput{Sections: group.sections})
			if err != nil {
				return nil, err
			}
			out = append(out, plainQuestion{name: group.name, text: text})
			continue
		}
		for _, s := range missing {
			text, err := k.Words.Section(s, k.turn.Task, false)
			if err != nil {
				return nil, err
			}
			out = append(out, plainQuestion{name: s.ID, text: text})
		}
	}
	steps, err := k.Words.Steps()
	return append(out, plainQuestion{prompts.Steps.ID, steps, prompts.StepsSchema(k.solo)}), err
}

// exact has the server render messages, or labels them by role where it can't.
func (k *talk) exact(ctx context.Context, name string, messages []llm.Message, schema []byte) event.Prompt {
	p := event.Prompt{Name: name, Tokens: k.Counter.CountMessages(messages), Exact: k.Counter.Exact()}
	text, err := k.Provider.Render(ctx, llm.Request{Model: k.Model.Name, Name: name, Messages: messages, Schema: schema, MaxTokens: 1})
	if err != nil {
		k.note("warn", "the server can't show the exact prompt: "+err.Error())
		p.Text = labelled(messages)
		return p
	}
	p.Text, p.Rendered = text, true
	return p
}

// labelled shows messages with their roles.
func labelled(messages []llm.Message) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "[%s]\n%s\n\n", m.Role, m.Content)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}
