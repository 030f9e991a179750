package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// Proposer finds a change of one file on top of others; *engine.Engine is one.
type Proposer interface {
	Implement(ctx context.Context, r engine.Request) (*engine.Outcome, error)
}

// Runner carries plans out. Set the fields before first use.
type Runner struct {
	Engine   Proposer
	Judge    engine.Judge
	Store    *Store // nil: work is not kept (--dry-run)
	Events   event.Sink
	Level    engine.Level
	Budget   time.Duration // for all steps together; 0 means none
	Removals bool          // definitions may go
	Now      func() time.Time
}

// Work is a plan under way. What it holds is stored: see Store.
type Work struct {
	Format  int            `json:"format"`
	ID      string         `json:"id"`
	Verb    string         `json:"verb"` // that began it
	Plan    Plan           `json:"plan"`
	Done    int            `json:"done"`           // steps
	Open    []string       `json:"open,omitempty"` // names of tests that steps which are done still wait for
	Set     *workspace.Set `json:"set"`            // of the steps that are done
	Updated time.Time      `json:"updated"`
}

// Result is a plan that was carried out.
type Result struct {
	Trial    *land.Trial       // of all steps together; it may land if its verdict says so
	Examples []engine.Example  // of this run, for memory once the change landed
	Outcomes []*engine.Outcome // of this run, a step each
	Rejected *workspace.Set    // with the best that the step which ended it came to; nil: nothing
}

// Run carries out the steps that are not done, each on top of those before it, and
// tries the whole. Nothing is written but the stored work. A step that can't be
// carried out ends it with that step's fault; what was done before stays stored.
func (r *Runner) Run(ctx context.Context, w *Work) (*Result, error) {
	if w.Set == nil {
		w.Set = &workspace.Set{}
	}
	out := &Result{}
	began := r.Now()
	if err := r.save(w); err != nil {
		return out, err
	}
	for w.Done < len(w.Plan.Steps) {
		left := r.Budget
		if r.Budget > 0 {
			if left -= r.Now().Sub(began); left <= 0 {
				return out, r.over(w)
			}
		}
		err := r.step(ctx, w, out, left)
		if fault.CodeOf(err) == engine.CodeBudget {
			err = r.over(w) // a step knows only what was left for it
		}
		if err != nil {
			return out, err
		}
	}
	return out, r.whole(ctx, w, out)
}

// over is the fault of a plan whose time is up.
func (r *Runner) over(w *Work) error {
	return fault.New(fault.Refused, engine.CodeBudget, "%s are over, and %d of %d steps are done", r.Budget, w.Done, len(w.Plan.Steps)).
		On("plan", "").Hint("give more time with --budget, or name less")
}

// step carries out the next step.
func (r *Runner) step(ctx context.Context, w *Work, out *Result, left time.Duration) error {
	s := w.Plan.Steps[w.Done]
	e := event.Step{
		ID: fmt.Sprintf("plan.%d", w.Done+1), Title: fmt.Sprintf("step %d of %d: %s %s", w.Done+1, len(w.Plan.Steps), action[s.Kind], s.File), State: event.Begin,
	}
	r.Events.Emit(e)
	request := w.Plan.request(s)
	request.Level, request.Budget, request.Removals = r.Level, left, r.Removals
	if len(w.Set.Changes) > 0 {
		request.On = w.Set
	}
	got, err := r.Engine.Implement(ctx, request)
	if got == nil {
		e.State, e.Detail = event.Failing, err.Error()
		r.Events.Emit(e)
		return err
	}
	out.take(got)
	trial := got.Trial()
	e.State, e.Detail = event.Done, "passes"
	if err != nil {
		if trial != nil {
			out.Rejected = trial.Set
		}
		open, ok := carries(got, err, w.Plan.Steps[w.Done+1:])
		if !ok {
			e.State, e.Detail = event.Failing, err.Error()
			r.Events.Emit(e)
			return err
		}
		e.Detail = "what is wrong with it is left to later steps"
		w.Open = append(w.Open, open...)
	}
	r.Events.Emit(e)
	w.Set, out.Trial, out.Rejected = trial.Set, trial, nil
	w.Done++
	return r.save(w)
}

