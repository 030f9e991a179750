package commands

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/mutants"
	"github.com/bitactor/cf/check/readiness"
	"github.com/bitactor/cf/check/scanner"
	"github.com/bitactor/cf/clean"
	"github.com/bitactor/cf/engine/finish"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

// codeNotReady is the fault of a scorecard with a point that fails [Refused].
const codeNotReady = "not-ready"

// Bounds of a scorecard: it is to be had while a person waits.
const (
	readinessBudget    = 150 * time.Second // for all of it
	readinessBudgetMin = 5 * time.Second
	mutantsUsual       = 12
	mutantFilesMax     = 3
	mutantTimeMin      = 5 * time.Second // with less left, none is tried
	mutantsMost        = 1000
	survivorsMax       = 20
)

// The shares of the budget by whose ends are done: the checks that are quick; those of
// languages, with tests; those that were cut off, once more without tests. Mutants have
// what is left.
const (
	shareQuick = 0.4
	shareTests = 0.65
	shareAgain = 0.88
)

// assessing makes a scorecard of a stage.
type assessing struct {
	*App
	*checking
	stage *workspace.Stage
	paths []string
	flags validateFlags
	began time.Time

	files    []string // that count, sorted
	unlisted string   // why not all are listed
	report   *check.Report
	untested []readiness.Untested
	cut      []string // what the budget ended, in words
}

// readiness runs the checks and makes the card of them. Where ctx ends, what was checked
// by then comes with the error, if anything was.
func (a *App) readiness(ctx context.Context, s assessing) (*assessing, *Readiness, error) {
	s.App, s.began = a, time.Now()
	if err := s.list(ctx); err != nil {
		return nil, nil, err
	}
	if err := s.check(ctx); err != nil || s.report == nil {
		return &s, nil, err
	}
	card, err := s.card(ctx)
	return &s, card, err
}

// list finds the files that count. Where all lie apart from the product, there is
// nothing to assess.
func (s *assessing) list(ctx context.Context) error {
	list, err := s.stage.List(ctx, workspace.ListOptions{})
	if err != nil {
		return err
	}
	s.unlisted = list.Stopped
	for _, f := range list.Files {
		if readiness.Counts(s.paths, f.Path) {
			s.files = append(s.files, f.Path)
		}
	}
	if len(s.files) == 0 {
		return fault.New(fault.Usage, check.CodeNoPath, "no file there is part of a product").On(s.cmd.Name(), strings.Join(s.paths, " "))
	}
	return nil
}

// until is how much of the budget's share is left.
func (s *assessing) until(share float64) time.Duration {
	return time.Duration(share*float64(s.flags.budget)) - time.Since(s.began)
}

// check runs all checkers: the quick ones first, so that no test takes their time, then
// those of languages. Those whose tests are cut off run once more without them, so that
// they still say what a compiler says.
func (s *assessing) check(ctx context.Context) error {
	var fast, slow []check.Checker
	for _, c := range append(slices.Clone(s.checking.checkers), s.across(s.checking, s.flags)...) {
		if quick(c) {
			fast = append(fast, c)
		} else {
			slow = append(slow, c)
		}
	}
	var err error
	if s.report, err = s.run(ctx, fast, false, shareQuick); err != nil {
		return err
	}
	s.report.Unlisted = s.unlisted
	report, err := s.run(ctx, slow, !s.flags.noTests, shareTests)
	s.add(report)
	if err != nil {
		return err
	}
	again := map[string]bool{}
	for _, p := range s.report.Parts {
		again[p.Checker] = again[p.Checker] || p.Cut
	}
	slow = slices.DeleteFunc(slow, func(c check.Checker) bool { // without tests a user's command would not run: that is no pass
		return !again[c.Name()] || len(c.Canaries()) == 0
	})
	if len(slow) == 0 {
		s.cutOff(nil)
		return nil
	}
	report, err = s.run(ctx, slow, false, shareAgain)
	s.cutOff(report)
	return err
}

// quick tells whether a checker runs no tests: a planted fault shows which do, and a
// user's own command, which has none, may.
func quick(c check.Checker) bool {
	if scanner.Subject(c.Name()) != "" {
		return true
	}
	planted := c.Canaries()
	return len(planted) > 0 && !slices.ContainsFunc(planted, func(p check.Canary) bool { return p.Test != "" })
}

// add joins another report, of other checkers, to that which is there.
func (s *assessing) add(other *check.Report) {
	if other == nil {
		return
	}
	r := s.report
	r.Parts = append(other.Parts, r.Parts...) // languages first, as in any report
	r.Tests = other.Tests
	r.Unmatched = slices.DeleteFunc(r.Unmatched, func(file string) bool { return !slices.Contains(other.Unmatched, file) })
	r.Own += other.Own
	r.Tools += other.Tools
}

