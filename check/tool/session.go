// Package tool is what the checkers of languages share that run programs: it
// runs them through a stage, keeps account of what ran, and turns what went
// wrong with a program itself into gaps.
//
// It must never run anything but through Stage.Run, follow a link that a
// program left in a cache folder, or take a program that was cut off for one
// that found nothing.
//
// Invariants:
//  1. Every program that started stands in Outcome.Ran, with its exit status.
//  2. A program that is missing, that a limit ended, or whose report was cut
//     leaves a gap: no diagnostics is then not the same as nothing wrong.
//  3. Messages are valid UTF-8 without control characters but \n and \t, and
//     bounded; the number of diagnostics and tests is bounded too.
package tool

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace/sandbox"
)

// Bounds of an Outcome.
const (
	DiagnosticsMax = 1000
	TestsMax       = 20_000
)

// Session is the check of one target: what its programs said so far. It is for
// one goroutine.
type Session struct {
	Target  check.Target
	checker string
	limits  sandbox.Limits
	folder  string // of this run, in cf's cache; "" until it is needed
	out     check.Outcome
	left    int // diagnostics beyond DiagnosticsMax
}

// Begin starts a session of the checker called name. The limits hold for each
// program; the zero value means the sandbox's defaults. Call Close at the end.
func Begin(t check.Target, name string, limits sandbox.Limits) *Session {
	return &Session{Target: t, checker: name, limits: limits}
}

// Call is one program to be run.
type Call struct {
	Step    string // what it checks, the What of a gap: "compile"
	Tool    string // how reports name it: "mix compile"
	Program Program
	Args    []string
	Dir     string   // working folder, relative to the root
	Env     []string // beside what every program gets
	Stdin   []byte
}

// environment is what every program gets: plain output, one encoding.
var environment = []string{"LC_ALL=C.UTF-8", "NO_COLOR=1", "TERM=dumb", "CI=1"}

// Run runs c and tells whether it came to an end by itself, with whatever exit
// status; if not, the reason stands in the outcome. The error is for what is no
// finding: the context's end, a sandbox that fails.
func (s *Session) Run(ctx context.Context, c Call) (process.Result, bool, error) {
	began := time.Now()
	result, err := s.Target.Stage.Run(ctx, sandbox.Command{
		Program: c.Program.Path, Args: c.Args, Dir: c.Dir, Stdin: c.Stdin,
		Env: slices.Concat(environment, c.Program.Env, c.Env), ReadOnly: c.Program.ReadOnly, Limits: s.limits,
	})
	if ctx.Err() != nil {
		return result, false, fault.New(fault.Interrupted, process.CodeCanceled, "%w", context.Cause(ctx)).On("check", s.checker)
	}
	if notStarted(err) {
		s.Gap(check.Gap{What: c.Step, Why: fmt.Sprintf("%s did not start: %v", c.Tool, err), Blocks: true})
		return result, false, nil
	}
	if fault.KindOf(err) == fault.NoSandbox {
		return result, false, err
	}
	s.out.Ran = append(s.out.Ran, check.Ran{
		Argv: append([]string{filepath.Base(c.Program.Path)}, c.Args...), Dir: cmp.Or(c.Dir, "."),
		Code: result.Code, Elapsed: cmp.Or(result.Elapsed, time.Since(began)), Version: c.Program.Version,
	})
	if err == nil || fault.CodeOf(err) == process.CodeExit && result.Signal == 0 {
		return result, true, nil
	}
	s.cut(c, err)
	return result, false, nil
}

// Filter runs a program that reads a file from its standard input and writes it
// anew; nil where it did not end well or wrote nothing.
func (s *Session) Filter(ctx context.Context, c Call, file string) ([]byte, error) {
	var err error
	if c.Stdin, err = s.Target.Stage.Read(file); err != nil {
		return nil, nil // what can't be read has no form
	}
	result, ended, err := s.Run(ctx, c)
	if err != nil || !ended || result.Code != 0 || result.Stdout.Dropped > 0 {
		return nil, err
	}
	return slices.Concat(result.Stdout.Head, result.Stdout.Tail), nil
}

func notStarted(err error) bool {
	switch fault.CodeOf(err) {
	case process.CodeNotFound, process.CodeStart, sandbox.CodeInTree, sandbox.CodePolicy, sandbox.CodeOverlay:
		return true
	}
	return false
}

// cut reports a program that a limit or a signal ended. That is no finding: a
// program that says nothing may also be slow, or the machine busy.
func (s *Session) cut(c Call, err error) {
	why := fmt.Sprintf("%s was ended: %v", c.Tool, err)
	if fault.CodeOf(err) == process.CodeTimeout {
		why = c.Tool + " did not end within its time limit"
	}
	s.Gap(check.Gap{What: c.Step, Why: why, Blocks: true})
}

// SetVersion gives the version of the program that ran last.
func (s *Session) SetVersion(version string) {
	if n := len(s.out.Ran); n > 0 && version != "" {
		s.out.Ran[n-1].Version = Line(version)
	}
}

// Missing reports that a program is not there.
func (s *Session) Missing(t check.Tool) {
	s.Gap(check.Gap{What: t.For, Why: t.Program + " is not installed", Hint: t.Hint, Blocks: t.Needed})
}

// Gap adds g, once.
func (s *Session) Gap(g check.Gap) {
	g.Why = Line(g.Why)
	if !slices.Contains(s.out.Gaps, g) {
		s.out.Gaps = append(s.out.Gaps, g)
	}
}

