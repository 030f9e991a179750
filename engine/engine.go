// Package engine turns a request into a change of files that was checked: it
// shows a model what it needs, takes several answers where the first does not
// pass, and gives package land the best of them.
//
// The model proposes; the checks decide. The package must never write a file
// itself, never land what the gate refused, and never let a reply choose which
// file it is for.
//
// Invariants:
//  1. A set holds the one path that was asked for beside what the caller gave,
//     and was checked as it lands.
//  2. A candidate that leaves out what the file held is no candidate (package
//     guard), whatever the checks say of it.
//  3. Repair starts from the best candidate and never replaces it by a worse one.
//  4. Candidates of one request share their prompt byte for byte, so that the
//     server reads it once; a repair appends to it.
package engine

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
	"github.com/bitactor/cf/workspace"
)

// Codes of this package's faults. Stable: the list may only grow.
const (
	CodeWhichSymbol = "which-symbol"  // a large file, and nothing says what of it to write [Usage]
	CodeNoSymbol    = "no-symbol"     // the file has no such definition [Usage]
	CodeNothing     = "nothing-to-do" // a full file, and no instructions [Usage]
	CodeSecret      = "holds-secret"  // the file can't be shown whole to a model [Refused]
	CodeMarkers     = "holds-markers" // it holds control tokens of chat templates [Refused]
	CodeNoRoom      = "no-room"       // the file and its reply do not fit the window [Failed]
	CodeNoCandidate = "no-candidate"  // no reply held usable code [Refused]
	CodeNoPass      = "no-pass"       // candidates were checked and none may land [Refused]
	CodeBudget      = "budget-over"   // time ran out before a candidate passed [Refused]
	CodeFocus       = "focus"         // the focus does not fit what the path is [Usage]
	CodeNoMutants   = "no-mutants"    // nothing can tell whether tests of this kind test anything [Refused]
	CodeThin        = "section-thin"  // an answer has no two sentences of its own; of a candidate, no fault
	CodeNoFile      = "no-file"       // nothing of that name, and the name tells no kind [Usage]
)

// Codes of Candidate.Code beside those of package reply, guard and llm.
const (
	CodeNoPlace    = "no-place"   // what it answers is no longer in the file
	CodeUnreadable = "unreadable" // it can't be parsed at all
	CodeNoChange   = "no-change"  // it is what stands there
)

// Judge checks a change without making it; *land.Lander is one.
type Judge interface {
	Try(ctx context.Context, set *workspace.Set) (*land.Trial, error)
}

// Engine works for one root with one model. Set the fields before first use; an
// Engine serves one request at a time.
type Engine struct {
	Provider llm.Provider
	Model    llm.Model
	Window   llm.Window
	Counter  llm.Counter
	Words    *prompts.Words
	Tree     *workspace.Tree
	Judge    Judge
	Events   event.Sink // never nil

	Seed      int64
	MaxTokens int // longest reply; 0 leaves it to what is asked for

	// What makes answers better, each absent where nil (hooks.go).
	Map     Map
	Memory  Memory
	Profile *Profile
	Mutants Mutants
	Formats Formatters

	// Without leaves parts out, so that it can be measured what each is worth.
	Without []Part
	// Samples, where not 0, is how many fresh answers are taken at the most, whatever
	// the level says: to measure them.
	Samples int
}

// Part is a part of the engine that can be left out.
type Part string

// The parts.
const (
	PartLayout   Part = "layout"   // single definitions and cases: else files and test files go whole
	PartMends    Part = "mends"    // what needs no model
	PartExamples Part = "examples" // cases of the tests, answers of the past
	PartSamples  Part = "samples"  // more than one of them
	PartRepair   Part = "repair"
	PartMap      Part = "map"
	PartStop     Part = "stop" // the first candidate that passes ends it: else all are taken, then the best
)

// Parts returns all of them.
func Parts() []Part {
	return []Part{PartLayout, PartMends, PartExamples, PartSamples, PartRepair, PartMap, PartStop}
}

func (e *Engine) uses(p Part) bool { return !slices.Contains(e.Without, p) }

// Level is how much may be spent.
type Level string

