package check

import (
	"slices"
	"strings"
	"time"
)

// State is what a checker's work on a project came to. Stable: the list may
// only grow.
type State string

// The states, worst first.
const (
	NotChecked   State = "not checked"   // a needed tool is missing, a canary was missed, a tool failed
	Findings     State = "findings"      // diagnostics, or failing tests
	FlakyTests   State = "flaky"         // no findings, but a test failed once and passed once
	CompiledOnly State = "compiled only" // tests were asked for and none ran
	Clean        State = "passed"
)

// Report is what all checkers found.
type Report struct {
	Root  string // absolute path of the tree
	Tier  string // how strong the isolation was, see sandbox.Tier
	Tests bool   // whether tests were asked for
	Parts []Part // in the order of the checkers, then by project
	// Unmatched holds the files asked about that no checker knows, sorted.
	Unmatched []string
	// Unlisted says in words which files were not looked at because a bound
	// ended the walk of the tree; "" when all were.
	Unlisted string
	// Stopped tells that the context ended before all was checked: Parts are those
	// that had ended by then.
	Stopped bool
	// Own is the time that cf itself took, Tools that of the programs it ran;
	// programs that ran at one time count one after the other in Tools.
	Own, Tools time.Duration
}

// Part is what one checker found in one project.
type Part struct {
	Checker string
	Project string   // relative to the root
	Files   []string // looked at
	Changed []string // of Files
	State   State
	Why     string // with NotChecked
	Hint    string // with NotChecked: what would mend it
	Tools   []ToolFound
	Outcome
	Dropped int           // diagnostics beyond the most that are kept
	Cut     bool          // Request.Limit ended it: it is NotChecked
	Cached  bool          // from an earlier run over the same files
	Elapsed time.Duration // wall time, 0 where Cached
	whole   bool          // the checker is a Whole
}

// ToolFound is a tool of a checker as it is on this machine.
type ToolFound struct {
	Program string `json:"program"`
	For     string `json:"for"`
	Path    string `json:"path,omitempty"`    // "" where it is missing
	Version string `json:"version,omitempty"` // its own words, one line
	Needed  bool   `json:"needed,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Failing tells whether there is anything to mend: a diagnostic or a failing
// test.
func (r *Report) Failing() bool {
	return slices.ContainsFunc(r.Parts, func(p Part) bool { return p.State == Findings || p.hasFindings() })
}

// Gaps returns everything that could not be checked: those of the parts in
// order, then a gap for each file that no checker knows.
func (r *Report) Gaps() []Gap {
	var out []Gap
	for _, p := range r.Parts {
		if p.State == NotChecked {
			out = append(out, Gap{What: "everything", Why: p.Why, Hint: p.Hint, Blocks: true, Checker: p.Checker})
		}
		out = append(out, p.Gaps...)
	}
	for _, f := range r.Unmatched {
		out = append(out, Gap{File: f, What: "everything", Why: "no checker knows this kind of file", Hint: unmatchedHint(f), Blocks: isCode(f)})
	}
	return out
}

// Diagnostics returns those of all parts in order.
func (r *Report) Diagnostics() []Diagnostic {
	var out []Diagnostic
	for _, p := range r.Parts {
		out = append(out, p.Diagnostics...)
	}
	return out
}

// Project returns the folder that a finding's checker took its file for a part of.
func (r *Report) Project(d Diagnostic) string {
	for _, p := range r.Parts {
		if p.Checker == d.Checker && slices.Contains(p.Files, d.File) {
			return p.Project
		}
	}
	return "."
}

// Drop takes out diagnostics and failed tests that are known, and returns how many
// they were; the states of the parts follow. A part with more diagnostics than are
// kept stays one with findings.
func (r *Report) Drop(diagnostic func(Diagnostic) bool, test func(checker string, t Test) bool) int {
	n := 0
	count := func(known bool) bool {
		if known {
			n++
		}
		return known
	}
	for i := range r.Parts {
		p := &r.Parts[i]
		before := n
		p.Diagnostics = slices.DeleteFunc(slices.Clone(p.Diagnostics), func(d Diagnostic) bool { return count(diagnostic(d)) })
		p.Tests = slices.DeleteFunc(slices.Clone(p.Tests), func(t Test) bool { return t.State == Failed && count(test(p.Checker, t)) })
		if n > before && p.State == Findings && p.Dropped == 0 {
			p.State = ""
			p.judge(r.Tests)
		}
	}
	return n
}

// hasFindings tells whether a diagnostic that is no note or a failed test is there.
func (o *Outcome) hasFindings() bool { return o.Findings() > 0 || len(o.failed()) > 0 }

// Findings returns how many diagnostics are no notes.
func (o *Outcome) Findings() int {
	n := 0
	for _, d := range o.Diagnostics {
		if d.Severity != Note {
			n++
		}
	}
	return n
}

// failed returns the names of the failed tests.
func (o *Outcome) failed() []string {
	var out []string
	for _, t := range o.Tests {
		if t.State == Failed {
			out = append(out, t.Name)
		}
	}
	return out
}

// judge sets the part's state from what was found.
func (p *Part) judge(tests bool) {
	flaky := slices.ContainsFunc(p.Tests, func(t Test) bool { return t.State == Flaky })
	ran := slices.ContainsFunc(p.Tests, func(t Test) bool { return t.State != Skipped })
	switch {
	case p.State == NotChecked:
	case p.hasFindings():
		p.State = Findings
	case p.blocked() != nil:
		g := p.blocked()
		p.State, p.Why, p.Hint = NotChecked, g.What+": "+g.Why, g.Hint
	case flaky:
		p.State = FlakyTests
	case tests && p.Testable && !ran:
		p.State = CompiledOnly
	default:
		p.State = Clean
	}
}

// blocked returns the first gap that keeps all files of the part from counting
// as checked.
func (p *Part) blocked() *Gap {
	for i, g := range p.Gaps {
		if g.Blocks && g.File == "" {
			return &p.Gaps[i]
		}
	}
	return nil
}

// codeSuffixes are those of languages that cf has no checker for: a file of
// one is code, and code does not land unchecked. A file with another suffix
// that no checker knows is listed only.
var codeSuffixes = []string{
	".java", ".kt", ".kts", ".scala", ".groovy", ".clj", ".cljs", ".rb", ".php", ".pl", ".pm", ".lua", ".swift", ".m", ".mm",
	".cc", ".cpp", ".cxx", ".hpp", ".hh", ".hxx", ".cs", ".fs", ".vb", ".dart", ".zig", ".nim", ".d", ".v", ".sv", ".vhd", ".hs", ".ml", ".mli",
	".r", ".jl", ".f", ".f90", ".s", ".asm", ".sql", ".ps1", ".bat", ".cmd", ".vue", ".svelte", ".cu", ".proto", ".gleam", ".lfe", ".tf", ".hcl",
	".c", ".h", ".go", ".ex", ".exs", ".erl", ".hrl", ".py", ".sh", ".bash", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".rs",
}

func isCode(file string) bool {
	file = strings.ToLower(file)
	return slices.ContainsFunc(codeSuffixes, func(s string) bool { return strings.HasSuffix(file, s) })
}

func unmatchedHint(file string) string {
	if isCode(file) {
		return "name a command that checks it with --test, or add [check.NAME] to your settings"
	}
	return ""
}