// Diagnose adds d, once, under the checker's name. A diagnostic without a line
// but with a column loses the column.
func (s *Session) Diagnose(d check.Diagnostic) {
	d.Checker, d.Message, d.Code = s.checker, Message(s.relative(d.Message)), Line(d.Code)
	d.Line, d.Column = max(d.Line, 0), max(d.Column, 0)
	if d.Line == 0 {
		d.Column = 0
	}
	switch {
	case slices.Contains(s.out.Diagnostics, d):
	case len(s.out.Diagnostics) >= DiagnosticsMax:
		s.left++
	default:
		s.out.Diagnostics = append(s.out.Diagnostics, d)
	}
}

// relative takes the root out of the paths in a text.
func (s *Session) relative(text string) string {
	return strings.ReplaceAll(text, s.Target.Stage.Root()+string(filepath.Separator), "")
}

// Test adds a test that ran. A name that was there before gets a number, so
// that no result hides another.
func (s *Session) Test(t check.Test) {
	if len(s.out.Tests) >= TestsMax {
		s.Gap(check.Gap{What: "tests", Why: fmt.Sprintf("more than %d tests: the rest is not listed", TestsMax)})
		return
	}
	t.Name, t.Output = Line(t.Name), Output(s.relative(t.Output))
	s.out.Tests = append(s.out.Tests, t)
}

// Executed says of a line, in a root-relative file, that coverage counts it and
// whether a test executed it. Line 0 says only that the file counts.
func (s *Session) Executed(file string, line int, executed bool) {
	if s.out.Executed == nil {
		s.out.Executed = map[string]map[int]bool{}
	}
	lines := s.out.Executed[file]
	if lines == nil {
		lines = map[int]bool{}
		s.out.Executed[file] = lines
	}
	if line > 0 {
		lines[line] = lines[line] || executed
	}
}

// Testable says that files of this kind can have tests.
func (s *Session) Testable() { s.out.Testable = true }

// Failing tells whether an error, not only warnings, was found.
func (s *Session) Failing() bool {
	return slices.ContainsFunc(s.out.Diagnostics, func(d check.Diagnostic) bool { return d.Severity == check.Error })
}

// Outcome returns all that was found, in an order that does not depend on the
// order of the programs' output.
func (s *Session) Outcome() check.Outcome {
	if s.left > 0 {
		s.Gap(check.Gap{What: "diagnostics", Why: fmt.Sprintf("%d more findings are not listed", s.left)})
		s.left = 0
	}
	slices.SortStableFunc(s.out.Diagnostics, func(a, b check.Diagnostic) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Code, b.Code), strings.Compare(a.Message, b.Message))
	})
	slices.SortStableFunc(s.out.Tests, func(a, b check.Test) int { return strings.Compare(a.Name, b.Name) })
	number(s.out.Tests)
	return s.out
}

// number gives the second and later tests of one name a number.
func number(tests []check.Test) {
	seen := map[string]int{}
	for i := range tests {
		name := tests[i].Name
		if seen[name]++; seen[name] > 1 {
			tests[i].Name = fmt.Sprintf("%s #%d", name, seen[name])
		}
	}
}

// Rel turns a path that a program printed, absolute or relative to its working
// folder dir, into one relative to the root; false when it leads out.
func (s *Session) Rel(dir, printed string) (string, bool) {
	p := filepath.ToSlash(strings.TrimSpace(printed))
	if p == "" || strings.ContainsRune(p, 0) {
		return "", false
	}
	if path.IsAbs(p) {
		rel, err := filepath.Rel(s.Target.Stage.Root(), filepath.FromSlash(p))
		if err != nil {
			return "", false
		}
		p = filepath.ToSlash(rel)
	} else {
		p = path.Join(dir, p)
	}
	return p, p != "." && filepath.IsLocal(filepath.FromSlash(p))
}

// InProject returns the root-relative path of a file of the project.
func (s *Session) InProject(name string) string { return path.Join(s.Target.Project, name) }

// HasFile tells whether the project holds a regular file of that name.
func (s *Session) HasFile(name string) bool {
	return s.Target.Stage.Kind(s.InProject(name)) == "file"
}

// Blame returns the file that a finding about the whole project is shown at:
// its marker, else the first file looked at.
func (s *Session) Blame(marker string) string {
	switch {
	case marker != "" && s.HasFile(marker):
		return s.InProject(marker)
	case len(s.Target.Changed) > 0:
		return s.Target.Changed[0]
	case len(s.Target.Files) > 0:
		return s.Target.Files[0]
	}
	return s.Target.Project
}

// Present returns those of files that are there: a change may delete some.
func (s *Session) Present(files []string) []string {
	return slices.DeleteFunc(slices.Clone(files), func(f string) bool { return s.Target.Stage.Kind(f) != "file" })
}

// Column turns a column that counts characters from 1 into one that counts
// bytes; 0 where the line is not there.
func (s *Session) Column(file string, line, characters int) int {
	if line <= 0 || characters <= 0 {
		return 0
	}
	data, err := s.Target.Stage.Read(file)
	if err != nil {
		return 0
	}
	lines := strings.SplitN(string(data), "\n", line+1)
	if line > len(lines) {
		return 0
	}
	for i := range lines[line-1] {
		if characters--; characters == 0 {
			return i + 1
		}
	}
	return len(lines[line-1]) + 1
}
