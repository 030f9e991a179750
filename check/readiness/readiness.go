// Package readiness makes a scorecard of what the checks say about a tree: whether it
// is ready for production, point by point, each with the evidence that it rests on.
//
// It judges nothing by opinion and asks no model: a point is a figure of a check or a
// file that is there. It runs nothing itself: the report, the mutants and what is
// unfinished are handed to it.
//
// Invariants:
//  1. A point passes only by evidence that is named. What no check looked at is "not
//     checked", with the reason; it never counts as passed. "Does not apply" is only
//     what the tree holds nothing of, and a check that ran says so or there is no file.
//  2. The same report, stage and options give the same card, byte for byte.
package readiness

import (
	"context"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/telemetry"
	"github.com/bitactor/cf/workspace"
)

// State is what a point came to.
type State string

// The states of a point. Stable: the list may only grow.
const (
	Pass       State = "pass"
	Fail       State = "fail"
	NotChecked State = "not checked"
	NoSubject  State = "does not apply" // there is nothing in the tree that it is about
)

// Point is one question of the card.
type Point struct {
	ID       string   `json:"id"`   // "tests.mutation"
	Asks     string   `json:"asks"` // what holds where it passes
	State    State    `json:"state"`
	Figure   string   `json:"figure,omitempty"`   // the number that decided, with what it counts
	Evidence string   `json:"evidence,omitempty"` // the command or the file that it rests on
	Why      string   `json:"why,omitempty"`      // where it did not pass
	Hint     string   `json:"hint,omitempty"`     // what would mend that
	Places   []string `json:"places,omitempty"`   // where, at most PlacesMax
}

// PlacesMax bounds the places of a point: the findings themselves stand in the report.
const PlacesMax = 5

// Area is the points about one thing.
type Area struct {
	Name   string  `json:"name"`
	Points []Point `json:"points"`
}

// Card is a scorecard. The counts are of its points.
type Card struct {
	Areas      []Area    `json:"areas"`
	Passed     int       `json:"passed"`
	Failed     int       `json:"failed"`
	NotChecked int       `json:"not_checked"`
	NoSubject  int       `json:"does_not_apply"`
	Mutation   *Mutation `json:"mutation,omitempty"`
}

// Mutation is what the mutants of some files came to.
type Mutation struct {
	Seed      int64    `json:"seed"`
	Max       int      `json:"max"`   // mutants that might have been made
	Files     []string `json:"files"` // that were mutated
	Valid     int      `json:"valid"`
	Killed    int      `json:"killed"`
	Survivors []string `json:"survivors,omitempty"` // "a.go: line 3: < became <="
	Why       string   `json:"why,omitempty"`       // why there are none, or not all
}

// Request is what a card is made of.
type Request struct {
	Report   *check.Report // of all checkers, with those of packages scanner, telemetry and value
	Stage    *workspace.Stage
	Paths    []string // what was asked about, relative to the root; none means all
	Mutation *Mutation
	// Untested are checkers whose tests had no time: their parts of the report are of
	// a run without tests.
	Untested []Untested
	// Open is what pretends or is left to do in the product's Code files of code.
	Open []check.Diagnostic
	Code int
}

// Untested is a checker's work on one project without its tests.
type Untested struct{ Checker, Project, Why string }

// Of makes the card. The error is the context's, or that the stage can't be listed.
func Of(ctx context.Context, r Request) (*Card, error) {
	list, err := r.Stage.List(ctx, workspace.ListOptions{})
	if err != nil {
		return nil, err
	}
	j := &judging{Request: r}
	for _, f := range list.Files {
		if Counts(r.Paths, f.Path) {
			j.files = append(j.files, f.Path)
		}
	}
	if len(j.files) > 0 {
		if j.emitted, err = telemetry.Count(ctx, r.Stage, j.files); err != nil {
			return nil, err
		}
	}
	card := &Card{Mutation: r.Mutation}
	for _, a := range areas {
		area := Area{Name: a.name}
		for _, q := range a.questions {
			p := q.judge(j)
			p.ID, p.Asks = a.name+"."+q.id, q.asks
			area.Points = append(area.Points, p)
		}
		if a.name == "security" {
			area.Points = append(area.Points, j.scanners()...)
		}
		for _, p := range area.Points {
			*map[State]*int{Pass: &card.Passed, Fail: &card.Failed, NotChecked: &card.NotChecked, NoSubject: &card.NoSubject}[p.State]++
		}
		card.Areas = append(card.Areas, area)
	}
	return card, nil
}

