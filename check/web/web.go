// Package web checks JavaScript and TypeScript: syntax by node and the parsers
// of package syntax, types by the project's own compiler, tests by node's own
// runner or the project's vitest or jest.
//
// It must never run a script of package.json: that is shell text of the
// repository's, and what it does can't be told from its name.
//
// Invariants:
//  1. Files are parsed before anything is run.
//  2. Where the tests are for a runner that is not there or not known, that is
//     a gap, never "no tests".
//  3. A file that the compiler's configuration leaves out is a gap, never
//     "no type errors".
package web

import (
	"context"
	"embed"
	"encoding/json"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace/sandbox"
)

//go:embed scripts
var scripts embed.FS

var node = check.Tool{Program: "node", For: "compile", Hint: "apt-get install nodejs", Needed: true}

// kind is a checker of this package.
type kind struct {
	name    string
	suffix  *lazyregexp.Regexp
	limits  sandbox.Limits
	check   func(context.Context, *run) error
	planted []check.Canary
}

func (k *kind) Name() string { return k.name }

func (k *kind) Match(file string, head []byte) bool {
	if path.Ext(file) == "" && k.name == "javascript" {
		return shebang.Match(head)
	}
	return k.suffix.MatchString(file)
}

var shebang = lazyregexp.New(`^#![^\n]*\bnode\b`)

func (*kind) Markers() []string { return []string{"package.json", "tsconfig.json"} }

func (*kind) Tools() []check.Tool { return []check.Tool{node} }

func (k *kind) Canaries() []check.Canary { return k.planted }

func (k *kind) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	s := tool.Begin(t, k.name, k.limits)
	defer s.Close()
	program, found := tool.Look(t.Stage, "node")
	if !found {
		s.Missing(node)
		return s.Outcome(), nil
	}
	r := &run{Session: s, node: program, kind: k}
	if err := r.prepare(); err != nil {
		return s.Outcome(), err
	}
	s.Testable()
	err := k.check(ctx, r)
	return s.Outcome(), err
}

// run is one check.
type run struct {
	*tool.Session
	kind   *kind
	node   tool.Program
	folder string
	pack   packageFile
}

// packageFile is what counts here of a package.json.
type packageFile struct {
	Type                          string
	Dependencies, DevDependencies map[string]string
}

func (r *run) prepare() error {
	entries, err := scripts.ReadDir("scripts")
	if err != nil {
		return fault.New(fault.Failed, "", "%w", err).On("read", "scripts")
	}
	for _, e := range entries {
		text, err := scripts.ReadFile("scripts/" + e.Name())
		if err != nil {
			return fault.New(fault.Failed, "", "%w", err).On("read", e.Name())
		}
		if _, err := r.Script(e.Name(), string(text)); err != nil {
			return err
		}
	}
	r.folder, err = r.Folder()
	if data, readErr := r.Target.Stage.Read(r.InProject("package.json")); readErr == nil {
		_ = json.Unmarshal(data, &r.pack) // a broken one is the finding of the checker of JSON
	}
	return err
}

// uses tells whether package.json names a package that is depended on.
func (r *run) uses(name string) bool {
	_, direct := r.pack.Dependencies[name]
	_, dev := r.pack.DevDependencies[name]
	return direct || dev
}

// installed returns the absolute path of a file of a package in the nearest
// node_modules that has it, from the project upwards; "" where none has.
func (r *run) installed(file string) string {
	for dir := r.Target.Project; ; dir = path.Dir(dir) {
		if at := path.Join(dir, "node_modules", file); r.Target.Stage.Kind(at) == "file" {
			return r.absolute(at)
		}
		if dir == "." {
			return ""
		}
	}
}

func (r *run) absolute(file string) string {
	return filepath.Join(r.Target.Stage.Root(), filepath.FromSlash(file))
}

// inFolder returns the path of a script or report of ours.
func (r *run) inFolder(name string) string { return filepath.Join(r.folder, name) }

// below returns files relative to the project, none of them like an option.
func (r *run) below(files []string) []string {
	var out []string
	for _, f := range files {
		if r.Target.Project != "." {
			f = strings.TrimPrefix(f, path.Clean(r.Target.Project)+"/")
		}
		if strings.HasPrefix(f, "-") {
			f = "./" + f
		}
		out = append(out, f)
	}
	return out
}

// listable leaves out files whose name can't stand in a list, with a gap.
func (r *run) listable(files []string) []string {
	return slices.DeleteFunc(slices.Clone(files), func(f string) bool {
		if !strings.ContainsAny(f, "\n\r") {
			return false
		}
		r.Gap(check.Gap{File: f, What: "compile", Why: "its name holds a line break", Blocks: true})
		return true
	})
}

// parserOf names the language of package syntax for a file of this package.
func parserOf(file string) string {
	switch ext := path.Ext(file); {
	case ext == ".tsx":
		return "tsx"
	case strings.Contains(ext, "ts"):
		return "typescript"
	}
	return "javascript"
}

// problems returns what the parser of package syntax says of a file; a file
// that it can't read is a gap, which blocks where nothing else parses it.
func (r *run) problems(ctx context.Context, file string) []syntax.Problem {
	text, err := r.Target.Stage.Read(file)
	if err == nil {
		language := syntax.ByName(parserOf(file))
		if language == nil {
			return nil
		}
		var found []syntax.Problem
		if found, err = syntax.Check(ctx, language, text); err == nil {
			return found
		}
	}
	r.Gap(check.Gap{File: file, What: "syntax", Why: err.Error(), Blocks: path.Ext(file) == ".jsx"})
	return nil
}

// parsed reports problems of a file.
func (r *run) parsed(file string, problems []syntax.Problem) {
	for _, p := range problems {
		r.Diagnose(check.Diagnostic{
			File: file, Line: p.Line, Column: p.Column, Severity: check.Error, Code: "syntax-error", Message: p.Message, Tool: "tree-sitter",
		})
	}
}