// The levels, in rising order.
const (
	Normal Level = "normal"
	High   Level = "high"
	Hyper  Level = "hyper"
)

// Focus is what a request is about.
type Focus string

// The foci. A change with FocusCode touches no test file.
const (
	FocusCode  Focus = "functionality"
	FocusTests Focus = "tests" // Path is the code that they test, or their own file
	FocusBoth  Focus = "both"  // the code, then its tests, as one change
)

// Request asks for one file, or for what is not written yet below a folder.
type Request struct {
	Path         string // relative to the root, as Tree.Resolve gives it
	Symbol       string // what of the file to write, as syntax.File.Symbol takes it; "" lets the engine find it
	Instructions string // the user's words; may be empty for a stub
	Level        Level
	Focus        Focus         // what is written; "" is FocusCode, and for a test file FocusTests
	Budget       time.Duration // for model and checks together; 0 means none
	Removals     bool          // definitions may go
	Unweighed    bool          // tests may land although nothing can tell whether they test anything

	// On holds changes of other files that this one builds on. They are read in
	// place of the tree's, and they are part of what is tried: the trial of a
	// candidate is that of one set with all of them. nil: none.
	On *workspace.Set
	// Findings and Failing are what the tree has now and the change must mend. A
	// candidate passes only once all of them are gone. Without Symbol they say
	// what of the file is written.
	Findings []check.Diagnostic
	Failing  []check.Test
	// Proven asks for more than that the Findings are gone: the tests that are about
	// what is written must pass, too.
	Proven bool
	// Tests names tests that must pass after the change, whatever they did
	// before; nil: those that fail now and concern what is written.
	Tests *regexp.Regexp
}

// Candidate is one answer of the model, mended, and what became of it.
type Candidate struct {
	Path        string        // the file that it is for
	Symbols     []string      // full names of what was written anew; empty: the whole file
	Source      string        // the whole file with the answer in it; "" if the reply could not be used
	Why         string        // why it is no answer, or why it may not land; "" if it may
	Code        string        // of Why, stable, where the reply could not be used: a code of package reply, guard or llm, or one of the three below
	Did         []string      // mends
	Trial       *land.Trial   // nil if it was not checked
	Wrong       check.Verdict // New and NewlyFailing alone: what of the trial keeps it from passing, tests included that failed before and concern it
	Temperature float64       // it was asked for with
	Seed        int64         // it was asked for with
	Mutation    *Mutation     // of tests: what they do to mutants of the code; nil if it was not asked
	Round       int           // 0 for a fresh sample, else the round of repair
	Calls       []event.Call  // of the model
	PromptHash  string        // SHA-256 of the first conversation, in hexadecimal
	answers     []Example     // what was asked and answered, one for each part
	reply       []llm.Message // what a repair appends to
}

// Outcome is what a request came to.
type Outcome struct {
	Path       string
	Candidates []Candidate // in the order they were made, those of several files one after another
	Best       int         // index of the best candidate of the last file, -1 if none had code
	Won        []int       // indices of those that make up the change, one for each file that was finished
}

// Trial returns that of the best candidate, nil if there is none. It may land if
// Implement returned no error; its Set then is the change, with Request.On in it.
func (o *Outcome) Trial() *land.Trial {
	if o.Best < 0 {
		return nil
	}
	return o.Candidates[o.Best].Trial
}

// Symbols returns the full names of what the change writes anew.
func (o *Outcome) Symbols() []string {
	var names []string
	for _, i := range o.Won {
		names = append(names, o.Candidates[i].Symbols...)
	}
	return names
}

// Examples returns what the change was asked for and answered: for Memory, once
// it landed.
func (o *Outcome) Examples() []Example {
	var all []Example
	for _, i := range o.Won {
		all = append(all, o.Candidates[i].answers...)
	}
	return all
}

// add takes the candidates of a further file.
func (o *Outcome) add(more *Outcome) {
	n := len(o.Candidates)
	o.Candidates = append(o.Candidates, more.Candidates...)
	for _, i := range more.Won {
		o.Won = append(o.Won, n+i)
	}
	if more.Best >= 0 {
		o.Best = n + more.Best
	}
}
