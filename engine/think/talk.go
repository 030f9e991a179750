package think

import (
	"context"
	"slices"
	"strings"

	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
)

// talk is one turn in progress: the conversation so far and what the turn adds.
type talk struct {
	*Thinker
	turn *session.Turn
	kept []llm.Message // the conversation: older turns, then turn.Messages
	head string        // files and task; stands before the first question of a fresh conversation
	// goesOn tells that the turn was begun before and is in its session as an
	// incomplete one.
	goesOn bool
	seen   prompts.Seen // what the model was shown or has said: repeating it is no answer
	sizes  sizes
	// solo keeps earlier sections out of a tiny model's sight: in one growing
	// conversation SmolLM2-135M soon copies its last answer (14 of 18 sections
	// with two sentences of their own, 23 of 24 alone). The prefix that both
	// share, system text, files and task, is reused all the same.
	solo bool
}

// sizes are the token limits for a model, by its number of parameters.
type sizes struct {
	section int // reply for one section
	steps   int // reply with the steps
	answer  int // free answer
	context int // files in the prompt
}

// tinyParameters is the size up to which a model is asked one section a call
// unless its profile says otherwise: SmolLM2-135M ignores headings, a 0.5B model
// keeps them.
const tinyParameters = 300e6

// sizesOf keeps replies and context of small models short: they run on few
// cores, lose the thread in long prompts and fall into loops in long replies.
func sizesOf(parameters int64) sizes {
	switch {
	case parameters > 0 && parameters <= tinyParameters:
		return sizes{section: 160, steps: 320, answer: 240, context: 1200}
	case parameters > 0 && parameters <= 1e9:
		return sizes{section: 240, steps: 400, answer: 400, context: 2500}
	case parameters <= 4e9:
		return sizes{section: 340, steps: 700, answer: 700, context: 6000}
	}
	return sizes{section: 500, steps: 1000, answer: 1200, context: 16000}
}

// begin opens a turn on an existing conversation, which may be empty.
func (t *Thinker) begin(kind session.Kind, in Input, kept []llm.Message) (*talk, error) {
	if err := CheckTask(in.Task); err != nil {
		return nil, err
	}
	k := &talk{Thinker: t, kept: kept, sizes: sizesOf(t.Model.Parameters)}
	k.solo = t.Model.Parameters > 0 && t.Model.Parameters <= tinyParameters
	k.turn = &session.Turn{
		Kind: kind, Task: in.Task, Contexts: in.Contexts, Started: t.Now(),
		Server: t.Provider.URL(), Model: t.Model.Name, Digest: t.Model.Digest, Window: t.Window.Context,
		Temperature: t.Temperature, Seed: t.Seed, Overridden: t.Words.Overridden(), Fresh: len(kept) == 0,
	}
	for _, m := range kept {
		k.seen.Add(m.Content)
	}
	if len(k.turn.Overridden) > 0 {
		k.note("info", "your own words are in use for: "+strings.Join(k.turn.Overridden, ", "))
	}
	if len(kept) > 0 {
		return k, nil
	}
	system, err := t.Words.System()
	if err != nil {
		return nil, err
	}
	k.keep(llm.Message{Role: llm.System, Content: system})
	return k, nil
}

// taskBytesMax is the longest task; a longer text belongs into a file.
const taskBytesMax = 16 << 10

// CheckTask returns the fault [Usage] of a task that Turn and Ask would refuse.
func CheckTask(task string) error {
	switch {
	case strings.TrimSpace(task) == "":
		return fault.New(fault.Usage, "empty-task", "the task is empty")
	case len(task) > taskBytesMax:
		return fault.New(fault.Usage, "long-task", "the task has %d bytes, over the limit of %d", len(task), taskBytesMax).
			Hint("put it into a file and name it with --context @FILE")
	case strings.ContainsRune(task, 0):
		return fault.New(fault.Usage, "bad-task", "the task holds a NUL byte")
	}
	return nil
}

func (t *Thinker) emit(e event.Event) {
	if t.Events != nil {
		t.Events.Emit(e)
	}
}

func (t *Thinker) note(level, text string) { t.emit(event.Note{Level: level, Text: text}) }

// keep appends to the conversation.
func (k *talk) keep(messages ...llm.Message) {
	k.kept = append(k.kept, messages...)
	k.turn.Messages = append(k.turn.Messages, messages...)
	for _, m := range messages {
		k.seen.Add(m.Content)
	}
}

// question makes the next user message: the first of a fresh conversation
// carries the files and the task.
func (k *talk) question(text string) llm.Message {
	if k.head != "" && len(k.kept) == 1 {
		text = k.head + "\n\n" + text
	}
	return llm.Message{Role: llm.User, Content: text}
}

// alone returns a conversation of the system text and one question with files
// and task: what came between is out of sight, so that it can't be repeated.
func (k *talk) alone(text string) []llm.Message {
	return []llm.Message{k.kept[0], {Role: llm.User, Content: k.head + "\n\n" + text}}
}

// listen is who hears a reply as it streams. Both may be nil.
type listen struct {
	text func(string)
	anew func() // the reply died half-way and comes again: forget it so far
}

// whyLoop is why a reply that fell into a loop is not taken as it is.
const whyLoop = "the model repeated itself without end"

