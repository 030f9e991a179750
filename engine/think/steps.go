package think

import (
	"context"
	"fmt"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
)

// How the steps were got.
const (
	fromSchema   = "schema"
	fromRepaired = "repaired"
	fromSecond   = "second-ask"
	fromLines    = "lines"
)

// steps asks for the files of the plan: as JSON, once more with what was wrong,
// then as plain lines. Nothing is made up if all three fail.
func (k *talk) steps(ctx context.Context) error {
	k.emit(event.Section{ID: prompts.Steps.ID, Title: prompts.Steps.Title, State: event.Begin})
	text, err := k.Words.Steps()
	if err != nil {
		return err
	}
	question := k.question(text)
	if !k.fits([]llm.Message{question}, k.sizes.steps) {
		k.noSteps("no room is left in the window")
		return nil
	}
	reply, found, repaired, problems, err := k.list(ctx, append(k.conversation(), question))
	if err != nil {
		return err
	}
	source, exchange := fromSchema, []llm.Message{question, {Role: llm.Assistant, Content: reply}}
	if repaired {
		source = fromRepaired
	}
	if len(problems) > 0 && k.fits(exchange, k.sizes.steps) {
		var again string
		if again, err = k.Words.StepsAgain(problems); err != nil {
			return err
		}
		more := append(exchange, llm.Message{Role: llm.User, Content: again})
		reply, better, _, _, err := k.list(ctx, append(k.conversation(), more...))
		if err != nil {
			return err
		}
		if len(better) > len(found) {
			found, source, exchange = better, fromSecond, append(more, llm.Message{Role: llm.Assistant, Content: reply})
		}
	}
	if len(found) == 0 {
		if found, exchange, err = k.lines(ctx); err != nil {
			return err
		}
		source = fromLines
	}
	if len(found) == 0 {
		k.noSteps("the model named no file")
		return nil
	}
	k.keep(exchange...)
	k.plan(found, source)
	if source != fromLines {
		k.warm(ctx)
	}
	return nil
}

// warmUp is the name of the call that only has the server read the conversation.
const warmUp = "warm-up"

// warm has the server read the conversation as it is kept, so that a further
// question need not wait for that. A reply made under a grammar is rarely spelt
// in the tokens that its text is read back as (Ollama 0.17.4 with SmolLM2 reused
// 49 of 134: the prefix ended three tokens into the JSON), while free text is. One
// token is asked for and dropped; a fault costs no more than the time saved.
func (k *talk) warm(ctx context.Context) {
	polite := llm.Message{Role: llm.User, Content: "Thank you."}
	if k.Store == nil || !k.fits([]llm.Message{polite}, 1) {
		return
	}
	r := llm.Request{Name: warmUp, Messages: append(k.conversation(), polite), MaxTokens: 1}
	if k.complete(&r) != nil {
		return
	}
	r.Think, r.MaxTokens = false, 1
	reply, err := k.Provider.Chat(ctx, r, nil)
	if err != nil {
		return
	}
	reply.Call.Name = r.Name
	k.turn.Calls = append(k.turn.Calls, reply.Call)
	k.emit(reply.Call)
}

// noSteps says that there is no plan, and why.
func (k *talk) noSteps(why string) {
	k.emit(event.Section{ID: prompts.Steps.ID, Title: prompts.Steps.Title, State: event.Missing, Why: "not answered: " + why})
}

// list asks for the steps as JSON.
func (k *talk) list(ctx context.Context, messages []llm.Message) (reply string, found []prompts.Step, repaired bool, problems []string, err error) {
	r, why, err := k.call(ctx, llm.Request{Name: prompts.Steps.ID, Messages: messages, Schema: prompts.StepsSchema(k.solo), MaxTokens: k.sizes.steps}, listen{})
	if err != nil {
		return "", nil, false, nil, err
	}
	if why != "" {
		return "", nil, false, []string{why}, nil
	}
	found, repaired, problems = prompts.ParseSteps(r.Text)
	if r.Stop == llm.StopLength && repaired && len(found) > 1 {
		found = found[:len(found)-1] // the reply ended inside it
	}
	return r.Text, found, repaired, problems, nil
}

// lines asks for the steps as plain lines.
func (k *talk) lines(ctx context.Context) ([]prompts.Step, []llm.Message, error) {
	text, err := k.Words.StepsLines()
	if err != nil {
		return nil, nil, err
	}
	question := k.question(text)
	r, _, err := k.call(ctx, llm.Request{Name: prompts.Steps.ID, Messages: append(k.conversation(), question), MaxTokens: k.sizes.steps}, listen{})
	if err != nil {
		return nil, nil, err
	}
	return prompts.ParseLines(r.Text), []llm.Message{question, {Role: llm.Assistant, Content: r.Text}}, nil
}

// fits tells whether the conversation with more and a reply is inside the window.
func (k *talk) fits(more []llm.Message, reply int) bool {
	return prompts.Room(k.Window.Context, reply, k.Counter, append(k.conversation(), more...)) > 0
}

func (k *talk) plan(found []prompts.Step, source string) {
	k.turn.StepsSource = source
	for _, s := range found {
		k.turn.Steps = append(k.turn.Steps, event.PlanStep{Path: s.Path, Action: s.Action, Why: s.Why, Block: s.Block})
	}
	if source != fromSchema {
		k.note("info", fmt.Sprintf("the steps were read from a reply that was not sound JSON (%s)", source))
	}
	k.emit(event.Plan{Steps: k.turn.Steps})
	k.emit(event.Section{ID: prompts.Steps.ID, Title: prompts.Steps.Title, State: event.Done})
}
