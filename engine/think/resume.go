package think

import (
	"strings"

	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/prompts"
)

// unfinished tells whether the input goes on with an incomplete turn: it does if
// it asks the same.
func (in Input) unfinished() bool {
	if in.Session == nil {
		return false
	}
	open := in.Session.Open()
	return open != nil && open.Task == in.Task
}

// keepPart stores what was answered of a first turn that ended with cause, for
// a later one to go on with, and returns cause. The session in memory stays as
// it was, unless it held the turn before.
func (k *talk) keepPart(s *session.Session, cause error) error {
	if k.Store == nil || k.answered() != nil {
		return cause
	}
	if s == nil {
		s = session.New(k.turn.Started)
	}
	k.turn.Incomplete, k.turn.HeadBytes, k.turn.Ended = true, len(k.head), k.Now()
	grown := s.With(*k.turn, k.goesOn)
	if err := k.store(grown); err != nil {
		k.note("warn", "what was answered so far is not kept: "+err.Error())
		return cause
	}
	if k.goesOn {
		*s = *grown
	}
	k.note("info", "what was answered so far is kept: cf ultrathink --continue goes on with the rest")
	return cause
}

// goOn opens an incomplete turn where it ended.
func (t *Thinker) goOn(in Input) (*talk, error) {
	last := in.Session.Open()
	head, ok := last.Head()
	if !ok {
		return nil, fault.New(fault.Failed, "session-broken", "the unfinished turn lacks its files and task").
			On("continue session", in.Session.ID).Hint("ask the task anew, without --continue")
	}
	k, err := t.begin(session.Reasoning, in, in.Session.Conversation())
	if err != nil {
		return nil, err
	}
	begun := *last
	begun.Incomplete, begun.HeadBytes = false, 0
	begun.Server, begun.Model, begun.Digest, begun.Window = k.turn.Server, k.turn.Model, k.turn.Digest, k.turn.Window
	begun.Temperature, begun.Seed, begun.Overridden = t.Temperature, t.Seed, k.turn.Overridden
	begun.Layout = k.layout()
	k.turn, k.head, k.goesOn = &begun, head, true
	var rest []string
	for _, s := range append(k.unasked(prompts.Sections()), prompts.Steps) {
		rest = append(rest, s.Title)
	}
	k.emit(event.Note{Level: "info", Text: "going on with " + strings.Join(rest, ", ")})
	return k, nil
}
