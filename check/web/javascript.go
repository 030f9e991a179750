package web

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
)

// NewJavaScript returns the checker of JavaScript; it needs node 20 or later.
func NewJavaScript() check.Checker {
	files := map[string]string{
		"package.json":   "{}",
		"canary.js":      "exports.sing = (a) => a;\n",
		"canary.test.js": "const test = require('node:test');\nconst assert = require('node:assert');\nconst { sing } = require('./canary.js');\n\ntest('sings', () => assert.equal(sing(1), 2));\n",
	}
	return &kind{
		name: "javascript", suffix: lazyregexp.New(`\.([cm]?js|jsx)$`), check: javascript,
		planted: []check.Canary{
			{Files: map[string]string{"canary.js": "const a = 1;\nfunction ( {\n"}, File: "canary.js", Line: 2, Code: "syntax-error"},
			{Files: map[string]string{"canary.mjs": "import a from 'a';\nlet b c;\n"}, File: "canary.mjs", Line: 2, Code: "syntax-error"},
			{Files: files, Test: "canary.test.js > sings"},
		},
	}
}

func javascript(ctx context.Context, r *run) error {
	if len(r.Target.Only) == 0 {
		if complete, err := r.parse(ctx, r.listable(r.Present(r.Target.Changed))); err != nil || !complete || r.Failing() {
			return err
		}
	}
	if !r.Target.Tests {
		return nil
	}
	return r.test(ctx)
}

// parse has node parse files as it would load each, and reports what is wrong.
func (r *run) parse(ctx context.Context, files []string) (complete bool, err error) {
	var list strings.Builder
	for _, f := range files {
		if path.Ext(f) == ".jsx" { // no language of node's
			r.parsed(f, r.problems(ctx, f))
			continue
		}
		list.WriteString(r.moduleKind(f) + "\t" + r.absolute(f) + "\n")
	}
	listed, err := r.Script("parse.list", list.String())
	if err != nil {
		return false, err
	}
	result, ended, err := r.Run(ctx, tool.Call{
		Step: "compile", Tool: "node", Program: r.node, Dir: ".",
		Args: []string{"--experimental-vm-modules", "--no-warnings", r.inFolder("parse.cjs"), r.inFolder("parse.report"), listed},
	})
	if err != nil {
		return false, err
	}
	records := r.Records("compile", "parse.report")
	for _, m := range records {
		switch m.Kind {
		case "version":
			r.node.Version = m.Field(0)
			r.SetVersion(m.Field(0))
		case "error":
			r.syntaxError(ctx, m)
		}
	}
	complete = len(records) > 0 && records[len(records)-1].Kind == "done"
	if ended && !complete {
		r.Gap(check.Gap{What: "compile", Why: "node did not come to its end: " + result.Describe(), Blocks: true})
	}
	return complete, nil
}

// syntaxError reports what node says of a file; but a .js file may hold JSX,
// for a bundler, which another parser then takes.
func (r *run) syntaxError(ctx context.Context, m tool.Record) {
	file, inside := r.Rel(".", m.Field(0))
	if !inside || m.Field(4) == "Unexpected token '<'" && len(r.problems(ctx, file)) == 0 {
		return
	}
	r.Diagnose(check.Diagnostic{
		File: file, Line: m.Number(1), Column: r.Column(file, m.Number(1), m.Number(2)), Severity: check.Error,
		Code: "syntax-error", Message: m.Field(4), Tool: "node",
	})
}

// moduleKind tells how node loads a file: "module", "commonjs", or "" where the
// nearest package.json does not say: then node takes CommonJS, newer ones either
// (https://nodejs.org/api/packages.html#determining-module-system).
func (r *run) moduleKind(file string) string {
	switch path.Ext(file) {
	case ".mjs":
		return "module"
	case ".cjs":
		return "commonjs"
	}
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		if data, err := r.Target.Stage.Read(path.Join(dir, "package.json")); err == nil {
			var p packageFile
			_ = json.Unmarshal(data, &p) // a broken one says nothing
			return p.Type
		}
		if dir == "." {
			return ""
		}
	}
}

