package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
)

// NewTypeScript returns the checker of TypeScript. It uses the project's own
// compiler, else the PATH's.
func NewTypeScript() check.Checker {
	return &kind{
		name: "typescript", suffix: lazyregexp.New(`\.([cm]?ts|tsx)$`), check: typescript,
		planted: []check.Canary{
			{Files: map[string]string{"canary.ts": "const a: number = 1;\nfunction (: {\n"}, File: "canary.ts", Line: 2, Code: "syntax-error"},
		},
	}
}

func typescript(ctx context.Context, r *run) error {
	changed := r.listable(r.Present(r.Target.Changed))
	if len(r.Target.Only) == 0 && len(changed) > 0 {
		checked, err := r.types(ctx, changed)
		if err != nil {
			return err
		}
		r.syntax(ctx, changed, checked)
	}
	if !r.Target.Tests || r.Failing() {
		return nil
	}
	return r.test(ctx)
}

// syntax reports what our own parser says. Where the compiler looked too, it
// knows newer forms of the language: only files that it rejects count.
func (r *run) syntax(ctx context.Context, changed []string, checked bool) {
	rejected := map[string]bool{}
	for _, d := range r.Outcome().Diagnostics {
		if strings.HasPrefix(d.Code, "TS1") && len(d.Code) == len("TS1005") { // the compiler's codes of syntax errors
			rejected[d.File] = true
		}
	}
	for _, f := range changed {
		if !checked || rejected[f] {
			r.parsed(f, r.problems(ctx, f))
		}
	}
}

// types has the compiler look at the whole project, or, where it is not
// configured, at the changed files; it tells whether that was done.
func (r *run) types(ctx context.Context, changed []string) (bool, error) {
	program, args, found := r.compiler()
	if !found {
		r.Gap(check.Gap{What: "types", Why: "tsc is not installed", Hint: "npm install --save-dev typescript", Blocks: true})
		return false, nil
	}
	args = append(args, "--noEmit", "--pretty", "false", "--incremental", "false", "--listFiles")
	if r.HasFile("tsconfig.json") {
		args = append(args, "--composite", "false", "-p", "tsconfig.json")
	} else {
		args = append(append(args, "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext"), r.below(changed)...)
	}
	result, ended, err := r.Run(ctx, tool.Call{Step: "types", Tool: "tsc", Program: program, Args: args, Dir: r.Target.Project})
	if err != nil || !ended {
		return false, err
	}
	diagnostics, listed := parseTSC(slices.Concat(result.Stdout.Head, result.Stdout.Tail))
	for _, d := range diagnostics {
		r.typed(d)
	}
	if result.Stdout.Dropped > 0 || result.Code != 0 && len(diagnostics) == 0 {
		r.Gap(check.Gap{What: "types", Why: fmt.Sprintf("tsc ended with status %d: %s", result.Code, result.Describe()), Blocks: true})
		return false, nil
	}
	r.leftOut(changed, listed)
	return true, nil
}

// compiler returns the program and the first arguments of the TypeScript
// compiler: the project's own is a script for node.
func (r *run) compiler() (tool.Program, []string, bool) {
	if script := r.installed("typescript/bin/tsc"); script != "" {
		p := r.node
		if rel, inside := r.Rel(".", script); inside {
			data, _ := r.Target.Stage.Read(path.Join(path.Dir(rel), "..", "package.json")) // none tells no version
			p.Version = versionOf(data)
		}
		return p, []string{script}, true
	}
	p, found := tool.Look(r.Target.Stage, "tsc")
	if real, err := filepath.EvalSymlinks(p.Path); found && err == nil {
		data, _ := os.ReadFile(filepath.Join(filepath.Dir(real), "..", "package.json")) // the same
		p.Version = versionOf(data)
	}
	return p, nil, found
}

// versionOf reads the version from the compiler's package.json: the compiler
// itself takes half a second to tell it.
func versionOf(data []byte) string {
	var p struct{ Version string }
	if json.Unmarshal(data, &p) != nil {
		return ""
	}
	return tool.Line(p.Version)
}

// typed reports a finding of the compiler; one without a file is about the
// configuration.
func (r *run) typed(d check.Diagnostic) {
	if file, inside := r.Rel(r.Target.Project, d.File); d.File != "" && inside {
		d.File, d.Column = file, r.Column(file, d.Line, d.Column)
	} else {
		d.File, d.Line = r.Blame("tsconfig.json"), 0
	}
	r.Diagnose(d)
}

// leftOut reports the changed files that the compiler did not look at.
func (r *run) leftOut(changed []string, listed map[string]bool) {
	for _, f := range changed {
		if !listed[r.absolute(f)] && !listed[r.below([]string{f})[0]] {
			r.Gap(check.Gap{File: f, What: "types", Why: "tsconfig.json does not include it", Blocks: true})
		}
	}
}

var tscLine = lazyregexp.New(`^(?:(.+?)\((\d+),(\d+)\): )?(error|warning) (TS\d+): (.*)$`)

// parseTSC reads what tsc --pretty false --listFiles prints: findings, each with
// indented lines that go on, and the paths of the files it looked at; those it
// was given by name as they were given.
func parseTSC(data []byte) (found []check.Diagnostic, listed map[string]bool) {
	listed = map[string]bool{}
	for line := range bytes.Lines(data) {
		text := strings.TrimRight(string(line), "\r\n")
		m := tscLine.FindStringSubmatch(text)
		switch {
		case m != nil:
			d := check.Diagnostic{File: m[1], Severity: check.Severity(m[4]), Code: m[5], Message: m[6], Tool: "tsc"}
			d.Line, d.Column = number(m[2]), number(m[3])
			found = append(found, d)
		case strings.HasPrefix(text, "  ") && len(found) > 0:
			found[len(found)-1].Message += "\n" + text
		case text != "":
			listed[filepath.Clean(text)] = true
		}
	}
	return found, listed
}

func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}
