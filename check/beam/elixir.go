package beam

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// onlyMax is how many names of tests are passed on; for more, all run.
const onlyMax = 50

// NewElixir returns the checker of Elixir, from 1.13 on.
func NewElixir() check.Checker { return &elixir{} }

type elixir struct{ limits sandbox.Limits }

func (*elixir) Name() string { return "elixir" }

func (*elixir) Match(file string, _ []byte) bool {
	ext := path.Ext(file)
	return ext == ".ex" || ext == ".exs"
}

func (*elixir) Markers() []string { return []string{"mix.exs"} }

// outside are the folders that a mix.exs names beside its own, such as C sources.
var outside = lazyregexp.New(`"(\.\./[^"\s]+)"`)

// Adopts is check.Adopter: the folders that a project builds or tests beside its own.
func (*elixir) Adopts(s *workspace.Stage, project string) []string {
	text, err := s.Read(path.Join(project, "mix.exs"))
	if err != nil { // lone files
		return nil
	}
	var folders []string
	for _, m := range outside.FindAllStringSubmatch(string(text), -1) {
		if dir := path.Join(project, m[1]); dir != "." && !strings.HasPrefix(dir, "..") {
			folders = append(folders, dir)
		}
	}
	return folders
}

// Depends is check.Dependent.
func (e *elixir) Depends(t check.Target) []string { return e.Adopts(t.Stage, t.Project) }

func (*elixir) Tools() []check.Tool {
	return []check.Tool{
		{Program: "elixir", For: "compile", Hint: "apt-get install elixir", Needed: true, Version: []string{"--short-version"}},
		{Program: "mix", For: "tests", Hint: "apt-get install elixir", Needed: true, Version: []string{}},
	}
}

func (*elixir) Canaries() []check.Canary {
	project := map[string]string{
		"mix.exs":              "defmodule Canary.MixProject do\n  use Mix.Project\n  def project, do: [app: :canary, version: \"0.1.0\"]\nend\n",
		"lib/canary.ex":        "defmodule Canary do\n  def sing(a) do\n    b = 1\n    a\n  end\nend\n",
		"test/test_helper.exs": "ExUnit.start()\n",
		"test/canary_test.exs": "defmodule CanaryTest do\n  use ExUnit.Case\n  test \"sings\" do\n    assert Canary.sing(1) == 2\n  end\nend\n",
	}
	return []check.Canary{
		{Files: map[string]string{"canary.ex": "defmodule Canary do\n  def sing(a), do: a +* 2\nend\n"}, File: "canary.ex", Line: 2, Code: "syntax-error"},
		{Files: project, File: "lib/canary.ex", Line: 3, Code: "unused-variable"},
		{Files: project, Test: "CanaryTest: test sings"},
	}
}

// elixirRun is one check of a project or of lone files.
type elixirRun struct {
	*tool.Session
	program tool.Program
	project bool
	cover   bool
	env     []string
}

func (e *elixir) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	s := tool.Begin(t, e.Name(), e.limits)
	defer s.Close()
	program, found := tool.Look(t.Stage, "elixir")
	if !found {
		s.Missing(e.Tools()[0])
		return s.Outcome(), nil
	}
	r := &elixirRun{Session: s, program: program, project: s.HasFile("mix.exs")}
	err := r.check(ctx)
	return s.Outcome(), err
}

func (r *elixirRun) check(ctx context.Context) error {
	if len(r.Target.Only) == 0 {
		if ok, err := r.parse(ctx); !ok || err != nil {
			return err
		}
	}
	if !r.project {
		return r.lone(ctx)
	}
	r.Testable()
	if _, found := tool.Look(r.Target.Stage, "mix"); !found {
		r.Missing((*elixir)(nil).Tools()[1])
		return nil
	}
	release, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	defer release()
	files, err := r.compile(ctx)
	if err != nil || !r.Target.Tests || len(files) == 0 || r.Failing() {
		return err
	}
	return r.test(ctx, files)
}

