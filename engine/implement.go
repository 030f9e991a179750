package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// Implement finds a change of one file that passes the checks. The trial of the
// best candidate is ready for land.Lander.Land; nothing was written.
//
// A fault comes with the Outcome wherever a candidate was made: CodeNoCandidate if
// no reply held code, CodeNoPass if none may land, CodeBudget if the time was up,
// Interrupted, and the faults of the model's server; one that ends every reply too
// early is Unusable, with the code of llm. Before that: the faults of the request
// (Usage) and of the file.
func (e *Engine) Implement(ctx context.Context, request Request) (*Outcome, error) {
	if request.Budget > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, request.Budget, errBudget)
		defer cancel()
	}
	out, err := e.implement(ctx, request)
	if err != nil && errors.Is(context.Cause(ctx), errBudget) {
		err = fault.New(fault.Refused, CodeBudget, "%s are over, and no candidate passes", request.Budget).On("implement", request.Path).
			Hint("give more time with --budget, or name less")
	}
	return out, err
}

func (e *Engine) implement(ctx context.Context, request Request) (out *Outcome, err error) {
	f, err := see(ctx, e.Tree, request.On)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	switch {
	case f.kind(request.Path) == "folder":
		return e.folder(ctx, f, request)
	case isDocument(request.Path):
		if request.Focus != "" && request.Focus != FocusCode {
			e.Events.Emit(event.Note{Level: "info", Text: "a document has no tests: its links and the code in its fences are checked"})
		}
		return e.document(ctx, f, request)
	case IsTest(request.Path) && request.Focus == "":
		request.Focus = FocusTests
	case request.Focus == FocusBoth:
		return e.both(ctx, request)
	}
	return e.file(ctx, f, request)
}

// file writes one file.
func (e *Engine) file(ctx context.Context, f *files, request Request) (*Outcome, error) {
	r := &run{Engine: e, request: request, files: f, seen: map[string]int{}, out: &Outcome{Path: request.Path, Best: -1}}
	var err error
	if request.Focus == FocusTests {
		err = r.openTests(ctx)
	} else {
		err = r.openCode(ctx)
	}
	if err != nil {
		return nil, err
	}
	if r.siblings, err = f.goSiblings(ctx, r.target); err != nil {
		return nil, err
	}
	err = r.search(ctx)
	return r.out, err
}

// openCode finds what to write of the file, and makes the prompts.
func (r *run) openCode(ctx context.Context) (err error) {
	if IsTest(r.request.Path) {
		return fault.New(fault.Usage, CodeFocus, "it holds tests, which a change of functionality never touches").On("implement", r.request.Path).
			Hint("--focus tests writes tests")
	}
	if r.target, err = r.open(ctx, r.files, r.request); err != nil {
		return err
	}
	sources, err := r.files.testFiles(ctx, r.target)
	if err != nil {
		return err
	}
	r.tested = r.target.lang != nil && len(sources) > 0
	return r.prepare(ctx)
}

var errBudget = errors.New("the time is up")

// search samples, then repairs, until a candidate passes.
func (r *run) search(ctx context.Context) error {
	r.Events.Emit(r.estimate())
	s := r.strategy(r.request.Level)
	spare := s.spare
	for n, left := 0, s.samples; left > 0; n++ {
		c, err := r.try(ctx, 0, r.temperature(n), r.Seed+int64(n), r.questions)
		if err != nil {
			return err
		}
		if c.passed() && r.uses(PartStop) {
			return r.won()
		}
		if c.Source == "" && spare > 0 {
			spare--
			continue
		}
		left--
	}
	if r.out.Best >= 0 && r.out.Candidates[r.out.Best].passed() {
		return r.won()
	}
	for round := 1; round <= s.rounds && r.out.Best >= 0; round++ {
		questions, ok, err := r.repair()
		if err != nil || !ok {
			return errors.Join(err, r.verdict())
		}
		c, err := r.try(ctx, round, r.temperature(round), r.Seed+int64(100*round), questions)
		if err != nil {
			return err
		}
		if c.passed() {
			return r.won()
		}
	}
	return r.verdict()
}

// won makes the best candidate the change.
func (r *run) won() error {
	r.out.Won = []int{r.out.Best}
	return nil
}

// verdict is the fault of a search in which nothing passed.
func (r *run) verdict() error {
	if r.out.Best < 0 {
		why := "the model gave no answer"
		if n := len(r.out.Candidates); n > 0 {
			why = r.out.Candidates[n-1].Why
		}
		if !r.ended && r.broke != "" {
			return fault.New(fault.Unusable, r.broke, "%s", why).On("implement", r.target.path).Hint("look at the server: cf status")
		}
		return fault.New(fault.Refused, CodeNoCandidate, "%s", why).On("implement", r.target.path).
			Hint("try --ai-level high, another --seed or a larger --model")
	}
	return fault.New(fault.Refused, CodeNoPass, "%d candidates, none passes: %s", len(r.out.Candidates), r.out.Candidates[r.out.Best].Why).
		On("implement", r.target.path).Hint("try --ai-level high, another --seed or a larger --model")
}

func (r *run) step() string { return fmt.Sprintf("candidate.%d", len(r.out.Candidates)+1) }

// try makes a candidate, checks it and keeps it.
func (r *run) try(ctx context.Context, round int, temperature float64, seed int64, questions []question) (*Candidate, error) {
	step := event.Step{ID: r.step(), Title: fmt.Sprintf("candidate %d", len(r.out.Candidates)+1), State: event.Begin}
	if round > 0 {
		step.Title += fmt.Sprintf(", repair %d", round)
	}
	r.Events.Emit(step)
	c, err := r.sample(ctx, round, temperature, seed, questions)
	if err == nil && c.Why == "" {
		err = r.check(ctx, c)
	}
	r.keep(c)
	step.State, step.Detail = event.Done, "passes"
	switch {
	case err != nil:
		step.State, step.Detail = event.Failing, err.Error()
	case c.Why != "":
		step.State, step.Detail = event.Failing, c.Why
	}
	r.Events.Emit(step)
	return c, err
}

