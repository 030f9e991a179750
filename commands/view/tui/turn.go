package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

// outcome is how a turn stands.
type outcome int

const (
	running outcome = iota
	cancelling
	finished
	cancelled
	failed
)

// section is one part of a turn's answer.
type section struct {
	id, title string
	state     event.State // "" until it opens
	head      *block      // nil until it opens
}

// turn is a question and all that came back, as the blocks shown.
type turn struct {
	question string
	blocks   []*block
	sections []*section // in the order of Options.Sections, then as they came
	reads    []event.Read
	plan     *block // the steps; nil until they came
	saved    event.Saved
	calls    []event.Call
	outcome  outcome
	cancel   context.CancelFunc // of the running turn
	err      error

	began, first, ended time.Time // first: of the first token; zero while it did not come
	pieces              int       // texts since first
	step                string    // what is being done, from Step and Progress events
	readBlocks          map[string]*block
}

func newTurn(question string, expected []Section, now time.Time) *turn {
	question = view.Sanitize(question)
	t := &turn{question: question, began: now, readBlocks: map[string]*block{}}
	for _, s := range expected {
		t.sections = append(t.sections, &section{id: s.ID, title: s.Title})
	}
	b := t.add(&block{kind: asked, gap: true})
	b.text.append(question)
	return t
}

// add appends a block and returns it.
func (t *turn) add(b *block) *block {
	t.blocks = append(t.blocks, b)
	return b
}

// apply takes one event into the turn. All texts are made harmless here or in
// block.stream, before any layout; nothing else adds untrusted text.
func (t *turn) apply(q queued, now time.Time) {
	switch e := q.event.(type) {
	case event.Read:
		e.Path, e.Why = clean(e.Path), clean(e.Why)
		t.read(e)
	case event.Section:
		e.Title, e.Why = clean(e.Title), clean(e.Why)
		t.setSection(e)
	case event.Text:
		if t.first.IsZero() {
			t.first = now
		}
		t.pieces += q.pieces
		t.write(e.Section, e.Text, e.Thinking)
	case event.Plan:
		t.setPlan(e)
	case event.Note:
		b := t.add(&block{kind: notice, warn: e.Level == "warn"})
		b.text.append(view.Sanitize(e.Text))
	case event.Call:
		e.Model, e.Name = clean(e.Model), clean(e.Name)
		t.calls = append(t.calls, e)
		t.step = ""
	case event.Saved:
		e.ID, e.Path = clean(e.ID), clean(e.Path)
		t.saved = e
	case event.Step:
		t.step = ""
		if e.State == event.Begin {
			t.step = clean(e.Title)
		}
	}
}

// find returns the section with an id, added if it is new.
func (t *turn) find(id, title string) *section {
	for _, s := range t.sections {
		if s.id == id {
			return s
		}
	}
	if title == "" {
		title = clean(id)
	}
	s := &section{id: id, title: title}
	t.sections = append(t.sections, s)
	return s
}

// setSection opens or closes a section. Opened once more, or closed without an
// answer, what it said so far is void.
func (t *turn) setSection(e event.Section) {
	s := t.find(e.ID, e.Title)
	t.open(s)
	if e.State == event.Begin || e.State == event.Missing {
		t.void(s)
	}
	if e.State == event.Done && e.Text != "" {
		t.settle(s, strings.TrimSpace(view.Sanitize(e.Text)))
	}
	s.mark(e.State, e.Why)
}

// settle shows the text of a section as it is kept, where that is not what
// streamed: without repeats and unfinished ends.
func (t *turn) settle(s *section, kept string) {
	for _, b := range t.blocks {
		if b.section == s.id && b.kind == prose && strings.TrimSpace(string(b.text.text)) != kept {
			b.safe, b.text = view.Sanitizer{}, paragraph{}
			b.text.append(kept)
			return
		}
	}
}

// mark sets where a section stands, on its heading too.
func (s *section) mark(state event.State, why string) {
	s.state, s.head.state = state, state
	s.head.remark(view.Unanswered(why))
}

// void drops the text of a section.
func (t *turn) void(s *section) {
	t.blocks = slices.DeleteFunc(t.blocks, func(b *block) bool {
		return b.section == s.id && (b.kind == prose || b.kind == thought)
	})
}

// open shows a section's heading, once.
func (t *turn) open(s *section) {
	if s.head == nil {
		s.head = t.add(&block{kind: heading, section: s.id, title: s.title, gap: true})
	}
}