func (r *Result) take(o *engine.Outcome) {
	r.Outcomes = append(r.Outcomes, o)
	r.Examples = append(r.Examples, o.Examples()...)
}

// carries tells whether a step that does not pass by itself may be gone on from:
// what is wrong lies in files of the steps still to come, or is tests that fail as
// they did before, which those steps may be what they wait for. open holds the
// names of the tests that have to pass in the end.
func carries(o *engine.Outcome, err error, later []Step) (open []string, ok bool) {
	if len(later) == 0 || fault.CodeOf(err) != engine.CodeNoPass || o.Trial() == nil {
		return nil, false
	}
	comes := func(file string) bool {
		return slices.ContainsFunc(later, func(s Step) bool { return s.File == file })
	}
	v, best := o.Trial().Verdict, o.Candidates[o.Best]
	wrong := best.Wrong
	blocked := slices.ContainsFunc(v.NotChecked, func(g check.Gap) bool { return g.Blocks })
	if blocked || best.Mutation != nil || len(wrong.New)+len(wrong.NewlyFailing) == 0 {
		return nil, false // no later step can mend that
	}
	for _, d := range wrong.New {
		if !comes(d.File) {
			return nil, false
		}
	}
	for _, t := range wrong.NewlyFailing {
		before := slices.ContainsFunc(v.StillFailing, func(o check.Test) bool { return o.Name == t.Name })
		if !before && !comes(t.File) {
			return nil, false
		}
		open = append(open, t.Name)
	}
	// Tests of a package that no longer compiles are gone only until it does.
	if len(v.Lost) > 0 && len(wrong.New) == 0 {
		return nil, false
	}
	return open, true
}

// whole tries all steps together, unless the last one was tried so, and refuses
// what tests still wait for.
func (r *Runner) whole(ctx context.Context, w *Work, out *Result) error {
	if out.Trial == nil {
		trial, err := r.Judge.Try(ctx, w.Set)
		if err != nil {
			return err
		}
		out.Trial = trial
	}
	var failing []string
	v := &out.Trial.Verdict
	for _, t := range append(slices.Clone(v.StillFailing), v.NewlyFailing...) {
		if slices.Contains(w.Open, t.Name) && !slices.Contains(failing, t.Name) {
			failing = append(failing, t.Name)
		}
	}
	if len(failing) > 0 && v.Land {
		v.Land = false
		v.Why = append(v.Why, fmt.Sprintf("%d tests that the plan was to make pass still fail: %s", len(failing), failing[0]))
	}
	return nil
}

func (r *Runner) save(w *Work) error {
	if r.Store == nil {
		return nil
	}
	w.Updated = r.Now()
	return r.Store.Save(w)
}

// Fresh refuses work whose files were changed since it was begun.
func (w *Work) Fresh(tree *workspace.Tree) error {
	if w.Set == nil {
		return nil
	}
	var stale []string
	for path, hash := range w.Set.Reads {
		now := ""
		data, err := tree.Read(path)
		switch {
		case err == nil:
			now = workspace.Hash(data)
		case fault.CodeOf(err) != workspace.CodeAbsent:
			return err
		}
		if now != hash {
			stale = append(stale, path)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	slices.Sort(stale)
	return fault.New(fault.Conflict, CodeStale, "changed since the work was begun: %v", stale).On("continue", w.ID).
		Hint("begin anew: cf " + w.Verb)
}

// Title is what the change is for, one line of at most 72 bytes where words allow.
func (w *Work) Title() string { return title(w.Plan.Task) }

var errNoStore = errors.New("there is no state folder: HOME and XDG_STATE_HOME are unset")
