package beam

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/workspace/sandbox"
)

// NewErlang returns the checker of Erlang, from OTP 24 on. It compiles by the
// compiler alone, with the options of rebar.config and whatever dependencies
// rebar3 or Mix have built: neither is run, their own plugins and hooks neither.
func NewErlang() check.Checker { return &erlang{} }

type erlang struct{ limits sandbox.Limits }

func (*erlang) Name() string { return "erlang" }

func (*erlang) Match(file string, _ []byte) bool {
	ext := path.Ext(file)
	return ext == ".erl" || ext == ".hrl" || strings.HasSuffix(file, ".app.src") || path.Base(file) == "rebar.config"
}

func (*erlang) Markers() []string { return []string{"rebar.config", "erlang.mk", "mix.exs"} }

var escript = check.Tool{Program: "escript", For: "compile", Hint: "apt-get install erlang-base", Needed: true, Version: []string{}}

func (*erlang) Tools() []check.Tool { return []check.Tool{escript} }

func (*erlang) Canaries() []check.Canary {
	files := map[string]string{
		"canary.erl":       "-module(canary).\n-export([sing/1]).\nsing(A) ->\n    B = lists:nope(A),\n    A.\n",
		"rebar.config":     "",
		"canary_tests.erl": "-module(canary_tests).\n-include_lib(\"eunit/include/eunit.hrl\").\nsing_test() -> ?assertEqual(2, length([1])).\n",
	}
	return []check.Canary{
		{Files: map[string]string{"canary.erl": "-module(canary).\nsing( -> 1.\n"}, File: "canary.erl", Line: 2, Code: "syntax-error"},
		{Files: files, File: "canary.erl", Line: 4, Code: "unused_var"},
		{Files: files, File: "canary.erl", Line: 4, Code: "undefined_function"},
		{Files: files, Test: "canary_tests:sing_test"},
	}
}

// erlangRun is one check of a project or of lone files.
type erlangRun struct {
	*tool.Session
	program tool.Program
	project string // absolute; "" for files of none
	ebin    string // where the modules are compiled to
}

func (e *erlang) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	s := tool.Begin(t, e.Name(), e.limits)
	defer s.Close()
	program, found := tool.Look(t.Stage, "escript")
	if !found {
		s.Missing(escript)
		return s.Outcome(), nil
	}
	r := &erlangRun{Session: s, program: program}
	r.program.Env = append(r.program.Env, "ERL_CRASH_DUMP=/dev/null", "ERL_AFLAGS=", "ERL_FLAGS=")
	if slices.ContainsFunc(e.Markers(), s.HasFile) {
		r.project = filepath.Join(t.Stage.Root(), filepath.FromSlash(t.Project))
	}
	err := r.check(ctx)
	return s.Outcome(), err
}

func (r *erlangRun) check(ctx context.Context) error {
	folder, err := r.Folder()
	if err != nil {
		return err
	}
	r.ebin = filepath.Join(folder, "ebin")
	if err := os.Mkdir(r.ebin, 0o700); err != nil {
		return err
	}
	r.Testable()
	modules, err := r.compile(ctx)
	if err != nil || !r.Target.Tests || r.Failing() || len(modules) == 0 {
		return err
	}
	return r.test(ctx, modules)
}

// sources returns what the compiler shall see: of a project all files, of lone
// ones those that changed and, marked by "-", their neighbours.
func (r *erlangRun) sources(ctx context.Context) (string, error) {
	files := r.Present(r.Target.Files)
	if r.project != "" {
		var err error
		if files, err = r.Project(ctx, NewErlang()); err != nil {
			return "", err
		}
	}
	var b strings.Builder
	folders := map[string]bool{}
	for _, f := range r.Target.Changed {
		folders[path.Dir(f)] = true
	}
	for _, f := range files {
		mark := "+"
		if r.project == "" && !slices.Contains(r.Target.Changed, f) {
			mark = "-"
			if !folders[path.Dir(f)] {
				continue
			}
		}
		if strings.ContainsAny(f, "\n\r") {
			r.Gap(check.Gap{File: f, What: "compile", Why: "its name holds a line break", Blocks: true})
			continue
		}
		b.WriteString(mark + filepath.Join(r.Target.Stage.Root(), filepath.FromSlash(f)) + "\n")
	}
	return b.String(), nil
}

