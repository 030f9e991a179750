// Package checktest is what the tests of checkers share: a tree with a stage
// and a sandbox, goldens, and a PATH with programs missing or replaced.
//
// It is for tests alone; nothing but a test may import it.
package checktest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// Need skips the test where a program is missing, unless CF_TEST_REQUIRE says
// that nothing may be skipped. how says what would bring it.
func Need(t testing.TB, program, how string) {
	t.Helper()
	if _, err := process.Look(program, os.Environ()); err == nil {
		return
	}
	if os.Getenv("CF_TEST_REQUIRE") == "1" {
		t.Fatalf("CF_TEST_REQUIRE is set and %s is missing: %s", program, how)
	}
	t.Skipf("%s is missing: %s", program, how)
}

// Option changes the environment that a stage's programs are found in.
type Option func(environ []string) []string

// Path makes dirs the PATH.
func Path(dirs ...string) Option {
	return func(environ []string) []string {
		return process.Setenv(environ, "PATH="+strings.Join(dirs, string(os.PathListSeparator)))
	}
}

// Stage lays files out in a new tree, at their root-relative paths, and stages
// it without changes.
func Stage(t testing.TB, files map[string]string, options ...Option) *workspace.Stage {
	t.Helper()
	return StageSet(t, files, &workspace.Set{}, options...)
}

// StageSet is Stage with the changes of set laid over the files.
func StageSet(t testing.TB, files map[string]string, set *workspace.Set, options ...Option) *workspace.Stage {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(full), 0o755))
		must(t, os.WriteFile(full, []byte(text), 0o644))
	}
	tree, err := workspace.OpenFolder(dir)
	must(t, err)
	t.Cleanup(func() { _ = tree.Close() })
	environ := os.Environ()
	for _, o := range options {
		environ = o(environ)
	}
	box, err := sandbox.Open(t.Context(), sandbox.Options{Environ: environ, Cache: t.TempDir()})
	must(t, err)
	stage, err := tree.Stage(t.Context(), set, box)
	must(t, err)
	t.Cleanup(func() { _ = stage.Close() })
	return stage
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Target returns the target of checker in project, with all files that are
// there and match; changed are those that the change touches, none meaning all.
func Target(t testing.TB, checker check.Checker, stage *workspace.Stage, project string, changed ...string) check.Target {
	t.Helper()
	list, err := stage.List(t.Context(), workspace.ListOptions{})
	must(t, err)
	target := check.Target{Stage: stage, Project: project, Tests: true, Changed: changed}
	for _, f := range list.Files {
		below := project == "." || strings.HasPrefix(f.Path, project+"/")
		if !below {
			continue
		}
		head, err := stage.Read(f.Path)
		must(t, err)
		if checker.Match(f.Path, nil) || checker.Match(f.Path, head[:min(len(head), 512)]) {
			target.Files = append(target.Files, f.Path)
		}
	}
	if len(changed) == 0 {
		target.Changed = target.Files
	}
	return target
}

// Check runs checker over files, the project at the root.
func Check(t testing.TB, checker check.Checker, files map[string]string, options ...Option) check.Outcome {
	t.Helper()
	out, err := checker.Check(t.Context(), Target(t, checker, Stage(t, files, options...), "."))
	must(t, err)
	return out
}

// Write writes a file of a tree with a time of change.
func Write(t testing.TB, file, text string, changed time.Time) {
	t.Helper()
	must(t, os.WriteFile(file, []byte(text), 0o644))
	must(t, os.Chtimes(file, changed, changed))
}

// Canaries fails the test unless checker reports each of its canaries.
func Canaries(t *testing.T, checker check.Checker, options ...Option) {
	t.Helper()
	for i, c := range checker.Canaries() {
		out := Check(t, checker, c.Files, options...)
		found := slices.ContainsFunc(out.Diagnostics, func(d check.Diagnostic) bool {
			return d.File == c.File && d.Line == c.Line && d.Code == c.Code
		})
		if c.Test != "" {
			found = slices.ContainsFunc(out.Tests, func(d check.Test) bool { return d.Name == c.Test && d.State == check.Failed })
		}
		if !found {
			t.Errorf("%s: canary %d was missed:\n%s", checker.Name(), i, Render(out))
		}
	}
}