// parse reads the changed files with the language's own parser; false when one
// has no syntax tree, or none could be had: then nothing else is worth running.
func (r *elixirRun) parse(ctx context.Context) (bool, error) {
	paths, err := place(r.Session, "report.ex", "parse.exs")
	if err != nil {
		return false, err
	}
	list, err := listFile(r.Session, "parse.list", r.Present(r.Target.Changed))
	if err != nil {
		return false, err
	}
	report, err := reportPath(r.Session, "parse.report")
	if err != nil {
		return false, err
	}
	records, err := r.script(ctx, script{
		step: "parse", tool: "elixir", dir: ".", report: "parse.report",
		args: []string{"-r", paths[0], paths[1], report, list},
	})
	r.cover = slices.ContainsFunc(records, func(m tool.Record) bool { return m.Kind == "cover" && m.Field(0) == "true" })
	return finished(records) && !r.Failing(), err
}

// script is a run of scripts of ours in one virtual machine.
type script struct {
	step, tool, dir, report string
	args, env               []string
}

// script runs c and takes the diagnostics of its report; a report without an
// end is a gap.
func (r *elixirRun) script(ctx context.Context, c script) ([]tool.Record, error) {
	records, result, ended, err := r.start(ctx, c)
	if err != nil || !ended {
		return records, err
	}
	if !finished(records) {
		r.Gap(check.Gap{What: c.step, Why: fmt.Sprintf("%s ended with status %d: %s", c.tool, result.Code, result.Describe()), Blocks: true})
	}
	return records, nil
}

func (r *elixirRun) start(ctx context.Context, c script) ([]tool.Record, process.Result, bool, error) {
	result, ended, err := r.Run(ctx, tool.Call{
		Step: c.step, Tool: c.tool, Program: r.program, Args: c.args, Dir: c.dir,
		Env: slices.Concat(r.env, c.env, []string{"ERL_CRASH_DUMP=/dev/null"}),
	})
	records := r.Records(c.step, c.report)
	r.SetVersion(r.program.Version)
	for _, m := range records {
		switch m.Kind {
		case "version":
			r.program.Version = m.Field(0)
			r.SetVersion(m.Field(0))
		case "diagnostic":
			r.diagnostic(c.tool, m)
		}
	}
	return records, result, ended, err
}

func (r *elixirRun) diagnostic(toolName string, m tool.Record) {
	d := check.Diagnostic{Severity: check.Warning, Line: m.Number(2), Tool: toolName}
	d.Message = raised.ReplaceAllString(m.Field(4), "")
	if m.Field(0) == "error" {
		d.Severity = check.Error
	}
	d.Code = elixirCode(d.Severity, d.Message)
	var inside bool
	if d.File, inside = r.Rel(r.Target.Project, m.Field(1)); !inside {
		d.File, d.Line = r.Blame("mix.exs"), 0
	}
	if path.Ext(d.File) == ".erl" && d.Severity == check.Warning { // the checker of Erlang says it too
		return
	}
	d.Column = r.Column(d.File, d.Line, m.Number(3))
	r.Diagnose(d)
}

// raised is what Elixir 1.14 puts before the message of an error.
var raised = lazyregexp.New(`^\*\* \(\w+\) \S+:\d+(:\d+)?: `)

// elixirCodes names what the compiler says; it has no names of its own. The
// order counts: the first that matches speaks.
var elixirCodes = []struct {
	code string
	says *lazyregexp.Regexp
}{
	{"syntax-error", lazyregexp.New(`^(syntax error|unexpected |missing terminator|invalid |unclosed )`)},
	{"unused-variable", lazyregexp.New(`^variable "[^"]*" is unused`)},
	{"unused-import", lazyregexp.New(`^unused import`)},
	{"unused-alias", lazyregexp.New(`^unused (alias|require)`)},
	{"unused-attribute", lazyregexp.New(`^module attribute @\S+ was set but never used`)},
	{"unused-function", lazyregexp.New(`^function \S+ is unused`)},
	{"undefined-variable", lazyregexp.New(`undefined variable|^variable "[^"]*" does not exist`)},
	{"undefined-module", lazyregexp.New(`is undefined \(module |module \S+ is not (loaded|available)|struct .* is undefined`)},
	{"undefined-function", lazyregexp.New(`undefined function|is undefined or private`)},
	{"unreachable-clause", lazyregexp.New(`clause .*(cannot|can't|never) match|this clause`)},
	{"missing-callback", lazyregexp.New(`required by (behaviour|protocol)`)},
	{"deprecated", lazyregexp.New(`is deprecated`)},
	{"type-mismatch", lazyregexp.New(`incompatible types|typing violation`)},
}

