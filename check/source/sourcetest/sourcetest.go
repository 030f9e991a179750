// Package sourcetest runs a checker that needs no tool over small trees
// written as txtar archives, and compares what it says with goldens.
//
// It is for tests alone.
package sourcetest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// headBytes is what a checker is shown of a file to tell its kind.
const headBytes = 512

// Stage lays files out in a new tree and stages it with changes.
func Stage(t testing.TB, files map[string]string, changes ...workspace.Change) *workspace.Stage {
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
	box, err := sandbox.Open(t.Context(), sandbox.Options{Off: true, Cache: t.TempDir()})
	must(t, err)
	stage, err := tree.Stage(t.Context(), &workspace.Set{Changes: changes}, box)
	must(t, err)
	t.Cleanup(func() { _ = stage.Close() })
	return stage
}

// Check runs c over those of files that it matches. An optional list names the
// changed ones.
func Check(t testing.TB, c check.Checker, files map[string]string, changed ...string) check.Outcome {
	t.Helper()
	target := check.Target{Stage: Stage(t, files), Project: ".", Changed: changed}
	for name, text := range files {
		if c.Match(name, []byte(text[:min(len(text), headBytes)])) {
			target.Files = append(target.Files, name)
		}
	}
	slices.Sort(target.Files)
	if len(changed) == 0 {
		target.Changed = target.Files
	}
	out, err := c.Check(t.Context(), target)
	must(t, err)
	return out
}

// Canaries fails the test unless c reports each of its canaries.
func Canaries(t *testing.T, c check.Checker) {
	t.Helper()
	if len(c.Canaries()) == 0 {
		t.Errorf("%s has no canary", c.Name())
	}
	for _, canary := range c.Canaries() {
		out := Check(t, c, canary.Files)
		if !slices.ContainsFunc(out.Diagnostics, func(d check.Diagnostic) bool {
			return d.File == canary.File && d.Line == canary.Line && d.Code == canary.Code && d.Checker == c.Name()
		}) {
			t.Errorf("%s misses its canary:\n%s", c.Name(), Render(out))
		}
	}
}

// Planted fails the test unless the goldens of dir hold at least five findings of each
// rule: a rule that is seen once is hardly tested.
func Planted(t *testing.T, dir string, rules ...string) {
	t.Helper()
	archives, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	must(t, err)
	found := map[string]int{}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		must(t, err)
		for _, f := range archive.Files {
			for line := range strings.Lines(string(f.Data)) {
				if _, rest, ok := strings.Cut(line, " ["); f.Name == "want" && ok {
					rule, _, _ := strings.Cut(rest, "]")
					found[rule]++
				}
			}
		}
	}
	for _, rule := range rules {
		if found[rule] < 5 {
			t.Errorf("%s is planted %d times, and 5 are wanted", rule, found[rule])
		}
	}
}

// Goldens runs c over every archive DIR/*.txtar. The archive's comment says what
// it is about; its file "want" holds what c must say. -update rewrites that.
func Goldens(t *testing.T, c check.Checker, dir string) {
	t.Helper()
	archives, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	must(t, err)
	if len(archives) == 0 {
		t.Fatalf("no archive in %s", dir)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			must(t, err)
			files, want := map[string]string{}, ""
			for _, f := range archive.Files {
				if f.Name == "want" {
					want = string(f.Data)
				} else {
					files[f.Name] = string(f.Data)
				}
			}
			got := Render(Check(t, c, files))
			if *update {
				archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
				archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
				must(t, os.WriteFile(name, txtar.Format(archive), 0o644))
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("differs (-want +got); -update rewrites it\n%s", diff)
			}
		})
	}
}

// Render writes an outcome as text.
func Render(out check.Outcome) string {
	var b strings.Builder
	for _, d := range out.Diagnostics {
		fmt.Fprintf(&b, "%s:%d:%d: %s [%s] %s\n", d.File, d.Line, d.Column, d.Severity, d.Code, d.Message)
	}
	for _, g := range out.Gaps {
		fmt.Fprintf(&b, "gap: %s: %s: %s\n", g.File, g.What, g.Why)
	}
	return b.String()
}

// Bounded fails the test if c needs more than limit of processor time for one
// file, and returns what it said. The clock on the wall would blame a busy
// machine on c.
func Bounded(t *testing.T, c check.Checker, limit time.Duration, name, text string) check.Outcome {
	t.Helper()
	start := spent(t)
	out := Check(t, c, map[string]string{name: text})
	if d := spent(t) - start; d > limit {
		t.Errorf("%s: %d bytes, %.20q..., took %s of processor time, more than %s", name, len(text), text, d, limit)
	}
	return out
}

// spent returns the processor time that the test has used.
func spent(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Inside fails the test if a finding lies outside the text of its file; one
// behind the last byte of a line is inside.
func Inside(t testing.TB, text string, out check.Outcome) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for _, d := range out.Diagnostics {
		if d.Line < 1 || d.Line > len(lines) || d.Column < 1 || d.Column > len(lines[d.Line-1])+1 {
			t.Fatalf("%q: finding outside the file: %+v", text, d)
		}
	}
}
