// Package check says what is wrong with files: one checker a kind of file, each
// giving diagnostics as data.
//
// A checker runs tools of its kind in the sandbox, over a stage: the tree with
// a set of changes laid over it. It must never write the user's files, start a
// process by itself, or call something checked that no tool has looked at.
package check

import (
	"context"
	"time"

	"github.com/bitactor/cf/workspace"
)

// Severity is how bad a diagnostic is.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
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
}

// TestState is how a test ended.
type TestState string

// The states of a test.
const (
	Passed  TestState = "passed"
	Failed  TestState = "failed"
	Skipped TestState = "skipped"
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
}

// Outcome is what one checker found.
type Outcome struct {
	Diagnostics []Diagnostic
	Tests       []Test
	Ran         []Ran
	Gaps        []Gap
	// Executed holds, for each file whose lines the tests' coverage counts, the
	// lines that a test executed; nil where the kind has no coverage.
	Executed map[string]map[int]bool
}

// Target is what a checker looks at.
type Target struct {
	Stage   *workspace.Stage
	Project string   // folder of the nearest project of this kind (go.mod, mix.exs, ...), relative to the root; "." is the root
	Files   []string // files of this checker's kind below Project, relative to the root, sorted
	Changed []string // those of Files that the change touches; all of them where there is no change
	Tests   bool     // run the tests that cover Changed too
}

// Tool is a program that a checker uses.
type Tool struct {
	Program string // as looked up on the PATH
	For     string // what it checks: "format", "tests"
	Hint    string // how to get it: "apt-get install shellcheck"
	Needed  bool   // without it nothing of this kind counts as checked
}

// Canary is a small bad project that proves a checker: it must report Code at
// File and Line.
type Canary struct {
	Files map[string]string
	File  string
	Line  int
	Code  string
}

// Checker knows one kind of file. Safe for concurrent use.
type Checker interface {
	// Name is short and stable: "go", "elixir", "yaml".
	Name() string
	// Match tells whether a file is of this kind, by its path and, where that
	// does not tell, its first bytes.
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