func elixirCode(severity check.Severity, message string) string {
	for _, c := range elixirCodes {
		if c.says.MatchString(message) {
			return c.code
		}
	}
	return "compile-" + string(severity)
}

// lone compiles files of no project.
func (r *elixirRun) lone(ctx context.Context) error {
	paths, err := place(r.Session, "report.ex", "lone.exs")
	if err != nil {
		return err
	}
	list, err := listFile(r.Session, "lone.list", r.Present(r.Target.Changed))
	if err != nil {
		return err
	}
	report, err := reportPath(r.Session, "lone.report")
	if err != nil {
		return err
	}
	records, err := r.script(ctx, script{
		step: "compile", tool: "elixirc", dir: ".", report: "lone.report",
		args: []string{"-r", paths[0], paths[1], report, list},
	})
	for _, m := range records {
		if file, ok := r.Rel(".", m.Field(0)); ok && m.Kind == "skipped" {
			r.Gap(check.Gap{File: file, What: "compile", Why: "a script that installs packages is only parsed"})
		}
	}
	return err
}

// prepare sets up Mix: build results in cf's own cache, no network, and only
// the archives and rebar3 of the user's own ~/.mix.
func (r *elixirRun) prepare(ctx context.Context) (release func(), err error) {
	sum := sha256.Sum256([]byte(r.Target.Project))
	build, release, err := r.Build(ctx, "elixir-"+hex.EncodeToString(sum[:6]))
	if err != nil {
		return nil, err
	}
	home := filepath.Join(build, "home")
	r.env = []string{
		"MIX_ENV=test", "MIX_BUILD_PATH=" + filepath.Join(build, "build"), "MIX_HOME=" + home, "HEX_HOME=" + home,
		"HEX_OFFLINE=1", "MIX_QUIET=1", "ERL_AFLAGS=", "ERL_FLAGS=",
	}
	user := cmp.Or(r.Target.Stage.Getenv("MIX_HOME"), filepath.Join(r.Target.Stage.Getenv("HOME"), ".mix"))
	if archives := filepath.Join(user, "archives"); filepath.IsAbs(user) {
		r.program.ReadOnly = append(r.program.ReadOnly, r.existing(archives)...)
		r.env = append(r.env, "MIX_ARCHIVES="+archives)
		// https://hexdocs.pm/mix/Mix.html#module-environment-variables
		if found, _ := filepath.Glob(filepath.Join(user, "elixir", "*", "rebar3")); len(found) > 0 {
			r.program.ReadOnly = append(r.program.ReadOnly, found[len(found)-1])
			r.env = append(r.env, "MIX_REBAR3="+found[len(found)-1])
		}
	}
	return release, nil
}

func (*elixirRun) existing(dir string) []string {
	if found, _ := filepath.Glob(dir); len(found) > 0 {
		return []string{dir}
	}
	return nil
}

// compile compares the changed files with their formatted form, compiles the
// project and returns its test files, relative to the root.
func (r *elixirRun) compile(ctx context.Context) ([]string, error) {
	paths, err := place(r.Session, "report.ex", "check.ex")
	if err != nil {
		return nil, err
	}
	list, err := listFile(r.Session, "format.list", r.Present(r.Target.Changed))
	if err != nil {
		return nil, err
	}
	report, err := reportPath(r.Session, "check.report")
	if err != nil {
		return nil, err
	}
	records, result, ended, err := r.start(ctx, script{
		step: "compile", tool: "mix compile", dir: r.Target.Project, report: "check.report",
		args: []string{"-r", paths[0], "-r", paths[1], "-S", "mix", "cf.check", report, list},
	})
	if err != nil || !ended {
		return nil, err
	}
	if !finished(records) {
		r.notLoaded(result)
		return nil, nil
	}
	return r.compiled(records, result), nil
}

