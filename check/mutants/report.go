package mutants

import (
	"fmt"
	"time"
)

// State is what became of a mutant. Stable: the list may only grow.
type State string

// The states of a mutant.
const (
	Killed      State = "killed"       // a test failed
	TimedOut    State = "timed out"    // the tests did not end within their limits, or were ended by one
	Survived    State = "survived"     // all tests passed
	NotExecuted State = "not executed" // no test runs its line: it survived without a run
	Invalid     State = "invalid"      // it does not compile
	NotRun      State = "not run"      // the verdict was sure without it
)

// Result is what became of one mutant.
type Result struct {
	Mutant
	State   State         `json:"state"`
	By      string        `json:"by,omitempty"` // the test that failed, or why it is invalid
	Elapsed time.Duration `json:"elapsed_ns,omitempty"`
}

// Verdict is what the mutants say of tests. Stable: the list may only grow.
type Verdict string

// The verdicts.
const (
	Strong Verdict = "strong"  // enough of the mutants were noticed
	Weak   Verdict = "weak"    // too few were
	TooFew Verdict = "too few" // the code has too few mutants to say anything
)

// Report is the outcome of Kill. Which mutants are equivalent to the source, so
// that no test can notice them, is not known: they count as survivors.
type Report struct {
	Mutants  []Result // in the order of Make
	Valid    int      // mutants whose outcome is known and that compile
	Killed   int      // of Valid, with those that timed out
	TimedOut int      // of Killed
	Invalid  int
	Tests    int // that counted
	Verdict  Verdict
	Why      string // the figures in words
}

// Score is the part of the valid mutants that was noticed, 0 to 1; 0 where there
// are none.
func (r *Report) Score() float64 { return score(r.Killed, r.Valid) }

func score(killed, valid int) float64 {
	if valid == 0 {
		return 0
	}
	return float64(killed) / float64(valid)
}

// Survivors returns the mutants that no test noticed.
func (r *Report) Survivors() []Result {
	var out []Result
	for _, m := range r.Mutants {
		if m.State == Survived || m.State == NotExecuted {
			out = append(out, m)
		}
	}
	return out
}

type counted struct{ valid, killed, timedOut, invalid int }

func count(results []Result) counted {
	var c counted
	for _, r := range results {
		switch r.State {
		case TimedOut:
			c.timedOut++
			c.killed++
			c.valid++
		case Killed:
			c.killed++
			c.valid++
		case Survived, NotExecuted:
			c.valid++
		case Invalid:
			c.invalid++
		}
	}
	return c
}

// report sums up. What came in after the verdict was sure does not count.
func (k *killing) report() *Report {
	for i := k.sure; i < len(k.results); i++ {
		k.results[i] = Result{Mutant: k.results[i].Mutant, State: NotRun}
	}
	c := count(k.results)
	r := &Report{
		Mutants: k.results, Valid: c.valid, Killed: c.killed, TimedOut: c.timedOut, Invalid: c.invalid, Tests: len(k.base.tests), Verdict: Weak,
	}
	switch {
	case c.valid < k.Least:
		r.Verdict = TooFew
	case r.Score() >= k.Want:
		r.Verdict = Strong
	}
	r.Why = fmt.Sprintf("%d of %d mutants noticed", c.killed, c.valid)
	if r.Verdict == TooFew {
		r.Why += fmt.Sprintf(", %d are needed", k.Least)
	} else {
		r.Why += fmt.Sprintf(", %.0f of 100 are wanted", 100*k.Want)
	}
	if c.invalid > 0 {
		r.Why += fmt.Sprintf("; %d did not compile", c.invalid)
	}
	return r
}
