package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/engine/guard"
	"github.com/bitactor/cf/engine/mend"
	"github.com/bitactor/cf/engine/reply"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// run is one request under way.
type run struct {
	*Engine
	request   Request
	files     *files
	target    *target
	questions []question
	siblings  mend.Package
	subject   *subject // of tests that are written; nil: code is
	tested    bool     // there are test files that are likely to be about the target
	out       *Outcome
	seen      map[string]int // sources, to the index of the candidate that had it first
	ended     bool           // a reply came to its end, of use or not
	broke     string         // code of the last call that did not
}

// sample asks every question once and puts the answers together. That a reply
// can't be used is in Candidate.Why; an error ends the request.
func (r *run) sample(ctx context.Context, round int, temperature float64, seed int64, questions []question) (*Candidate, error) {
	c := &Candidate{Path: r.target.path, Symbols: fullNames(r.target.symbols), Round: round, Temperature: temperature, Seed: seed}
	source := r.target.present
	for _, q := range questions {
		answer, err := r.ask(ctx, c, q)
		if err != nil || c.Why != "" {
			return c, err
		}
		c.answers = append(c.answers, Example{q.task, answer})
		if source, err = r.put(ctx, source, q, answer); err != nil {
			c.refuse(CodeNoPlace, err.Error())
			return c, nil
		}
		source = r.heads(ctx, c, source, q, answer)
	}
	return c, r.finish(ctx, c, source)
}

// refuse says why a reply can't be used.
func (c *Candidate) refuse(code, why string) { c.Code, c.Why = code, why }

// errEnough ends a call whose answer is there before the model stops by itself.
var errEnough = errors.New("the answer is complete")

// ask makes one call and returns the code of its reply.
func (r *run) ask(ctx context.Context, c *Candidate, q question) (string, error) {
	want := r.want(ctx, q)
	if c.PromptHash == "" {
		c.PromptHash = hashOf(q.messages)
	}
	var text strings.Builder
	tokens := int64(0)
	request := llm.Request{
		Model: r.Model.Name, Name: "code", Messages: q.messages, MaxTokens: q.tokens, Temperature: c.Temperature, Seed: c.Seed,
		Restart: func() { text.Reset() },
	}
	got, err := r.Provider.Chat(ctx, request, func(piece llm.Chunk) error {
		text.WriteString(piece.Text)
		tokens++
		r.Events.Emit(event.Progress{ID: r.step(), Unit: "tokens", Done: tokens, Total: int64(q.tokens)})
		if strings.Contains(piece.Text, "\n") && closesFence(text.String()) {
			if found, err := reply.Extract(text.String(), want); err == nil && want.Parses(found.Code) {
				return errEnough
			}
		}
		return ctx.Err()
	})
	c.Calls = append(c.Calls, got.Call)
	r.Events.Emit(got.Call)
	r.note(err)
	switch {
	case errors.Is(err, errEnough):
	case fault.KindOf(err) == fault.Unusable && err != nil:
		c.refuse(fault.CodeOf(err), err.Error())
		return "", nil
	case err != nil:
		return "", err
	default:
		text.Reset()
		text.WriteString(got.Text)
		want.Whole = got.Stop == llm.StopEnd
	}
	c.reply = append(append([]llm.Message{}, q.messages...), llm.Message{Role: llm.Assistant, Content: text.String()})
	found, err := reply.Extract(text.String(), want)
	if err != nil {
		c.refuse(fault.CodeOf(err), err.Error())
		return "", nil
	}
	return found.Code, nil
}

// note remembers how a call ended. A reply that the model ended badly, by a loop or
// with nothing, was its answer; one that the server broke off was none.
func (r *run) note(err error) {
	switch code := fault.CodeOf(err); code {
	case llm.CodeCut, llm.CodeBadStream, llm.CodeLongLine, llm.CodeTooManyBytes, llm.CodeTruncated, llm.CodeIdle, llm.CodeTotal:
		r.broke = code
	default:
		r.ended = true
	}
}

