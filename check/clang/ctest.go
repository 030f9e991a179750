package clang

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/gnu"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace/sandbox"
)

// Bounds of the tests of one project.
const (
	testsMax   = 32 // programs
	sourcesMax = 64 // that one is linked from
)

var mainFunction = lazyregexp.New(`(?m)^[ \t]*(?:int|void)[ \t]+main[ \t]*\(`)

// isTest tells whether a file is a test by its name and text.
func (r *run) isTest(file string) bool {
	base := path.Base(file)
	named := strings.HasSuffix(base, "_test.c") || strings.HasPrefix(base, "test_") && path.Ext(base) == ".c"
	return named && mainFunction.MatchString(r.read(file))
}

// tests builds and runs the tests that the change reaches: those that changed
// where nothing else did, else all of the project, since C says nowhere which
// source a test is about.
func (r *run) tests() error {
	var all []string
	for _, f := range r.project {
		if r.isTest(f) && (len(r.Target.Only) == 0 || slices.Contains(r.Target.Only, f)) {
			all = append(all, f)
		}
	}
	if own := r.Present(r.Target.Changed); len(own) > 0 && !slices.ContainsFunc(own, func(f string) bool { return !r.isTest(f) }) {
		all = slices.DeleteFunc(all, func(f string) bool { return !slices.Contains(own, f) })
	}
	if len(all) > testsMax {
		r.Gap(check.Gap{What: "tests", Why: fmt.Sprintf("%d test programs: only the first %d run", len(all), testsMax), Blocks: true})
		all = all[:testsMax]
	}
	for i, f := range all {
		if err := r.test(i, f); err != nil {
			return err
		}
	}
	return nil
}

// test builds and runs one test.
func (r *run) test(number int, file string) error {
	folder, err := r.Folder()
	if err != nil {
		return err
	}
	// A program's own folder is shown read-only: what its run leaves for gcov
	// goes to another one.
	binary := filepath.Join(folder, "bin", fmt.Sprintf("t%d", number))
	if err := os.MkdirAll(filepath.Dir(binary), 0o700); err != nil {
		return fault.New(fault.Failed, "", "%w", err).On("make folder", binary)
	}
	built, err := r.build(file, binary)
	if err != nil || !built {
		return err
	}
	if err := r.execute(file, binary); err != nil {
		return err
	}
	return r.coverage(folder, fmt.Sprintf("t%d-", number))
}

// build compiles a test: first with the source that it names, then with all
// sources if a name was missing.
func (r *run) build(file, binary string) (ok bool, err error) {
	narrow, all := r.sources(file)
	text, ended := "", false
	for _, sources := range [][]string{narrow, all} {
		if sources == nil {
			continue
		}
		ok, text, ended, err = r.link(binary, append([]string{file}, sources...), true)
		if err == nil && !ok && ended && strings.Contains(text, "cannot find") && strings.Contains(text, "san") {
			r.Gap(check.Gap{What: "sanitizers", Why: "their libraries are not installed", Hint: "apt-get install libasan8 libubsan1"})
			ok, text, ended, err = r.link(binary, append([]string{file}, sources...), false)
		}
		if err != nil || ok || !ended {
			return ok, err
		}
		if !strings.Contains(text, "undefined reference") && !strings.Contains(text, "undefined symbol") {
			break
		}
	}
	before := len(r.seen)
	found := gnu.Parse(text, "", r.inTree)
	for _, d := range found {
		d.Tool = "cc"
		if d.Code == "" {
			d.Code = code(d.Message)
		}
		if d.Code == "error" { // of the linker
			d.Code = "test-build"
		}
		r.add(d)
	}
	if len(found) == 0 && before == 0 {
		r.Diagnose(check.Diagnostic{File: file, Severity: check.Error, Code: "test-build", Tool: "cc", Message: text})
	}
	return false, nil
}

// sources returns what a test is linked with: the source of its name, and all
// sources of the project without a main function. A source that the test
// includes is left out of both.
func (r *run) sources(test string) (narrow, all []string) {
	base := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(path.Base(test), ".c"), "test_"), "_test")
	included := map[string]bool{}
	for _, name := range r.includes(test) {
		included[path.Base(name)] = true
	}
	for _, f := range r.project {
		if path.Ext(f) != ".c" || f == test || included[path.Base(f)] || mainFunction.MatchString(r.read(f)) {
			continue
		}
		if path.Base(f) == base+".c" {
			narrow = append(narrow, f)
		}
		if len(all) < sourcesMax {
			all = append(all, f)
		}
	}
	if narrow == nil && len(included) > 0 {
		narrow = []string{}
	}
	if all == nil {
		all = []string{}
	}
	return narrow, all
}