// Golden compares an outcome with testdata/NAME.golden, which -update rewrites.
// The golden names the versions of the tools: with other versions, only files,
// lines, severities and codes are compared, because tools change their words.
func Golden(t *testing.T, name string, out check.Outcome) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	got := Render(out)
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	data, err := os.ReadFile(file)
	must(t, err)
	want := string(data)
	if firstLine(want) != firstLine(got) {
		want, got = withoutWords(want), withoutWords(got)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s differs (-want +got); -update rewrites it\n%s", file, diff)
	}
}

// Render writes an outcome as text, without what differs from run to run.
func Render(out check.Outcome) string {
	var b strings.Builder
	versions := []string{}
	for _, r := range out.Ran {
		if v := filepath.Base(r.Argv[0]) + " " + r.Version; r.Version != "" && !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	fmt.Fprintf(&b, "# %s\n", strings.Join(versions, ", "))
	for _, d := range out.Diagnostics {
		fmt.Fprintf(&b, "%s:%d:%d: %s [%s] (%s) %s\n", d.File, d.Line, d.Column, d.Severity, d.Code, d.Tool, indent(d.Message))
	}
	for _, d := range out.Tests {
		fmt.Fprintf(&b, "test %s %s:%d: %s %s\n", d.State, d.File, d.Line, d.Name, indent(d.Output))
	}
	for _, g := range out.Gaps {
		fmt.Fprintf(&b, "gap %s %s (blocks: %v): %s\n", g.What, g.File, g.Blocks, indent(g.Why))
	}
	for _, file := range slices.Sorted(keys(out.Executed)) {
		fmt.Fprintf(&b, "executed %s:%s\n", file, lines(out.Executed[file]))
	}
	return b.String()
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// lines writes counted lines: "3" was executed, "-4" was not.
func lines(counted map[int]bool) string {
	var all []int
	for n := range counted {
		all = append(all, n)
	}
	slices.Sort(all)
	var b strings.Builder
	for _, n := range all {
		if !counted[n] {
			n = -n
		}
		fmt.Fprintf(&b, " %d", n)
	}
	return b.String()
}

func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n    ") }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// withoutWords keeps of each line of a golden what no version changes.
func withoutWords(golden string) string {
	var kept []string
	for _, line := range strings.Split(golden, "\n")[1:] {
		if strings.HasPrefix(line, "    ") {
			continue
		}
		if head, _, ok := strings.Cut(line, "] ("); ok {
			where, what, _ := strings.Cut(head, ": ")
			line = where[:strings.LastIndexByte(where, ':')] + " " + what
		} else if head, _, ok := strings.Cut(line, "): "); ok {
			line = head
		} else if f := strings.Fields(line); len(f) > 3 && f[0] == "test" {
			line = strings.Join(f[:3], " ")
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "\n")
}

// PathWith returns a folder for a PATH that holds links to all programs of the
// present PATH but the named ones, and the scripts (name to text).
func PathWith(t testing.TB, without []string, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, from := range filepath.SplitList(os.Getenv("PATH")) {
		entries, err := os.ReadDir(from)
		if err != nil {
			continue
		}
		for _, e := range entries {
			_, replaced := scripts[e.Name()]
			if !replaced && !slices.Contains(without, e.Name()) {
				_ = os.Symlink(filepath.Join(from, e.Name()), filepath.Join(dir, e.Name())) // the first one wins
			}
		}
	}
	write(t, dir, scripts)
	return dir
}

// Programs returns a folder for a PATH that holds the scripts (name to text).
func Programs(t testing.TB, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, scripts)
	return dir
}

func write(t testing.TB, dir string, scripts map[string]string) {
	t.Helper()
	for name, text := range scripts {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
}
