package golang

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/lazyregexp"
)

// coverPackagesMax bounds the packages that every test's coverage counts: each
// makes every test binary build anew.
const coverPackagesMax = 20

// outputMax bounds what is kept of one test's output, in bytes; its head and
// its tail tell most.
const outputMax = 16 << 10

// tests runs the tests of packages and measures the touched ones.
func (r *run) tests(g *graph, touched map[string]bool, packages map[string]*goPackage) error {
	names := slices.Sorted(maps.Keys(packages))
	args := []string{"test", "-json", "-vet=off", "-count=1", "-timeout=" + testTimeout}
	switch {
	case len(r.Target.Only) > 0:
		var pattern string
		if names, pattern = only(r.Target.Only, names); len(names) == 0 {
			return nil
		}
		args = append(args, "-run="+pattern)
	default:
		folder, err := r.Folder()
		if err != nil {
			return err
		}
		args = append(args, "-coverprofile="+filepath.Join(folder, "cover.out"))
		if measured := g.loadable(touched); len(measured) > 0 && len(measured) <= coverPackagesMax {
			args = append(args, "-coverpkg="+strings.Join(measured, ","))
		}
	}
	if len(names) == 0 {
		return nil
	}
	out, ok, err := r.call("tests", append(args, names...)...)
	if err != nil || !ok {
		return err
	}
	r.testResults(out, packages)
	if len(r.Target.Only) == 0 {
		r.coverage(r.Report("coverage", "cover.out"), g)
	}
	return nil
}

// only returns the packages that hold the named tests, and the pattern that
// runs them. The part of a name behind a slash is a subtest: its whole test
// runs.
func only(tests, packages []string) (names []string, pattern string) {
	var functions []string
	for _, t := range tests {
		best := ""
		for _, p := range packages {
			if strings.HasPrefix(t, p+".") && len(p) > len(best) {
				best = p
			}
		}
		if best == "" {
			continue
		}
		function, _, _ := strings.Cut(strings.TrimPrefix(t, best+"."), "/")
		functions = append(functions, regexp.QuoteMeta(function))
		names = append(names, best)
	}
	slices.Sort(names)
	slices.Sort(functions)
	return slices.Compact(names), "^(" + strings.Join(slices.Compact(functions), "|") + ")$"
}

// testRun is what a stream of go test -json says of one package.
type testRun struct {
	tests  map[string]*oneTest
	order  []string
	output strings.Builder // the package's own
	failed bool
	build  bool // its tests did not compile
}

type oneTest struct {
	state  check.TestState // "" while it runs
	output strings.Builder
}

// decodeTests reads go test -json, package by package. Lines that are no events
// are what a test printed past the testing package; they are left out.
func decodeTests(text string) map[string]*testRun {
	out := map[string]*testRun{}
	for line := range strings.Lines(text) {
		var e buildEvent
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil || e.Package == "" {
			continue
		}
		p := out[e.Package]
		if p == nil {
			p = &testRun{tests: map[string]*oneTest{}}
			out[e.Package] = p
		}
		p.take(e)
	}
	return out
}

func (p *testRun) take(e buildEvent) {
	if e.Test == "" {
		// The last line tells the time it took, which is no finding.
		if e.Action == "output" && p.output.Len() < outputMax && !strings.HasPrefix(e.Output, "FAIL\t") {
			p.output.WriteString(e.Output)
		}
		p.failed = p.failed || e.Action == "fail"
		p.build = p.build || e.FailedBuild != ""
		return
	}
	t := p.tests[e.Test]
	if t == nil {
		t = &oneTest{}
		p.tests[e.Test] = t
		p.order = append(p.order, e.Test)
	}
	switch e.Action {
	case "output":
		if t.output.Len() < outputMax {
			t.output.WriteString(e.Output)
		}
	case "pass":
		t.state = check.Passed
	case "fail":
		t.state = check.Failed
	case "skip":
		t.state = check.Skipped
	}
}

// testResults turns the events into tests; what kept tests from running is a
// diagnostic.
func (r *run) testResults(out result, packages map[string]*goPackage) {
	before := r.Failing()
	r.buildErrors(buildOutput(onlyBuild(out.stdout))+out.stderr, "go test")
	runs := decodeTests(out.stdout)
	for _, name := range slices.Sorted(maps.Keys(runs)) {
		p, t := packages[name], runs[name]
		if p == nil {
			continue
		}
		if t.build {
			if !before && !r.Failing() {
				r.Diagnose(check.Diagnostic{File: r.blameTests(p), Severity: check.Error, Code: "test-build", Message: t.output.String(), Tool: "go test"})
			}
			continue
		}
		r.packageTests(name, p, t)
	}
	if r.failures == 0 {
		r.unexplained(out, before, "go test")
	}
}

