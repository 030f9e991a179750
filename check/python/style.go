package python

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
)

// asks holds what in a project's pyproject.toml asks for a tool.
var (
	asksRuff       = lazyregexp.New(`(?m)^\s*\[tool\.ruff\b`)
	asksRuffFormat = lazyregexp.New(`(?m)^\s*\[tool\.ruff\.format\]`)
	asksBlack      = lazyregexp.New(`(?m)^\s*\[tool\.black\]`)
)

// style lints, and checks the format where the project asks for one.
func (r *run) style(ctx context.Context) error {
	files := r.Present(r.Target.Changed)
	if len(files) == 0 {
		return nil
	}
	project, _ := r.Target.Stage.Read(r.InProject("pyproject.toml")) // none asks for nothing
	ruff, found := r.ruff()
	switch {
	case found:
		own := asksRuff.Match(project) || r.HasFile("ruff.toml") || r.HasFile(".ruff.toml")
		if err := r.lint(ctx, ruff, own, files); err != nil {
			return err
		}
	case !r.installed["pyflakes"]:
		r.Gap(check.Gap{What: "lint", Why: "neither ruff nor pyflakes is installed", Hint: "python3 -m pip install ruff"})
	}
	switch {
	case asksRuffFormat.Match(project) && found:
		return r.format(ctx, "ruff format", ruff, []string{"format", "--no-cache", "--diff"}, files)
	case asksBlack.Match(project) && r.installed["black"]:
		return r.format(ctx, "black", r.python.Program, []string{"-m", "black", "-q", "--diff"}, files)
	case asksRuffFormat.Match(project):
		r.Missing(check.Tool{Program: "ruff", For: "format", Hint: "python3 -m pip install ruff"})
	case asksBlack.Match(project):
		r.Missing(check.Tool{Program: "black", For: "format", Hint: "python3 -m pip install black"})
	}
	return nil
}

// ruff returns the PATH's ruff; a virtual environment's is not run, as its
// interpreter is not. pyenv's shim stands for that beside the interpreter.
func (r *run) ruff() (tool.Program, bool) {
	p, found := tool.Look(r.Target.Stage, "ruff")
	if found && filepath.Base(filepath.Dir(p.Path)) == "shims" {
		return tool.Look(r.Target.Stage, filepath.Join(filepath.Dir(r.python.Path), "ruff"))
	}
	return p, found
}

// lint runs ruff: with the project's own rules, else with those of pyflakes.
func (r *run) lint(ctx context.Context, ruff tool.Program, own bool, files []string) error {
	args := []string{"check", "--output-format=json", "--no-cache", "--exit-zero"}
	if !own {
		args = append(args, "--isolated", "--select=F")
	}
	result, ended, err := r.Run(ctx, tool.Call{
		Step: "lint", Tool: "ruff", Program: ruff, Args: append(append(args, "--"), r.relative(files)...), Dir: r.Target.Project,
	})
	if err != nil || !ended {
		return err
	}
	found, err := parseRuff(append(result.Stdout.Head, result.Stdout.Tail...))
	if err != nil || result.Stdout.Dropped > 0 {
		r.Gap(check.Gap{What: "lint", Why: fmt.Sprintf("ruff ended with status %d, its output can't be read: %s", result.Code, result.Stderr.LastLine())})
		return nil
	}
	for _, d := range found {
		if file, inside := r.Rel(r.Target.Project, d.File); inside && d.Code != "" {
			d.File, d.Column = file, r.Column(file, d.Line, d.Column)
			r.Diagnose(d)
		}
	}
	return nil
}

// relative returns files relative to the project.
func (r *run) relative(files []string) []string {
	var out []string
	for _, f := range files {
		if r.Target.Project != "." {
			f = strings.TrimPrefix(f, path.Clean(r.Target.Project)+"/")
		}
		out = append(out, f)
	}
	return out
}

// parseRuff reads the output of ruff check --output-format=json
// (https://docs.astral.sh/ruff/settings/#output-format). Syntax errors have no
// code there: they are known already. Columns count characters.
func parseRuff(data []byte) ([]check.Diagnostic, error) {
	var all []struct {
		Code, Message, Filename string
		Location                struct{ Row, Column int }
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	var out []check.Diagnostic
	for _, d := range all {
		out = append(out, check.Diagnostic{
			File: d.Filename, Line: d.Location.Row, Column: d.Location.Column,
			Severity: check.Warning, Code: d.Code, Message: d.Message, Tool: "ruff",
		})
	}
	return out, nil
}

// format runs a formatter that prints a diff, and reports each file that
// differs at its first line that does.
func (r *run) format(ctx context.Context, name string, program tool.Program, args, files []string) error {
	result, ended, err := r.Run(ctx, tool.Call{
		Step: "format", Tool: name, Program: program, Args: append(append(args, "--"), r.relative(files)...), Dir: r.Target.Project,
	})
	if err != nil || !ended {
		return err
	}
	differing := firstDifferences(append(result.Stdout.Head, result.Stdout.Tail...))
	if result.Code > 1 || result.Stdout.Dropped > 0 {
		r.Gap(check.Gap{What: "format", Why: fmt.Sprintf("%s ended with status %d: %s", name, result.Code, result.Stderr.LastLine())})
	}
	for _, at := range differing {
		if file, inside := r.Rel(r.Target.Project, at.file); inside {
			r.Diagnose(check.Diagnostic{
				File: file, Line: at.line, Severity: check.Warning, Code: "not-formatted",
				Message: "the file is not formatted as " + name + " would", Tool: name,
			})
		}
	}
	return nil
}

type place struct {
	file string
	line int
}

var hunk = lazyregexp.New(`^@@ -(\d+)`)

// firstDifferences returns, for each file of a unified diff, the old file's
// line at its first removed or added line.
func firstDifferences(diff []byte) []place {
	var out []place
	var now *place // the file whose first hunk is being read
	counting := false
	for line := range bytes.Lines(diff) {
		text := strings.TrimRight(string(line), "\r\n")
		switch {
		case strings.HasPrefix(text, "--- "):
			name, _, _ := strings.Cut(text[4:], "\t")
			now, counting = &place{file: name}, false
		case now == nil || strings.HasPrefix(text, "+++ ") && !counting:
		case !counting:
			if m := hunk.FindStringSubmatch(text); m != nil {
				if n, err := strconv.Atoi(m[1]); err == nil {
					now.line, counting = n, true
				}
			}
		case strings.HasPrefix(text, "-"), strings.HasPrefix(text, "+"):
			out = append(out, *now)
			now = nil
		default:
			now.line++
		}
	}
	return out
}
