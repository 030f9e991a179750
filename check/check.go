// Package check says what is wrong with files: one checker a kind of file, each
// giving diagnostics as data.
//
// A checker runs tools of its kind in the sandbox, over a stage: the tree with
// a set of changes laid over it. It must never write the user's files, start a
// process by itself, or call something checked that no tool has looked at.
//
// Run checks paths of a stage and gives a Report; Judge compares the report of
// a change with that of the unchanged tree; Gate does both.
//
// Invariants:
//  1. Nothing counts as checked before its checker has found its own planted
//     canary with the tools of this machine (see Canary).
//  2. What could not be checked is in the report: a missing tool, a missed
//     canary, a file of a kind that nobody knows.
//  3. A test that fails and then passes is flaky, whoever wrote it; a change
//     none of whose lines a test ran is never called tested.
//  4. A report depends on the files, the tools and cf alone: its order is the
//     same however the checks were scheduled.
//  5. What is kept between runs is keyed by the content of all that it depends
//     on, checked when it is read, and bounded.
package check

import (
	"context"
	"time"

	"github.com/bitactor/cf/workspace"
)

// Severity is how bad a diagnostic is.
type Severity string

// The severities. A note is told and is no finding: nothing fails because of it.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Diagnostic is one finding. Line and Column count from 1, Column in bytes; 0
// means unknown.
type Diagnostic struct {
	File     string   `json:"file"` // relative to the root, with slashes
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // the tool's own name of the rule, such as "unused-variable"
	Message  string   `json:"message"`
	Checker  string   `json:"checker"` // "go"
	Tool     string   `json:"tool"`    // "go vet"
	// Run fills in the rest, but a Source that is there already.
	Source string `json:"source,omitempty"` // the line's text, at most 300 bytes of it
	Beside bool   `json:"beside,omitempty"` // in a file that was not asked about, such as a caller of what changed
}

// TestState is how a test ended.
type TestState string

// The states of a test.
const (
	Passed  TestState = "passed"
	Failed  TestState = "failed"
	Skipped TestState = "skipped"
	Flaky   TestState = "flaky" // failed, and passed when it ran again; set by Run alone
)

// Test is one test that ran.
type Test struct {
	Name   string    `json:"name"` // unique in its project: "pkg.TestName/sub", "module: test words"
	File   string    `json:"file,omitempty"`
	Line   int       `json:"line,omitempty"`
	State  TestState `json:"state"`
	Output string    `json:"output,omitempty"` // what it printed, if it failed
}

// Ran is a program that a checker ran.
type Ran struct {
	Argv    []string      `json:"argv"`
	Dir     string        `json:"dir"` // relative to the root
	Code    int           `json:"code"`
	Elapsed time.Duration `json:"elapsed_ns"`
	Version string        `json:"version,omitempty"` // of the tool
}

// Gap is something that could not be checked.
type Gap struct {
	File string `json:"file,omitempty"` // "" means all files of the checker
	What string `json:"what"`           // "format", "tests", "compile"
	Why  string `json:"why"`            // "clang-format is not installed"
	Hint string `json:"hint,omitempty"` // what would mend it
	// Blocks tells that the files count as not checked because of it: code does
	// not land. A gap that leaves the essence checked, such as a missing
	// formatter, does not block.
	Blocks bool `json:"blocks,omitempty"`
	// Checker is filled in by Run.
	Checker string `json:"checker,omitempty"`
}

// Outcome is what one checker found.
type Outcome struct {
	Diagnostics []Diagnostic
	Tests       []Test
	Ran         []Ran
	Gaps        []Gap
	// Executed holds, for each file whose lines the tests' coverage counts, the
	// lines that it counts: true where a test executed one, false where none
	// did. nil where the kind has no coverage, or it could not be had.
	Executed map[string]map[int]bool
	// Testable tells that files of this kind can have tests: where it is set and
	// none ran, they are "compiled only". Unset, they are "checked".
	Testable bool
	// Volatile tells that the outcome may be another although no file of the tree
	// changes, such as one that misses a module which the user may fetch. It is
	// not kept.
	Volatile bool
}

