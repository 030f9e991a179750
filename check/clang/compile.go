package clang

import (
	"cmp"
	"encoding/json"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/gnu"
	"github.com/bitactor/cf/check/tool"
)

// finding is what makes a diagnostic of two compilers the same.
type finding struct {
	file string
	line int
	code string
}

// compile has both compilers look at files, a batch of equal flags at a time.
func (r *run) compile(files []string) error {
	for _, group := range r.groups(files) {
		args := append([]string{"-Wall", "-Wextra", "-Werror", "-fsyntax-only"}, r.flags.For(group[0])...)
		for _, f := range group {
			args = append(args, filepath.Join(r.Target.Stage.Root(), filepath.FromSlash(f)))
		}
		if r.gcc != nil {
			if err := r.compiler("gcc", *r.gcc, append([]string{"-fdiagnostics-format=json"}, args...)); err != nil {
				return err
			}
		}
		if r.clang != nil {
			quiet := []string{"-fno-color-diagnostics", "-fno-caret-diagnostics", "-Wno-pragma-once-outside-header", "-Wno-unused-command-line-argument"}
			if err := r.compiler("clang", *r.clang, append(quiet, args...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// groups puts files with the same flags together.
func (r *run) groups(files []string) [][]string {
	var out [][]string
	last := map[string]int{} // flags -> index of the group that is not full yet
	for _, f := range files {
		key := strings.Join(r.flags.For(f), "\x00") + path.Ext(f)
		i, open := last[key]
		if !open || len(out[i]) == batch {
			i = len(out)
			out = append(out, nil)
			last[key] = i
		}
		out[i] = append(out[i], f)
	}
	return out
}

func (r *run) compiler(name string, program tool.Program, args []string) error {
	res, ok, err := r.Run(r.ctx, tool.Call{Step: "compile", Tool: name, Program: program, Args: args, Dir: r.Target.Project})
	if err != nil || !ok {
		return err
	}
	if res.Stdout.Dropped+res.Stderr.Dropped > 0 {
		r.Gap(check.Gap{What: "compile", Why: "the output of " + name + " is too long to be read", Blocks: true})
	}
	text := res.Stderr.String() + res.Stdout.String()
	found := r.parse(name, text)
	for _, d := range found {
		r.add(d)
	}
	if res.Code != 0 && len(found) == 0 {
		r.Diagnose(check.Diagnostic{
			File: r.Blame(""), Severity: check.Error, Code: "compile", Tool: name,
			Message: name + " failed and named no place:\n" + text,
		})
	}
	return nil
}

// parse reads a compiler's report: gcc's JSON, or the text that clang, and gcc
// where it does not know the format, write.
func (r *run) parse(name, text string) []check.Diagnostic {
	found := decodeGCC(text)
	if len(found) == 0 {
		found = gnu.Parse(text, "", func(printed string) (string, bool) { return printed, true })
	}
	var out []check.Diagnostic
	for _, d := range found {
		rel, inside := r.Rel(r.Target.Project, d.File)
		if !inside || r.Target.Stage.Kind(rel) != "file" {
			d.Message = d.File + ": " + d.Message
			rel, d.Line, d.Column = r.Blame(""), 0, 0
		}
		d.File, d.Tool = rel, name
		if d.Code == "" {
			d.Code = code(d.Message)
		}
		out = append(out, d)
	}
	return out
}

// add reports a finding that no compiler reported yet.
func (r *run) add(d check.Diagnostic) {
	if strings.Contains(d.Message, "_cgo_export.h") {
		r.Gap(check.Gap{File: d.File, What: "compile", Why: "the go command makes the header that it includes and compiles it"})
		return
	}
	if path.Ext(d.File) == ".h" && strings.HasPrefix(d.Message, "#pragma once in main file") {
		return // the header is compiled by itself, as no source includes it
	}
	key := finding{d.File, d.Line, d.Code}
	if r.seen[key] {
		return
	}
	r.seen[key] = true
	r.Diagnose(d)
}

// gccDiagnostic is an element of -fdiagnostics-format=json (gcc's manual,
// "Options to Control Diagnostic Messages Formatting").
type gccDiagnostic struct {
	Kind, Message, Option string
	Locations             []struct {
		Caret struct {
			File       string
			Line       int
			Column     int
			ByteColumn int `json:"byte-column"`
		}
	}
	Children []gccDiagnostic
}

// decodeGCC reads gcc's report: an array for each file that it compiled, with
// lines of the driver between them. Text that is no report gives nothing.
func decodeGCC(text string) []check.Diagnostic {
	var out []check.Diagnostic
	for line := range strings.Lines(text) {
		var list []gccDiagnostic
		if !strings.HasPrefix(line, "[") || json.Unmarshal([]byte(line), &list) != nil {
			continue
		}
		for _, g := range list {
			if len(out) < gnu.FindingsMax && g.Kind != "note" {
				out = append(out, g.diagnostic())
			}
		}
	}
	return out
}

func (g gccDiagnostic) diagnostic() check.Diagnostic {
	d := check.Diagnostic{Severity: check.Error, Message: g.Message}
	if g.Kind == "warning" {
		d.Severity = check.Warning
	}
	d.Code = strings.TrimPrefix(strings.TrimPrefix(g.Option, "-Werror="), "-W")
	if len(g.Locations) > 0 {
		at := g.Locations[0].Caret
		d.File, d.Line, d.Column = at.File, max(at.Line, 0), max(cmp.Or(at.ByteColumn, at.Column), 0)
	}
	for _, c := range g.Children {
		d.Message += "\nnote: " + c.Message
	}
	return d
}

// codes name the errors that have no flag.
var codes = []struct{ contains, code string }{
	{"No such file or directory", "missing-header"},
	{"file not found", "missing-header"},
	{"undeclared", "undeclared"},
	{"unknown type name", "unknown-type"},
	{"implicit declaration", "implicit-function-declaration"},
	{"redefinition of", "redefinition"},
	{"conflicting types", "conflicting-types"},
	{"no member named", "no-member"},
	{"has no member", "no-member"},
	{"expected ", "syntax"},
}

func code(message string) string {
	for _, c := range codes {
		if strings.Contains(message, c.contains) {
			return c.code
		}
	}
	return "error"
}

// format asks clang-format about the changed files that a .clang-format speaks
// for. A project without one has no form to keep.
func (r *run) format() error {
	var files []string
	for _, f := range r.Present(r.Target.Changed) {
		if r.styled(path.Dir(f)) {
			files = append(files, filepath.Join(r.Target.Stage.Root(), filepath.FromSlash(f)))
		}
	}
	if len(files) == 0 {
		return nil
	}
	program, ok := tool.Look(r.Target.Stage, "clang-format")
	if !ok {
		r.Gap(check.Gap{What: "format", Why: "clang-format is not installed", Hint: "apt-get install clang-format"})
		return nil
	}
	for group := range slices.Chunk(files, batch) {
		args := append([]string{"--dry-run", "--style=file", "--ferror-limit=0"}, group...)
		res, ok, err := r.Run(r.ctx, tool.Call{Step: "format", Tool: "clang-format", Program: program, Args: args, Dir: r.Target.Project})
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		for _, d := range gnu.Parse(res.Stderr.String(), "clang-format", r.inTree) {
			d.Severity, d.Code, d.Tool = check.Warning, "clang-format", "clang-format"
			r.Diagnose(d)
		}
	}
	return nil
}

// inTree makes a printed path of a file of the tree relative to the root.
func (r *run) inTree(printed string) (string, bool) {
	rel, inside := r.Rel(r.Target.Project, printed)
	return rel, inside && r.Target.Stage.Kind(rel) == "file"
}

// styled tells whether a .clang-format lies in dir or above it.
func (r *run) styled(dir string) bool {
	for ; ; dir = path.Dir(dir) {
		if r.Target.Stage.Kind(path.Join(dir, ".clang-format")) == "file" {
			return true
		}
		if dir == "." {
			return false
		}
	}
}
