// Package scanner runs the security scanners of others that are installed, each as a
// checker: govulncheck, staticcheck, gitleaks, hadolint, zizmor, npm audit, checkov,
// semgrep and bandit.
//
// It must never install a scanner, let one run outside of the sandbox, or show a
// secret that one has found.
//
// Invariants:
//  1. A scanner that is missing, that ended badly, whose report can't be read or is
//     another program's, or that lacks data which the sandbox keeps it from getting,
//     is a gap that blocks: it never counts as having found nothing.
//  2. Only findings in files that were asked about are reported.
package scanner

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// scanner is one program as a checker. Its fields say how it is run and read.
type scanner struct {
	check.Tool
	match    func(file string) bool
	subject  string   // what it looks at, in words: "Go modules"
	asks     string   // what holds where it finds nothing: "Dockerfiles follow good practice"
	markers  []string // see check.Checker.Markers
	whole    bool     // it looks at the tree, whatever the files are
	canaries []check.Canary
	// args returns what it is run with and in which folder, or why it can't be.
	args func(s *tool.Session, files []string) (args []string, why string)
	// prepare sets what the program needs beside its arguments; nil: nothing.
	prepare func(s *tool.Session, p tool.Program) (tool.Program, error)
	read    func(report []byte) ([]check.Diagnostic, error)
	ends    []int  // exit codes with which its report counts
	absent  string // in what it prints where data lies behind the network
	remedy  string // and what would bring it
	secret  bool   // the text of what it finds is not shown
}

// All returns the scanners in the order of reports.
func All() []check.Checker {
	var out []check.Checker
	for i := range scanners {
		out = append(out, &scanners[i])
	}
	return out
}

// Subject says what the scanner called name looks at, "" if there is none.
func Subject(name string) string {
	for _, s := range scanners {
		if s.Name() == name {
			return s.subject
		}
	}
	return ""
}

// Asks says what holds where the scanner called name finds nothing, "" if there is none.
func Asks(name string) string {
	for _, s := range scanners {
		if s.Name() == name {
			return s.asks
		}
	}
	return ""
}

// limits hold for one run: the larger scanners load a language's standard library.
var limits = sandbox.Limits{Wall: 5 * time.Minute, CPU: 10 * time.Minute, OutputBytes: 16 << 20}

func (c *scanner) Name() string                     { return c.Program }
func (c *scanner) Match(file string, _ []byte) bool { return !c.whole && c.match(file) }
func (c *scanner) Markers() []string                { return c.markers }
func (c *scanner) Tools() []check.Tool              { return []check.Tool{c.Tool} }
func (c *scanner) Canaries() []check.Canary         { return c.canaries }
func (c *scanner) Whole() bool                      { return c.whole }

// Across tells that a file which only a scanner of secrets has seen is not checked.
func (c *scanner) Across() bool { return c.whole }

// Check runs the scanner over the target.
func (c *scanner) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	s := tool.Begin(t, c.Name(), limits)
	defer s.Close()
	program, found := tool.Look(t.Stage, c.Program)
	if !found {
		s.Missing(c.Tool)
		return s.Outcome(), nil
	}
	files := s.Present(t.Files)
	args, why := c.args(s, files)
	if why != "" {
		s.Gap(check.Gap{What: c.For, Why: why, Blocks: true})
		return s.Outcome(), nil
	}
	if c.prepare != nil {
		var err error
		if program, err = c.prepare(s, program); err != nil {
			return s.Outcome(), err
		}
	}
	result, ended, err := s.Run(ctx, tool.Call{Step: c.For, Tool: c.Name(), Program: program, Args: args, Dir: t.Project})
	if err != nil || !ended {
		return s.Outcome(), err
	}
	report, said := result.Stdout.String(), result.Stderr.String()
	if c.absent != "" && strings.Contains(report+said, c.absent) {
		s.Gap(check.Gap{What: c.For, Why: c.Name() + " needs data that lies behind the network, which the sandbox has none of", Hint: c.remedy, Blocks: true})
		return s.Outcome(), nil
	}
	list, err := c.read([]byte(report))
	if err != nil || result.Stdout.Dropped > 0 || !slices.Contains(c.ends, result.Code) {
		s.Gap(check.Gap{What: c.For, Why: fmt.Sprintf("%s ended with status %d and no report that counts (%v): %s", c.Name(), result.Code, err, result.Stderr.LastLine()), Blocks: true})
		return s.Outcome(), nil
	}
	err = c.diagnose(ctx, s, list)
	return s.Outcome(), err
}

// diagnose reports the findings that lie in files which were asked about.
func (c *scanner) diagnose(ctx context.Context, s *tool.Session, list []check.Diagnostic) error {
	inside, err := c.inside(ctx, s)
	if err != nil {
		return err
	}
	for _, d := range list {
		file, ok := s.Rel(s.Target.Project, d.File)
		if !ok || !inside(file) {
			continue
		}
		d.File, d.Tool = file, c.Name()
		if d.Column = s.Column(file, d.Line, d.Column); c.secret {
			d.Source = "(not shown)"
		}
		s.Diagnose(d)
	}
	return nil
}

// inside tells files that were asked about from others: those of the target, or, for
// a whole tree, those of the project below the paths.
func (c *scanner) inside(ctx context.Context, s *tool.Session) (func(string) bool, error) {
	if !c.whole {
		return func(file string) bool { return slices.Contains(s.Target.Files, file) }, nil
	}
	list, err := s.Target.Stage.List(ctx, workspace.ListOptions{})
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, f := range list.Files {
		known[f.Path] = true
	}
	return func(file string) bool {
		return known[file] && (len(s.Target.Paths) == 0 || slices.ContainsFunc(s.Target.Paths, func(p string) bool {
			p = path.Clean(p)
			return p == "." || file == p || strings.HasPrefix(file, p+"/")
		}))
	}, nil
}
