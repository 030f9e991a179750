package check

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace"
)

// DiagnosticsMax is the most diagnostics kept of one checker in one project
// where Request names none.
const DiagnosticsMax = 1000

// Request says what is to be checked.
type Request struct {
	Stage    *workspace.Stage
	Paths    []string // files and folders, relative to the root; none means all
	Checkers []Checker
	Tests    bool     // run the tests that cover what changed too
	Changed  []string // files that the change touches; nil means all under Paths
	Cache    string   // cf's cache folder, absolute; "" keeps nothing between runs
	Events   event.Sink
	Parallel int // checks at one time; 0 means one a processor
	// DiagnosticsMax is the most kept of one checker in one project; 0 means
	// DiagnosticsMax.
	DiagnosticsMax int
	// Limit is how long all of it may take; 0 means as long as it takes. A check that
	// is not done by then is ended and counts as not checked: it is no error.
	Limit time.Duration
	// Only runs just these tests, once more. Nothing is read from the cache.
	Only []string
}

func (r *Request) touches(file string) bool {
	return r.Changed == nil || slices.Contains(r.Changed, file)
}

func (r *Request) setDefaults() {
	if r.Events == nil {
		r.Events = event.Discard
	}
	if r.Parallel <= 0 {
		r.Parallel = runtime.NumCPU()
	}
	if r.DiagnosticsMax <= 0 {
		r.DiagnosticsMax = DiagnosticsMax
	}
}

// Run checks what the request names. Findings are no error: the error is the
// context's end (fault.Interrupted), a missing sandbox (fault.NoSandbox), or a
// path where nothing is (fault.Usage). Where the context ends, what was checked by
// then comes with the error.
func Run(ctx context.Context, r Request) (*Report, error) {
	began := time.Now()
	r.setDefaults()
	todo, err := choose(ctx, &r)
	if err != nil {
		return nil, err
	}
	run := &running{Request: r, began: began, keep: openStore(r.Cache, r.Stage.Root())}
	if run.prints, err = run.keep.prints(ctx, r.Stage); err != nil {
		return nil, err
	}
	parts, err := run.all(ctx, todo.jobs)
	if err != nil {
		if parts = slices.DeleteFunc(parts, func(p Part) bool { return p.State == "" }); ctx.Err() == nil || len(parts) == 0 {
			return nil, err
		}
	}
	report := &Report{
		Root: r.Stage.Root(), Tier: string(r.Stage.Box().Tier()), Tests: r.Tests, Parts: parts,
		Unmatched: todo.unmatched, Unlisted: todo.unlisted, Stopped: err != nil,
	}
	report.Tools = run.spent
	report.Own = max(time.Since(began)-run.toolWall(), 0)
	return report, err
}

// running is one Run under way.
type running struct {
	Request
	began  time.Time
	keep   *store
	prints *workspace.Prints // nil: nothing is kept

	mu    sync.Mutex
	done  int
	spent time.Duration // of tools, summed
	busy  []span        // when tools ran
	proof sync.Map      // checker's name -> *proven
}

// all runs the jobs, Parallel at one time, and returns the parts in the jobs'
// order. The first error ends the others.
func (r *running) all(ctx context.Context, jobs []*job) ([]Part, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		parts  = make([]Part, len(jobs))
		places = make(chan struct{}, r.Parallel)
		wg     sync.WaitGroup
		once   sync.Once
		first  error
	)
	for i, j := range jobs {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			if ctx.Err() != nil {
				return
			}
			part, err := r.one(ctx, j)
			if err != nil {
				once.Do(func() { first = err; cancel() })
				return
			}
			parts[i] = part
			r.progress(len(jobs))
		})
	}
	wg.Wait()
	if first == nil && ctx.Err() != nil {
		first = fault.New(fault.Interrupted, process.CodeCanceled, "%w", context.Cause(ctx)).On("check", r.Stage.Root())
	}
	return parts, first
}

func (r *running) progress(total int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	r.Events.Emit(event.Progress{ID: "check", Unit: "checks", Done: int64(r.done), Total: int64(total)})
}

// one runs a job and reports it as a step.
func (r *running) one(ctx context.Context, j *job) (Part, error) {
	id := "check." + j.checker.Name()
	title := j.checker.Name()
	if j.project != "." {
		id, title = id+"."+j.project, title+": "+j.project
	}
	r.Events.Emit(event.Step{ID: id, Title: title, State: event.Begin})
	part, err := r.limited(ctx, j)
	if err != nil {
		r.Events.Emit(event.Step{ID: id, Title: title, State: event.Failing, Detail: err.Error()})
		return part, err
	}
	state := map[State]event.State{NotChecked: event.Missing, Findings: event.Failing}[part.State]
	if state == "" {
		state = event.Done
	}
	r.Events.Emit(event.Step{ID: id, Title: title, State: state, Detail: part.describe()})
	return part, nil
}

// limited is part within what is left of the request's time.
func (r *running) limited(ctx context.Context, j *job) (Part, error) {
	if r.Limit <= 0 {
		return r.part(ctx, j)
	}
	within, cancel := context.WithDeadline(ctx, r.began.Add(r.Limit))
	defer cancel()
	part, err := Part{}, within.Err()
	if err == nil {
		part, err = r.part(within, j)
	}
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		part, err = Part{Checker: j.checker.Name(), Project: j.project, Files: j.files, Changed: j.changed, whole: j.whole}, nil
		part.State, part.Why, part.Cut = NotChecked, fmt.Sprintf("not done within %v", r.Limit), true
	}
	return part, err
}