// hashOf identifies a conversation.
func hashOf(messages []llm.Message) string {
	data, err := json.Marshal(messages)
	if err != nil {
		return "" // strings always marshal
	}
	return workspace.Hash(data)
}

// closesFence tells whether the last whole line of a text is a fence.
func closesFence(text string) bool {
	end := strings.LastIndexByte(text, '\n')
	start := strings.LastIndexByte(text[:max(end, 0)], '\n') + 1
	line := strings.TrimSpace(text[start:max(end, start)])
	return strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~")
}

// want is what the reply to a question must hold.
func (r *run) want(ctx context.Context, q question) reply.Want {
	w := reply.Want{Path: r.target.path, Languages: r.target.fences(), Parses: func(code string) bool { return true }}
	if r.target.lang == nil {
		return w
	}
	w.Parses = func(code string) bool {
		problems, err := syntax.Check(ctx, r.target.lang, []byte(code))
		return err == nil && len(problems) == 0
	}
	if q.symbol != nil {
		w.Defines = func(code string) bool {
			_, ok := r.defined(ctx, code, *q.symbol)
			return ok
		}
	}
	return w
}

// defined returns the symbol of a piece of code that stands for s: a function may
// come without the type or module that holds it.
func (r *run) defined(ctx context.Context, code string, s syntax.Symbol) (string, bool) {
	f, err := syntax.Parse(ctx, r.target.lang, []byte(code))
	if err != nil {
		return "", false
	}
	for _, name := range []string{s.FullName(), s.Name} {
		if found, ok := f.Symbol(name); ok && answers(found, s) {
			return r.inReach(f, found, s), true
		}
	}
	return "", false
}

// reach is what makes a definition visible to other files, where it is written
// before it. Models that are asked for one definition leave it out.
var reach = lazyregexp.New(`^(export default |export |pub(\([^)]*\))? )`)

// inReach returns a definition as visible as s is.
func (r *run) inReach(f *syntax.File, found, s syntax.Symbol) string {
	text, at := f.Text(found.Range), found.Decl.Start-found.Range.Start
	if r.target.file == nil {
		return text
	}
	mark := reach.FindString(r.target.file.Text(s.Decl))
	if mark == "" || reach.MatchString(text[at:]) {
		return text
	}
	return text[:at] + mark + text[at:]
}

// answers tells whether a definition may stand for s: a declaration or a method can't
// for a function with a body.
func answers(found, s syntax.Symbol) bool {
	return (!found.BodyRange.Empty() || s.BodyRange.Empty()) && (s.Parent != "" || found.Parent == "")
}

// put places an answer: the whole file, or one symbol of it.
func (r *run) put(ctx context.Context, source string, q question, answer string) (string, error) {
	if r.target.lang != nil && r.target.lang.Name() == "go" && r.uses(PartMends) && !strings.Contains(answer, "\r") {
		answer = mend.FormatGo(answer)
	}
	if r.subject != nil && r.subject.more {
		return r.subject.add(ctx, r.target, answer)
	}
	if q.symbol == nil {
		return likeLines(r.target.present, answer), nil
	}
	text, _ := r.defined(ctx, answer, *q.symbol)
	f, err := syntax.Parse(ctx, r.target.lang, []byte(source))
	if err != nil {
		return "", err
	}
	s, ok := f.Symbol(q.symbol.FullName())
	if !ok {
		return "", fmt.Errorf("%s is gone", q.symbol.FullName())
	}
	spliced, err := f.Splice(ctx, s, text)
	return string(spliced), err
}

// heads adds the lines that a definition came with and needs at the top of the
// file.
func (r *run) heads(ctx context.Context, c *Candidate, source string, q question, answer string) string {
	if q.symbol == nil || r.target.lang == nil || !r.uses(PartMends) {
		return source
	}
	definition, _ := r.defined(ctx, answer, *q.symbol)
	mended := mend.Heads(source, answer, definition, r.target.lang.Name())
	c.Did = append(c.Did, mended.Did...)
	return mended.Source
}

