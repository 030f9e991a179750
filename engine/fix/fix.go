// Package fix mends what checks report: first what needs no model, then file by
// file with one.
//
// It works on a set of changes that grows; what is kept of each try is only what
// makes the whole better. The package must never write a file, ask a model to
// change a test, or keep a change that brings a finding or a failing test of its
// own.
//
// Invariants:
//  1. The set may land at any time: it was tried as it is, and the gate let it.
//  2. Every try is on top of what was kept before.
//  3. Findings that are left are told with the reason why.
package fix

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// Proposer finds a change of one file on top of others; *engine.Engine is one.
type Proposer interface {
	Implement(ctx context.Context, r engine.Request) (*engine.Outcome, error)
}

// Fixer mends for one root. Set the fields before first use.
type Fixer struct {
	Tree     *workspace.Tree
	Box      *sandbox.Box // for the formatters
	Checkers []check.Checker
	Judge    engine.Judge
	// Connect makes the engine, when the first finding needs one.
	Connect  func(ctx context.Context) (Proposer, error)
	Events   event.Sink
	Level    engine.Level
	Budget   time.Duration // for model and checks together; 0 means none
	Removals bool
	Proven   bool // engine.Request.Proven; what passes in part is then not kept
	Now      func() time.Time
}

// Left is what stays as it is in one file, and why.
type Left struct {
	File string
	Why  string
}

// Result is what a report came to.
type Result struct {
	Trial    *land.Trial // of all that was kept; nil: nothing was
	Did      []string    // what was mended without a model, in words
	Left     []Left
	Examples []engine.Example
	Outcomes []*engine.Outcome // of what the engine was asked, in order
}

// run is one report under way.
type run struct {
	*Fixer
	out    *Result
	report *check.Report
	began  time.Time
	// working is what the next try builds on where that may not land as it is: once
	// a file compiles, checks see what they could not see before. nil: what was kept.
	working *land.Trial
}

// Fix mends what the report of the tree lists. Nothing is written. The error is
// that of the sandbox, of the context's end, or of the model's server; what was
// kept until then is in the result all the same.
func (f *Fixer) Fix(ctx context.Context, report *check.Report) (*Result, error) {
	r := &run{Fixer: f, out: &Result{}, report: report, began: f.Now()}
	groups, left := r.groups(ctx)
	r.out.Left = left
	mends, err := r.mend(ctx, groups)
	if err != nil {
		return r.out, err
	}
	if r.working != nil {
		groups = r.revealed(ctx, groups)
	}
	err = r.askAll(ctx, groups)
	if r.working != nil && ctx.Err() == nil { // it can't land: what of it can
		r.working = nil
		for i := range mends {
			if _, failed := r.keep(ctx, mends[i:i+1]); failed != nil {
				return r.out, errors.Join(err, failed)
			}
		}
	}
	r.out.Left = slices.DeleteFunc(r.out.Left, func(l Left) bool { // a later file mended it too
		return slices.ContainsFunc(groups, func(g Group) bool { return g.File == l.File && r.open(g).done() })
	})
	return r.out, err
}

// Ask has the engine mend groups that the caller made, on top of a trial that may
// land; nil: of the tree. Nothing is written, and the errors are those of Fix.
func (f *Fixer) Ask(ctx context.Context, groups []Group, on *land.Trial) (*Result, error) {
	r := &run{Fixer: f, out: &Result{Trial: on}, began: f.Now()}
	return r.out, r.askAll(ctx, groups)
}

