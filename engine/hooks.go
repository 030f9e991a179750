package engine

import (
	"context"

	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/workspace"
)

// Map knows the definitions of the project.
type Map interface {
	// Map returns those that are likely to be of use for what is asked, as text
	// of at most q.Budget tokens; "" where there is none. An error is reported
	// and ends nothing.
	Map(ctx context.Context, q MapQuery) (string, error)
}

// MapQuery says what is to be written.
type MapQuery struct {
	Path         string   // the file, which is not part of the answer
	Symbols      []string // full names of what of it; empty: all
	Present      string   // what stands there now
	Instructions string
	Budget       int // in tokens
	Count        func(string) int
}

// Memory keeps what was answered well.
type Memory interface {
	// Near returns answers that landed and are most like what is asked, the
	// nearest first. An error is reported and ends nothing.
	Near(ctx context.Context, t Task, most int) ([]Example, error)
	// Keep stores answers that landed. The engine does not call it: a change that
	// is proposed has not landed.
	Keep(ctx context.Context, e []Example) error
}

// Task is one question for code.
type Task struct {
	Path         string
	Language     string   // as a fence names it
	Symbol       string   // in words, such as "the function Allow"; "" for a whole file
	Present      string   // what stands there; "" for a new file
	Instructions string   // the user's words
	Cases        []string // lines of tests
}

// Example is a task and the code that answered it and passed its checks.
type Example struct {
	Task Task
	Code string
}

// Profile is what was measured of the model and rules how it is asked. The zero
// value of each field means the usual.
type Profile struct {
	Layout      Layout
	Edit        Edit
	Temperature float64 // of the samples after the first; 0 means 0.8
	Context     int     // tokens of prompt and reply that it makes good use of; 0 means the window
	Think       bool    // it answers better with thinking, where Level allows it
	PrefillRate float64 // tokens a second, for estimates; 0: unknown
	DecodeRate  float64
}

// Layout says how tests come into the prompt.
type Layout string

// The layouts.
const (
	LayoutCases Layout = "cases" // some lines of them; the usual
	LayoutBare  Layout = "bare"  // nothing of them
)

// Edit says how much of a file the model writes.
type Edit string

// The forms.
const (
	EditSymbol Edit = "symbol" // single definitions; the usual
	EditFile   Edit = "file"   // small files whole, whatever of them is asked for
)

// Formatters write files in the form that their project asks for, where they had it
// before the change.
type Formatters interface {
	// Format returns the file path of a trial as the formatter writes it that a new
	// finding of the trial asks for; nil where none does.
	Format(ctx context.Context, t *land.Trial, path string) ([]byte, error)
}

// Mutants tells whether tests test something.
type Mutants interface {
	// Can tells whether there are mutants of a file, by its name.
	Can(path string) bool
	// Score runs the tests of a set against mutants of the file path, which is
	// no test file, as it is with the set: of these symbols, or of all where none
	// is named. A fault of kind Refused speaks against the tests.
	Score(ctx context.Context, set *workspace.Set, path string, symbols []string, seed int64) (Mutation, error)
}

// Mutation is what became of mutants.
type Mutation struct {
	Killed   int
	Valid    int      // mutants that compile and differ; killed ones among them
	Survived []string // in words, such as "line 12: < became <="
}
