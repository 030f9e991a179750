// Package custom is the checks that a user brings: a command for languages that
// cf has no checker for, or for tests of a kind of its own.
//
// It must never give the command to a shell, run it outside the sandbox, or
// take output for a finding when the command says by its exit status that all
// is well.
//
// A user's check has no canary: nobody but the user knows what it would find.
package custom

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/gnu"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/workspace/sandbox"
)

// Options describe a check.
type Options struct {
	Name string   // as reports show it, unique
	Argv []string // program and arguments; at least the program. It runs at the root
	// Files are patterns of path.Match: one without a slash goes by the file's
	// last name, one with a slash by its path from the root. None: the command
	// is about the whole tree.
	Files []string
	Tests bool // its end is the outcome of a test; it runs only where tests do
}

// limits hold for one command: a user's tests may build a whole project first.
var limits = sandbox.Limits{Wall: 10 * time.Minute, CPU: 30 * time.Minute}

// New returns the checker of o.
func New(o Options) check.Checker { return &checker{o} }

type checker struct{ o Options }

func (c *checker) Name() string             { return c.o.Name }
func (c *checker) Markers() []string        { return nil }
func (c *checker) Canaries() []check.Canary { return nil }

// Whole tells that the check is not about single files.
func (c *checker) Whole() bool { return len(c.o.Files) == 0 }

// String is what makes this check another than one of the same name.
func (c *checker) String() string { return fmt.Sprintf("%q %q %v", c.o.Argv, c.o.Files, c.o.Tests) }

func (c *checker) Match(file string, _ []byte) bool {
	for _, pattern := range c.o.Files {
		name := file
		if !strings.Contains(pattern, "/") {
			name = path.Base(file)
		}
		if ok, err := path.Match(strings.TrimPrefix(pattern, "./"), name); ok && err == nil {
			return true
		}
	}
	return false
}

// Tools names the command's program, unless it lies in the tree.
func (c *checker) Tools() []check.Tool {
	if c.local() {
		return nil
	}
	return []check.Tool{{
		Program: c.o.Argv[0], For: c.what(), Needed: true, Version: []string{},
		Hint: "the check " + c.o.Name + " runs it: install it, or change the check's command",
	}}
}

// local tells whether the program is a file that the user named by its path
// from the root, such as ./test.sh.
func (c *checker) local() bool {
	return strings.Contains(c.o.Argv[0], "/") && !filepath.IsAbs(c.o.Argv[0])
}

func (c *checker) what() string {
	if c.o.Tests {
		return "tests"
	}
	return "check"
}

// Check runs the command.
func (c *checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	if c.o.Tests && !t.Tests || !c.o.Tests && len(t.Only) > 0 {
		return check.Outcome{}, nil
	}
	s := tool.Begin(t, c.o.Name, limits)
	defer s.Close()
	call, err := c.call(t)
	if err != nil {
		s.Gap(check.Gap{What: c.what(), Why: err.Error(), Blocks: true})
		return s.Outcome(), nil
	}
	result, ended, err := s.Run(ctx, call)
	if err != nil {
		return s.Outcome(), err
	}
	if c.o.Tests {
		s.Testable()
	}
	if !ended {
		return s.Outcome(), nil
	}
	text := result.Stdout.String() + result.Stderr.String()
	found := gnu.Parse(text, fmt.Sprintf("exit-%d", result.Code), func(printed string) (string, bool) {
		rel, inside := s.Rel(".", printed)
		return rel, inside && t.Stage.Kind(rel) == "file"
	})
	if c.o.Tests {
		s.Test(c.test(result.Code, text, found))
		return s.Outcome(), nil
	}
	if result.Code == 0 {
		return s.Outcome(), nil
	}
	if len(found) == 0 {
		found = []check.Diagnostic{{
			File: s.Blame(""), Severity: check.Error, Code: fmt.Sprintf("exit-%d", result.Code),
			Message: fmt.Sprintf("the command ended with status %d:\n%s", result.Code, text),
		}}
	}
	for _, d := range found {
		d.Tool = filepath.Base(c.o.Argv[0])
		s.Diagnose(d)
	}
	return s.Outcome(), nil
}

// call makes the command to be run. A program in the tree is started by env:
// the sandbox takes none from there, so that no name on a PATH can mean a file
// of the repository, but this one the user named by its path.
func (c *checker) call(t check.Target) (tool.Call, error) {
	argv := c.o.Argv
	if c.local() {
		if t.Stage.Kind(path.Clean(argv[0])) != "file" {
			return tool.Call{}, errors.New(argv[0] + ": no such file in the tree")
		}
		argv = append([]string{"env", "./" + path.Clean(argv[0])}, argv[1:]...)
	}
	program, ok := tool.Look(t.Stage, argv[0])
	if !ok {
		return tool.Call{}, errors.New(argv[0] + " is not installed")
	}
	return tool.Call{Step: c.what(), Tool: c.o.Name, Program: program, Args: argv[1:], Dir: "."}, nil
}

// test is the command's end as a test: its place is the first that the output
// names.
func (c *checker) test(code int, text string, found []check.Diagnostic) check.Test {
	t := check.Test{Name: c.o.Name, State: check.Passed}
	if code == 0 {
		return t
	}
	t.State, t.Output = check.Failed, text
	if len(found) > 0 {
		t.File, t.Line = found[0].File, found[0].Line
	}
	return t
}
