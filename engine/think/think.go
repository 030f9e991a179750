// Package think runs a reasoning session: it reads the project, asks a model
// for each section of an answer, and keeps the result.
//
// It reports only through its event sink, in this order for one turn: Read
// events (what was read, cut, absent, left out), then for each section
// Section{Begin}, Text pieces as they stream, Section{Done or Missing}; a Call
// after each model call; Plan when there are steps; Saved when the session was
// stored. Notes may come anywhere. A second Section{Begin} for a section voids
// the text that came for it before: it could not be used, and is asked for
// again. Section "steps" has no Text; its outcome is the Plan. It never writes to
// the project outside .cf/sessions, never runs what a model wrote and never pulls
// a model.
//
// Invariants:
//  1. A section's text is the model's own: nothing is made up, and text that
//     only repeats the prompt counts as no answer.
//  2. The kept conversation is only appended to: what is sent next starts, byte
//     for byte, with what is kept. A reply that could not be used is not kept;
//     its section is asked for anew on the same system text, files and task.
//  3. No prompt is sent that does not fit the window with its reply; what was
//     left out to make it fit is reported as a Read or a Note.
//  4. A turn that fails or is cancelled is not appended to its Session. What a
//     first turn answered until then is stored, marked incomplete, and the same
//     task on that session asks for the rest only. A turn without any answer is a
//     fault and is not kept.
//  5. No secret that package secret knows reaches a request or a stored session,
//     also when it stood in the task.
package think

import (
	"context"
	"time"

	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
)

// Thinker runs turns against one model. The fields are set before first use and
// not changed later. Turns of one Session must not overlap; turns of different
// sessions may.
type Thinker struct {
	Provider llm.Provider
	Model    llm.Model
	Window   llm.Window
	Counter  llm.Counter
	Words    *prompts.Words // never nil
	Read     Reader         // nil: nothing is read
	Profiles Profiles       // nil: the layout is decided by size and nothing is learnt
	Store    *session.Store // nil: nothing is stored (--dry-run)
	Events   event.Sink     // nil: events are dropped
	Now      func() time.Time

	Temperature float64 // 0..2, as sent to the server
	Seed        int64
	MaxTokens   int  // longest reply of one call; 0 leaves it to the model's size
	Think       bool // let a thinking model think
	ThinkTokens int  // cap of its thought; 0 means llm.DefaultThinkTokens
}

// Reader reads what the task and its contexts name, at most Budget tokens of it
// by Count, and tells what happened to each piece. It emits no events.
type Reader func(ctx context.Context, q Query) (Material, error)

// Query is what a Reader is asked for.
type Query struct {
	Task     string
	Contexts []string              // TEXT, @FILE or @DIR
	Budget   int                   // tokens
	Count    func(text string) int // tokens of a text
}

// Profiles remembers what is known of a model, by its digest. Safe for
// concurrent use. llm/profile implements it.
type Profiles interface {
	// Layout returns "one-call", "per-section", or "" when nothing is known.
	Layout(digest string) string
	// SetLayout remembers a layout.
	SetLayout(digest, layout string) error
}

// Input is what one turn asks.
type Input struct {
	Task     string
	Contexts []string // as given with --context: TEXT, @FILE or @DIR
	// Session is continued and gets the turn appended when it is done; nil
	// starts a session of its own that the caller does not see. A session
	// without turns gets the sections and steps; one with turns takes Task as
	// a follow-up question and gets one section, "answer"; if its last turn is
	// incomplete and has the same Task, what is missing of that turn is asked for.
	Session *session.Session
}

// Turn runs one turn: all sections and the steps for the first of a session, a
// free answer for a follow-up. The turn is appended to in.Session only when it
// ended without error. Errors are *fault.Error: those of the provider, Usage for
// an empty or over-long task, and Unusable (CodeNoAnswer) if nothing was answered.
func (t *Thinker) Turn(ctx context.Context, in Input) (*session.Turn, error) {
	in = t.clean(in)
	if in.Session != nil && len(in.Session.Turns) > 0 && !in.unfinished() {
		return t.followUp(ctx, in)
	}
	return t.reason(ctx, in)
}

// Ask answers one question in one call, without sections; nothing is stored.
// in.Session is not used. Errors are those of Turn.
func (t *Thinker) Ask(ctx context.Context, in Input) (*session.Turn, error) {
	return t.ask(ctx, t.clean(in))
}

// Prompts returns the exact prompts that Turn would send first: one a call as
// far as they are known without a reply. It asks no model. When the server
// can't render them, they are shown as role-labelled messages with
// Rendered=false. What was read is reported as for Turn.
func (t *Thinker) Prompts(ctx context.Context, in Input) ([]event.Prompt, error) {
	return t.render(ctx, t.clean(in))
}

// Material is what a Reader found.
type Material struct {
	Pieces []prompts.File // in the order in which they go into the prompt
	Reads  []event.Read   // one for each thing considered
}