// Target is what a checker looks at.
type Target struct {
	Stage   *workspace.Stage
	Project string   // folder of the nearest project of this kind (go.mod, mix.exs, ...), relative to the root; "." is the root
	Files   []string // files of this checker's kind below Project, relative to the root, sorted
	Changed []string // those of Files that the change touches; all of them where there is no change
	Paths   []string // what was asked about, relative to the root; for checkers of the whole tree
	Tests   bool     // run the tests that cover Changed too
	// Only holds names of tests, as in Test.Name: run just these, once more, and
	// leave out what is no test where that is cheap. A checker may ignore it.
	Only []string
}

// Tool is a program that a checker uses.
type Tool struct {
	Program string // as looked up on the PATH
	For     string // what it checks: "format", "tests"
	Hint    string // how to get it: "apt-get install shellcheck"
	Needed  bool   // without it nothing of this kind counts as checked
	// Version holds the arguments that make it print its version; nil means
	// "--version", an empty list that it can't.
	Version []string
}

// Canary is a small bad project that proves a checker: it must report Code at
// File and Line. Where Test is set, a test of that name must fail instead.
type Canary struct {
	Files map[string]string
	File  string
	Line  int
	Code  string
	Test  string
	Tool  string // the program of Tools that it is about; where that is missing, the canary is left out
}

// Whole is a Checker that runs once for the whole tree, whatever its files are:
// its Target has Project "." and no Files.
type Whole interface{ Whole() bool }

// Across is a Whole that holds files against each other and judges none of them by
// itself: a file that no other checker knows stays unmatched beside it.
type Across interface{ Across() bool }

// Dependent is a Checker whose outcome depends on more than the files below
// Target.Project and those that lie in the folders above it, such as a module
// that go.mod replaces by a folder beside it. Depends returns those folders,
// relative to the root; "." means the whole tree.
type Dependent interface {
	Depends(t Target) []string
}

// Adopter is a Checker whose projects have files outside of their folders, such as
// tests beside it. Adopts returns the folders of these files, relative to the root:
// what lies there and in no project of its own belongs to the project.
type Adopter interface {
	Adopts(s *workspace.Stage, project string) []string
}

// Formatter is a Checker that can write a file in the form that it asks for.
type Formatter interface {
	// Formats tells whether a finding of this checker is about the form alone.
	Formats(d Diagnostic) bool
	// Format returns the file as the formatter writes it, from t.Stage; nil where
	// that is not installed, or can't make sense of the file. Errors as Check.
	Format(ctx context.Context, t Target, file string) ([]byte, error)
}

// FormatterOf returns the checker that can mend a finding by writing its file anew,
// nil for a finding of another sort.
func FormatterOf(checkers []Checker, d Diagnostic) Formatter {
	for _, c := range checkers {
		if f, ok := c.(Formatter); ok && c.Name() == d.Checker && f.Formats(d) {
			return f
		}
	}
	return nil
}

// Checker knows one kind of file. Safe for concurrent use.
type Checker interface {
	// Name is short and stable: "go", "elixir", "yaml".
	Name() string
	// Match tells whether a file is of this kind, by its path and, where that
	// does not tell, its first bytes. head is nil at first; it is asked again
	// with up to 4096 bytes, and that answer counts, where the suffix is that of
	// a format with many kinds (YAML, JSON, TOML) and where no checker wanted the
	// file by its name.
	Match(path string, head []byte) bool
	// Markers are the names of files that mark the folder of a project, nearest
	// first: "go.mod". None: each file stands alone, Project is ".".
	Markers() []string
	Tools() []Tool
	Canaries() []Canary
	// Check runs the checks. The error is for what is no finding about the
	// files: the context's end, a sandbox that fails.
	Check(ctx context.Context, t Target) (Outcome, error)
}
