package golang

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/scanner"
	"go/token"
	"path"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/bitactor/cf/check"
)

// hunksMax bounds the places of one file that are reported as not formatted.
const hunksMax = 20

// source reads the changed files in process: their syntax and their form.
func (r *run) source() {
	for _, file := range r.Target.Changed {
		if path.Ext(file) != ".go" || r.Target.Stage.Kind(file) != "file" {
			continue
		}
		if ignoredByGo(r.Target.Project, file) {
			r.Gap(check.Gap{File: file, What: "compile", Why: "the go command passes over this folder"})
			continue
		}
		src, err := r.Target.Stage.Read(file)
		if err != nil {
			r.Gap(check.Gap{File: file, What: "syntax", Why: err.Error(), Blocks: true})
			continue
		}
		found := parse(file, src)
		r.broken[file] = len(found) > 0
		if len(found) == 0 {
			found = unformatted(file, src)
		}
		for _, d := range found {
			r.Diagnose(d)
		}
	}
}

// parse returns the syntax errors of a file.
func parse(file string, src []byte) []check.Diagnostic {
	_, err := parser.ParseFile(token.NewFileSet(), file, src, parser.SkipObjectResolution|parser.AllErrors)
	var list scanner.ErrorList
	if err == nil || !errors.As(err, &list) {
		return nil
	}
	list.RemoveMultiples() // one a line: the others follow from it
	var out []check.Diagnostic
	for _, e := range list {
		line, column := e.Pos.Line, e.Pos.Column
		if e.Pos.Filename != file { // moved by a line directive
			line, column = 0, 0
		}
		out = append(out, check.Diagnostic{
			File: file, Line: line, Column: column, Severity: check.Error, Code: "syntax", Message: e.Msg, Tool: "go/parser",
		})
	}
	return out
}

// unformatted returns the places where gofmt would write something else.
func unformatted(file string, src []byte) []check.Diagnostic {
	want, err := format.Source(src)
	if err != nil || bytes.Equal(src, want) {
		return nil
	}
	diff, err := udiff.ToUnifiedDiff(file, file, string(src), udiff.Lines(string(src), string(want)), 0)
	if err != nil {
		return nil
	}
	var out []check.Diagnostic
	for _, h := range diff.Hunks {
		message := "gofmt leaves this out"
		for _, l := range h.Lines {
			if l.Kind == udiff.Insert {
				message = "gofmt writes an empty line"
				if text := strings.TrimRight(l.Content, "\r\n"); text != "" {
					message = fmt.Sprintf("gofmt writes %q", text)
				}
				break
			}
		}
		out = append(out, check.Diagnostic{
			File: file, Line: max(h.FromLine, 1), Severity: check.Warning, Code: "gofmt", Message: message, Tool: "gofmt",
		})
		if len(out) == hunksMax {
			break
		}
	}
	return out
}