// module is a compiled module that holds tests.
type module struct{ name, file string }

// compile compiles everything, reports what is wrong, and returns the modules
// that hold tests.
func (r *erlangRun) compile(ctx context.Context) ([]module, error) {
	paths, err := place(r.Session, "cf_erlang.erl")
	if err != nil {
		return nil, err
	}
	sources, err := r.sources(ctx)
	if err != nil {
		return nil, err
	}
	list, err := r.Script("compile.list", sources)
	if err != nil {
		return nil, err
	}
	report, err := reportPath(r.Session, "compile.report")
	if err != nil {
		return nil, err
	}
	result, ended, err := r.Run(ctx, tool.Call{
		Step: "compile", Tool: "erlc", Program: r.program, Dir: r.Target.Project,
		Args: []string{paths[0], report, r.ebin, list, r.project},
	})
	if err != nil {
		return nil, err
	}
	records := r.Records("compile", "compile.report")
	if ended && !finished(records) {
		r.Gap(check.Gap{What: "compile", Why: fmt.Sprintf("the compiler ended with status %d: %s", result.Code, result.Describe()), Blocks: true})
	}
	return r.compiled(records), nil
}

// compiled takes what the script reports. Without the dependencies, only what
// the parser says counts.
func (r *erlangRun) compiled(records []tool.Record) (modules []module) {
	bare := false
	for _, m := range records {
		switch m.Kind {
		case "version":
			r.program.Version = m.Field(0)
			r.SetVersion(m.Field(0))
		case "nodeps":
			bare = true
			r.Gap(check.Gap{What: "compile", Why: "the dependencies are not built", Hint: "rebar3 compile", Blocks: true})
		case "noeunit":
			r.Gap(check.Gap{What: "tests", Why: "EUnit is not installed", Hint: "apt-get install erlang-eunit", Blocks: true})
			bare = true
		case "tests":
			if file, inside := r.Rel(r.Target.Project, m.Field(1)); inside {
				modules = append(modules, module{m.Field(0), file})
			}
		case "error", "warning":
			if !bare || m.Field(3) == "syntax-error" {
				r.diagnostic(m)
			}
		}
	}
	if bare {
		return nil
	}
	return modules
}

func (r *erlangRun) diagnostic(m tool.Record) {
	d := check.Diagnostic{Line: m.Number(1), Severity: check.Severity(m.Kind), Code: m.Field(3), Message: m.Field(4), Tool: "erlc"}
	if strings.HasPrefix(d.Code, "undefined_") && d.Severity == check.Warning {
		d.Tool = "xref"
	}
	var inside bool
	if d.File, inside = r.Rel(r.Target.Project, m.Field(0)); !inside {
		d.File, d.Line = r.Blame("rebar.config"), 0
	}
	d.Column = r.Column(d.File, d.Line, m.Number(2))
	r.Diagnose(d)
}

func isEUnit(file string) bool { return strings.HasSuffix(file, "_tests.erl") }

// test runs the tests of modules; those of the changed files alone where
// nothing else changed.
func (r *erlangRun) test(ctx context.Context, modules []module) error {
	if onlyTests(r.Target.Changed, isEUnit) {
		modules = slices.DeleteFunc(modules, func(m module) bool { return !slices.Contains(r.Target.Changed, m.file) })
	}
	paths, err := place(r.Session, "cf_eunit.erl")
	if err != nil {
		return err
	}
	report, err := reportPath(r.Session, "test.report")
	if err != nil {
		return err
	}
	args := []string{paths[0], report, r.ebin, filepath.Join(r.Target.Stage.Root(), filepath.FromSlash(r.Target.Project))}
	for _, m := range modules {
		args = append(args, m.name)
	}
	result, ended, err := r.Run(ctx, tool.Call{Step: "tests", Tool: "eunit", Program: r.program, Args: args, Dir: r.Target.Project})
	if err != nil {
		return err
	}
	records := r.Records("tests", "test.report")
	tested(r.Session, records)
	if ended && !finished(records) {
		r.Gap(check.Gap{What: "tests", Why: fmt.Sprintf("EUnit ended with status %d: %s", result.Code, result.Describe()), Blocks: true})
	}
	return nil
}
