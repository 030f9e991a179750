// Package otpbench measures the system that cf scaffold makes: it renders the
// blocks into a temporary folder, compiles and tests the project there, runs its
// load test and reads the figures that the load test wrote.
//
// It must never measure anything but what the user gets: the project is rendered
// as `cf scaffold` renders it, and the figures are those of the project's own
// load test. It must never leave a folder or a process behind.
//
// Invariants:
//  1. A figure that the load test did not give makes no claim.
//  2. What the system tells of itself is held against what was sent to it and what
//     arrived here (Balances), never against another of its own numbers alone.
//  3. A step of the project that fails (compile, tests, load test) fails the run:
//     figures of a system that does not work mean nothing.
package otpbench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/scaffold"
)

// Rounds of the load test.
const (
	Rounds      = 31
	QuickRounds = 6
)

// Options of a run. The zero value measures everything.
type Options struct {
	// Environ is the environment of the programs that run; nil: that of this one.
	// ERL_LIBS in it may bring ra, which the consensus block runs on.
	Environ []string

	// Quick takes few rounds and leaves the project's whole test suite out.
	Quick bool

	// Progress, if not nil, is told after each step how many of all are done.
	Progress func(done, total int)
}

// run is what is known of a project while it is measured.
type run struct {
	Options
	dir     string // the project's folder
	report  string // the file that the load test writes
	blocks  []string
	compile time.Duration
	suite   time.Duration // 0: not run
	nodes   string        // what the integration tests printed; "": not run
}

// Run renders, compiles, tests and loads the project. The errors are those of
// package process (a missing mix, a failed step) and of a load test that wrote
// nothing readable.
func Run(ctx context.Context, o Options) (*bench.Report, error) {
	r, remove, err := rendered(o)
	if err != nil {
		return nil, err
	}
	defer remove()
	noise := bench.Watch(20 * time.Millisecond)
	steps := []func(context.Context) error{r.compileProject, r.testProject, r.killLeaders, r.loadProject}
	for i, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
		if o.Progress != nil {
			o.Progress(i+1, len(steps))
		}
	}
	text, err := os.ReadFile(r.report)
	if err != nil {
		return nil, fmt.Errorf("the load test wrote no report: %w", err)
	}
	measured, err := parse(text)
	if err != nil {
		return nil, err
	}
	return r.lay(measured, noise()), nil
}

// rendered makes the project in a temporary folder, which remove takes away.
func rendered(o Options) (r *run, remove func(), err error) {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	dir, err := os.MkdirTemp("", "cf-benchmark-otp-")
	if err != nil {
		return nil, nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	r = &run{Options: o, dir: filepath.Join(dir, "project"), report: filepath.Join(dir, "load.json")}
	if err := r.render(); err != nil {
		remove()
		return nil, nil, err
	}
	return r, remove, nil
}

// render writes all blocks of the default profile, as a user gets them.
func (r *run) render() error {
	catalogue, err := scaffold.Own()
	if err != nil {
		return err
	}
	r.blocks = catalogue.All(scaffold.ProfileOTP)
	files, err := catalogue.Render(scaffold.Input{Blocks: r.blocks, Profile: scaffold.ProfileOTP})
	if err != nil {
		return err
	}
	for _, f := range files {
		name := filepath.Join(r.dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Content, f.Mode); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) compileProject(ctx context.Context) (err error) {
	r.compile, _, err = r.mix(ctx, nil, "compile", "--warnings-as-errors")
	return err
}

func (r *run) testProject(ctx context.Context) (err error) {
	if r.Quick {
		return nil
	}
	r.suite, _, err = r.mix(ctx, nil, "test", "--include", "slow")
	return err
}

// killLeaders runs the integration tests, which say how long three nodes were
// without a leader and what of their writes was lost. They skip themselves where ra is
// missing.
func (r *run) killLeaders(ctx context.Context) (err error) {
	if r.Quick || !slices.Contains(r.blocks, "integration") {
		return nil
	}
	_, r.nodes, err = r.mix(ctx, []string{"BITACTOR_CRASH_ROUNDS=" + strconv.Itoa(crashRounds)}, "test", "--only", "integration")
	return err
}

func (r *run) loadProject(ctx context.Context) error {
	rounds := Rounds
	if r.Quick {
		rounds = QuickRounds
	}
	_, _, err := r.mix(ctx, []string{"BITACTOR_LOAD_REPORT=" + r.report, "BITACTOR_LOAD_ROUNDS=" + strconv.Itoa(rounds)}, "test", "--only", "load")
	return err
}

// mix runs mix in the project and returns how long it took and what it printed,
// which is part of the error too.
func (r *run) mix(ctx context.Context, env []string, args ...string) (time.Duration, string, error) {
	path, err := process.Look("mix", r.Environ)
	if err != nil {
		return 0, "", err
	}
	pairs := append([]string{"MIX_ENV=test", "HEX_OFFLINE=1"}, env...)
	result, err := process.Run(ctx, process.Command{
		Path: path, Args: args, Dir: filepath.Join(r.dir, "bitactor_otp"), Env: process.Setenv(r.Environ, pairs...),
	})
	if err != nil {
		return 0, "", fmt.Errorf("mix %s: %w\n%s%s", strings.Join(args, " "), err, result.Stdout, result.Stderr)
	}
	return result.Elapsed, result.Stdout.String(), nil
}
