// Package clang checks C: warnings of gcc and of clang as errors, the form
// where the project has a .clang-format, and tests under the address and
// undefined-behaviour sanitizers.
//
// It must never run make or another build system by guess, take a flag from a
// project that could make a compiler run or write something, or call a test
// passed that the sanitizers did not watch without saying so.
//
// Invariants:
//  1. Flags come from compile_commands.json, else from what the Makefile says
//     word for word, else are -std=c11 with the include folders that are there.
//     Only -std, -D, -U, -I and -isystem are taken.
//  2. A finding of both compilers is reported once.
//  3. A test is a file named *_test.c or test_*.c with a main function; it is
//     built with the source that it is named after, or with all of the
//     project's sources without one.
package clang

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// Name of the checker.
const Name = "c"

// limits hold for one run of a compiler or a test.
var limits = sandbox.Limits{Wall: 2 * time.Minute}

// filesMax bounds the files of a project that are looked at to find out who
// includes whom.
const filesMax = 5000

// batch is how many files one compiler run takes.
const batch = 32

// New returns the checker.
func New() check.Checker { return checker{} }

type checker struct{}

func (checker) Name() string { return Name }

func (checker) Match(file string, _ []byte) bool {
	return path.Ext(file) == ".c" || path.Ext(file) == ".h"
}

// Markers are the files of build systems: none of them is run.
func (checker) Markers() []string {
	return []string{"compile_commands.json", "Makefile", "makefile", "GNUmakefile", "CMakeLists.txt", "meson.build", "configure.ac"}
}

func (checker) Tools() []check.Tool {
	return []check.Tool{
		{Program: "gcc", For: "compile with gcc", Hint: "apt-get install gcc"},
		{Program: "clang", For: "compile with clang", Hint: "apt-get install clang"},
		{Program: "gcov", For: "coverage", Hint: "apt-get install gcc"},
	}
}

func (checker) Canaries() []check.Canary {
	return []check.Canary{
		{
			Files: map[string]string{"a.c": "int f(void);\nint f(void)\n{\n\tint unused;\n\treturn 1;\n}\n"},
			File:  "a.c", Line: 4, Code: "unused-variable",
		},
		{
			Files: map[string]string{"g.c": "int static x;\nint f(void);\nint f(void)\n{\n\treturn x;\n}\n"},
			File:  "g.c", Line: 1, Code: "old-style-declaration", Tool: "gcc",
		},
		{
			Files: map[string]string{"l.c": "int f(int n);\nint f(int n)\n{\n\tn = n;\n\treturn n;\n}\n"},
			File:  "l.c", Line: 4, Code: "self-assign", Tool: "clang",
		},
		{
			Files: map[string]string{
				"s.c":      "int sum(const int *v, int n);\nint sum(const int *v, int n)\n{\n\tint s = 0;\n\tfor (int i = 0; i <= n; i++)\n\t\ts += v[i];\n\treturn s;\n}\n",
				"s_test.c": "int sum(const int *v, int n);\nint main(void)\n{\n\tint v[2] = {1, 2};\n\treturn sum(v, 2) == -1;\n}\n",
			},
			Test: "s_test.c", Tool: "gcc",
		},
	}
}

// Check runs the checks, see the package comment.
func (checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	s := tool.Begin(t, Name, limits)
	defer s.Close()
	s.Testable()
	r := &run{Session: s, ctx: ctx, seen: map[finding]bool{}, text: map[string]string{}}
	if err := r.all(); err != nil {
		return r.outcome(), err
	}
	return r.outcome(), nil
}

// run is one Check.
type run struct {
	*tool.Session
	ctx     context.Context // of this Check
	gcc     *tool.Program   // nil where it is missing
	clang   *tool.Program
	project []string // the C files of the project, sorted
	flags   flags
	seen    map[finding]bool
	text    map[string]string // of files, as read
	ran     []check.Ran       // tests
}

