// Package session holds reasoning sessions: what was asked, what was read, what
// the model wrote, and the messages that continue the conversation.
//
// A session is a folder of plain files, .cf/sessions/ID/, that people can grep:
// session.json says what the session is, NNN.json holds one turn each, NNN.md
// shows the same turn to a reader. The package stores and loads; it never asks a
// model, never prints and never follows a path out of the sessions folder.
//
// Invariants:
//  1. A file is written whole or not at all: temporary file in the same folder,
//     fsync, rename, mode 0600.
//  2. The messages of the turns, joined in order, are the conversation byte for
//     byte as the model saw it, so that a server's cached prefix is reused.
//  3. Text of models and files is stored raw; the reader who shows it makes
//     control characters visible.
//  4. What can't be read back is reported and skipped; it is never mended,
//     overwritten or deleted.
package session

import (
	"slices"
	"time"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
)

// Format is the version of the files' layout. A session of a later one is
// refused, so that an older cf can't damage it.
const Format = 1

// Session is a conversation about one project. It is not safe for concurrent
// use.
type Session struct {
	Format  int       `json:"format"`
	ID      string    `json:"id"`    // see NewID
	Title   string    `json:"title"` // first line of the first task
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	Model   string    `json:"model"` // of the last turn
	Turns   []Turn    `json:"-"`     // a file each
}

// Kind says what a turn asked for.
type Kind string

// The kinds.
const (
	Reasoning Kind = "reasoning" // the sections and the steps
	Question  Kind = "question"  // one free answer
)

// Turn is one question and its answer.
type Turn struct {
	Kind     Kind         `json:"kind"`
	Task     string       `json:"task"`
	Contexts []string     `json:"contexts,omitempty"` // as given with --context
	Reads    []event.Read `json:"reads,omitempty"`    // what was read, absent, left out
	Sections []Section    `json:"sections"`           // in order, missing ones too

	Steps       []event.PlanStep `json:"steps,omitempty"`
	StepsSource string           `json:"steps_source,omitempty"` // "schema", "repaired", "second-ask", "lines"; "" = none

	Server      string       `json:"server"` // URL
	Model       string       `json:"model"`
	Digest      string       `json:"digest,omitempty"`
	Window      int          `json:"window"` // tokens of the context window
	Layout      string       `json:"layout"` // "one-call", "per-section"
	Temperature float64      `json:"temperature"`
	Seed        int64        `json:"seed"`
	Overridden  []string     `json:"overridden_prompts,omitempty"` // names of prompts whose words the user replaced
	Calls       []event.Call `json:"calls"`

	// Incomplete tells that the turn ended with a fault or a signal: Sections
	// holds what was answered until then, and the rest can still be asked for.
	// HeadBytes, set with it, is the length of the files and the task, with which
	// the first user message begins and every question that is asked alone.
	Incomplete bool `json:"incomplete,omitempty"`
	HeadBytes  int  `json:"head_bytes,omitempty"`

	// Fresh tells that the conversation starts anew with Messages: the first
	// turn, or a turn before which the window was full.
	Fresh bool `json:"fresh,omitempty"`
	// Messages are what this turn appended to the conversation: what was sent
	// and, verbatim, what the model replied.
	Messages []llm.Message `json:"messages"`

	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
}

// Section is one part of an answer.
type Section struct {
	ID    string      `json:"id"`    // "reasoning", "plan", "strategy", "value", "telemetry", "validation", "answer"
	Title string      `json:"title"` // as shown
	Text  string      `json:"text"`  // the model's own words, raw; "" when missing
	State event.State `json:"state"` // Done or Missing
	Cut   bool        `json:"cut,omitempty"`
	Why   string      `json:"why,omitempty"` // of a missing or a cut one
}

// Section returns the section with the given id, or nil.
func (t *Turn) Section(id string) *Section {
	for i := range t.Sections {
		if t.Sections[i].ID == id {
			return &t.Sections[i]
		}
	}
	return nil
}

// Head returns the files and the task of an incomplete turn; ok is false where
// the turn does not hold them.
func (t *Turn) Head() (text string, ok bool) {
	if len(t.Messages) < 2 || t.HeadBytes <= 0 || t.HeadBytes > len(t.Messages[1].Content) {
		return "", false
	}
	return t.Messages[1].Content[:t.HeadBytes], true
}

// Open returns the last turn if it is incomplete, else nil.
func (s *Session) Open() *Turn {
	if n := len(s.Turns); n > 0 && s.Turns[n-1].Incomplete {
		return &s.Turns[n-1]
	}
	return nil
}

// Conversation returns the messages that a further turn continues: those of all
// turns since the last fresh one. The slice is the caller's own.
func (s *Session) Conversation() []llm.Message {
	first := 0
	for i := range s.Turns {
		if s.Turns[i].Fresh {
			first = i
		}
	}
	var messages []llm.Message
	for _, t := range s.Turns[first:] {
		messages = append(messages, t.Messages...)
	}
	return messages
}

// New returns an empty session that started now.
func New(now time.Time) *Session {
	return &Session{Format: Format, ID: NewID(now), Created: now, Updated: now}
}

// With returns a copy of s that ends with t, which takes the place of an
// incomplete last turn if it goes on with it.
func (s *Session) With(t Turn, goesOn bool) *Session {
	grown := *s
	grown.Turns = slices.Clone(s.Turns)
	if goesOn && grown.Open() != nil {
		grown.Turns = grown.Turns[:len(grown.Turns)-1]
	}
	grown.Append(t)
	return &grown
}

// Append adds a turn.
func (s *Session) Append(t Turn) {
	if s.Title == "" {
		s.Title = firstLine(t.Task)
	}
	s.Model, s.Updated = t.Model, t.Ended
	s.Turns = append(s.Turns, t)
}
