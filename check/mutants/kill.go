package mutants

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// Request says which tests are to prove themselves on which code.
type Request struct {
	Tree     *workspace.Tree
	Box      *sandbox.Box
	Set      *workspace.Set // laid over the tree before anything is mutated, such as the tests in question; nil is none
	Checkers []check.Checker
	Cache    string // cf's cache folder, absolute; without it the checkers prove themselves anew for each mutant
	Events   event.Sink
	Parallel int // mutants at one time; 0 means one a processor, at most 4

	Path string // the code, relative to the root
	// Tests are the files whose tests count; none means all tests that cover
	// Path. Of a file that the tree has without Set, only those tests count that
	// Set adds, if it adds any: old ones say nothing about new ones.
	Tests []string
	Options

	Want  float64       // score from which the tests are strong, 0 to 1; 0 means WantDefault
	Least int           // valid mutants that a verdict needs; 0 means LeastDefault
	Limit time.Duration // of the tests on one mutant; 0 means 10 s and four times what they take on the code as it is
}

// What a verdict needs where Request names nothing.
const (
	WantDefault  = 0.7
	LeastDefault = 5
)

// parallelMax bounds the mutants at one time: each compiles, and may take
// gigabytes.
const parallelMax = 4

// Codes of faults: the tests can't tell anything about mutants.
const (
	CodeTestsFail  = "tests-fail"        // on the code as it is [Refused]
	CodeNoTests    = "no-tests"          // none that count ran [Refused]
	CodeNotChecked = "tests-not-checked" // a tool is missing or was cut off [Refused]
)

func (r *Request) setDefaults() {
	if r.Events == nil {
		r.Events = event.Discard
	}
	if r.Set == nil {
		r.Set = &workspace.Set{}
	}
	r.Want = cmp.Or(r.Want, WantDefault)
	r.Least = cmp.Or(r.Least, LeastDefault)
	if r.Parallel <= 0 {
		r.Parallel = min(runtime.NumCPU(), parallelMax)
	}
	if d := dialectOf(r.Path); d != nil && d.oneByOne {
		r.Parallel = 1
	}
	// A command for the whole tree runs all tests, not those that count.
	r.Checkers = slices.DeleteFunc(slices.Clone(r.Checkers), func(c check.Checker) bool {
		whole, ok := c.(check.Whole)
		return ok && whole.Whole()
	})
}

// Kill makes mutants of a file and runs the tests on each until the verdict is
// sure. It takes as long as so many runs of the tests; ctx ends it. That the
// tests are weak is no error, but in the report. The errors are those of Make,
// of check.Run and of Tree.Stage, and the codes above.
func Kill(ctx context.Context, r Request) (*Report, error) {
	r.setDefaults()
	step := event.Step{ID: "mutants", Title: "the tests on mutants of " + r.Path, State: event.Begin}
	r.Events.Emit(step)
	report, err := kill(ctx, &r)
	if err != nil {
		step.State, step.Detail = event.Failing, err.Error()
	} else {
		step.State, step.Detail = event.Done, string(report.Verdict)+": "+report.Why
	}
	r.Events.Emit(step)
	return report, err
}

func kill(ctx context.Context, r *Request) (*Report, error) {
	base, err := r.baseline(ctx)
	if err != nil {
		return nil, err
	}
	made, err := Make(ctx, r.Path, base.source, r.Options)
	if err != nil {
		return nil, err
	}
	k := &killing{Request: r, base: base, results: make([]Result, len(made)), known: make([]bool, len(made))}
	for i, m := range made {
		k.results[i] = Result{Mutant: m, State: NotRun}
	}
	if err := k.all(ctx); err != nil {
		return nil, err
	}
	return k.report(), nil
}

// killing is one Kill under way.
type killing struct {
	*Request
	base *baseline

	mu      sync.Mutex
	results []Result
	known   []bool // results that are in
	sure    int    // results that count: all before it are in
	decided bool   // by the first sure results
}

