// Package cmdbench times programs, in turn, by the wall clock from start to end.
//
// It must never time a program that fails, nor let one read the terminal.
package cmdbench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/process"
)

// Program is what is timed.
type Program struct {
	Name string   // in reports
	Argv []string // the program is looked up on the PATH of Env; no shell reads it
}

// Options say how.
type Options struct {
	Title    string
	Dir      string   // working folder, absolute
	Env      []string // "NAME=value"
	Quick    bool     // QuickRounds
	Budget   time.Duration
	Progress func(done, total int)
}

// The rounds of a run: as many as the budget has time for, within bounds.
const (
	QuickRounds = 15
	roundsMin   = 20
	roundsMax   = 300
	// DefaultBudget is about how long a run takes where Options name no other.
	DefaultBudget = 45 * time.Second
)

// Run times the programs. The first error ends it: a program that is not there, that
// fails, or the context's end. With the last comes a report of the rounds until then,
// where they are enough.
func Run(ctx context.Context, programs []Program, o Options) (*bench.Report, error) {
	noise := bench.Watch(50 * time.Millisecond)
	cases := make([]bench.Case, len(programs))
	for i, p := range programs {
		if len(p.Argv) == 0 {
			return nil, fmt.Errorf("%s: a command without words", p.Name)
		}
		path, err := process.Look(p.Argv[0], o.Env)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		command := process.Command{Path: path, Args: p.Argv[1:], Dir: o.Dir, Env: o.Env}
		cases[i] = bench.Case{Name: p.Name, Operations: 1, Run: func(int) (bench.Sample, error) {
			began := time.Now()
			if _, err := process.Run(ctx, command); err != nil {
				return bench.Sample{}, err
			}
			return bench.Sample{Operations: 1, NS: uint64(time.Since(began))}, nil
		}}
	}
	rounds, err := o.rounds(cases)
	if err != nil {
		return nil, err
	}
	results, err := bench.Run(ctx, bench.Plan{Rounds: rounds, Progress: o.Progress}, cases)
	if results == nil {
		return nil, err
	}
	return o.report(programs, results, noise()), err
}

// rounds runs each case three times, to warm up and to see what the budget has time
// for.
func (o Options) rounds(cases []bench.Case) (int, error) {
	var last time.Duration
	for range 3 {
		began := time.Now()
		for _, c := range cases {
			if _, err := c.Run(1); err != nil {
				return 0, fmt.Errorf("%s: %w", c.Name, err)
			}
		}
		last = time.Since(began)
	}
	if o.Quick {
		return QuickRounds, nil
	}
	budget := o.Budget
	if budget == 0 {
		budget = DefaultBudget
	}
	return min(max(int(budget/max(last, time.Microsecond)), roundsMin), roundsMax), nil
}

func (o Options) report(programs []Program, results []bench.Result, noise bench.Noise) *bench.Report {
	r := &bench.Report{
		Title: o.Title, Time: time.Now().UTC().Truncate(time.Second), Machine: bench.ThisMachine(), Noise: noise,
		Conditions: []string{
			fmt.Sprintf("wall time from start to end, %d rounds in turn after three that are not counted", results[0].NS.Runs),
			"files and caches are warm; input is empty, output goes to a pipe",
		},
	}
	t := bench.Table{Title: "Programs", Columns: []string{"program", "command", "median, ms", "95 % interval", "least", "90 % below"}}
	ms := func(ns float64) string { return fmt.Sprintf("%.2f", ns/1e6) }
	for i, result := range results {
		e := result.NS
		t.Rows = append(t.Rows, []string{result.Name, strings.Join(programs[i].Argv, " "), ms(e.Median), ms(e.Low) + " to " + ms(e.High), ms(e.Least), ms(e.P90)})
		r.Measures = append(r.Measures, bench.Measure{Case: result.Name, NS: e, Samples: result.Samples})
	}
	r.Tables = []bench.Table{t}
	return r
}
