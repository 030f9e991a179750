// Package plan carries out a task that needs several files: it makes a plan of
// them, has the engine write one after the other, each on top of those before it,
// and gives the whole as one change.
//
// Files that the user names are the plan, in his order. Only where none is named
// is the model asked for one; a small model is weak at that, so its plan counts
// only as far as it fits the tree.
//
// The package must never write a file of the user's, never take a file away, and
// never give less than all steps as a change that may land.
//
// Invariants:
//  1. Every step of a plan names a file below the root that is there, or that may
//     be made beside its like; no two name one file.
//  2. A step is done when the engine's checks let it land together with the steps
//     before it, or when all that they find lies in files of steps still to come.
//  3. Work is stored after each step, and goes on only on the files that it read.
package plan

import (
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/event"
)

// Codes of this package's faults. Stable: the list may only grow.
const (
	CodeNoPlan   = "no-plan"   // the model named no file that fits [Unusable]
	CodeBadStep  = "bad-step"  // a step that can't be carried out [Usage]
	CodeNoWork   = "no-work"   // there is nothing to continue [Usage]
	CodeStale    = "stale"     // files were changed since the work was begun [Conflict]
	CodeBadState = "bad-state" // stored work can't be read or written [Failed]
)

// Kind is what a step does to its file.
type Kind string

// The kinds. None takes a file away.
const (
	New    Kind = "new"
	Change Kind = "change"
	Tests  Kind = "tests"
	Docs   Kind = "docs"
)

// Step is one file of a plan.
type Step struct {
	File   string `json:"file"`             // relative to the root, with slashes
	Symbol string `json:"symbol,omitempty"` // what of the file, as engine.Request.Symbol
	Kind   Kind   `json:"kind"`
	What   string `json:"what"` // what to do, for the model
}

// Plan is what is to be done, in order.
type Plan struct {
	Task   string `json:"task"`
	Steps  []Step `json:"steps"`
	Source string `json:"source"` // "paths", "mentions", "schema", "repaired", "second-ask", "session"
}

// Where a plan comes from.
const (
	fromPaths    = "paths"    // the user named the files
	fromMentions = "mentions" // his words name them
	fromSchema   = "schema"
	fromRepaired = "repaired"
	fromSecond   = "second-ask"
	fromSession  = "session" // a plan of cf ultrathink
)

// Event is the plan as an event. Its actions are those of cf ultrathink.
func (p *Plan) Event() event.Plan {
	var e event.Plan
	for _, s := range p.Steps {
		path := s.File
		if s.Symbol != "" {
			path += "#" + s.Symbol
		}
		e.Steps = append(e.Steps, event.PlanStep{Path: path, Action: action[s.Kind], Why: s.What})
	}
	return e
}

var action = map[Kind]string{New: "create", Change: "change", Tests: "test", Docs: "document"}

// Request is what a step asks of the engine.
func (p *Plan) request(s Step) engine.Request {
	r := engine.Request{Path: s.File, Symbol: s.Symbol, Instructions: s.What}
	if s.What != p.Task {
		r.Instructions += "\nIt is part of this task: " + p.Task
	}
	return r
}