// compiled takes what cf.check reports beside diagnostics.
func (r *elixirRun) compiled(records []tool.Record, result process.Result) (tests []string) {
	for _, m := range records {
		file, _ := r.Rel(r.Target.Project, m.Field(0))
		switch {
		case m.Kind == "format":
			r.Diagnose(check.Diagnostic{
				File: file, Line: m.Number(1), Severity: check.Warning, Code: "not-formatted",
				Message: "the file is not formatted as mix format would", Tool: "mix format",
			})
		case m.Kind == "testfile":
			tests = append(tests, file)
		case m.Kind == "failure" && m.Field(0) == "format":
			r.Gap(check.Gap{What: "format", Why: m.Field(1)})
		case m.Kind == "failure" && m.Field(0) == "dependencies":
			r.Gap(check.Gap{What: "compile", Why: "the dependencies are not ready: " + m.Field(1), Hint: "mix deps.get", Blocks: true})
			return nil
		case m.Kind == "failure":
			r.Diagnose(check.Diagnostic{File: r.Blame("mix.exs"), Severity: check.Error, Code: "mix-error", Message: m.Field(1), Tool: "mix compile"})
		case m.Kind == "compiled" && m.Field(0) == "error" && !r.Failing():
			r.Diagnose(check.Diagnostic{File: r.Blame("mix.exs"), Severity: check.Error, Code: "compile-error", Message: result.Stderr.String(), Tool: "mix compile"})
		}
	}
	return tests
}

var mixLine = lazyregexp.New(`\bmix\.exs:(\d+)`)

// notLoaded reports a mix.exs that Mix could not load: that is said for people
// alone.
func (r *elixirRun) notLoaded(result process.Result) {
	text := result.Stderr.String() + result.Stdout.String()
	m := mixLine.FindStringSubmatch(text)
	if m == nil {
		r.Gap(check.Gap{What: "compile", Why: fmt.Sprintf("mix ended with status %d: %s", result.Code, result.Describe()), Blocks: true})
		return
	}
	line, err := strconv.Atoi(m[1])
	if err != nil {
		line = 0
	}
	r.Diagnose(check.Diagnostic{File: r.Blame("mix.exs"), Line: line, Severity: check.Error, Code: "mix-error", Message: text, Tool: "mix compile"})
}

func isExUnit(file string) bool { return strings.HasSuffix(file, "_test.exs") }

// test runs the tests; those of the changed files alone where nothing else
// changed.
func (r *elixirRun) test(ctx context.Context, files []string) error {
	paths, err := place(r.Session, "report.ex", "formatter.ex")
	if err != nil {
		return err
	}
	report, err := reportPath(r.Session, "test.report")
	if err != nil {
		return err
	}
	args := []string{"-r", paths[0], "-r", paths[1], "-S", "mix", "test", "--formatter", "Cf.Formatter", "--seed", "0"}
	if r.cover {
		args = append(args, "--cover", "--export-coverage", "cf")
	}
	if changed := r.Present(r.Target.Changed); onlyTests(r.Target.Changed, isExUnit) && len(changed) > 0 {
		files = changed
		for _, f := range changed {
			args = append(args, below(r.Target.Project, f))
		}
	}
	if len(r.Target.Only) <= onlyMax {
		for _, name := range r.Target.Only {
			_, words, _ := strings.Cut(name, ": ")
			args = append(args, "--only", "test:"+words)
		}
	}
	records, result, ended, err := r.start(ctx, script{
		step: "tests", tool: "mix test", dir: r.Target.Project, report: "test.report", args: args, env: []string{"CF_REPORT=" + report},
	})
	if err != nil {
		return err
	}
	tested(r.Session, records)
	if ended && !finished(records) {
		return r.whyNotTested(ctx, files, result)
	}
	return nil
}

// whyNotTested compiles the test files alone, for what is wrong with them as
// data, after `mix test` did not come to its end.
func (r *elixirRun) whyNotTested(ctx context.Context, files []string, result process.Result) error {
	paths, err := place(r.Session, "report.ex", "check.ex")
	if err != nil {
		return err
	}
	list, err := listFile(r.Session, "tests.list", files)
	if err != nil {
		return err
	}
	report, err := reportPath(r.Session, "tests.report")
	if err != nil {
		return err
	}
	_, _, _, err = r.start(ctx, script{
		step: "tests", tool: "mix test", dir: r.Target.Project, report: "tests.report",
		args: []string{"-r", paths[0], "-r", paths[1], "-S", "mix", "cf.tests", report, list},
	})
	if err == nil && !r.Failing() {
		r.Gap(check.Gap{What: "tests", Why: fmt.Sprintf("mix test ended with status %d: %s", result.Code, result.Describe()), Blocks: true})
	}
	return err
}
