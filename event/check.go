package event

import "time"

// Diagnostic is one finding of a check. Line and Column count from 1, Column in
// bytes; 0 means unknown.
type Diagnostic struct {
	File     string `json:"file"` // relative to the root
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Severity string `json:"severity"` // "error", "warning"
	Rule     string `json:"rule"`     // by the tool's own name
	Message  string `json:"message"`
	Checker  string `json:"checker"`
	Tool     string `json:"tool"`
	Source   string `json:"source,omitempty"` // the line's text
	Beside   bool   `json:"beside,omitempty"` // in a file that was not asked about
}

// Test is a test that did not pass, or that a change made go away.
type Test struct {
	Name    string `json:"name"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	State   string `json:"state"`            // "failed", "flaky", "lost" (gone or skipped now), "fixed"
	Before  bool   `json:"before,omitempty"` // it failed before the change too
	Output  string `json:"output,omitempty"`
	Checker string `json:"checker,omitempty"`
	Project string `json:"project,omitempty"`
}

// Gap is something that could not be checked.
type Gap struct {
	File    string `json:"file,omitempty"` // "" means all files of the checker
	Checker string `json:"checker,omitempty"`
	What    string `json:"what"` // "format", "tests", "everything"
	Why     string `json:"why"`
	Hint    string `json:"hint,omitempty"`
	Blocks  bool   `json:"blocks,omitempty"` // because of it the files count as not checked
}

// Checks is what all checks came to: the part of a receipt that says what was
// checked, by which commands.
type Checks struct {
	Root          string        `json:"root"`
	Tier          string        `json:"tier"`  // the isolation of the programs: "bubblewrap", "landlock", "none"
	Tests         bool          `json:"tests"` // tests were asked for
	State         string        `json:"state"` // "clean", "findings", "not checked"
	Parts         []CheckedPart `json:"parts,omitempty"`
	Diagnostics   int           `json:"diagnostics"`
	TestsFailed   int           `json:"tests_failed"`
	TestsPassed   int           `json:"tests_passed"`
	FilesChecked  int           `json:"files_checked"`
	FilesNot      int           `json:"files_not_checked"`
	FilesUnlisted string        `json:"files_unlisted,omitempty"` // in words, which files were not looked at
	Stopped       bool          `json:"stopped,omitempty"`        // before all was checked: the parts are those that had ended
	Own           time.Duration `json:"own_ns"`                   // cf's own time
	Tools         time.Duration `json:"tools_ns"`                 // of the programs that it ran
}

// CheckedPart is what one checker came to in one project.
type CheckedPart struct {
	Checker     string    `json:"checker"`
	Project     string    `json:"project"` // relative to the root
	Files       int       `json:"files"`
	State       string    `json:"state"` // "passed", "findings", "flaky", "compiled only", "not checked"
	Why         string    `json:"why,omitempty"`
	Hint        string    `json:"hint,omitempty"`
	Diagnostics int       `json:"diagnostics,omitempty"`
	Passed      int       `json:"passed,omitempty"` // tests
	Failed      int       `json:"failed,omitempty"`
	Skipped     int       `json:"skipped,omitempty"`
	Flaky       int       `json:"flaky,omitempty"`
	Ran         []Program `json:"ran,omitempty"`
	Cached      bool      `json:"cached,omitempty"` // from an earlier run over the same files
}

// Program is a program that a check ran.
type Program struct {
	Argv    []string      `json:"argv"`
	Dir     string        `json:"dir"` // relative to the root
	Code    int           `json:"code"`
	Elapsed time.Duration `json:"elapsed_ns"`
	Version string        `json:"version,omitempty"`
}

// Type returns "diagnostic".
func (Diagnostic) Type() string { return "diagnostic" }

// Type returns "test".
func (Test) Type() string { return "test" }

// Type returns "gap".
func (Gap) Type() string { return "gap" }

// Type returns "checks".
func (Checks) Type() string { return "checks" }
