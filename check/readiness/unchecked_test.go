package readiness_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/readiness"
)

// resting are the points that rest on a checker, by its name.
var resting = map[string]string{
	"language": "architecture.checked tests.run tests.pass", "json": "architecture.checked", "yaml": "architecture.checked",
	"markdown": "architecture.checked", "workflow": "architecture.checked",
	"dockerfile": "deployment.image", "prometheus": "operations.rules",
	"kubernetes": "security.pods operations.health deployment.manifests performance.limits",
	"telemetry":  "telemetry.agrees telemetry.bounded telemetry.alerts", "value": "architecture.purpose performance.goals",
	"govulncheck": "security.govulncheck", "staticcheck": "security.staticcheck", "gitleaks": "security.gitleaks",
	"hadolint": "security.hadolint", "zizmor": "security.zizmor", "npm": "security.npm", "bandit": "security.bandit",
	"semgrep": "security.semgrep", "checkov": "security.checkov",
}

// disabled is a checker that can't do its work, in one of several ways.
type disabled struct {
	check.Checker
	how string
}

// ways are how a checker can't do its work, with a word of the reason.
var ways = map[string]string{
	"missing": "no-such-program is not installed", "blind": "missed canary", "fails": "out of order", "gap": "no data", "panics": "the checker itself failed",
}

func (d disabled) Tools() []check.Tool {
	if d.how == "missing" {
		return []check.Tool{{Program: "no-such-program", For: "it", Needed: true, Hint: "get it"}}
	}
	return nil
}

func (d disabled) Whole() bool {
	w, ok := d.Checker.(check.Whole)
	return ok && w.Whole()
}

func (d disabled) Across() bool {
	a, ok := d.Checker.(check.Across)
	return ok && a.Across()
}

func (d disabled) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	planted := slices.ContainsFunc(d.Canaries(), func(c check.Canary) bool { return t.Stage.Kind("shop.py") == "" && t.Stage.Kind(c.File) == "file" })
	switch {
	case d.how == "blind":
		return check.Outcome{}, nil
	case planted: // it is well until it sees the tree
		return d.Checker.Check(ctx, t)
	case d.how == "fails":
		return check.Outcome{}, fmt.Errorf("it is out of order")
	case d.how == "panics":
		panic("at the tree")
	}
	return check.Outcome{Gaps: []check.Gap{{What: "it", Why: "no data", Blocks: true, Checker: d.Name()}}}, nil
}

// TestNothingPassesByNotRunning takes each checker out of order in each way: the points
// that rest on it are not checked, with the reason, and none fails for it.
func TestNothingPassesByNotRunning(t *testing.T) {
	for i, c := range checkers() {
		want, known := resting[c.Name()]
		if !known {
			if c.Name() != "toml" { // the clean tree has none
				t.Errorf("no point is known to rest on %s", c.Name())
			}
			continue
		}
		for how, why := range ways {
			t.Run(c.Name()+"/"+how, func(t *testing.T) {
				t.Parallel()
				list := checkers()
				list[i] = disabled{c, how}
				made := card(t, shop(t), inputs{checkers: list})
				unchecked := points(made, readiness.NotChecked)
				for _, id := range strings.Fields(want) {
					if p, ok := unchecked[id]; !ok || !strings.Contains(p.Why, why) || p.Figure == "0 findings" {
						t.Errorf("%s: %+v, want it not checked for %q", id, p, why)
					}
				}
				if made.Failed > 0 {
					t.Errorf("points fail: %v", names(points(made, readiness.Fail)))
				}
			})
		}
	}
}

// TestUnchecked is about what nobody was asked for, or had time for.
func TestUnchecked(t *testing.T) {
	for name, c := range map[string]struct {
		in    inputs
		files func(map[string]string)
		want  string // points that are not checked
		why   string
	}{
		"no tests": {in: inputs{noTests: true}, want: "tests.mutation tests.pass tests.run", why: "no tests were asked for"},
		"tests that had no time": {
			in: inputs{edit: func(r *readiness.Request) {
				r.Untested = []readiness.Untested{{Checker: "language", Project: ".", Why: "not done within 1m0s"}}
			}},
			want: "tests.pass tests.run", why: "the tests of . (language): not done within 1m0s",
		},
		"no mutants":      {in: inputs{edit: func(r *readiness.Request) { r.Mutation = nil }}, want: "tests.mutation", why: "no mutants were asked for"},
		"too few mutants": {in: inputs{edit: killed(4, 4)}, want: "tests.mutation", why: "4 mutants, and 5 are needed"},
		"mutants that had no time": {
			in:   inputs{edit: func(r *readiness.Request) { r.Mutation = &readiness.Mutation{Why: "there was no time left of 2m30s"} }},
			want: "tests.mutation", why: "there was no time left of 2m30s",
		},
		"skipped tests":              {files: replace("shop.py", "takes_orders passed", "takes_orders skipped"), in: inputs{}, want: "", why: ""},
		"no goals":                   {files: without("value.yaml"), want: "architecture.purpose performance.goals", why: "there is no value.yaml"},
		"evidence that is a command": {files: replace("value.yaml", "{report: report.json, field: /p99}", "{command: [cat, n.txt]}"), want: "performance.goals", why: "was not run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := shop(t)
			if c.files != nil {
				c.files(files)
			}
			made := card(t, files, c.in)
			got := points(made, readiness.NotChecked)
			if strings.Join(names(got), " ") != c.want {
				t.Errorf("not checked: %v, want %s", names(got), c.want)
			}
			for id, p := range got {
				if !strings.Contains(p.Why, c.why) {
					t.Errorf("%s: %q, want %q", id, p.Why, c.why)
				}
			}
			if made.Failed > 0 {
				t.Errorf("points fail: %v", names(points(made, readiness.Fail)))
			}
		})
	}
}

// TestCutOff ends a checker by the time that the report may take.
func TestCutOff(t *testing.T) {
	made := card(t, shop(t), inputs{checkers: checkers(), edit: func(r *readiness.Request) {
		for i := range r.Report.Parts {
			p := &r.Report.Parts[i]
			*p = check.Part{Checker: p.Checker, Project: p.Project, Files: p.Files, State: check.NotChecked, Why: "not done within " + time.Minute.String(), Cut: true}
		}
	}})
	for id, p := range points(made, readiness.Pass) {
		for _, rests := range resting {
			if slices.Contains(strings.Fields(rests), id) {
				t.Errorf("%s passes though all was cut off: %+v", id, p)
			}
		}
	}
	if made.Failed > 0 {
		t.Errorf("points fail: %v", names(points(made, readiness.Fail)))
	}
}

// TestEmptyTree holds nothing: nothing passes.
func TestEmptyTree(t *testing.T) {
	made := card(t, map[string]string{"notes.txt": "a\n"}, inputs{edit: func(r *readiness.Request) { r.Code, r.Mutation = 0, nil }})
	passed := points(made, readiness.Pass)
	maps.DeleteFunc(passed, func(id string, _ readiness.Point) bool {
		return id == "security.gitleaks" || id == "security.semgrep" // they looked at notes.txt
	})
	if len(passed) > 0 {
		t.Errorf("%v pass", passed)
	}
}
