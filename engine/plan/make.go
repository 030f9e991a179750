package plan

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
	"github.com/bitactor/cf/workspace"
)

// Target is a path as the user gives it: PATH or PATH#Symbol.
type Target struct {
	Path   string // relative to the root
	Symbol string
}

// ParseTarget splits an argument and resolves its path. A file whose name holds
// the "#" wins over a symbol.
func ParseTarget(tree *workspace.Tree, arg string) (Target, error) {
	rel, err := tree.Resolve(arg)
	if name, symbol, ok := strings.Cut(arg, "#"); err == nil && ok && symbol != "" && tree.Kind(rel) == "" {
		rel, err = tree.Resolve(name)
		return Target{rel, symbol}, err
	}
	return Target{Path: rel}, err
}

// Named returns the plan of files that the user named: each with the task as its
// instructions. ok is false where a path is a folder, or none is there: then the
// model has to be asked. Errors are of kind Usage.
func Named(ctx context.Context, tree *workspace.Tree, task string, targets []Target) (p *Plan, ok bool, err error) {
	source := fromPaths
	if len(targets) == 0 {
		if targets, err = mentioned(ctx, tree, task); err != nil {
			return nil, false, err
		}
		source = fromMentions
	}
	p = &Plan{Task: task, Source: source}
	if len(targets) == 0 || slices.ContainsFunc(targets, func(t Target) bool { return tree.Kind(t.Path) == "folder" }) {
		return p, false, nil
	}
	if len(targets) > workspace.SetFilesMax {
		return nil, false, fault.New(fault.Usage, CodeBadStep, "%d files, at most %d land as one change", len(targets), workspace.SetFilesMax)
	}
	g := newGround(tree, &workspace.Listing{}, nil)
	for _, t := range targets {
		s := Step{File: t.Path, Symbol: t.Symbol, What: task}
		why := g.refused(s.File)
		switch {
		case tree.Kind(s.File) == "other":
			why = fmt.Sprintf("%q is no file", s.File)
		case slices.ContainsFunc(p.Steps, func(o Step) bool { return o.File == s.File }):
			why = fmt.Sprintf("%q is named twice: name several definitions of one file in the words of the task", s.File)
		}
		if why != "" {
			return nil, false, fault.New(fault.Usage, CodeBadStep, "%s", why).On("plan", "")
		}
		g.kind(&s)
		p.Steps = append(p.Steps, s)
	}
	return p, true, nil
}

