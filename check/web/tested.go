package web

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
)

// tested takes what the reporter for node's runner reports.
func (r *run) tested(records []tool.Record) {
	for _, m := range records {
		file, inside := r.Rel(r.Target.Project, m.Field(2))
		switch m.Kind {
		case "test":
			if !inside {
				file = ""
			}
			r.Test(check.Test{State: check.TestState(m.Field(0)), Name: m.Field(1), File: file, Line: m.Number(3), Output: m.Field(4)})
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

// framework is a runner that a project brings itself.
type framework struct {
	name, script string
	args         func(report string) []string
}

var frameworks = []framework{
	{"vitest", "vitest/vitest.mjs", func(report string) []string {
		return []string{"run", "--reporter=json", "--outputFile=" + report, "--includeTaskLocation"}
	}},
	{"jest", "jest/bin/jest.js", func(report string) []string {
		return []string{"--json", "--outputFile=" + report, "--testLocationInResults", "--cache=false"}
	}},
}

// framework runs a project's own runner.
func (r *run) framework(ctx context.Context, f framework, script string, files []string) error {
	args := append([]string{script}, f.args(r.inFolder("test.json"))...)
	result, ended, err := r.Run(ctx, tool.Call{
		Step: "tests", Tool: f.name, Program: r.node, Args: append(args, r.below(files)...), Dir: r.Target.Project,
	})
	if err != nil || !ended {
		return err
	}
	tests, broken, err := parseJest(r.Report("tests", "test.json"))
	if err != nil {
		r.Gap(check.Gap{What: "tests", Why: fmt.Sprintf("%s ended with status %d: %s", f.name, result.Code, result.Describe()), Blocks: true})
		return nil
	}
	for _, t := range append(tests, broken...) {
		file, inside := r.Rel(r.Target.Project, t.File)
		if !inside {
			continue
		}
		t.File = file
		t.Name = r.below([]string{file})[0] + t.Name
		r.Test(t)
	}
	return nil
}

// foreign matches the frames of a stack that lie in packages or in node.
var foreign = lazyregexp.New(`(?m)^\s+at .*(/node_modules/|\(node:).*\n?`)

// parseJest reads the report of jest --json, which vitest writes too
// (https://jestjs.io/docs/cli#--json): the tests, and as failed tests without a
// name the files that could not be run. Names come without their file.
func parseJest(data []byte) (tests, broken []check.Test, err error) {
	var report struct {
		TestResults []struct {
			Name, Message, Status string
			AssertionResults      []struct {
				AncestorTitles  []string
				Title, Status   string
				FailureMessages []string
				Location        *struct{ Line int }
			}
		}
	}
	if err := json.Unmarshal(data, &report); err != nil {
		return nil, nil, err
	}
	for _, file := range report.TestResults {
		if file.Status == "failed" && len(file.AssertionResults) == 0 {
			broken = append(broken, check.Test{File: file.Name, State: check.Failed, Output: file.Message})
		}
		for _, a := range file.AssertionResults {
			t := check.Test{File: file.Name, Output: foreign.ReplaceAllString(strings.Join(a.FailureMessages, "\n"), ""), State: check.Skipped}
			for _, title := range append(a.AncestorTitles, a.Title) {
				t.Name += " > " + title
			}
			switch a.Status {
			case "passed":
				t.State = check.Passed
			case "failed":
				t.State = check.Failed
			}
			if a.Location != nil {
				t.Line = max(a.Location.Line, 0)
			}
			tests = append(tests, t)
		}
	}
	return tests, broken, nil
}