// all runs the mutants, Parallel at one time, until the verdict is sure. The
// results count in their order, whichever came in first.
func (k *killing) all(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg    sync.WaitGroup
		once  sync.Once
		first error
		next  = make(chan int)
	)
	for range k.Parallel {
		wg.Go(func() {
			for i := range next {
				result, err := k.one(ctx, k.results[i].Mutant)
				if err != nil && !k.isDecided() {
					once.Do(func() { first = err; cancel() })
				}
				if err != nil || k.take(i, result) {
					cancel()
				}
			}
		})
	}
feed:
	for i := range k.results {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if k.isDecided() {
		return nil
	}
	if first == nil && ctx.Err() != nil {
		first = fault.New(fault.Interrupted, process.CodeCanceled, "%w", context.Cause(ctx)).On("mutate", k.Path)
	}
	return first
}

// take files a result and tells whether the verdict is sure now.
func (k *killing) take(i int, result Result) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.results[i], k.known[i] = result, true
	for !k.decided && k.sure < len(k.known) && k.known[k.sure] {
		k.sure++
		k.decided = k.settled()
	}
	k.Events.Emit(event.Progress{ID: "mutants", Unit: "mutants", Done: int64(k.sure), Total: int64(len(k.results))})
	return k.decided
}

func (k *killing) isDecided() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.decided
}

// settled tells whether what is left can't change the verdict, whatever becomes
// of it.
func (k *killing) settled() bool {
	now := count(k.results[:k.sure])
	left := len(k.results) - k.sure
	best := float64(now.killed+left) / float64(max(now.valid+left, 1))
	worst := float64(now.killed) / float64(max(now.valid+left, 1))
	switch {
	case left == 0, now.valid+left < k.Least:
		return true
	case now.valid < k.Least:
		return false
	}
	return best < k.Want || worst >= k.Want
}

// one runs the tests on a mutant.
func (k *killing) one(ctx context.Context, m Mutant) (Result, error) {
	result := Result{Mutant: m}
	if executed, counted := k.base.executed[m.Line]; counted && !executed {
		result.State = NotExecuted
		return result, nil
	}
	for {
		report, elapsed, err := k.attempt(ctx, m)
		switch {
		case err == nil:
			result.State, result.By = k.base.judge(report)
		case ctx.Err() != nil || !errors.Is(err, errLimit):
			return result, err
		case fault.CodeOf(err) == tool.CodeBusy: // it did not even begin
			continue
		default:
			result.State = TimedOut
		}
		result.Elapsed = elapsed
		return result, nil
	}
}

// errLimit is why the context of one mutant ends.
var errLimit = errors.New("the mutant's time is over")

// attempt runs the tests on a mutant within its limit.
func (k *killing) attempt(ctx context.Context, m Mutant) (*check.Report, time.Duration, error) {
	limited, cancel := context.WithTimeoutCause(ctx, k.limit(), errLimit)
	defer cancel()
	began := time.Now()
	report, err := k.run(limited, withSource(k.Set, k.Path, m.Apply(k.base.source)), k.base.tests)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = errors.Join(err, errLimit)
	}
	return report, time.Since(began), err
}

func (k *killing) limit() time.Duration {
	if k.Limit > 0 {
		return k.Limit
	}
	return 10*time.Second + 4*k.base.elapsed
}

// run checks the code and the tests on a stage with set; only names the tests
// that run, none means all that cover the code, with what they execute.
func (r *Request) run(ctx context.Context, set *workspace.Set, only []string) (report *check.Report, err error) {
	stage, err := r.Tree.Stage(ctx, set, r.Box)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	paths := []string{r.Path}
	for _, t := range r.Tests {
		if stage.Kind(t) == "file" {
			paths = append(paths, t)
		}
	}
	return check.Run(ctx, check.Request{
		Stage: stage, Paths: paths, Checkers: r.Checkers, Tests: true, Changed: []string{r.Path}, Cache: r.Cache, Parallel: 1, Only: only,
	})
}

// withSource is set with another text of the file at path.
func withSource(set *workspace.Set, path string, text []byte) *workspace.Set {
	out := &workspace.Set{Changes: slices.Clone(set.Changes), Reads: set.Reads}
	for i := range out.Changes {
		if out.Changes[i].Path == path {
			out.Changes[i].Content = text
			return out
		}
	}
	out.Changes = append(out.Changes, workspace.Change{Path: path, Content: text})
	return out
}