// check has the candidate judged, unless the same source was judged before.
func (r *run) check(ctx context.Context, c *Candidate) error {
	if i, ok := r.seen[c.Source]; ok {
		first := &r.out.Candidates[i]
		c.Trial, c.Wrong, c.Mutation, c.Why = first.Trial, first.Wrong, first.Mutation, fmt.Sprintf("the same as candidate %d", i+1)
		return nil
	}
	if c.Source == r.target.present && r.target.exists {
		c.Source = ""
		c.refuse(CodeNoChange, "it changes nothing")
		return nil
	}
	r.seen[c.Source] = len(r.out.Candidates)
	trial, err := r.judged(ctx, c)
	if err != nil {
		return err
	}
	c.Trial, c.Wrong = trial, r.wrong(trial)
	why := append(slices.Clone(trial.Verdict.Why), r.unmet(trial, c.Wrong)...)
	if len(why) == 0 && r.subject != nil {
		if why, err = r.weigh(ctx, c); err != nil {
			return err
		}
	}
	c.Why = strings.Join(why, ", ")
	return nil
}

// judged has the candidate checked, and once more in the form that the project asks
// for where it lacks that.
func (r *run) judged(ctx context.Context, c *Candidate) (*land.Trial, error) {
	trial, err := r.Judge.Try(ctx, r.files.set(r.target.path, c.Source))
	if err != nil || trial.Verdict.Land || r.Formats == nil || !r.uses(PartMends) {
		return trial, err
	}
	text, err := r.Formats.Format(ctx, trial, r.target.path)
	if err != nil || text == nil || string(text) == c.Source {
		return trial, err
	}
	again, err := r.Judge.Try(ctx, r.files.set(r.target.path, string(text)))
	if err != nil || len(again.Verdict.New) >= len(trial.Verdict.New) {
		return trial, err
	}
	c.Source, c.Did = string(text), append(c.Did, "formatted")
	r.seen[c.Source] = len(r.out.Candidates)
	return again, nil
}

func (r *run) keep(c *Candidate) {
	r.out.Candidates = append(r.out.Candidates, *c)
	at := len(r.out.Candidates) - 1
	if c.Source != "" && c.Trial != nil && (r.out.Best < 0 || r.better(c, &r.out.Candidates[r.out.Best])) {
		r.out.Best = at
	}
}

func (c *Candidate) passed() bool { return c.Trial != nil && c.Trial.Verdict.Land && c.Why == "" }

// better orders candidates: what may land, then the one with fewer failing tests,
// then fewer diagnostics, then the smaller change.
func (r *run) better(c, than *Candidate) bool {
	a, b := r.score(c), r.score(than)
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// score is better the smaller it is, its first number first. Code that does not
// compile runs no test: it stands behind any that runs some.
func (r *run) score(c *Candidate) [5]int {
	v := c.Trial.Verdict
	w := c.Wrong
	s := [5]int{1, 0, len(w.NewlyFailing), len(w.New), abs(len(c.Source) - len(r.target.present))}
	if c.passed() {
		s[0] = 0
	}
	if v.TestsNow < v.TestsBefore || v.TestsNow == 0 && hasError(v.New) {
		s[1] = 1
	}
	return s
}

func hasError(list []check.Diagnostic) bool {
	for _, d := range list {
		if d.Severity == check.Error {
			return true
		}
	}
	return false
}

func abs(n int) int { return max(n, -n) }

// Bounds of what a repair is told.
const (
	problemsMax     = 5
	problemBytesMax = 600
)

// repair makes the question that shows the best candidate and what is wrong with
// it. ok is false where that can't help: several parts, or no room.
func (r *run) repair() (questions []question, ok bool, err error) {
	best := &r.out.Candidates[r.out.Best]
	problems := problemsOf(best.Wrong)
	if m := best.Mutation; m != nil && len(problems) == 0 {
		for _, s := range m.Survived[:min(len(m.Survived), problemsMax)] {
			problems = append(problems, clip("no test fails where in the code "+s))
		}
	}
	if len(r.questions) != 1 || len(problems) == 0 || len(best.reply) == 0 {
		return nil, false, nil
	}
	text, err := r.Words.CodeAgain(problems)
	if err != nil {
		return nil, false, err
	}
	q := r.questions[0]
	q.messages = append(append([]llm.Message{}, best.reply...), llm.Message{Role: llm.User, Content: text})
	return []question{q}, r.Counter.CountMessages(q.messages)+q.tokens <= r.window(), nil
}

// problemsOf says what keeps a candidate from landing, in words for the model:
// failing diagnostics and tests only.
func problemsOf(v check.Verdict) []string {
	var out []string
	for _, d := range v.New {
		out = append(out, clip(fmt.Sprintf("%s line %d: %s: %s", d.File, d.Line, d.Message, strings.TrimSpace(d.Source))))
	}
	for _, t := range v.NewlyFailing {
		out = append(out, clip("test "+t.Name+" fails: "+strings.TrimSpace(t.Output)))
	}
	return out[:min(len(out), problemsMax)]
}

func clip(s string) string {
	if len(s) > problemBytesMax {
		s = strings.ToValidUTF8(s[:problemBytesMax], "") + " ..."
	}
	return strings.ReplaceAll(s, "\n", "\n  ")
}
