package python

import (
	"context"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
)

// Formats tells whether a formatter found d.
func (c *checker) Formats(d check.Diagnostic) bool { return d.Code == "not-formatted" }

// Format returns a file as the formatter that the project asks for writes it.
func (c *checker) Format(ctx context.Context, t check.Target, file string) ([]byte, error) {
	s := tool.Begin(t, c.Name(), c.limits)
	defer s.Close()
	python, found := find(t.Stage, t.Project)
	if !found {
		return nil, nil
	}
	r := &run{Session: s, python: python, installed: map[string]bool{}}
	if err := r.prepare(); err != nil {
		return nil, err
	}
	project, _ := t.Stage.Read(r.InProject("pyproject.toml")) // none asks for nothing
	name := r.relative([]string{file})[0]
	call := tool.Call{Step: "format", Tool: "black", Program: r.python.Program, Args: []string{"-m", "black", "-q", "--stdin-filename", name, "-"}, Dir: t.Project}
	if asksRuffFormat.Match(project) {
		ruff, found := r.ruff()
		if !found {
			return nil, nil
		}
		call = tool.Call{Step: "format", Tool: "ruff format", Program: ruff, Args: []string{"format", "--no-cache", "--stdin-filename", name, "-"}, Dir: t.Project}
	}
	return s.Filter(ctx, call, file)
}