// run runs some checkers until the end of a share of the budget.
func (s *assessing) run(ctx context.Context, checkers []check.Checker, tests bool, share float64) (*check.Report, error) {
	progress := s.progress("checking")
	defer progress.Close()
	return check.Run(ctx, check.Request{
		Stage: s.stage, Paths: s.files, Checkers: checkers, Tests: tests, Cache: s.Env.Paths.Cache, Events: progress,
		Limit: max(s.until(share).Round(time.Second), time.Second),
	})
}

// cutOff puts the parts of a run without tests in the place of those that were cut
// off, and notes what has had no time.
func (s *assessing) cutOff(second *check.Report) {
	if s.report == nil {
		return
	}
	for i, p := range s.report.Parts {
		if !p.Cut {
			continue
		}
		name := p.Checker
		if p.Project != "." {
			name += " in " + p.Project
		}
		if part := partOf(second, p); part != nil && !part.Cut {
			s.report.Parts[i] = *part
			if !part.Testable {
				continue
			}
			s.untested = append(s.untested, readiness.Untested{Checker: p.Checker, Project: p.Project, Why: p.Why})
			name = "tests of " + name
		}
		s.cut = append(s.cut, name)
	}
}

// partOf finds the same work in another report.
func partOf(r *check.Report, p check.Part) *check.Part {
	if r == nil {
		return nil
	}
	i := slices.IndexFunc(r.Parts, func(other check.Part) bool { return other.Checker == p.Checker && other.Project == p.Project })
	if i < 0 {
		return nil
	}
	return &r.Parts[i]
}

// card makes it. Where ctx ends while mutants are tried, the card says so and comes
// with the error.
func (s *assessing) card(ctx context.Context) (*Readiness, error) {
	var mutation *readiness.Mutation
	var ended error
	if s.report.Tests && s.flags.mutants > 0 {
		mutation, ended = s.mutate(ctx)
	}
	ctx = context.WithoutCancel(ctx) // reading files alone: the card is to be had
	open, code, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	card, err := readiness.Of(ctx, readiness.Request{Report: s.report, Stage: s.stage, Paths: s.paths, Mutation: mutation, Untested: s.untested, Open: open, Code: code})
	if err != nil {
		return nil, err
	}
	if ended == nil && len(s.cut) > 0 {
		s.warn(fmt.Sprintf("cut off after %v: %s (--budget gives more time)", s.flags.budget, strings.Join(s.cut, ", ")))
	}
	return &Readiness{Paths: s.paths, State: readyState(card), Cut: s.cut, Card: *card}, ended
}

// open lists what pretends or is left to do in product code, and counts its files.
func (s *assessing) open(ctx context.Context) (out []check.Diagnostic, code int, err error) {
	patterns, err := clean.For(clean.Mocks)
	if err != nil {
		return nil, 0, err
	}
	product := slices.DeleteFunc(slices.Clone(s.files), func(f string) bool { return !clean.Product(f) || strings.HasSuffix(f, ".md") })
	open, err := finish.Open(ctx, s.stage, product)
	if err != nil {
		return nil, 0, err
	}
	out = slices.DeleteFunc(open, func(d check.Diagnostic) bool { return d.Code == "skipped-test" })
	for _, f := range product {
		text, err := s.stage.Read(f)
		if err != nil {
			continue // its checker says so
		}
		if syntax.Of(f, text[:min(len(text), 128)]) != nil {
			code++
		}
		found, err := clean.Find(ctx, f, text, patterns)
		if err != nil {
			continue // as before: what does not parse is a finding already
		}
		for _, d := range found {
			if d.Kept == "" {
				out = append(out, check.Diagnostic{File: f, Line: d.Line, Code: d.Pattern.ID})
			}
		}
	}
	return out, code, nil
}