// link builds binary from files. gcc is asked first: it has gcov. ended is
// false where the compiler was cut off, which is a gap already.
func (r *run) link(binary string, files []string, sanitize bool) (ok bool, text string, ended bool, err error) {
	program, name := r.gcc, "gcc"
	if program == nil {
		program, name = r.clang, "clang"
	}
	args := append([]string{"-g", "-O1", "-fno-omit-frame-pointer", "-fdiagnostics-color=never"}, r.flags.For(files[0])...)
	if sanitize {
		args = append(args, "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
	}
	if r.gcc != nil {
		args = append(args, "--coverage", "-dumpdir", filepath.Join(filepath.Dir(filepath.Dir(binary)), filepath.Base(binary)+"-"))
	}
	for _, f := range files {
		args = append(args, filepath.Join(r.Target.Stage.Root(), filepath.FromSlash(f)))
	}
	args = append(args, "-o", binary, "-lm", "-pthread")
	res, ended, err := r.Run(r.ctx, tool.Call{Step: "tests", Tool: name, Program: *program, Args: args, Dir: r.Target.Project})
	return res.Code == 0, res.Stderr.String(), ended, err
}

// execute runs a test. Here a signal is a finding, not a fault of a tool: it is
// how assert ends a program, and a test that does not end is a failing one.
func (r *run) execute(file, binary string) error {
	res, err := r.Target.Stage.Run(r.ctx, sandbox.Command{
		Program: binary, Dir: r.Target.Project, Limits: limits,
		// Looking for leaks needs ptrace, which the sandbox denies.
		Env: []string{"LC_ALL=C.UTF-8", "ASAN_OPTIONS=detect_leaks=0:color=never", "UBSAN_OPTIONS=print_stacktrace=1:color=never"},
	})
	if r.ctx.Err() != nil || fault.KindOf(err) == fault.NoSandbox {
		return err
	}
	code := fault.CodeOf(err)
	if code == process.CodeNotFound || code == process.CodeStart {
		r.Gap(check.Gap{What: "tests", Why: fmt.Sprintf("the test did not start: %v", err), Blocks: true})
		return nil
	}
	r.ran = append(r.ran, check.Ran{Argv: []string{file}, Dir: r.Target.Project, Code: res.Code, Elapsed: res.Elapsed})
	t := check.Test{Name: file, File: file, State: check.Passed}
	if err != nil {
		t.State = check.Failed
		t.Output = res.Stdout.String() + res.Stderr.String()
		if code != process.CodeExit {
			t.Output = fmt.Sprintf("%v\n%s", err, t.Output)
		}
		if at, line := r.failedAt(t.Output); at != "" {
			t.File, t.Line = at, line
		}
	}
	r.Test(t)
	return nil
}

// frame matches a place in a sanitizer's stack.
var frame = lazyregexp.New(`(?m)^\s+#[0-9]+ 0x[0-9a-f]+ in \S+ (/[^\s:]+):([0-9]+)`)

// failedAt returns the first place of the project that a test's output names.
func (r *run) failedAt(output string) (string, int) {
	if found := gnu.Parse(output, "test", r.inTree); len(found) > 0 {
		return found[0].File, found[0].Line
	}
	for _, m := range frame.FindAllStringSubmatch(output, 200) {
		if rel, inside := r.inTree(m[1]); inside {
			var line int
			_, _ = fmt.Sscan(m[2], &line) // digits, as the expression says
			return rel, line
		}
	}
	return "", 0
}

// coverage reads what the test's run left for gcov.
func (r *run) coverage(folder, prefix string) error {
	program, ok := tool.Look(r.Target.Stage, "gcov")
	if !ok || r.gcc == nil {
		return nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil // no program ran: no coverage
	}
	args := []string{"--json-format", "--stdout"}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), ".gcda") {
			args = append(args, filepath.Join(folder, e.Name()))
		}
	}
	if len(args) == 2 {
		return nil
	}
	res, ok, err := r.Run(r.ctx, tool.Call{Step: "coverage", Tool: "gcov", Program: program, Args: args, Dir: r.Target.Project})
	if err != nil || !ok {
		return err
	}
	for _, l := range decodeGCOV(res.Stdout.String()) {
		if rel, inside := r.inTree(l.file); inside {
			r.Executed(rel, l.line, l.count > 0)
		}
	}
	return nil
}

// covered is a line that gcov counts.
type covered struct {
	file  string
	line  int
	count float64
}

// decodeGCOV reads gcov --json-format --stdout: a document a line (gcov(1),
// "JSON").
func decodeGCOV(text string) []covered {
	var out []covered
	for doc := range strings.Lines(text) {
		var d struct {
			Files []struct {
				File  string
				Lines []struct {
					Number int     `json:"line_number"`
					Count  float64 // may exceed an int
				}
			}
		}
		if json.Unmarshal([]byte(doc), &d) != nil {
			continue
		}
		for _, f := range d.Files {
			for _, l := range f.Lines {
				if l.Number > 0 {
					out = append(out, covered{f.File, l.Number, l.Count})
				}
			}
		}
	}
	return out
}
