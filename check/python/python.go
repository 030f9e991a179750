// Package python checks Python: it compiles every file, lints with ruff or
// pyflakes where one is installed, checks the format where the project asks for
// one, and runs the tests by pytest or unittest.
//
// It must never run a file to find out whether it is correct, install a
// package, or take compiled files (.pyc) from the user's tree.
//
// Invariants:
//  1. The interpreter is one of the user's PATH; a virtual environment of the
//     project gives packages only.
//  2. Tests count only where the run came to its own end.
package python

import (
	"bytes"
	"context"
	"embed"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/workspace/sandbox"
)

//go:embed scripts/*.py
var scripts embed.FS

// New returns the checker of Python, from 3.8 on.
func New() check.Checker { return &checker{} }

type checker struct{ limits sandbox.Limits }

func (*checker) Name() string { return "python" }

var shebang = lazyregexp.New(`^#![^\n]*\bpython[0-9.]*\b`)

func (*checker) Match(file string, head []byte) bool {
	ext := path.Ext(file)
	return ext == ".py" || ext == ".pyi" || ext == "" && shebang.Match(head)
}

func (*checker) Markers() []string {
	return []string{"pyproject.toml", "setup.cfg", "setup.py", "pytest.ini", "tox.ini", "requirements.txt", "Pipfile"}
}

var python3 = check.Tool{Program: "python3", For: "compile", Hint: "apt-get install python3", Needed: true}

func (*checker) Tools() []check.Tool { return []check.Tool{python3} }

func (*checker) Canaries() []check.Canary {
	files := map[string]string{
		"canary.py":      "def sing(a):\n    return a\n",
		"test_canary.py": "import unittest\n\nimport canary\n\n\nclass Sings(unittest.TestCase):\n    def test_sings(self):\n        self.assertEqual(canary.sing(1), 2)\n",
		"setup.cfg":      "",
	}
	return []check.Canary{
		{Files: map[string]string{"canary.py": "def sing(a):\n    return a +\n"}, File: "canary.py", Line: 2, Code: "syntax-error"},
		{Files: files, Test: "test_canary.py::Sings::test_sings"},
	}
}

// run is one check.
type run struct {
	*tool.Session
	python    interpreter
	installed map[string]bool // modules
	folder    string
	project   []string // all Python files of the project; of a run with tests
}

func (c *checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	s := tool.Begin(t, c.Name(), c.limits)
	defer s.Close()
	python, found := find(t.Stage, t.Project)
	if !found {
		s.Missing(python3)
		return s.Outcome(), nil
	}
	r := &run{Session: s, python: python, installed: map[string]bool{}}
	err := r.check(ctx)
	return s.Outcome(), err
}

func (r *run) check(ctx context.Context) error {
	if err := r.prepare(); err != nil {
		return err
	}
	complete, err := r.parse(ctx)
	if err != nil || !complete {
		return err
	}
	r.Testable()
	if len(r.Target.Only) == 0 {
		if err := r.style(ctx); err != nil {
			return err
		}
	}
	if !r.Target.Tests || r.Failing() {
		return nil
	}
	files, err := r.Project(ctx, New())
	if err != nil {
		return err
	}
	r.project = files
	return r.test(ctx)
}

// prepare writes the scripts and sets the environment.
func (r *run) prepare() error {
	entries, err := scripts.ReadDir("scripts")
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := scripts.ReadFile("scripts/" + e.Name())
		if err != nil {
			return err
		}
		if _, err := r.Script(e.Name(), string(text)); err != nil {
			return err
		}
	}
	if r.folder, err = r.Folder(); err != nil {
		return err
	}
	r.python.Env = append(r.python.Env, "PYTHONDONTWRITEBYTECODE=1", "PYTHONPYCACHEPREFIX="+filepath.Join(r.folder, "pyc"),
		"PYTHONHASHSEED=0", "PYTHONUTF8=1")
	if r.python.gap != "" {
		r.Gap(check.Gap{What: "tests", Why: r.python.gap, Hint: "make the virtual environment again"})
	}
	return nil
}

// list writes absolute paths for a script.
func (r *run) list(name string, files []string) (string, error) {
	var b bytes.Buffer
	for _, f := range files {
		if strings.ContainsRune(f, '\n') {
			r.Gap(check.Gap{File: f, What: "compile", Why: "its name holds a line break", Blocks: true})
			continue
		}
		b.WriteString(filepath.Join(r.Target.Stage.Root(), filepath.FromSlash(f)) + "\n")
	}
	return r.Script(name, b.String())
}

// parse compiles the changed files, or, where only tests are run again, none.
// It tells whether the interpreter worked at all.
func (r *run) parse(ctx context.Context) (bool, error) {
	files := r.Present(r.Target.Changed)
	if len(r.Target.Only) > 0 {
		files = nil
	}
	list, err := r.list("parse.list", files)
	if err != nil {
		return false, err
	}
	args := append([]string{"-s", filepath.Join(r.folder, "parse.py"), filepath.Join(r.folder, "parse.report"), list}, r.python.sites...)
	result, ended, err := r.Run(ctx, tool.Call{Step: "compile", Tool: "python3", Program: r.python.Program, Args: args, Dir: r.Target.Project})
	if err != nil {
		return false, err
	}
	records := r.Records("compile", "parse.report")
	for _, m := range records {
		switch m.Kind {
		case "version":
			r.python.Version = m.Field(0)
			r.SetVersion(m.Field(0))
		case "installed":
			r.installed[m.Field(0)] = true
		case "error", "warning":
			r.parsed(m)
		}
	}
	complete := len(records) > 0 && records[len(records)-1].Kind == "done"
	if ended && !complete {
		r.Gap(check.Gap{What: "compile", Why: "python3 did not come to its end: " + result.Describe(), Blocks: true})
	}
	return complete, nil
}

// compiled are the codes of the compiler; all others are pyflakes'.
var compiled = []string{"syntax-error", "indentation-error", "tab-error", "syntax-warning", "deprecation-warning"}

func (r *run) parsed(m tool.Record) {
	file, inside := r.Rel(r.Target.Project, m.Field(0))
	if !inside {
		return
	}
	d := check.Diagnostic{
		File: file, Line: m.Number(1), Column: m.Number(2), Severity: check.Severity(m.Kind),
		Code: m.Field(4), Message: m.Field(5), Tool: "pyflakes",
	}
	if slices.Contains(compiled, d.Code) {
		d.Tool = "python3"
	}
	if m.Field(3) == "c" {
		d.Column = r.Column(file, d.Line, d.Column)
	}
	r.Diagnose(d)
}