// mutate tries the tests on mutants of some files, chosen by the seed.
func (s *assessing) mutate(ctx context.Context) (*readiness.Mutation, error) {
	out := &readiness.Mutation{Seed: s.flags.seed, Max: s.flags.mutants, Files: []string{}}
	files := s.mutable()
	left := s.until(1).Round(time.Second)
	switch {
	case len(files) == 0 && len(s.untested) > 0:
		out.Why = "the tests had no time"
		return out, nil
	case len(files) == 0:
		out.Why = "there is no product code that mutants can be made of and that a test executes"
		return out, nil
	case left < mutantTimeMin:
		s.cut = append(s.cut, "mutants")
		out.Why = fmt.Sprintf("there was no time left of %v", s.flags.budget)
		return out, nil
	}
	progress := s.progress("trying the tests on mutants")
	defer progress.Close()
	limited, cancel := context.WithTimeoutCause(ctx, left, fault.New(fault.Failed, process.CodeTimeout, "not done within %v", left))
	defer cancel()
	chosen := files[:min(len(files), mutantFilesMax)]
	for i, file := range chosen {
		report, err := mutants.Kill(limited, mutants.Request{
			Tree: s.tree, Box: s.box, Checkers: s.checking.checkers, Cache: s.Env.Paths.Cache, Events: progress, Path: file,
			Options: mutants.Options{Seed: uint64(s.flags.seed), Max: max((s.flags.mutants+i)/len(chosen), 1)}, Least: 1,
		})
		if ctx.Err() != nil {
			out.Why = "it was interrupted"
			return out, err
		}
		if limited.Err() != nil {
			s.cut = append(s.cut, "mutants of "+strings.Join(chosen[i:], ", "))
			out.Why = fmt.Sprintf("%s: not done within %v", file, left)
			break
		}
		if err != nil {
			out.Why = fmt.Sprintf("%s: %v", file, err)
			continue
		}
		out.Files = append(out.Files, file)
		out.Killed += report.Killed
		out.Valid += report.Valid
		for _, r := range report.Survivors() {
			if len(out.Survivors) < survivorsMax {
				out.Survivors = append(out.Survivors, file+": "+r.String())
			}
		}
	}
	return out, nil
}

// mutable lists product code in an order that the seed decides: where coverage is
// known, only what a test executes, because the rest is told by the coverage.
func (s *assessing) mutable() []string {
	executed, counted := map[string]bool{}, map[string]bool{}
	for _, p := range s.report.Parts {
		if p.State == check.NotChecked || len(p.Tests) == 0 {
			continue
		}
		for _, f := range p.Files {
			executed[f] = executed[f] || p.Executed == nil
		}
		for f, lines := range p.Executed {
			counted[f] = true
			for _, ran := range lines {
				executed[f] = executed[f] || ran
			}
		}
	}
	files := slices.DeleteFunc(slices.Clone(s.files), func(f string) bool {
		return !clean.Product(f) || !mutants.Can(f) || !executed[f]
	})
	random := rand.New(rand.NewPCG(uint64(s.flags.seed), uint64(s.flags.seed)))
	random.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	return files
}

// showReadiness tells a report with its card, and returns the error that the run ends
// with.
func (a *App) showReadiness(ctx context.Context, request assessing) error {
	s, card, ended := a.readiness(ctx, request)
	if card == nil {
		if s != nil && s.report != nil {
			a.warn("ended before all was checked; this is what was found by then")
			_ = a.showReport(s.report, true)
		}
		return ended
	}
	_ = a.showReport(s.report, true) // the points say what it comes to
	a.Events().Emit(*card)
	switch {
	case ended != nil:
		a.warn("ended before all was checked; this is what was found by then")
		return ended
	case card.State == readyNot:
		return fault.New(fault.Refused, codeNotReady, "%s", pointsFailed(card.Failed)).On(a.cmd.Name(), "")
	case card.Passed == 0 && !s.flags.allowUnchecked:
		return fault.New(fault.Refused, codeNotChecked, "nothing here could be checked").On(a.cmd.Name(), "").Hint("--allow-unchecked takes it as it is")
	}
	return nil
}

func pointsFailed(n int) string {
	if n == 1 {
		return "1 point fails"
	}
	return fmt.Sprintf("%d points fail", n)
}

// checkReadiness checks the flags of a scorecard against the others.
func (f *validateFlags) checkReadiness(given func(flag string) bool) error {
	switch {
	case !f.readiness && (given("mutants") || given("seed") || given("budget")):
		return errors.New("--mutants, --seed and --budget go with --readiness")
	case f.readiness && f.baseline != "":
		return errors.New("--readiness counts all findings: --baseline excludes it")
	case f.budget < readinessBudgetMin:
		return fmt.Errorf("--budget %v: it is at least %v", f.budget, readinessBudgetMin)
	case f.readiness && f.format == formatSARIF:
		return errors.New("--readiness is no list of findings: --format is text or json")
	case f.readiness && f.changedSince != "":
		return errors.New("--readiness is about all of a path: --changed-since excludes it")
	case f.mutants < 0 || f.mutants > mutantsMost:
		return fmt.Errorf("--mutants %d: it is 0 to %d", f.mutants, mutantsMost)
	}
	return nil
}
