// Package bench measures: it warms cases up, runs them interleaved, and reports
// medians with confidence intervals beside a record of the machine and its noise.
// It must never report a number without the conditions it was measured under, nor
// the best of several runs as if it were the typical one.
package bench

import (
	"context"
	"fmt"
	"time"
)

// Sample is one timed run of a case.
type Sample struct {
	Operations int
	Ticks      uint64 // of the processor's constant-rate counter; 0: not measured
	NS         uint64
	Disturbed  bool // the run did not measure what it should; it is counted, not used
}

// Case is something that can be run again and again.
type Case struct {
	Name       string
	Operations int // per run; a run should take 10 us to 1 ms, so that most are not interrupted
	Run        func(operations int) (Sample, error)
}

// Plan says how often to run.
type Plan struct {
	Warmup time.Duration // per case, not recorded
	Rounds int           // recorded runs per case, at least 6

	// Progress, if not nil, is told after each round how many are done.
	Progress func(done, total int)
}

// Result is what the rounds of one case gave, per operation.
type Result struct {
	Name      string   `json:"name"`
	Ticks     Estimate `json:"ticks"`
	NS        Estimate `json:"ns"`
	Disturbed int      `json:"disturbed"` // runs left out

	Samples []float64 `json:"samples,omitempty"` // ns per operation, in the order of the rounds
}

// Run runs every case once per round, in turn, so that a change of the machine's
// speed meets all cases alike. It stops at the first error or when ctx is done; in the
// second case what the rounds gave until then comes with the context's error, where they
// are enough for an interval.
func Run(ctx context.Context, plan Plan, cases []Case) ([]Result, error) {
	if plan.Rounds < minRounds {
		return nil, fmt.Errorf("bench: %d rounds, at least %d are needed for an interval", plan.Rounds, minRounds)
	}
	for _, c := range cases {
		for start := time.Now(); time.Since(start) < plan.Warmup; {
			if _, err := run(ctx, c); err != nil {
				return nil, err
			}
		}
	}
	ticks, ns := make([][]float64, len(cases)), make([][]float64, len(cases))
	results := make([]Result, len(cases))
	for round := range plan.Rounds {
		for i, c := range cases {
			s, err := run(ctx, c)
			if err != nil {
				if ctx.Err() != nil && round >= minRounds {
					return summed(results, cases, ticks, ns), ctx.Err()
				}
				return nil, err
			}
			if s.Disturbed {
				results[i].Disturbed++
				continue
			}
			ticks[i] = append(ticks[i], float64(s.Ticks)/float64(s.Operations))
			ns[i] = append(ns[i], float64(s.NS)/float64(s.Operations))
		}
		if plan.Progress != nil {
			plan.Progress(round+1, plan.Rounds)
		}
	}
	return summed(results, cases, ticks, ns), nil
}

// summed fills in what the runs of each case gave.
func summed(results []Result, cases []Case, ticks, ns [][]float64) []Result {
	for i, c := range cases {
		results[i].Name, results[i].Ticks, results[i].NS, results[i].Samples = c.Name, Estimated(ticks[i]), Estimated(ns[i]), ns[i]
	}
	return results
}

// Enough tells whether there are runs enough for an interval.
func (r Result) Enough() bool { return r.Ticks.Runs >= minRounds }

func run(ctx context.Context, c Case) (Sample, error) {
	if err := ctx.Err(); err != nil {
		return Sample{}, err
	}
	s, err := c.Run(c.Operations)
	if err != nil {
		return s, fmt.Errorf("bench: %s: %w", c.Name, err)
	}
	return s, nil
}
