package value_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/source/sourcetest"
	"github.com/bitactor/cf/check/value"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

func TestCanaries(t *testing.T) { sourcetest.Canaries(t, value.New(value.Options{})) }

func TestGoldens(t *testing.T) {
	sourcetest.Goldens(t, value.New(value.Options{Run: true}), "testdata")
}

func TestPlanted(t *testing.T) {
	sourcetest.Planted(t, "testdata", "value-field", "duplicate-goal", "not-measurable", "evidence-missing", "evidence-without-number", "target-missed",
		"goal-served-by-none", "path-missing", "module-without-goal")
}

// TestOutdated plants evidence that is older than what it speaks of, by commits and by
// its own time.
func TestOutdated(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2024, 1, n, 0, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		report, serves string
		commits        map[string]time.Time
		want           bool
	}{
		"newer":                         {`{"v": 4}`, "lib/a.c", map[string]time.Time{"r.json": day(3), "lib/a.c": day(2)}, false},
		"of the same commit":            {`{"v": 4}`, "lib/a.c", map[string]time.Time{"r.json": day(2), "lib/a.c": day(2)}, false},
		"older by a day":                {`{"v": 4}`, "lib/a.c", map[string]time.Time{"r.json": day(1), "lib/a.c": day(2)}, true},
		"older than a folder":           {`{"v": 4}`, "lib", map[string]time.Time{"r.json": day(1), "lib": day(9)}, true},
		"older than the second":         {`{"v": 4}`, "b.c, lib/a.c", map[string]time.Time{"r.json": day(2), "b.c": day(1), "lib/a.c": day(3)}, true},
		"older by its own time":         {`{"v": 4, "time": "2024-01-01T00:00:00Z"}`, "lib/a.c", map[string]time.Time{"r.json": day(9), "lib/a.c": day(2)}, true},
		"older by an hour":              {`{"v": 4, "time": "2024-01-01T23:00:00Z"}`, "lib/a.c", map[string]time.Time{"r.json": day(9), "lib/a.c": day(2)}, true},
		"newer by its own time":         {`{"v": 4, "time": "2024-01-02T01:00:00Z"}`, "lib/a.c", map[string]time.Time{"r.json": day(9), "lib/a.c": day(2)}, false},
		"of which nothing is committed": {`{"v": 4}`, "lib/a.c", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{
				"r.json": c.report, "lib/a.c": "int a;\n", "b.c": "int b;\n",
				"value.yaml": "version: 1\ngoals:\n  - {id: a, goal: g, owner: o, measure: m, target: '>= 3', serves: [" + c.serves + "], evidence: {report: r.json, field: /v}}\n",
			}
			committed := func(_ context.Context, paths []string) (latest time.Time) {
				for _, p := range paths {
					if when := c.commits[p]; when.After(latest) {
						latest = when
					}
				}
				return latest
			}
			out := sourcetest.Check(t, value.New(value.Options{Committed: committed}), files)
			found := len(out.Diagnostics) == 1 && out.Diagnostics[0].Code == "evidence-outdated"
			if found != c.want || !found && len(out.Diagnostics) > 0 {
				t.Errorf("%+v", out.Diagnostics)
			}
		})
	}
}

func TestWithoutAFileNothingIsChecked(t *testing.T) {
	out := sourcetest.Check(t, value.New(value.Options{}), map[string]string{"a.txt": "a\n"})
	if len(out.Gaps) != 1 || !out.Gaps[0].Blocks || len(out.Diagnostics) != 0 {
		t.Errorf("%+v", out)
	}
}

