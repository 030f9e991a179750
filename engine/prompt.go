package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/gather"
	"github.com/bitactor/cf/event"
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
	task     Task
	messages []llm.Message
	tokens   int
}

// prepare makes a prompt for each part of the target.
func (r *run) prepare(ctx context.Context) error {
	if len(r.target.symbols) == 0 {
		q, err := r.question(ctx, nil)
		r.questions = []question{q}
		return err
	}
	for i := range r.target.symbols {
		q, err := r.question(ctx, &r.target.symbols[i])
		if err != nil {
			return err
		}
		r.questions = append(r.questions, q)
	}
	return nil
}

// question makes the prompt for one part: what must be in it first, then, in the
// room that is left, the outline of the file, the map and examples.
func (r *run) question(ctx context.Context, s *syntax.Symbol) (question, error) {
	t := r.target
	task, err := r.task(ctx, s)
	if err != nil {
		return question{}, err
	}
	in := inputOf(task)
	in.Problems = r.problems(s)
	if s == nil && t.exists && t.present != "" {
		in.Files = []prompts.File{fenceable(prompts.File{Path: t.path, Kind: "file", Text: t.present})}
	}
	if !r.uses(PartLayout) {
		sources, err := r.files.testFiles(ctx, t)
		if err != nil {
			return question{}, err
		}
		for _, source := range sources {
			in.Files = append(in.Files, fenceable(prompts.File{Path: "its tests", Kind: "file", Text: source}))
		}
	}
	shown := t.present
	if s != nil {
		shown = task.Present
	}
	q := question{symbol: s, task: task, tokens: r.replyTokens(shown)}
	bare, err := r.render(nil, in)
	if err != nil {
		return question{}, err
	}
	left := r.window() - q.tokens - r.Counter.CountMessages(bare)
	if left < 0 {
		return question{}, fault.New(fault.Failed, CodeNoRoom, "prompt and reply need %d tokens more than the window of %d", -left, r.window()).
			On("implement", t.path).Hint("name one definition: "+t.path+"#NAME", "or raise context_max")
	}
	if s != nil {
		if outline := t.outline(*s, min(left, r.outlineTokens()), r.Counter.Count); outline != "" {
			in.Files = append(in.Files, fenceable(prompts.File{Path: t.path, Kind: "outline", Text: outline}))
			left -= r.Counter.Count(outline) + frameTokens
		}
	}
	if text := r.lookup(ctx, task, min(left-frameTokens, r.outlineTokens())); text != "" {
		in.Files = append([]prompts.File{fenceable(prompts.File{Kind: "map", Text: text})}, in.Files...)
		left -= r.Counter.Count(text) + frameTokens
	}
	q.messages, err = r.render(r.examples(ctx, task, min(left/2, r.outlineTokens())), in)
	return q, err
}

// frameTokens is room for the words around a file.
const frameTokens = 32

// task is what is asked for, without what only helps to answer it.
func (r *run) task(ctx context.Context, s *syntax.Symbol) (Task, error) {
	t := r.target
	task := Task{Path: t.path, Language: t.fences()[0], Instructions: strings.TrimSpace(r.request.Instructions)}
	if s != nil {
		task.Symbol, task.Present = describe(*s), t.file.Text(s.Range)
	}
	if p := r.Profile; p != nil && p.Layout == LayoutBare || !r.uses(PartExamples) || !r.uses(PartLayout) {
		return task, nil
	}
	var err error
	task.Cases, err = r.files.cases(ctx, t, s)
	return task, err
}

// inputOf words a task.
func inputOf(t Task) prompts.CodeInput {
	in := prompts.CodeInput{Path: t.Path, Language: t.Language, Symbol: t.Symbol, Instructions: t.Instructions, Cases: t.Cases}
	if t.Symbol != "" {
		in.Present = fenceable(prompts.File{Path: t.Path, Kind: "file", Text: t.Present})
	}
	return in
}

// problems are the findings to mend, those in the symbol where it is known.
func (r *run) problems(s *syntax.Symbol) []string {
	v := check.Verdict{NewlyFailing: r.request.Failing}
	for _, d := range r.request.Findings {
		if s == nil || d.File != r.target.path || d.Line >= s.Line && d.Line <= s.EndLine {
			v.New = append(v.New, d)
		}
	}
	return problemsOf(v)
}

// lookup asks Map, within a budget.
func (r *run) lookup(ctx context.Context, t Task, budget int) string {
	if r.Map == nil || !r.uses(PartMap) || budget < mapTokensMin {
		return ""
	}
	present := t.Present
	if present == "" {
		present = r.target.present
	}
	text, err := r.Map.Map(ctx, MapQuery{
		Path: t.Path, Symbols: fullNames(r.target.symbols), Present: present, Instructions: t.Instructions, Budget: budget, Count: r.Counter.Count,
	})
	if err != nil {
		r.Events.Emit(event.Note{Level: "warn", Text: "no map of the project: " + err.Error()})
		return ""
	}
	if r.Counter.Count(text) > budget {
		return ""
	}
	return text
}

// mapTokensMin is a budget below which a map says nothing of use.
const mapTokensMin = 40

// examplesMax is how many answers of the past a prompt shows.
const examplesMax = 2

// examples asks Memory, within a budget, and returns the nearest last: that one a
// model leans on most.
func (r *run) examples(ctx context.Context, t Task, budget int) []Example {
	if r.Memory == nil || !r.uses(PartExamples) {
		return nil
	}
	near, err := r.Memory.Near(ctx, t, examplesMax)
	if err != nil {
		r.Events.Emit(event.Note{Level: "warn", Text: "no examples: " + err.Error()})
		return nil
	}
	var out []Example
	for _, e := range near {
		messages, err := r.example(e)
		if cost := r.Counter.CountMessages(messages); err == nil && cost <= budget && len(out) < examplesMax {
			out, budget = append(out, e), budget-cost
		}
	}
	slices.Reverse(out)
	return out
}

// example is a task and its answer as two messages.
func (r *run) example(e Example) ([]llm.Message, error) {
	asked, err := r.Words.Code(inputOf(e.Task))
	ticks := prompts.File{Fence: gather.Fence(e.Code)}.Ticks()
	code := ticks + e.Task.Language + "\n" + strings.TrimRight(e.Code, "\n") + "\n" + ticks
	return []llm.Message{{Role: llm.User, Content: asked}, {Role: llm.Assistant, Content: code}}, err
}

func (r *run) render(examples []Example, in prompts.CodeInput) ([]llm.Message, error) {
	system, err := r.Words.CodeSystem()
	if err != nil {
		return nil, err
	}
	messages := []llm.Message{{Role: llm.System, Content: system}}
	for _, e := range examples {
		pair, err := r.example(e)
		if err != nil {
			return nil, err
		}
		messages = append(messages, pair...)
	}
	user, err := r.Words.Code(in)
	if err != nil {
		return nil, err
	}
	return append(messages, llm.Message{Role: llm.User, Content: user}), nil
}

func messages(system, user string) []llm.Message {
	return []llm.Message{{Role: llm.System, Content: system}, {Role: llm.User, Content: user}}
}

// window is what of the model's window is used.
func (e *Engine) window() int {
	if e.Profile != nil && e.Profile.Context > 0 {
		return min(e.Profile.Context, e.Window.Context)
	}
	return e.Window.Context
}

// replyTokens is room for what is there and half as much again.
func (e *Engine) replyTokens(shown string) int {
	n := min(max(e.Counter.Count(shown)*3/2+64, replyTokensMin), replyTokensMax, e.window()/2)
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
