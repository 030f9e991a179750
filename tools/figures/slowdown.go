package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

const (
	slowdownCommand = 10 * time.Millisecond // how long the command takes that is slowed down
	smallTrials     = 200                   // of 1 %, in the quick form
	largeTrials     = 10                    // of 5 %, in the full form
	wrongMost       = 1                     // of smallTrials
	foundWithin     = 60 * time.Second
)

// measureSlowdown has `cf benchmark --cmd A --vs B` judge a command against the same one
// with a little more to do.
func measureSlowdown(cf string) ([]figure, error) {
	dir, err := os.MkdirTemp("", "cf-figures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b, err := buildBusy(cf, dir)
	if err != nil {
		return nil, err
	}
	small, err := b.trials(cf, smallTrials, 1, "--quick")
	if err != nil {
		return nil, err
	}
	large, err := b.trials(cf, largeTrials, 5)
	if err != nil {
		return nil, err
	}
	about := fmt.Sprintf("`cf benchmark --cmd A --vs B`, a busy program of %d ms, the second of the two with more steps to do", slowdownCommand.Milliseconds())
	return []figure{
		{
			Name: "a planted slowdown of 1 % called the wrong way round", Goal: fmt.Sprintf("at most %d of %d trials", wrongMost, smallTrials),
			Measured: fmt.Sprintf("%d of %d", small.wrong, smallTrials), Pass: small.wrong <= wrongMost,
			Conditions: fmt.Sprintf("%s, `--quick`: %d rounds; called slower %d times, no difference shown %d times", about, small.rounds, small.right, smallTrials-small.right-small.wrong),
		},
		{
			Name: "a planted slowdown of 5 %", Goal: fmt.Sprintf("found within %.0f s", foundWithin.Seconds()),
			Measured: fmt.Sprintf("found in %d of %d trials, the longest %.1f s", large.right, largeTrials, large.longest.Seconds()),
			Pass:     large.right == largeTrials && large.longest <= foundWithin,
			Conditions: fmt.Sprintf("%s, as many rounds as it chooses: %d; ratio of the medians %.3f to %.3f", about, large.rounds,
				slices.Min(large.ratios), slices.Max(large.ratios)),
		},
	}, nil
}

// busy is a program that takes as long as it is told to.
type busy struct {
	path  string
	steps func(time.Duration) uint64 // of a run that takes so long from its start to its end
}

func buildBusy(cf, dir string) (*busy, error) {
	b := &busy{path: filepath.Join(dir, "busy")}
	build := exec.Command("go", "build", "-trimpath", "-o", b.path, "./busy")
	build.Dir = filepath.Join(project(cf), "tools")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the busy program: %w: %s", err, out)
	}
	const sample = 20_000_000
	none, err := b.median(0)
	if err != nil {
		return nil, err
	}
	some, err := b.median(sample)
	if err != nil {
		return nil, err
	}
	if none >= slowdownCommand || some <= none {
		return nil, fmt.Errorf("the busy program takes %v without work and %v with some: this machine can't tell", none, some)
	}
	step := float64(some-none) / sample
	b.steps = func(d time.Duration) uint64 { return uint64(float64(d-none) / step) }
	return b, nil
}

// median is that of some runs with so many steps.
func (b *busy) median(steps uint64) (time.Duration, error) {
	var runs []float64
	for range 21 {
		took, err := runPiped(b.path, strconv.FormatUint(steps, 10))
		if err != nil {
			return 0, err
		}
		runs = append(runs, float64(took))
	}
	return time.Duration(spreadOf(runs).median), nil
}

// judged is what cf said of the trials.
type judged struct {
	right, wrong, rounds int
	ratios               []float64
	longest              time.Duration
}

// trials has cf compare the program with itself, slowed down by some percent.
func (b *busy) trials(cf string, n, percent int, flags ...string) (judged, error) {
	var j judged
	command := func(d time.Duration) string { return fmt.Sprintf("%s %d", b.path, b.steps(d)) }
	args := append([]string{"benchmark", "--json", "--cmd", command(slowdownCommand), "--vs", command(slowdownCommand + slowdownCommand*time.Duration(percent)/100)}, flags...)
	for range n {
		began := time.Now()
		out, err := exec.Command(cf, args...).Output()
		if err != nil {
			return j, fmt.Errorf("cf benchmark: %w: %s", err, lastLine(out))
		}
		j.longest = max(j.longest, time.Since(began))
		if err := j.read(out); err != nil {
			return j, err
		}
	}
	return j, nil
}

// read takes the verdict from what cf printed.
func (j *judged) read(out []byte) error {
	called := ""
	for line := range bytes.Lines(out) {
		var e struct {
			Type     string
			Measures []struct{ Samples []float64 }
			Changes  []struct {
				Ratio float64
				Call  string
			}
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("cf benchmark printed %q: %w", line, err)
		}
		if len(e.Measures) > 0 {
			j.rounds = len(e.Measures[0].Samples)
		}
		if e.Type == "benchmark_verdict" && len(e.Changes) == 1 {
			called = e.Changes[0].Call
			j.ratios = append(j.ratios, e.Changes[0].Ratio)
		}
	}
	switch called {
	case "slower":
		j.right++
	case "faster":
		j.wrong++
	case "":
		return errors.New("cf benchmark gave no verdict")
	}
	return nil
}
