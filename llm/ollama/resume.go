package ollama

import (
	"context"
	"strings"

	"github.com/ollama/ollama/api"

	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/wire"
)

// resume goes on after a thought that reached its cap: the thought is given
// back as the start of the model's own turn, closed, and the model writes the
// answer. That is done once, and only where the server's template leaves the
// turn open there; where it would start a new turn, the reply ends with StopThink.
func (v *conversation) resume(ctx context.Context, first *attempt) (llm.Reply, error) {
	thought := strings.TrimSpace(first.thinking.String())
	v.call.ThinkTokens, v.call.OutputTokens = first.thoughts, first.pieces
	stopped := llm.Reply{Thinking: first.thinking.String(), Stop: llm.StopThink}
	budget := v.request.MaxTokens - first.pieces
	if budget <= 0 || thought == "" {
		return stopped, nil
	}
	prefix, text, ok := v.open(ctx, thought)
	if err := ctx.Err(); err != nil {
		return llm.Reply{}, wire.Interruption(ctx, protocol.Name, v.client.URL())
	}
	if !ok {
		return stopped, nil
	}
	v.prompt = v.counter.promptOf(text, nil)
	if v.prompt.tokens+budget > v.window.Context {
		return stopped, nil
	}
	v.given = false // a retry now repeats the answer only, not the thought
	second, err := v.persist(ctx, prefix, budget)
	if err != nil {
		return llm.Reply{}, err
	}
	v.settle(second)
	v.call.ThinkTokens += first.thoughts
	v.call.OutputTokens += first.pieces
	reply := llm.Reply{Text: second.text.String(), Thinking: first.thinking.String() + second.thinking.String(), Stop: second.reason()}
	return reply, nil
}

// open finds the message that leaves the model's turn open after the closed
// thought, as the server renders it.
func (v *conversation) open(ctx context.Context, thought string) (*api.Message, string, bool) {
	for _, prefix := range []*api.Message{
		{Role: "assistant", Thinking: thought},
		{Role: "assistant", Content: "<think>\n" + thought + "\n</think>\n\n"},
	} {
		text, err := v.client.render(ctx, v.client.chatRequest(v.served, v.window, v.request, prefix))
		if err != nil {
			return nil, "", false
		}
		if leavesOpen(text, thought) {
			return prefix, text, true
		}
	}
	return nil, "", false
}

// leavesOpen tells whether a rendered prompt ends with the thought and its
// closing tag.
func leavesOpen(prompt, thought string) bool {
	tail := strings.TrimSpace(prompt)
	for _, tag := range []string{"</think>", "</thinking>"} {
		if before, ok := strings.CutSuffix(tail, tag); ok {
			return strings.HasSuffix(strings.TrimSpace(before), thought)
		}
	}
	return false
}
