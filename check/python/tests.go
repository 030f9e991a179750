package python

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
)

// isTest tells whether a file holds tests by its name, as pytest's default
// patterns and unittest's do.
func isTest(file string) bool {
	name := path.Base(file)
	return strings.HasSuffix(name, ".py") && (strings.HasPrefix(name, "test_") || strings.HasSuffix(name, "_test.py") || name == "tests.py")
}

var (
	importsPytest    = lazyregexp.New(`(?m)^\s*(import|from)\s+pytest\b`)
	configuresPytest = lazyregexp.New(`(?m)^\s*\[(tool\.pytest\b|tool:pytest\]|pytest\])`)
)

// test runs the tests: of the changed files alone where they are all tests,
// else all of the project's.
func (r *run) test(ctx context.Context) error {
	files := r.project
	if !slices.ContainsFunc(r.Target.Changed, func(f string) bool { return !isTest(f) }) {
		files = r.Target.Changed
	}
	files = slices.DeleteFunc(r.Present(files), func(f string) bool { return !isTest(f) })
	if len(files) == 0 {
		return nil
	}
	framework := "unittest"
	switch {
	case r.installed["pytest"]:
		framework = "pytest"
	case r.wantsPytest(files):
		r.Gap(check.Gap{What: "tests", Why: "pytest is not installed", Hint: "python3 -m pip install pytest", Blocks: true})
		return nil
	}
	call, err := r.testCall(framework, files)
	if err != nil {
		return err
	}
	result, ended, err := r.Run(ctx, call)
	if err != nil {
		return err
	}
	records := r.Records("tests", "test.report")
	r.tested(framework, records)
	if ended && (len(records) == 0 || records[len(records)-1].Kind != "done") {
		r.Gap(check.Gap{What: "tests", Why: framework + " did not come to its end: " + result.Describe(), Blocks: true})
	}
	return nil
}

// wantsPytest tells whether the tests need pytest.
func (r *run) wantsPytest(files []string) bool {
	for _, name := range []string{"pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini"} {
		if data, err := r.Target.Stage.Read(r.InProject(name)); err == nil && (name == "pytest.ini" || configuresPytest.Match(data)) {
			return true
		}
	}
	return slices.ContainsFunc(files, func(f string) bool {
		data, err := r.Target.Stage.Read(f)
		return err == nil && importsPytest.Match(data)
	})
}

func (r *run) testCall(framework string, files []string) (tool.Call, error) {
	call := tool.Call{Step: "tests", Tool: framework, Program: r.python.Program, Dir: r.Target.Project}
	sources, err := r.list("sources.list", slices.DeleteFunc(slices.Clone(r.project), func(f string) bool { return path.Ext(f) != ".py" || isTest(f) }))
	if err != nil {
		return call, err
	}
	tests, err := r.list("tests.list", files)
	if err != nil {
		return call, err
	}
	only, err := r.Script("only.list", strings.Join(r.Target.Only, "\n"))
	if err != nil {
		return call, err
	}
	project := filepath.Join(r.Target.Stage.Root(), filepath.FromSlash(r.Target.Project))
	call.Args = append([]string{
		filepath.Join(r.folder, "run.py"), filepath.Join(r.folder, "test.report"), framework, project, sources, tests, only,
	}, r.python.sites...)
	return call, nil
}

// tested takes what run.py reports.
func (r *run) tested(framework string, records []tool.Record) {
	for _, m := range records {
		switch m.Kind {
		case "test":
			file, _ := r.Rel(r.Target.Project, m.Field(2))
			r.Test(check.Test{State: check.TestState(m.Field(0)), Name: m.Field(1), File: file, Line: m.Number(3), Output: m.Field(4)})
		case "broken":
			file, inside := r.Rel(r.Target.Project, m.Field(0))
			if !inside {
				continue
			}
			r.Diagnose(check.Diagnostic{
				File: file, Line: m.Number(1), Severity: check.Error, Code: m.Field(2), Message: m.Field(3), Tool: framework,
			})
		case "lines":
			if file, inside := r.Rel(r.Target.Project, m.Field(0)); inside {
				r.Executed(file, 0, false)
				r.lines(file, m.Field(1), true)
				r.lines(file, m.Field(2), false)
			}
		}
	}
}

func (r *run) lines(file, numbers string, executed bool) {
	for _, n := range strings.Fields(numbers) {
		if line, err := strconv.Atoi(n); err == nil {
			r.Executed(file, line, executed)
		}
	}
}
