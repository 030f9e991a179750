// Package shell checks shell scripts: their syntax in process, in the dialect
// that their first line names, and what shellcheck says of them.
//
// It must never run a script, not even with a shell's -n: a shell may read
// start-up files first.
//
// Invariants:
//  1. A file that is nested too deep for the parser's stack is a gap, never
//     parsed.
//  2. shellcheck sees only files that parse; its own parser's findings would
//     say the same again.
package shell

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/workspace/sandbox"
)

// New returns the checker of shell scripts.
func New() check.Checker { return &checker{} }

type checker struct{ limits sandbox.Limits }

func (*checker) Name() string { return "shell" }

// shebang matches a first line that names a shell, directly or by env.
var shebang = lazyregexp.New(`^#![ \t]*\S*/(?:env[ \t]+(?:-S[ \t]+)?)?(?:\S*/)?(sh|dash|ash|bash|ksh|mksh|bats)\b`)

// suffixes holds the dialects of files whose first line names none.
var suffixes = map[string]dialect{".sh": {"", syntax.LangBash}, ".bash": {"bash", syntax.LangBash}, ".bats": {"bats", syntax.LangBats}, ".ksh": {"ksh", syntax.LangMirBSDKorn}}

// dialect is a shell's name as shellcheck knows it, and what our parser takes.
type dialect struct {
	name    string // "" leaves it to shellcheck
	variant syntax.LangVariant
}

func (*checker) Match(file string, head []byte) bool {
	_, known := suffixes[path.Ext(file)]
	return known || shebang.Match(head)
}

// of returns the dialect of a script: its first line's before its name's.
func of(file string, text []byte) dialect {
	if m := shebang.FindSubmatch(text); m != nil {
		switch name := string(m[1]); name {
		case "bash":
			return dialect{name, syntax.LangBash}
		case "bats":
			return dialect{name, syntax.LangBats}
		case "ksh", "mksh":
			return dialect{"ksh", syntax.LangMirBSDKorn}
		case "dash", "ash":
			return dialect{"dash", syntax.LangPOSIX}
		default:
			return dialect{"sh", syntax.LangPOSIX}
		}
	}
	if d, known := suffixes[path.Ext(file)]; known {
		return d
	}
	return dialect{"", syntax.LangBash}
}

func (*checker) Markers() []string { return nil }

var shellcheck = check.Tool{Program: "shellcheck", For: "lint", Hint: "apt-get install shellcheck"}

func (*checker) Tools() []check.Tool { return []check.Tool{shellcheck} }

func (*checker) Canaries() []check.Canary {
	return []check.Canary{
		{Files: map[string]string{"canary.sh": "#!/bin/sh\nif true; then\n  echo\ndone\n"}, File: "canary.sh", Line: 4, Code: "syntax-error"},
		{Files: map[string]string{"canary.sh": "#!/bin/sh\na=$1\necho \"$b\"\n"}, File: "canary.sh", Line: 2, Code: "SC2034", Tool: "shellcheck"},
	}
}

func (c *checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	s := tool.Begin(t, c.Name(), c.limits)
	defer s.Close()
	sound := map[string][]string{} // by dialect
	for _, file := range s.Present(t.Changed) {
		text, err := t.Stage.Read(file)
		if err != nil {
			s.Gap(check.Gap{File: file, What: "syntax", Why: err.Error(), Blocks: true})
			continue
		}
		d := of(file, text)
		if parses(s, file, text, d) {
			sound[d.name] = append(sound[d.name], file)
		}
	}
	err := lint(ctx, s, sound)
	return s.Outcome(), err
}

// parses tells whether a script has a syntax tree, and reports why not.
func parses(s *tool.Session, file string, text []byte, d dialect) bool {
	if deep(text) {
		s.Gap(check.Gap{File: file, What: "syntax", Why: "it is nested too deep", Blocks: true})
		return false
	}
	_, err := syntax.NewParser(syntax.Variant(d.variant)).Parse(bytes.NewReader(text), file)
	if err == nil {
		return true
	}
	found := check.Diagnostic{File: file, Severity: check.Error, Code: "syntax-error", Message: err.Error(), Tool: "sh"}
	var broken syntax.ParseError
	var foreign syntax.LangError
	switch {
	case errors.As(err, &broken):
		found.Line, found.Column, found.Message = int(broken.Pos.Line()), int(broken.Pos.Col()), broken.Text
	case errors.As(err, &foreign):
		found.Line, found.Column, found.Code = int(foreign.Pos.Line()), int(foreign.Pos.Col()), "wrong-shell"
		foreign.Filename = ""
		found.Message = strings.TrimPrefix(foreign.Error(), foreign.Pos.String()+": ")
	}
	s.Diagnose(found)
	return false
}

// lint runs shellcheck over scripts that parse.
func lint(ctx context.Context, s *tool.Session, sound map[string][]string) error {
	if len(sound) == 0 {
		return nil
	}
	program, found := tool.Look(s.Target.Stage, "shellcheck")
	if !found {
		s.Missing(shellcheck)
		return nil
	}
	for _, d := range []string{"", "sh", "dash", "bash", "ksh", "bats"} {
		if len(sound[d]) == 0 {
			continue
		}
		// SC1091: a file that is sourced is not there, or was not named.
		args := []string{"--format=json1", "--severity=info", "--exclude=SC1091"}
		switch d {
		case "":
			args = append(args, "--exclude=SC2148") // no first line that names a shell
		default:
			args = append(args, "--shell="+d)
		}
		if err := run(ctx, s, program, append(append(args, "--"), sound[d]...)); err != nil {
			return err
		}
	}
	return nil
}

func run(ctx context.Context, s *tool.Session, program tool.Program, args []string) error {
	result, ended, err := s.Run(ctx, tool.Call{Step: "lint", Tool: "shellcheck", Program: program, Args: args, Dir: "."})
	if err != nil || !ended {
		return err
	}
	comments, err := parse(slices.Concat(result.Stdout.Head, result.Stdout.Tail))
	if err != nil || result.Stdout.Dropped > 0 || result.Code > 1 {
		s.Gap(check.Gap{What: "lint", Why: fmt.Sprintf("shellcheck ended with status %d, its output can't be read: %s", result.Code, result.Stderr.LastLine()), Blocks: true})
		return nil
	}
	for _, d := range comments {
		if file, inside := s.Rel(".", d.File); inside {
			d.File, d.Column = file, s.Column(file, d.Line, d.Column)
			s.Diagnose(d)
		}
	}
	return nil
}

// parse reads what shellcheck --format=json1 prints (shellcheck(1)). Columns
// count characters, a tab as one.
func parse(data []byte) ([]check.Diagnostic, error) {
	var report struct {
		Comments []struct {
			File, Level, Message string
			Line, Column, Code   int
		}
	}
	if err := json.Unmarshal(data, &report); err != nil {
		return nil, err
	}
	var out []check.Diagnostic
	for _, c := range report.Comments {
		severity := check.Warning
		if c.Level == "error" {
			severity = check.Error
		}
		out = append(out, check.Diagnostic{
			File: c.File, Line: c.Line, Column: c.Column, Severity: severity,
			Code: fmt.Sprintf("SC%04d", c.Code), Message: c.Message, Tool: "shellcheck",
		})
	}
	return out, nil
}