// likeLines gives code the line ends of the present file.
func likeLines(present, code string) string {
	if 2*strings.Count(present, "\r\n") <= strings.Count(present, "\n") {
		return code
	}
	return strings.ReplaceAll(strings.ReplaceAll(code, "\r\n", "\n"), "\n", "\r\n")
}

// prose are files of words.
var prose = lazyregexp.New(`(?i)\.(md|markdown|rst|adoc|txt)$`)

// finish guards and mends a candidate.
func (r *run) finish(ctx context.Context, c *Candidate, source string) error {
	if r.target.lang != nil {
		after, err := syntax.Parse(ctx, r.target.lang, []byte(source))
		if err != nil {
			c.refuse(CodeUnreadable, err.Error())
			return ctx.Err()
		}
		if found := r.guard(after); len(found) > 0 {
			c.refuse(found[0].Code, found[0].String())
			return nil
		}
	} else if found := guard.Text([]byte(r.target.present), []byte(source), guard.Options{Removals: r.request.Removals, Prose: prose.MatchString(r.target.path)}); len(found) > 0 {
		c.refuse(found[0].Code, found[0].String())
		return nil
	}
	if r.target.lang != nil && r.target.lang.Name() == "go" && r.uses(PartMends) {
		mended := mend.Go(source, r.siblings)
		source, c.Did = mended.Source, append(c.Did, mended.Did...)
		// An answer with a remark or half a function beside what was asked for does
		// not parse by itself, so that put could not format it.
		if !r.target.exists || mend.FormatGo(r.target.present) == r.target.present {
			source = mend.FormatGo(source)
		}
	}
	c.Source = source
	return nil
}

// guard finds what a candidate leaves out.
func (r *run) guard(after *syntax.File) []guard.Finding {
	o := guard.Options{Removals: r.request.Removals, Named: fullNames(r.target.symbols)}
	found := guard.Tests(r.target.file, after, o)
	if IsTest(r.target.path) {
		return found
	}
	// Code may hold tests too, and a program may end itself where it is no test;
	// a Go package can't, before its tests have run.
	found = slices.DeleteFunc(found, func(f guard.Finding) bool {
		exit := f.Code == guard.CodeEarlyExit && (r.target.lang.Name() != "go" || packageClause(string(after.Source())) == "main")
		return exit || f.Code == guard.CodeElision || f.Code == guard.CodeHidden
	})
	return append(append(found, guard.Source(r.target.file, after, o)...), r.target.stillHollow(after)...)
}

// goSiblings reads the other files of the target's Go package.
func (f *files) goSiblings(ctx context.Context, t *target) (mend.Package, error) {
	p := mend.Package{Siblings: map[string]string{}}
	if t.lang == nil || t.lang.Name() != "go" {
		return p, nil
	}
	dir := path.Dir(t.path)
	if f.kind(dir) != "folder" {
		return p, nil
	}
	listed, err := f.list(ctx, dir)
	if err != nil {
		return p, err
	}
	for _, l := range listed {
		if path.Dir(l.Path) != dir || path.Ext(l.Path) != ".go" || l.Path == t.path {
			continue
		}
		data, err := f.read(l.Path)
		if err != nil {
			continue // too big or not text: nothing to learn from
		}
		p.Siblings[l.Path] = string(data)
		if name := packageClause(string(data)); p.Name == "" && name != "main_test" {
			p.Name = strings.TrimSuffix(name, "_test")
		}
	}
	if name := packageClause(t.present); name != "" {
		p.Name = strings.TrimSuffix(name, "_test")
	}
	return p, nil
}

func packageClause(source string) string {
	for line := range strings.Lines(source) {
		if name, ok := strings.CutPrefix(line, "package "); ok {
			name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
			return name
		}
	}
	return ""
}
