// Package receipt keeps what a run with a model came to: what was asked of which
// model, what was tried, what checked it by which commands, and what landed.
//
// It must never hold a prompt, a reply or a file's content: a receipt can be
// shown to others.
//
// Invariants:
//  1. A receipt is written once, whole, and never changed.
//  2. A file that can't be read is a damaged receipt in a list, not an error of it.
package receipt

import (
	"slices"
	"time"

	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
)

// State is how a run ended. Stable: the list may only grow.
type State string

// The states.
const (
	Landed  State = "landed"
	Refused State = "refused" // nothing passed; the tree is as it was
	Ended   State = "ended"   // interrupted, or a server or a disk failed; the tree is as it was
)

// Receipt is what one run came to. Times are in nanoseconds.
type Receipt struct {
	ID       string        `json:"id"`
	Time     time.Time     `json:"time"`
	Verb     string        `json:"verb"` // of cf, such as "implement"
	Title    string        `json:"title"`
	State    State         `json:"state"`
	Exit     int           `json:"exit"` // cf's exit code
	Error    string        `json:"error,omitempty"`
	Landed   string        `json:"landed,omitempty"`   // what cf undo takes back
	Git      string        `json:"git,omitempty"`      // the commit
	Rejected string        `json:"rejected,omitempty"` // folder of the best candidate that did not land
	Model    Model         `json:"model"`
	Level    string        `json:"level"`
	Seed     int64         `json:"seed"`
	Tried    []Tried       `json:"tried,omitempty"`
	Calls    int           `json:"calls"` // of the model
	Prompt   int           `json:"prompt_tokens"`
	Reused   int           `json:"reused_tokens"`
	Output   int           `json:"output_tokens"`
	Asking   time.Duration `json:"model_ns"`
	Checking time.Duration `json:"checks_ns"` // of the change that landed or came nearest, not of every candidate
	Took     time.Duration `json:"took_ns"`

	Checks *event.Checks      `json:"checks,omitempty"`
	Files  []event.FileChange `json:"files,omitempty"`
	Gaps   []event.Gap        `json:"gaps,omitempty"`
}

// Model tells which weights answered.
type Model struct {
	Name         string `json:"name"`
	Digest       string `json:"digest,omitempty"`
	Parameters   int64  `json:"parameters,omitempty"`
	Quantization string `json:"quantization,omitempty"`
	Context      int    `json:"context"`
	Server       string `json:"server"`
}

// Tried is one candidate.
type Tried struct {
	Path        string   `json:"path"`
	Symbols     []string `json:"symbols,omitempty"` // none: the whole file
	Won         bool     `json:"won,omitempty"`
	Why         string   `json:"why,omitempty"`   // against it
	Mends       []string `json:"mends,omitempty"` // made without a model
	Round       int      `json:"round,omitempty"` // of repair
	Temperature float64  `json:"temperature"`
	Seed        int64    `json:"seed"`
	PromptHash  string   `json:"prompt_sha256,omitempty"`
	Killed      int      `json:"mutants_killed,omitempty"`
	Valid       int      `json:"mutants_valid,omitempty"`
}

// Of begins a receipt: what was asked and tried, for each file or step in turn, and
// what checked t, the change that landed or came nearest; t may be nil.
func Of(e *engine.Engine, level engine.Level, tries []*engine.Outcome, t *land.Trial) Receipt {
	rec := Receipt{
		Level: string(level), Seed: e.Seed,
		Model: Model{
			Name: e.Model.Name, Digest: e.Model.Digest, Parameters: e.Model.Parameters, Quantization: e.Model.Quantization,
			Context: e.Window.Context, Server: serverOf(e.Provider),
		},
	}
	for _, out := range tries {
		for i, c := range out.Candidates {
			rec.Tried = append(rec.Tried, tried(c, slices.Contains(out.Won, i)))
			for _, call := range c.Calls {
				rec.call(call)
			}
		}
	}
	if t != nil {
		rec.checked(t)
	}
	return rec
}

func serverOf(p llm.Provider) string {
	if p == nil {
		return ""
	}
	return p.URL()
}

func tried(c engine.Candidate, won bool) Tried {
	t := Tried{
		Path: c.Path, Symbols: c.Symbols, Won: won, Why: c.Why, Mends: c.Did, Round: c.Round,
		Temperature: c.Temperature, Seed: c.Seed, PromptHash: c.PromptHash,
	}
	if c.Mutation != nil {
		t.Killed, t.Valid = c.Mutation.Killed, c.Mutation.Valid
	}
	return t
}

func (r *Receipt) call(c event.Call) {
	r.Calls++
	r.Prompt += c.PromptTokens
	r.Reused += c.ReusedTokens
	r.Output += c.OutputTokens
	r.Asking += c.Total
}

func (r *Receipt) checked(t *land.Trial) {
	checks := land.Checks(t.Now)
	r.Checks, r.Checking = &checks, checks.Own+checks.Tools
	for _, g := range t.Verdict.NotChecked {
		r.Gaps = append(r.Gaps, land.Gap(g))
	}
}
