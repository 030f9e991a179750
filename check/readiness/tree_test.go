package readiness_test

import (
	"context"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/docker"
	"github.com/bitactor/cf/check/kubernetes"
	"github.com/bitactor/cf/check/markdown"
	"github.com/bitactor/cf/check/prometheus"
	"github.com/bitactor/cf/check/readiness"
	"github.com/bitactor/cf/check/scanner"
	"github.com/bitactor/cf/check/source/sourcetest"
	"github.com/bitactor/cf/check/telemetry"
	"github.com/bitactor/cf/check/value"
	"github.com/bitactor/cf/check/workflow"
	"github.com/bitactor/cf/workspace"
)

// language stands for the checker of a language: "BAD code" in a Python file is a
// finding, "TEST name state" a test.
type language struct{ name string }

var said = regexp.MustCompile(`\b(BAD|TEST) (\w+)(?: (\w+))?`)

func (l language) Name() string                     { return l.name }
func (l language) Match(file string, _ []byte) bool { return filepath.Ext(file) == ".py" }
func (l language) Markers() []string                { return nil }
func (l language) Tools() []check.Tool              { return nil }

func (l language) Canaries() []check.Canary {
	return []check.Canary{{Files: map[string]string{"c.py": "BAD planted\n"}, File: "c.py", Line: 1, Code: "planted"}}
}

func (l language) Check(_ context.Context, t check.Target) (check.Outcome, error) {
	o := check.Outcome{Testable: true}
	for _, f := range t.Files {
		text, err := t.Stage.Read(f)
		if err != nil {
			return o, err
		}
		for i, line := range strings.Split(string(text), "\n") {
			switch m := said.FindStringSubmatch(line); {
			case m == nil:
			case m[1] == "BAD":
				o.Diagnostics = append(o.Diagnostics, check.Diagnostic{File: f, Line: i + 1, Code: m[2], Severity: check.Error, Checker: l.name, Message: "it is bad"})
			case t.Tests:
				o.Tests = append(o.Tests, check.Test{Name: m[2], File: f, State: check.TestState(m[3])})
			}
		}
	}
	return o, nil
}

// standIn is a scanner without its program: what it stands for chooses the files, and
// "WEAK name" in one is a finding.
type standIn struct{ check.Checker }

func (s standIn) Tools() []check.Tool { return nil }
func (s standIn) Whole() bool         { return s.Checker.(check.Whole).Whole() }
func (s standIn) Across() bool        { return s.Whole() }

func (s standIn) Canaries() []check.Canary {
	files := map[string]string{}
	for _, name := range []string{"go.mod", "Dockerfile", ".github/workflows/a.yml", "package-lock.json", "a.py", "a.tf"} {
		files[name] = "\nWEAK " + s.Name() + "\n"
	}
	var out []check.Canary
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if s.Whole() || s.Match(name, nil) {
			out = append(out, check.Canary{Files: files, File: name, Line: 2, Code: "weak"})
		}
	}
	return out
}

func (s standIn) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	var o check.Outcome
	files := t.Files
	if s.Whole() {
		list, err := t.Stage.List(ctx, workspace.ListOptions{})
		if err != nil {
			return o, err
		}
		files = nil
		for _, f := range list.Files {
			files = append(files, f.Path)
		}
	}
	for _, f := range files {
		text, err := t.Stage.Read(f)
		if err != nil {
			return o, err
		}
		for i, line := range strings.Split(string(text), "\n") {
			if strings.Contains(line, "WEAK "+s.Name()) {
				o.Diagnostics = append(o.Diagnostics, check.Diagnostic{File: f, Line: i + 1, Code: "weak", Severity: check.Error, Checker: s.Name(), Message: "it is weak"})
			}
		}
	}
	return o, nil
}

// shop reads the clean tree.
func shop(t *testing.T) map[string]string {
	t.Helper()
	a, err := txtar.ParseFile("testdata/shop.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range a.Files {
		files[f.Name] = string(f.Data)
	}
	return files
}

// checkers are those of files that need no program, stand-ins for the others, and
// those that hold files against each other.
func checkers() []check.Checker {
	list := append([]check.Checker{language{"language"}}, data.New()...)
	list = append(list, markdown.New(), docker.New(), workflow.New(), kubernetes.New(), prometheus.New(), telemetry.New(), value.New(value.Options{}))
	for _, s := range scanner.All() {
		list = append(list, standIn{s})
	}
	return list
}

// strong is what good tests make of mutants.
func strong() *readiness.Mutation {
	return &readiness.Mutation{Seed: 1, Max: 12, Files: []string{"shop.py"}, Valid: 10, Killed: 9, Survivors: []string{"shop.py: line 5: + became -"}}
}

// inputs are what a card is made of, beside the tree.
type inputs struct {
	checkers []check.Checker
	noTests  bool
	cache    string // where proofs of the checkers are kept for the next card
	edit     func(*readiness.Request)
}

// card checks files and makes their card.
func card(t *testing.T, files map[string]string, in inputs) *readiness.Card {
	t.Helper()
	stage := sourcetest.Stage(t, files)
	if in.checkers == nil {
		in.checkers = checkers()
	}
	report, err := check.Run(t.Context(), check.Request{Stage: stage, Checkers: in.checkers, Tests: !in.noTests, Parallel: 1, Cache: in.cache})
	if err != nil {
		t.Fatal(err)
	}
	request := readiness.Request{Report: report, Stage: stage, Mutation: strong(), Code: 2}
	if in.edit != nil {
		in.edit(&request)
	}
	c, err := readiness.Of(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// points returns those of a card in a state, by their names.
func points(c *readiness.Card, state readiness.State) map[string]readiness.Point {
	out := map[string]readiness.Point{}
	for _, a := range c.Areas {
		for _, p := range a.Points {
			if p.State == state {
				out[p.ID] = p
			}
		}
	}
	return out
}

func names(points map[string]readiness.Point) []string {
	return slices.Sorted(maps.Keys(points))
}