func (r *run) outcome() check.Outcome {
	o := r.Outcome()
	o.Ran = append(o.Ran, r.ran...)
	// A header that is missing may be one of the system's, to be installed.
	o.Volatile = slices.ContainsFunc(o.Diagnostics, func(d check.Diagnostic) bool { return d.Code == "missing-header" })
	return o
}

func (r *run) all() error {
	if p, ok := tool.Look(r.Target.Stage, "gcc"); ok {
		r.gcc = &p
	}
	if p, ok := tool.Look(r.Target.Stage, "clang"); ok {
		r.clang = &p
	}
	if r.gcc == nil && r.clang == nil {
		r.Gap(check.Gap{What: "compile", Why: "neither gcc nor clang is installed", Hint: "apt-get install gcc", Blocks: true})
		return nil
	}
	if err := r.list(); err != nil {
		return err
	}
	r.flags = r.readFlags()
	if len(r.Target.Only) == 0 {
		if err := r.compile(r.reached()); err != nil {
			return err
		}
		if err := r.format(); err != nil {
			return err
		}
	}
	if !r.Target.Tests {
		return nil
	}
	return r.tests()
}

// list finds the C files of the project, those not asked about included: they
// say who includes whom.
func (r *run) list() error {
	l, err := r.Target.Stage.List(r.ctx, workspace.ListOptions{Under: r.Target.Project})
	if err != nil {
		return err
	}
	for _, f := range l.Files {
		if (checker{}).Match(f.Path, nil) {
			r.project = append(r.project, f.Path)
		}
	}
	if len(r.project) > filesMax {
		r.Gap(check.Gap{What: "includes", Why: "the project has too many files to find out who includes whom"})
		r.project = r.project[:filesMax]
	}
	for _, f := range r.Present(r.Target.Files) {
		if !slices.Contains(r.project, f) { // an ignored file, asked for by name
			r.project = append(r.project, f)
		}
	}
	slices.Sort(r.project)
	return nil
}

// read returns the text of a file, "" where it can't be read.
func (r *run) read(file string) string {
	text, known := r.text[file]
	if !known {
		data, err := r.Target.Stage.Read(file)
		if err == nil {
			text = string(data)
		}
		r.text[file] = text
	}
	return text
}

var include = lazyregexp.New(`(?m)^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"`)

// includes returns the files that a file includes by name in quotes.
func (r *run) includes(file string) []string {
	var out []string
	for _, m := range include.FindAllStringSubmatch(r.read(file), -1) {
		out = append(out, m[1])
	}
	return out
}

// plusPlus matches what only C++ has.
var plusPlus = lazyregexp.New(`(?m)^[ \t]*(?:namespace\s+\w|template\s*<|class\s+\w+[^;]*\{|using\s+namespace)`)

// reached returns the files to be compiled: the changed ones, and for a changed
// header the sources that include it, directly or not. A header that no source
// includes is compiled by itself.
func (r *run) reached() []string {
	var out []string
	for _, file := range r.Present(r.Target.Changed) {
		if plusPlus.MatchString(r.read(file)) {
			r.Gap(check.Gap{File: file, What: "compile", Why: "it is C++", Blocks: true})
			continue
		}
		if path.Ext(file) == ".c" {
			out = append(out, file)
			continue
		}
		if users := r.users(file); len(users) > 0 {
			out = append(out, users...)
		} else {
			out = append(out, file)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// users returns the sources that include a header.
func (r *run) users(header string) []string {
	reached := map[string]bool{header: true}
	var out []string
	for grew := true; grew; {
		grew = false
		for _, file := range r.project {
			if !reached[file] && slices.ContainsFunc(r.includes(file), func(name string) bool { return names(name, reached) }) {
				reached[file], grew = true, true
				if path.Ext(file) == ".c" {
					out = append(out, file)
				}
			}
		}
	}
	return out
}

// names tells whether an include may mean one of the files.
func names(name string, files map[string]bool) bool {
	name = strings.TrimLeft(path.Clean(name), "./")
	for file := range files {
		if file == name || strings.HasSuffix(file, "/"+name) {
			return true
		}
	}
	return false
}