// judging is a card in the making.
type judging struct {
	Request
	files   []string // below the paths, sorted
	emitted telemetry.Inventory
}

// question is a point of the card before it is judged.
type question struct {
	id, asks string
	judge    func(*judging) Point
}

var areas = []struct {
	name      string
	questions []question
}{
	{"architecture", []question{
		{"checked", "code, data and documents pass their checkers", (*judging).checked},
		{"finished", "no product code is a stub, a mock or marked as unfinished", (*judging).finished},
		{"described", "a document describes the architecture", document("description of the architecture", "ARCHITECTURE.md", "docs/architecture.md", "docs/architecture")},
		{"purpose", "the goals in value.yaml are complete, and each serves a part", (*judging).purpose},
	}},
	{"tests", []question{
		{"run", "every project has tests that run", (*judging).testsRun},
		{"pass", "all tests pass, each time", (*judging).testsPass},
		{"mutation", "the tests notice faults in the code", (*judging).mutation},
	}},
	{"security", []question{
		{"policy", "a document says how to report a vulnerability", document("security policy", "SECURITY.md", ".github/SECURITY.md", "docs/SECURITY.md", "docs/security.md", "docs/security")},
		{"pods", "pods have no more rights than they need", ofFormat("kubernetes", "there are no Kubernetes manifests", isPodSecurity)},
	}},
	{"telemetry", []question{
		{"emitted", "the code emits telemetry", (*judging).emits},
		{"agrees", "what dashboards, rules and documents use is emitted, with the right type and unit", ofTelemetry(not(isAlert, isLabel))},
		{"bounded", "every label has a bounded set of values", ofTelemetry(isLabel)},
		{"alerts", "every alert names a runbook that exists", (*judging).alerts},
	}},
	{"operations", []question{
		{"runbook", "a document says how it is operated", document("runbook", "docs/operations.md", "docs/operations", "docs/runbook.md", "docs/runbooks", "RUNBOOK.md", "runbooks", "docs/operations_guide.md")},
		{"health", "containers have liveness and readiness probes", ofFormat("kubernetes", "there are no Kubernetes manifests", isProbe)},
		{"rules", "alerting and recording rules are valid", ofFormat("prometheus", "there are no rules of Prometheus", everything)},
		{"changes", "a document says what changed between versions", document("change log", "CHANGELOG.md", "CHANGELOG", "CHANGES.md", "HISTORY.md", "NEWS.md", "docs/CHANGELOG.md")},
	}},
	{"deployment", []question{
		{"image", "the Dockerfiles have no findings", ofFormat("dockerfile", "there is no Dockerfile", everything)},
		{"manifests", "the manifests are valid and fit together", ofFormat("kubernetes", "there are no Kubernetes manifests", not(isPodSecurity, isProbe, isResource))},
		{"pipeline", "a pipeline runs the tests", (*judging).pipeline},
		{"locked", "the versions of dependencies are fixed", (*judging).locked},
	}},
	{"performance", []question{
		{"goals", "every goal in value.yaml has evidence that meets its target", (*judging).goals},
		{"measured", "there are benchmarks or load tests", (*judging).measured},
		{"limits", "containers have limits and requests", ofFormat("kubernetes", "there are no Kubernetes manifests", isResource)},
	}},
}

// The rules of other checkers by what they are about.
func everything(string) bool { return true }

func isAlert(code string) bool { return code == "alert-without-runbook" || code == "runbook-missing" }

func isLabel(code string) bool { return code == "unbounded-label" }

func isProbe(code string) bool { return strings.HasSuffix(code, "-probe") }

func isResource(code string) bool { return code == "no-limits" || code == "no-requests" }

// isPodSecurity matches the rules of the Pod Security Standards, which the checker of
// manifests names after them.
func isPodSecurity(code string) bool { return strings.HasPrefix(code, "pod-security") }

func not(others ...func(string) bool) func(string) bool {
	return func(code string) bool {
		return !slices.ContainsFunc(others, func(is func(string) bool) bool { return is(code) })
	}
}