// TestCommandsRunOnlyWhenAsked plants a command that leaves a trace.
func TestCommandsRunOnlyWhenAsked(t *testing.T) {
	files := map[string]string{"a.txt": "1\n", "value.yaml": "version: 1\ngoals:\n  - {id: a, goal: g, owner: o, measure: m, target: '> 3', serves: [a.txt], evidence: {command: [cat, a.txt]}}\n"}
	out := sourcetest.Check(t, value.New(value.Options{}), files)
	if len(out.Ran) != 0 || len(out.Diagnostics) != 0 || !gap(out, "--run-evidence") {
		t.Errorf("without the flag: %+v", out)
	}
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out = judged(t, dir, value.Options{Run: true})
	if len(out.Ran) != 1 || len(out.Diagnostics) != 1 || out.Diagnostics[0].Code != "target-missed" {
		t.Errorf("with it: %+v", out)
	}
}

func gap(out check.Outcome, hint string) bool {
	for _, g := range out.Gaps {
		if strings.Contains(g.Hint, hint) {
			return true
		}
	}
	return false
}

// TestOldEvidence commits code after the report that speaks of it.
func TestOldEvidence(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(when string) {
		for _, args := range [][]string{{"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "x"}} {
			cmd := exec.Command("git", args...)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_AUTHOR_DATE="+when, "GIT_COMMITTER_DATE="+when, "GIT_CONFIG_GLOBAL=/dev/null")
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, text)
			}
		}
	}
	if text, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	write("r.txt", "3\n")
	write("code.txt", "1\n")
	write("value.yaml", "version: 1\ngoals:\n  - {id: a, goal: g, owner: o, measure: m, target: '>= 3', serves: [code.txt], evidence: {report: r.txt}}\n")
	commit("2024-01-01T00:00:00Z")
	if codes := codesOf(t, dir); codes != "" {
		t.Errorf("of one commit: %s", codes)
	}
	write("code.txt", "2\n")
	commit("2024-02-01T00:00:00Z")
	if codes := codesOf(t, dir); codes != "evidence-outdated" {
		t.Errorf("after the code: %s", codes)
	}
	write("r.txt", "4\n")
	commit("2024-03-01T00:00:00Z")
	if codes := codesOf(t, dir); codes != "" {
		t.Errorf("measured anew: %s", codes)
	}
	write("r.txt", "")
	write("r.json", `{"time": "2024-01-15T00:00:00Z", "v": 4}`)
	write("value.yaml", "version: 1\ngoals:\n  - {id: a, goal: g, owner: o, measure: m, target: '>= 3', serves: [code.txt], evidence: {report: r.json, field: /v}}\n")
	commit("2024-04-01T00:00:00Z")
	if codes := codesOf(t, dir); codes != "evidence-outdated" {
		t.Errorf("by its own time: %s", codes)
	}
}

func codesOf(t *testing.T, dir string) string {
	t.Helper()
	var codes []string
	for _, d := range judged(t, dir, value.Options{}).Diagnostics {
		codes = append(codes, d.Code)
	}
	return strings.Join(codes, " ")
}

// judged checks a folder with the programs of this machine.
func judged(t *testing.T, dir string, o value.Options) check.Outcome {
	t.Helper()
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tree.Close() }()
	box, err := sandbox.Open(t.Context(), sandbox.Options{Off: true, Cache: t.TempDir(), Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	stage, err := tree.Stage(t.Context(), &workspace.Set{}, box)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stage.Close() }()
	o.Committed = func(ctx context.Context, paths []string) time.Time {
		when, err := tree.Committed(ctx, paths, os.Environ())
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	out, err := value.New(o).Check(t.Context(), check.Target{Stage: stage, Project: "."})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzValueFile gives hostile files: no panic, which would be a gap, and an end.
func FuzzValueFile(f *testing.F) {
	f.Add("version: 1\ngoals:\n  - {id: a, goal: g, owner: o, measure: m, target: '<= 3', serves: [.], evidence: {report: value.yaml, field: /0/~1}}\nmodules: ['[']\n")
	f.Add("goals: {a: &a [*a]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		began := time.Now()
		out := sourcetest.Check(t, value.New(value.Options{}), map[string]string{"value.yaml": text})
		for _, g := range out.Gaps {
			if strings.Contains(g.Why, "the parser failed") {
				t.Fatalf("%q: %s", text, g.Why)
			}
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%q took %v", text, time.Since(began))
		}
	})
}