// describe says in one line what a part came to.
func (p *Part) describe() string {
	text := string(p.State)
	if p.Why != "" {
		text += ": " + p.Why
	}
	if n := len(p.Diagnostics) + p.Dropped; n > 0 {
		text += fmt.Sprintf(", %d diagnostics", n)
	}
	if n := len(p.Tests); n > 0 {
		text += fmt.Sprintf(", %d tests", n)
	}
	if p.Cached {
		text += " (nothing changed since)"
	}
	return text
}

// part does a job: tools, canaries, the cache, the check itself, and a second
// run of what failed.
func (r *running) part(ctx context.Context, j *job) (Part, error) {
	p := Part{Checker: j.checker.Name(), Project: j.project, Files: j.files, Changed: j.changed, whole: j.whole}
	p.Tools = r.keep.tools(ctx, r.Stage, j.checker.Tools())
	if miss := missing(p.Tools); miss != nil {
		p.State, p.Why, p.Hint = NotChecked, miss.Program+" is not installed", miss.Hint
		return p, nil
	}
	key := r.keep.key(r, j, p.Tools)
	if len(r.Only) == 0 && r.keep.load(key, &p) {
		return p, nil
	}
	why, err := r.prove(ctx, j.checker, p.Tools)
	if err != nil {
		return p, err
	}
	if why != "" {
		p.State, p.Why = NotChecked, why
		return p, nil
	}
	r.seed(j.checker)
	began := time.Now()
	t := Target{Stage: r.Stage, Project: j.project, Files: j.files, Changed: j.changed, Paths: r.Paths, Tests: r.Tests, Only: r.Only}
	if p.Outcome, err = r.check(ctx, j.checker, t); err == nil && len(r.Only) == 0 && len(p.failed()) > 0 {
		err = r.again(ctx, j.checker, t, &p.Outcome)
	}
	if err != nil {
		if ends(ctx, err) {
			return p, err
		}
		p.State, p.Why, p.Hint = NotChecked, err.Error(), firstHint(err)
	}
	p.Elapsed = time.Since(began)
	p.Gaps = append(p.Gaps, gapsOf(p.Tools)...)
	r.tidy(&p)
	p.judge(r.Tests)
	if err == nil {
		r.keep.save(ctx, r, key, &p)
	}
	return p, nil
}

// again runs the failed tests once more; a test that passes now is flaky.
func (r *running) again(ctx context.Context, c Checker, t Target, o *Outcome) error {
	t.Only = o.failed()
	second, err := r.check(ctx, c, t)
	o.Ran = append(o.Ran, second.Ran...)
	if err != nil {
		return err
	}
	passed := map[string]bool{}
	for _, test := range second.Tests {
		passed[test.Name] = test.State == Passed
	}
	for i := range o.Tests {
		if o.Tests[i].State == Failed && passed[o.Tests[i].Name] {
			o.Tests[i].State = Flaky
		}
	}
	return nil
}

// check calls the checker; a panic in it, such as of a parser over a hostile
// file, is an error about that checker alone.
func (r *running) check(ctx context.Context, c Checker, t Target) (o Outcome, err error) {
	began := time.Now()
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Failed, CodePanic, "the checker itself failed: %v", p).On("check", c.Name())
		}
		r.account(began, o.Ran)
	}()
	return c.Check(ctx, t)
}

// CodePanic is the fault of a checker that panics [Failed].
const CodePanic = "checker-panic"

// ends tells whether err ends the whole run, not only one checker's part.
func ends(ctx context.Context, err error) bool {
	return ctx.Err() != nil || fault.KindOf(err) == fault.NoSandbox
}

func firstHint(err error) string {
	if hints := fault.HintsOf(err); len(hints) > 0 {
		return hints[0]
	}
	return ""
}

// missing returns the first needed tool that is not there.
func missing(tools []ToolFound) *ToolFound {
	for i, t := range tools {
		if t.Needed && t.Path == "" {
			return &tools[i]
		}
	}
	return nil
}

func gapsOf(tools []ToolFound) []Gap {
	var out []Gap
	for _, t := range tools {
		if t.Path == "" && !t.Needed {
			out = append(out, Gap{What: t.For, Why: t.Program + " is not installed", Hint: t.Hint})
		}
	}
	return out
}

// span is a stretch of time in which tools ran.
type span struct{ from, to time.Time }

// account books the time of the programs that a checker ran. They count as one
// stretch that ends now: what the checker did beside them is cf's own.
func (r *running) account(began time.Time, ran []Ran) {
	var sum time.Duration
	for _, p := range ran {
		sum += p.Elapsed
	}
	now := time.Now()
	from := now.Add(-sum)
	if from.Before(began) {
		from = began
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spent += sum
	r.busy = append(r.busy, span{from, now})
}

// toolWall returns how long at least one tool was running.
func (r *running) toolWall() time.Duration {
	slices.SortFunc(r.busy, func(a, b span) int { return a.from.Compare(b.from) })
	var total time.Duration
	var end time.Time
	for _, s := range r.busy {
		if s.from.Before(end) {
			s.from = end
		}
		if s.to.After(s.from) {
			total += s.to.Sub(s.from)
			end = s.to
		}
	}
	return total
}
