package engine

import (
	"context"
	"strings"

	"github.com/bitactor/cf/engine/gather"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
	"github.com/bitactor/cf/syntax"
)

// Bounds of a reply in tokens: what stands there may grow by half, and a stub
// must have room for a body.
const (
	replyTokensMin = 320
	replyTokensMax = 4096
)

// question is one prompt: the conversation, what of the file it asks for, and the
// longest reply.
type question struct {
	symbol   *syntax.Symbol // nil: the whole file
	messages []llm.Message
	tokens   int
}

// questions makes a prompt for each part of the target.
func (e *Engine) questions(ctx context.Context, t *target, r Request) ([]question, error) {
	if len(t.symbols) == 0 {
		q, err := e.question(ctx, t, nil, r)
		return []question{q}, err
	}
	var all []question
	for i := range t.symbols {
		q, err := e.question(ctx, t, &t.symbols[i], r)
		if err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return all, nil
}

func (e *Engine) question(ctx context.Context, t *target, s *syntax.Symbol, r Request) (question, error) {
	in := prompts.CodeInput{Path: t.path, Language: t.fences()[0], Instructions: strings.TrimSpace(r.Instructions)}
	shown := t.present
	if s != nil {
		in.Symbol, shown = describe(*s), t.file.Text(s.Range)
		in.Present = fenceable(prompts.File{Path: t.path, Kind: "file", Text: shown})
	} else if t.exists && t.present != "" {
		in.Files = []prompts.File{fenceable(prompts.File{Path: t.path, Kind: "file", Text: t.present})}
	}
	cases, err := e.cases(ctx, t, s)
	if err != nil {
		return question{}, err
	}
	in.Cases = cases
	q := question{symbol: s, tokens: e.replyTokens(shown)}
	bare, err := e.render(in)
	if err != nil {
		return question{}, err
	}
	left := e.Window.Context - q.tokens - e.Counter.CountMessages(bare)
	if left < 0 {
		return question{}, fault.New(fault.Failed, CodeNoRoom, "prompt and reply need %d tokens more than the window of %d", -left, e.Window.Context).
			On("implement", t.path).Hint("name one definition: "+t.path+"#NAME", "or raise context_max")
	}
	if s != nil {
		if outline := t.outline(*s, min(left, e.outlineTokens()), e.Counter.Count); outline != "" {
			in.Files = append(in.Files, fenceable(prompts.File{Path: t.path, Kind: "outline", Text: outline}))
		}
	}
	q.messages, err = e.render(in)
	return q, err
}

func (e *Engine) render(in prompts.CodeInput) ([]llm.Message, error) {
	system, err := e.Words.CodeSystem()
	if err != nil {
		return nil, err
	}
	user, err := e.Words.Code(in)
	if err != nil {
		return nil, err
	}
	return []llm.Message{{Role: llm.System, Content: system}, {Role: llm.User, Content: user}}, nil
}

// replyTokens is room for what is there and half as much again.
func (e *Engine) replyTokens(shown string) int {
	n := min(max(e.Counter.Count(shown)*3/2+64, replyTokensMin), replyTokensMax, e.Window.Context/2)
	if e.MaxTokens > 0 {
		n = min(n, e.MaxTokens)
	}
	return n
}

// outlineTokens keeps the prompts of small models short: they run on few cores and
// lose the task in long ones.
func (e *Engine) outlineTokens() int {
	switch p := e.Model.Parameters; {
	case p > 0 && p <= 1e9:
		return 400
	case p <= 4e9:
		return 1500
	}
	return 4000
}

// outline is the file without the symbol's own text: what it imports, and the
// definitions beside it by their first lines, the nearest first to be kept.
func (t *target) outline(s syntax.Symbol, budget int, count func(string) int) string {
	top := outermost(t.file.Symbols())
	head := ""
	if len(top) > 0 && top[0].Range.Start > 0 {
		head = strings.TrimSpace(t.file.Text(syntax.Range{Start: 0, End: top[0].Range.Start})) + "\n"
	}
	if count(head) > budget {
		return ""
	}
	kept := map[int]string{}
	left := budget - count(head)
	for _, i := range nearest(top, s) {
		text := top[i].Signature
		if top[i].Kind == syntax.Type && top[i].EndLine-top[i].Line < 12 {
			text = t.file.Text(top[i].Range)
		}
		if cost := count(text + "\n"); cost <= left {
			kept[i] = text
			left -= cost
		}
	}
	var b strings.Builder
	b.WriteString(head)
	for i := range top {
		if text, ok := kept[i]; ok {
			b.WriteString("\n" + text + "\n")
		}
	}
	return strings.TrimSpace(b.String())
}

// nearest returns the indices of symbols by their distance from s, without s and
// what holds it.
func nearest(top []syntax.Symbol, s syntax.Symbol) []int {
	at := 0
	for at < len(top) && top[at].Range.End <= s.Range.Start {
		at++
	}
	var order []int
	for d := 1; d <= len(top); d++ {
		for _, i := range []int{at - d, at + d} {
			if i >= 0 && i < len(top) {
				order = append(order, i)
			}
		}
	}
	return order
}

// fenceable gives a file a fence that its text can't close. An outline has the
// markers of chat templates taken out; open refuses a file to be written that
// holds any.
func fenceable(f prompts.File) prompts.File {
	f.Text, _ = gather.Disarm(f.Text)
	f.Fence = gather.Fence(f.Text)
	return f
}