// named matches the names of files that hold tests, as the runners' defaults do.
var named = lazyregexp.New(`(^|/)(test[-.][^/]*|test|[^/]*[-._](test|spec))\.[cm]?[jt]sx?$|(^|/)(__tests__|tests?)/.*\.[cm]?[jt]sx?$`)

// importsNodeTest matches a file for node's own runner.
var importsNodeTest = lazyregexp.New(`['"]node:test['"]`)

// definesTest matches a file with tests for any runner; others in a folder of
// tests are what these need.
var definesTest = lazyregexp.New(`(?m)^\s*(describe|it|test|suite)(\.\w+)?\s*\(`)

// others are runners that are known by name and not run.
var others = []string{"mocha", "ava", "jasmine", "tap", "tape", "qunit", "karma", "@playwright/test", "cypress"}

// test runs the tests: of the changed files alone where they are all tests,
// else all of the project's.
func (r *run) test(ctx context.Context) error {
	all, err := r.Project(ctx, r.kind)
	if err != nil {
		return err
	}
	files := all
	if !slices.ContainsFunc(r.Target.Changed, func(f string) bool { return !named.MatchString(f) }) {
		files = r.Target.Changed
	}
	files = slices.DeleteFunc(r.listable(r.Present(files)), func(f string) bool { return !named.MatchString(f) })
	if len(r.Target.Only) > 0 {
		files = slices.DeleteFunc(files, func(f string) bool {
			return !slices.ContainsFunc(r.Target.Only, func(name string) bool { return strings.HasPrefix(name, r.below([]string{f})[0]) })
		})
	}
	if len(files) == 0 {
		return nil
	}
	for _, f := range frameworks {
		if !r.uses(f.name) {
			continue
		}
		script := r.installed(f.script)
		if script == "" {
			r.Gap(check.Gap{What: "tests", Why: f.name + " is not installed", Hint: "npm install", Blocks: true})
			return nil
		}
		return r.framework(ctx, f, script, files)
	}
	var own []string
	for _, f := range files {
		text, err := r.Target.Stage.Read(f)
		switch {
		case err == nil && importsNodeTest.Match(text) && !strings.Contains(path.Ext(f), "ts"):
			own = append(own, f)
		case err == nil && definesTest.Match(text):
			r.notRun()
		}
	}
	if len(own) == 0 {
		return nil
	}
	return r.nodeTest(ctx, own, all)
}

// notRun says that there are tests for a runner that is not known.
func (r *run) notRun() {
	why := "some tests are for no runner that is known here"
	for _, name := range others {
		if r.uses(name) {
			why = "the tests for " + name + " are not run"
		}
	}
	r.Gap(check.Gap{What: "tests", Why: why, Hint: "name the command with --test, or in a [check.NAME] of the configuration"})
}

// nodeTest runs node's own runner on files; all are the project's.
func (r *run) nodeTest(ctx context.Context, files, all []string) error {
	var sources strings.Builder
	for _, f := range r.listable(all) {
		if !named.MatchString(f) {
			sources.WriteString(r.absolute(f) + "\n")
		}
	}
	listed, err := r.Script("sources.list", sources.String())
	if err != nil {
		return err
	}
	args := []string{"--test", "--test-reporter=" + r.inFolder("reporter.mjs"), "--test-reporter-destination=stdout"}
	result, ended, err := r.Run(ctx, tool.Call{
		Step: "tests", Tool: "node --test", Program: r.node, Args: append(args, r.below(files)...), Dir: r.Target.Project,
		Env: []string{"CF_REPORT=" + r.inFolder("test.report"), "CF_SOURCES=" + listed, "NODE_V8_COVERAGE=" + r.inFolder("coverage")},
	})
	if err != nil {
		return err
	}
	records := r.Records("tests", "test.report")
	r.tested(records)
	if ended && (len(records) == 0 || records[len(records)-1].Kind != "done") {
		r.Gap(check.Gap{What: "tests", Why: "node --test did not come to its end: " + result.Describe(), Blocks: true})
	}
	return nil
}