// onlyBuild leaves out the events of tests: what a test prints may look like
// the compiler's lines.
func onlyBuild(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "{") && strings.Contains(line, `"Action":"build-output"`) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func (r *run) packageTests(name string, p *goPackage, t *testRun) {
	declared := r.declared(p)
	failures := 0 // of this package
	for _, test := range t.order {
		one := t.tests[test]
		c := check.Test{Name: name + "." + test, State: one.state}
		function, _, _ := strings.Cut(test, "/")
		c.File, c.Line = declared[function].file, declared[function].line
		if one.state == "" { // it never ended: the process did
			c.State = check.Failed
			c.Output = whyEnded(t, one) + "\n"
		}
		if c.State == check.Failed {
			failures++
			r.failures++
			c.Output += one.output.String()
			if file, line := r.failedAt(p, one.output.String()); file != "" {
				c.File, c.Line = file, line
			}
		}
		r.Test(c)
	}
	if t.failed && failures == 0 {
		r.Diagnose(check.Diagnostic{
			File: r.blameTests(p), Severity: check.Error, Code: "test-exit", Tool: "go test",
			Message: "the tests' process failed, but no test did:\n" + t.output.String(),
		})
	}
}

// whyEnded says what ended the process while a test ran.
func whyEnded(p *testRun, t *oneTest) string {
	all := t.output.String() + p.output.String()
	switch {
	case strings.Contains(all, "panic: test timed out"):
		return "the test did not end within " + testTimeout
	case strings.Contains(all, "panic: ") || strings.Contains(all, "fatal error: "):
		return "a panic ended the process"
	case strings.Contains(all, "signal: "):
		return "a signal ended the process"
	}
	return "the process ended while the test ran, as os.Exit does"
}

// failedAt returns the first place in the package that a failing test's output
// names: where t.Error was called, or the first frame of a panic.
func (r *run) failedAt(p *goPackage, output string) (file string, line int) {
	for text := range strings.Lines(output) {
		m := reported.FindStringSubmatch(text)
		if m == nil {
			m = frame.FindStringSubmatch(text)
		}
		if m == nil {
			continue
		}
		name := m[1]
		if !path.IsAbs(name) {
			name = filepath.Join(p.Dir, name)
		}
		rel, inside := r.Rel(r.Target.Project, name)
		if inside && r.Target.Stage.Kind(rel) == "file" {
			line, _ = strconv.Atoi(m[2])
			return rel, line
		}
	}
	return "", 0
}

var (
	reported = lazyregexp.New(`^ +([^\s:/]+\.go):([0-9]+): `)      // of t.Error and its like
	frame    = lazyregexp.New(`^\t(/[^:\n]+\.go):([0-9]+)(?: |$)`) // of a goroutine's trace
)

// place is where a test function is declared.
type place struct {
	file string
	line int
}

// declared finds the test functions of a package.
func (r *run) declared(p *goPackage) map[string]place {
	out := map[string]place{}
	for _, file := range p.testFiles(r) {
		src, err := r.Target.Stage.Read(file)
		if err != nil {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, src, parser.SkipObjectResolution)
		if parsed == nil || err != nil {
			continue
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				out[f.Name.Name] = place{file, set.PositionFor(f.Pos(), false).Line}
			}
		}
	}
	return out
}

// blameTests returns a file for what concerns all tests of a package.
func (r *run) blameTests(p *goPackage) string {
	if files := p.testFiles(r); len(files) > 0 {
		return files[0]
	}
	return r.Blame("go.mod")
}

// coverage reads a profile of go test -coverprofile.
func (r *run) coverage(profile []byte, g *graph) {
	for _, b := range decodeProfile(string(profile)) {
		p := g.byPath[path.Dir(b.file)]
		if p == nil {
			continue
		}
		file, inside := r.Rel(r.Target.Project, filepath.Join(p.Dir, path.Base(b.file)))
		if !inside {
			continue
		}
		for line := b.from; line <= b.to; line++ {
			r.Executed(file, line, b.executed)
		}
	}
}

// block is a stretch of statements of a cover profile.
type block struct {
	file     string // import path of the package and name
	from, to int    // lines
	executed bool
}

// blockLinesMax bounds a block; a longer one is no real one.
const blockLinesMax = 100_000

// decodeProfile reads a profile: after the mode, lines
// "FILE:LINE.COL,LINE.COL STATEMENTS COUNT" (go doc golang.org/x/tools/cover).
func decodeProfile(text string) []block {
	var out []block
	for line := range strings.Lines(text) {
		at := strings.LastIndexByte(line, ':')
		if at < 0 || strings.HasPrefix(line, "mode:") {
			continue
		}
		var b block
		var fromColumn, toColumn, statements, count int
		n, err := fmt.Sscanf(line[at+1:], "%d.%d,%d.%d %d %d", &b.from, &fromColumn, &b.to, &toColumn, &statements, &count)
		if err != nil || n != 6 || b.from < 1 || b.to < b.from || b.to-b.from > blockLinesMax || statements == 0 {
			continue
		}
		b.file, b.executed = line[:at], count > 0
		out = append(out, b)
	}
	return out
}