// askAll has the engine repair what is not mended yet, file by file.
func (r *run) askAll(ctx context.Context, groups []Group) error {
	var proposer Proposer
	for _, g := range groups {
		if g = r.open(g); g.done() {
			continue
		}
		if engine.IsTest(g.File) {
			r.leave(g.File, "it is a test: a model may not change what its code is judged by")
			continue
		}
		if r.over() {
			r.leave(g.File, timeUp)
			continue
		}
		if proposer == nil {
			var err error
			if proposer, err = r.Connect(ctx); err != nil {
				return err
			}
		}
		if err := r.ask(ctx, proposer, g); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) leave(file, why string) { r.out.Left = append(r.out.Left, Left{file, why}) }

func (r *run) over() bool { return r.Budget > 0 && r.Now().Sub(r.began) >= r.Budget }

// latest is the trial that the next try builds on, nil while there is none.
func (r *run) latest() *land.Trial {
	if r.working != nil {
		return r.working
	}
	return r.out.Trial
}

// on is its set.
func (r *run) on() *workspace.Set {
	if t := r.latest(); t != nil {
		return t.Set
	}
	return nil
}

// ask has the engine repair one file. That it can't is no error.
func (r *run) ask(ctx context.Context, p Proposer, g Group) error {
	step := event.Step{ID: "fix." + g.File, Title: "repair " + g.File, Why: g.describe(), State: event.Begin}
	r.Events.Emit(step)
	request := engine.Request{
		Path: g.File, Symbol: g.Symbol, Level: r.Level, Removals: r.Removals, On: r.on(), Findings: g.Findings, Failing: g.Failing,
		Proven: r.Proven,
	}
	if r.Budget > 0 {
		request.Budget = r.Budget - r.Now().Sub(r.began)
	}
	got, err := p.Implement(ctx, request)
	step.State, step.Detail = event.Done, "mended"
	if got != nil && r.take(got, err == nil) {
		step.Detail = "mended in part"
	} else if err != nil {
		step.State, step.Detail = event.Failing, err.Error()
	}
	r.Events.Emit(step)
	switch fault.KindOf(err) {
	case fault.Refused, fault.Unusable, fault.Usage:
		if err == nil {
			return nil
		}
		r.leave(g.File, reason(err))
		return nil
	}
	return err
}

const timeUp = "the time is up"

// reason says why a file stays as it is.
func reason(err error) string {
	var told *fault.Error
	switch {
	case fault.CodeOf(err) == engine.CodeBudget:
		return timeUp
	case errors.As(err, &told):
		return told.Err.Error()
	}
	return err.Error()
}

// take keeps what the engine came to, and tells whether that is a part only.
func (r *run) take(o *engine.Outcome, passed bool) bool {
	r.out.Outcomes = append(r.out.Outcomes, o)
	if passed {
		r.out.Trial, r.working = o.Trial(), nil
		r.out.Examples = append(r.out.Examples, o.Examples()...)
		return false
	}
	if r.Proven {
		return false
	}
	part := false
	for _, c := range o.Candidates {
		switch {
		case c.Trial == nil:
		case c.Trial.Verdict.Land && gain(c.Trial) > gain(r.out.Trial):
			r.out.Trial, r.working, part = c.Trial, nil, true
		case r.working != nil && !blocked(c.Trial) && wrong(c.Trial) < wrong(r.working) && gain(c.Trial) >= gain(r.working):
			r.working, part = c.Trial, true
		}
	}
	return part
}

// gain counts what a trial mends.
func gain(t *land.Trial) int {
	if t == nil {
		return 0
	}
	return len(t.Verdict.Gone) + len(t.Verdict.Fixed)
}

// wrong counts what keeps a trial from landing.
func wrong(t *land.Trial) int { return len(t.Verdict.New) + len(t.Verdict.NewlyFailing) }

// blocked tells whether a trial is kept from landing by more than findings.
func blocked(t *land.Trial) bool {
	return len(t.Verdict.Lost) > 0 || slices.ContainsFunc(t.Verdict.NotChecked, func(g check.Gap) bool { return g.Blocks })
}

// open returns what of a group is not mended yet, and what was revealed of it.
func (r *run) open(g Group) Group {
	if r.latest() == nil {
		return g
	}
	v := r.latest().Verdict
	gone := slices.Clone(v.Gone)
	findings, failing := g.Findings, g.Failing
	g.Findings, g.Failing = nil, nil
	for _, d := range findings {
		if at := slices.IndexFunc(gone, func(o check.Diagnostic) bool { return same(o, d) }); at >= 0 {
			gone = slices.Delete(gone, at, at+1)
			continue
		}
		g.Findings = append(g.Findings, d)
	}
	for _, d := range v.New {
		if d.File == g.File && !slices.ContainsFunc(g.Findings, func(o check.Diagnostic) bool { return same(o, d) }) {
			g.Findings = append(g.Findings, d)
		}
	}
	for _, t := range failing {
		if !slices.ContainsFunc(v.Fixed, func(o check.Test) bool { return o.Name == t.Name }) {
			g.Failing = append(g.Failing, t)
		}
	}
	return g
}

// same tells whether two diagnostics of one tree are one.
func same(a, b check.Diagnostic) bool {
	return a.Checker == b.Checker && a.Code == b.Code && a.File == b.File && a.Line == b.Line && a.Message == b.Message
}

// Text says what is left, one line a file.
func (l Left) Text() string { return strings.Join(strings.Fields(l.File+": "+l.Why), " ") }