// call runs one request and keeps its ledger line. A reply that can't be used as
// it is comes back with why set, and with the text before its loop if it is one;
// every other fault is an error.
func (k *talk) call(ctx context.Context, r llm.Request, to listen) (reply llm.Reply, why string, err error) {
	if err := k.complete(&r); err != nil {
		return reply, "", err
	}
	var streamed strings.Builder
	r.Restart = func() {
		streamed.Reset()
		if to.anew != nil {
			to.anew()
		}
	}
	reply, err = k.Provider.Chat(ctx, r, func(c llm.Chunk) error {
		if c.Thinking != "" {
			k.emit(event.Text{Section: r.Name, Text: c.Thinking, Thinking: true})
			return ctx.Err()
		}
		streamed.WriteString(c.Text)
		if to.text != nil {
			to.text(c.Text)
		}
		return ctx.Err()
	})
	reply.Call.Name = r.Name
	k.turn.Calls = append(k.turn.Calls, reply.Call)
	k.emit(reply.Call)
	return judge(reply, streamed.String(), err)
}

// complete fills in what all requests share, and refuses one that does not fit.
func (k *talk) complete(r *llm.Request) error {
	r.Model, r.Seed, r.Temperature, r.Think, r.ThinkTokens = k.Model.Name, k.Seed, k.Temperature, k.Think && k.Model.Thinking, k.ThinkTokens
	if k.MaxTokens > 0 {
		r.MaxTokens = min(r.MaxTokens, k.MaxTokens)
	}
	if r.Think {
		r.MaxTokens += max(r.ThinkTokens, 0)
		if r.ThinkTokens == 0 {
			r.MaxTokens += llm.DefaultThinkTokens
		}
	}
	if need := k.Counter.CountMessages(r.Messages) + r.MaxTokens; need > k.Window.Context {
		return fault.New(fault.Failed, llm.CodeTooLong,
			"prompt and reply need %d tokens, the window has %d", need, k.Window.Context).On(r.Name, k.Model.Name).
			Hint("give less --context, or raise context_max")
	}
	return nil
}

// judge sorts a reply's outcome into a sound one, one that can't be used as it
// is (why), and a fault.
func judge(reply llm.Reply, streamed string, err error) (llm.Reply, string, error) {
	switch fault.CodeOf(err) {
	case llm.CodeLoop:
		reply.Text, _ = prompts.CutLoop(streamed)
		return reply, whyLoop, nil
	case llm.CodeEmpty:
		return llm.Reply{Call: reply.Call}, "the model wrote nothing", nil
	case llm.CodeTooManyTokens:
		return llm.Reply{Call: reply.Call}, "the reply was too long", nil
	}
	if err != nil {
		return llm.Reply{Call: reply.Call}, "", err
	}
	if reply.Stop == llm.StopLength {
		if before, looped := prompts.CutLoop(reply.Text); looped {
			reply.Text = before
			return reply, whyLoop, nil
		}
	}
	return reply, "", nil
}

// read gathers context for the turn and reports it. Paths in known were read
// before; in a follow-up nothing else is taken but what the question names.
func (k *talk) read(ctx context.Context, in Input, budget int, take func(prompts.File) bool) ([]prompts.File, error) {
	if k.Read == nil {
		return nil, nil
	}
	if budget = min(budget, k.sizes.context); budget <= 0 {
		k.note("warn", "no room is left for files")
		return nil, nil
	}
	found, err := k.Read(ctx, Query{Task: in.Task, Contexts: in.Contexts, Budget: budget, Count: k.Counter.Count})
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	pieces := slices.DeleteFunc(slices.Clone(found.Pieces), func(f prompts.File) bool {
		taken[f.Path] = take == nil || take(f)
		return !taken[f.Path]
	})
	for _, r := range found.Reads {
		if take != nil && !taken[r.Path] && r.State != "absent" {
			continue
		}
		k.turn.Reads = append(k.turn.Reads, r)
		k.emit(r)
	}
	for _, f := range pieces {
		k.seen.Add(f.Text)
	}
	return pieces, nil
}

// finish closes the turn, puts it into its session and stores that. A turn
// without any answer is a fault of kind Unusable and is not kept.
func (k *talk) finish(s *session.Session) (*session.Turn, error) {
	if err := k.answered(); err != nil {
		return nil, err
	}
	k.turn.Ended = k.Now()
	if s == nil {
		s = session.New(k.turn.Started)
	}
	grown := s.With(*k.turn, k.goesOn)
	if err := k.store(grown); err != nil {
		return nil, err
	}
	*s = *grown
	return k.turn, nil
}

// store writes a session, if sessions are kept.
func (k *talk) store(s *session.Session) error {
	if k.Store == nil {
		return nil
	}
	if err := k.Store.Save(s); err != nil {
		return err
	}
	k.emit(event.Saved{What: "session", ID: s.ID, Path: k.Store.Path(s.ID)})
	return nil
}

// CodeNoAnswer is the code of the fault for a turn in which the model answered
// nothing that can be used [Unusable].
const CodeNoAnswer = "not-answered"

// answered wants at least one section with text of the model's own.
func (k *talk) answered() error {
	why := "nothing was asked"
	for _, s := range k.turn.Sections {
		if s.State == event.Done {
			return nil
		}
		why = s.Why
	}
	return fault.New(fault.Unusable, CodeNoAnswer, "%s", why).On(string(k.turn.Kind), k.Model.Name).
		Hint("another --seed or a larger --model may answer")
}