// mentioned returns the files that words of the task name by their path, or by a
// base name that only one has.
func mentioned(ctx context.Context, tree *workspace.Tree, task string) ([]Target, error) {
	var words []string
	for _, w := range strings.FieldsFunc(task, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;:()[]{}<>`'\"!?", r) }) {
		w = strings.TrimRight(strings.TrimPrefix(w, "./"), ".")
		if path.Ext(w) != "" && !slices.Contains(words, w) && workspace.CheckPath(w) == nil {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return nil, nil
	}
	listing, err := tree.List(ctx, workspace.ListOptions{})
	if err != nil {
		return nil, err
	}
	var found []Target
	for _, w := range words {
		name, symbol, _ := strings.Cut(w, "#")
		at := slices.IndexFunc(listing.Files, func(f workspace.File) bool { return f.Path == name })
		if at < 0 && !strings.Contains(name, "/") {
			at = only(listing.Files, name)
		}
		if at < 0 {
			continue
		}
		t := Target{listing.Files[at].Path, symbol}
		if !slices.ContainsFunc(found, func(o Target) bool { return o.Path == t.Path }) {
			found = append(found, t)
		}
	}
	return found, nil
}

// only returns the index of the one file with that base name, -1 if there are none
// or several.
func only(files []workspace.File, base string) int {
	at := -1
	for i, f := range files {
		if path.Base(f.Path) == base {
			if at >= 0 {
				return -1
			}
			at = i
		}
	}
	return at
}

// Planner asks a model for a plan. Set the fields before first use.
type Planner struct {
	Provider llm.Provider
	Model    llm.Model
	Window   llm.Window
	Counter  llm.Counter
	Words    *prompts.Words
	Tree     *workspace.Tree
	Events   event.Sink // never nil
	Seed     int64
}

// planTokens is room for prompts.PlanStepsMax steps of two sentences.
const planTokens = 768

// Ask asks for a plan, and once more with what was wrong with it. folders, relative
// to the root, are what it has to keep to; empty: all. Only steps that fit the tree
// come back. Errors are those of the provider and CodeNoPlan.
func (p *Planner) Ask(ctx context.Context, task string, folders []string) (*Plan, error) {
	listing, err := p.Tree.List(ctx, workspace.ListOptions{})
	if err != nil {
		return nil, err
	}
	g := newGround(p.Tree, listing, folders)
	messages, err := p.prompt(g, task)
	if err != nil {
		return nil, err
	}
	reply, steps, repaired, problems, err := p.call(ctx, g, messages)
	if err != nil {
		return nil, err
	}
	out := &Plan{Task: task, Steps: steps, Source: fromSchema}
	if repaired {
		out.Source = fromRepaired
	}
	if len(problems) > 0 {
		again, err := p.Words.PlanAgain(problems)
		if err != nil {
			return nil, err
		}
		messages = append(messages, llm.Message{Role: llm.Assistant, Content: reply}, llm.Message{Role: llm.User, Content: again})
		if prompts.Room(p.Window.Context, planTokens, p.Counter, messages) > 0 {
			_, better, _, left, err := p.call(ctx, g, messages)
			if err != nil {
				return nil, err
			}
			if len(better) >= len(steps) {
				out.Steps, out.Source, problems = better, fromSecond, left
			}
		}
	}
	for _, text := range problems {
		p.Events.Emit(event.Note{Level: "warn", Text: "left out of the plan: " + text})
	}
	if len(out.Steps) == 0 {
		return nil, fault.New(fault.Unusable, CodeNoPlan, "the model named no file that fits the project").On("plan", p.Model.Name).
			Hint(`name the files: cf custom "..." PATH...`, "or try a larger --model")
	}
	out.order()
	return out, nil
}

// order puts tests behind the code that they are about and documents last; the rest
// stays as the model ordered it.
func (p *Plan) order() {
	rank := map[Kind]int{Tests: 1, Docs: 2}
	slices.SortStableFunc(p.Steps, func(a, b Step) int { return rank[a.Kind] - rank[b.Kind] })
}

// call makes one call and holds its reply against the tree.
func (p *Planner) call(ctx context.Context, g *ground, messages []llm.Message) (reply string, steps []Step, repaired bool, problems []string, err error) {
	got, err := p.Provider.Chat(ctx, llm.Request{
		Model: p.Model.Name, Name: "plan", Messages: messages, Schema: prompts.PlanSchema(), MaxTokens: min(planTokens, p.Window.Context/4), Seed: p.Seed,
	}, nil)
	got.Call.Name = "plan"
	p.Events.Emit(got.Call)
	if fault.KindOf(err) == fault.Unusable && err != nil {
		return "", nil, false, []string{err.Error()}, nil
	}
	if err != nil {
		return "", nil, false, nil, err
	}
	found, repaired, problems := prompts.ParsePlan(got.Text)
	if got.Stop == llm.StopLength && len(found) > 1 {
		found = found[:len(found)-1] // the reply ended inside it
	}
	for _, f := range found {
		s := Step{File: f.File, Kind: Kind(f.Kind), What: f.What}
		if why := g.fit(&s); why != "" {
			problems = append(problems, why)
			continue
		}
		steps = append(steps, s)
	}
	return got.Text, steps, repaired, problems, nil
}

// prompt lists the files and asks, within a quarter of the window.
func (p *Planner) prompt(g *ground, task string) ([]llm.Message, error) {
	system, err := p.Words.System()
	if err != nil {
		return nil, err
	}
	in := prompts.PlanInput{Task: task, Most: prompts.PlanStepsMax}
	left := p.Window.Context / 4
	for _, f := range g.ranked(task) {
		if cost := p.Counter.Count("- " + f + "\n"); cost <= left {
			left -= cost
			in.Files = append(in.Files, f)
		} else {
			in.More++
		}
	}
	slices.Sort(in.Files)
	user, err := p.Words.Plan(in)
	if err != nil {
		return nil, err
	}
	messages := []llm.Message{{Role: llm.System, Content: system}, {Role: llm.User, Content: user}}
	if prompts.Room(p.Window.Context, planTokens, p.Counter, messages) == 0 {
		return nil, fault.New(fault.Usage, CodeBadStep, "the task does not fit the window of %d tokens", p.Window.Context).On("plan", "")
	}
	return messages, nil
}

// ranked returns the files that a plan may name, those whose paths hold words of
// the task first, then those nearest the root.
func (g *ground) ranked(task string) []string {
	words := strings.FieldsFunc(strings.ToLower(task), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	words = slices.DeleteFunc(words, func(w string) bool { return len(w) < 4 })
	rank := map[string]int{}
	var out []string
	for _, f := range g.files {
		if !g.inside(f) {
			continue
		}
		out = append(out, f)
		rank[f] = min(strings.Count(f, "/"), 50)
		for _, w := range words {
			if strings.Contains(strings.ToLower(f), w) {
				rank[f] -= 100
			}
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return rank[a] - rank[b] })
	return out
}

// Of makes a plan of the steps of a reasoning session; what does not fit the tree
// is left out and reported. CodeNoPlan if nothing is left.
func Of(ctx context.Context, tree *workspace.Tree, task string, list []event.PlanStep, events event.Sink) (*Plan, error) {
	listing, err := tree.List(ctx, workspace.ListOptions{})
	if err != nil {
		return nil, err
	}
	g := newGround(tree, listing, nil)
	p := &Plan{Task: task, Source: fromSession}
	for _, l := range list {
		s := Step{File: l.Path, Kind: New, What: l.Why}
		for kind, name := range action {
			if name == l.Action {
				s.Kind = kind
			}
		}
		why := g.fit(&s)
		if why == "" && slices.ContainsFunc(p.Steps, func(o Step) bool { return o.File == s.File }) {
			why = fmt.Sprintf("%q stands there twice", s.File)
		}
		if why != "" {
			events.Emit(event.Note{Level: "warn", Text: "left out of the plan: " + why})
			continue
		}
		p.Steps = append(p.Steps, s)
	}
	if len(p.Steps) == 0 {
		return nil, fault.New(fault.Unusable, CodeNoPlan, "no step of the plan fits the project").On("plan", "").
			Hint(`name the files: cf custom "..." PATH...`)
	}
	p.order()
	return p, nil
}