// write appends a piece of text to the section's last block, or opens one.
func (t *turn) write(id, text string, thinking bool) {
	if text == "" {
		return
	}
	kind := prose
	if thinking {
		kind = thought
	} else {
		t.foldThought(id)
	}
	if s := t.find(id, ""); s.head == nil && id != "" {
		s.state = event.Begin
		t.open(s)
		s.head.state = event.Begin
	}
	for _, b := range slices.Backward(t.blocks) {
		if b.kind == kind && b.section == id {
			b.stream(text)
			return
		}
		if b.kind == heading && b.section == id {
			break
		}
	}
	t.addTo(id, &block{kind: kind, section: id}).stream(text)
}

// addTo adds a block at the end of a section, which need not be the last one.
func (t *turn) addTo(id string, b *block) *block {
	for i, other := range slices.Backward(t.blocks) {
		if id != "" && other.section == id {
			t.blocks = slices.Insert(t.blocks, i+1, b)
			return b
		}
	}
	return t.add(b)
}

// foldThought marks the thinking of a section as over, now that its answer comes.
func (t *turn) foldThought(id string) {
	for _, b := range slices.Backward(t.blocks) {
		if b.kind == heading || b.kind == thought && b.section == id && b.state == event.Done {
			return
		}
		if b.kind == thought && b.section == id {
			b.state = event.Done
			b.flush()
		}
	}
}

// read notes what happened to a piece of context. One block holds all of a
// state, under the label of that state.
func (t *turn) read(r event.Read) {
	t.reads = append(t.reads, r)
	b := t.readBlocks[r.State]
	if b == nil {
		b = t.add(&block{kind: labelled, title: strings.ReplaceAll(clean(r.State), "-", " "), gap: len(t.readBlocks) == 0})
		t.readBlocks[r.State] = b
	}
	b.count++
	switch {
	case b.count > readShown:
		b.text = paragraph{}
		b.text.append(fmt.Sprintf("%s and %d more", b.why, b.count-readShown))
		return
	case b.count > 1:
		b.text.append(", ")
	}
	b.text.append(readItem(r))
	b.why = string(b.text.text)
}

// readShown is how many pieces of context are named on the screen for one
// state; the transcript names all.
const readShown = 12

func readItem(r event.Read) string {
	s := r.Path
	if r.Tokens > 0 {
		s += fmt.Sprintf(" (%s)", thousands(r.Tokens))
	}
	if r.Why != "" {
		s += ": " + r.Why
	}
	return s
}

// tokensRead is what the context costs in the prompt.
func (t *turn) tokensRead() int {
	n := 0
	for _, r := range t.reads {
		n += r.Tokens
	}
	return n
}

// finish closes the turn: what is still open was not answered.
func (t *turn) finish(err error, now time.Time) {
	wasCancelling := t.outcome == cancelling
	t.ended, t.err, t.step = now, err, ""
	switch {
	case err == nil:
		t.outcome = finished
	case wasCancelling || fault.KindOf(err) == fault.Interrupted:
		t.outcome = cancelled
	default:
		t.outcome = failed
	}
	for _, b := range t.blocks {
		b.flush()
	}
	for _, s := range t.sections {
		if s.head != nil && s.state == event.Begin && t.outcome != finished {
			s.mark(event.Failing, "")
		}
	}
	b := t.add(&block{kind: notice, gap: true, warn: t.outcome != finished})
	b.text.append(t.verdict())
}

// verdict is the line under a turn that has ended.
func (t *turn) verdict() string {
	took := clock(t.ended.Sub(t.began))
	switch t.outcome {
	case cancelled:
		if t.saved.ID == "" {
			took += ": this turn is not saved"
		}
		return "cancelled after " + took
	case failed:
		lines := []string{"error: " + clean(t.err.Error())}
		for _, h := range fault.HintsOf(t.err) {
			lines = append(lines, "hint: "+clean(h))
		}
		return strings.Join(lines, "\n")
	}
	out := 0
	for _, c := range t.calls {
		out += c.OutputTokens
	}
	if out == 0 {
		return "done in " + took
	}
	return fmt.Sprintf("done in %s, %s tokens", took, thousands(out))
}

// sectionText returns what a section says, thinking left out.
func (t *turn) sectionText(id string) string {
	var parts []string
	for _, b := range t.blocks {
		if b.section != id {
			continue
		}
		switch b.kind {
		case prose:
			parts = append(parts, strings.TrimSpace(string(b.text.text)))
		case steps:
			parts = append(parts, planText(b.steps))
		}
	}
	return strings.Join(parts, "\n\n")
}

// clean makes untrusted text harmless on one line, for paths, titles and reasons.
func clean(s string) string { return strings.Join(strings.Fields(view.Sanitize(s)), " ") }

// thousands formats n with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// clock formats a duration as minutes and seconds.
func clock(d time.Duration) string {
	s := int(d / time.Second)
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
