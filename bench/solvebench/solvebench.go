// Package solvebench measures how many small tasks the user's model solves through cf:
// each is a project of its own in a temporary folder, put to cf implement as a user
// would, and judged by cf's checks with tests that the model did not see.
//
// It must never count what was not judged, nor run what a model wrote outside of cf's
// sandbox.
//
// Invariants:
//  1. A task is solved only if its visible and its hidden tests pass in a fresh copy of
//     the project that has nothing of the model but the file that was asked for; tests
//     that were asked for must pass and find killedShare of the planted faults.
//  2. A task whose tools are not here is left out and named, never counted.
//  3. Nothing of a run stays: folders are removed, whatever ends it.
package solvebench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/process"
)

// Options say what is asked of whom.
type Options struct {
	Tasks   []*Task
	Self    string   // the program of cf, an absolute path
	Environ []string // of its runs: the server and the model are named there
	Model   string   // for the report
	Quick   bool

	// Budget is after how long no further task begins; 0: QuickBudget or DefaultBudget.
	Budget time.Duration
	// Progress, if not nil, is told after each task how many of all are done.
	Progress func(done, total int)
}

// How long a run takes on a slow machine, and how many tasks it has on a fast one: a
// stub of each language, or all.
const (
	QuickBudget   = 4 * time.Minute
	DefaultBudget = 30 * time.Minute
	quickTasks    = 4
)

// killedShare is what share of the planted faults tests must find, as cf asks of tests
// that it lands.
const killedShare = 0.7

// ErrNone is returned where not one task was done.
var ErrNone = errors.New("no task was done")

// kinds of task in the order in which they are put, the easy ones first.
var kinds = []string{"function", "fix", "tests", "large"}

// programs are what the checks of each language need.
var programs = map[string][]string{"go": {"go"}, "python": {"python3"}, "elixir": {"elixir", "mix"}, "c": {"make", "cc"}}

// Outcomes of a task.
const (
	solved  = "solved"
	wrong   = "landed, but fails hidden tests"
	refused = "nothing landed"
)

// outcome is what became of one task.
type outcome struct {
	task  *Task
	as    string
	took  time.Duration
	words string // the last of cf, where nothing landed
}

// run is what was done until now.
type run struct {
	Options
	folder  string
	began   time.Time
	done    []outcome
	total   int
	missing []string // languages whose tools are not here
}

// Run puts tasks until the budget is used up. With the context's end comes a report of
// those until then, where there are some.
func Run(ctx context.Context, o Options) (report *bench.Report, err error) {
	noise := bench.Watch(20 * time.Millisecond)
	r := &run{Options: o, began: time.Now()}
	if r.Budget == 0 {
		r.Budget = DefaultBudget
		if o.Quick {
			r.Budget = QuickBudget
		}
	}
	if r.folder, err = os.MkdirTemp("", "cf-solve-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.folder)) }()
	err = r.all(ctx)
	if err != nil && (ctx.Err() == nil || len(r.done) == 0) {
		return nil, err
	}
	if len(r.done) == 0 {
		return nil, ErrNone
	}
	return r.report(noise()), err
}

func (r *run) all(ctx context.Context) error {
	most := 0
	if r.Quick {
		most = quickTasks
	}
	tasks := pick(r.present(), kinds, most)
	r.total = len(tasks)
	for i, t := range tasks {
		if time.Since(r.began) > r.Budget && len(r.done) > 0 {
			break
		}
		began := time.Now()
		as, words, err := r.one(ctx, t)
		if ctx.Err() != nil {
			return ctx.Err() // what a task was cut off in is no outcome
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		r.done = append(r.done, outcome{t, as, time.Since(began), words})
		if r.Progress != nil {
			r.Progress(i+1, r.total)
		}
	}
	return nil
}

// present are the tasks of languages whose tools are here.
func (r *run) present() (list []*Task) {
	for _, t := range r.Tasks {
		lacks := func(program string) bool { _, err := process.Look(program, r.Environ); return err != nil }
		if !slices.ContainsFunc(programs[t.Language], lacks) {
			list = append(list, t)
		} else if !slices.Contains(r.missing, t.Language) {
			r.missing = append(r.missing, t.Language)
		}
	}
	return list
}

// one puts a task to cf and judges what landed.
func (r *run) one(ctx context.Context, t *Task) (as, words string, err error) {
	dir, err := r.fresh("task", t)
	if err != nil {
		return "", "", err
	}
	target, focus := t.Path+"#"+t.Symbol, "functionality"
	if t.Kind == "tests" {
		target, focus = t.About, "tests"
	}
	code, words, err := r.cf(ctx, dir, "implement", target, "--instructions", t.Instructions, "--focus", focus,
		"--seed", "1", "--no-memory", "--yes", "--json", "--budget", max(time.Minute, r.Budget-time.Since(r.began)).Round(time.Second).String())
	switch {
	case err != nil:
		return "", "", err
	case code == 3 || code == 13: // the checks said no, or no reply held code
		return refused, words, nil
	case code != 0:
		return "", "", fmt.Errorf("cf implement ended with %d: %s", code, words)
	}
	text, err := t.written(dir)
	if err != nil {
		return "", "", err
	}
	right, err := r.judge(ctx, t, text)
	if err != nil || !right {
		return wrong, "", err
	}
	return solved, "", nil
}

// fresh makes a task's project, with more files over its own, in a folder that those of
// its language have one after the other: cf keeps build caches by folder.
func (r *run) fresh(what string, t *Task, more ...map[string]string) (dir string, err error) {
	dir = filepath.Join(r.folder, what, t.Language)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, t.write(dir, more...)
}

// cf runs cf in a folder and returns its exit code and what it said last. Where the
// context ends, it is given time to end what it started.
func (r *run) cf(ctx context.Context, dir string, args ...string) (code int, words string, err error) {
	result, err := process.Run(ctx, process.Command{Path: r.Self, Args: args, Dir: dir, Env: r.Environ, Grace: 30 * time.Second})
	if err != nil && (ctx.Err() != nil || result.Code <= 0) {
		return 0, "", err
	}
	var exit struct{ Error, Message string }
	if json.Unmarshal([]byte(result.Stdout.LastLine()), &exit) == nil {
		words = exit.Error + exit.Message
	}
	return result.Code, words, nil
}

var testName = lazyregexp.New(`(^|/)(test_[^/]*\.(py|c)|[^/]*_test\.(go|exs|c|py))$`)

// written reads what cf left at the task's path; of tests, whose file cf names itself,
// the one that was not there.
func (t *Task) written(dir string) (text string, err error) {
	file := t.Path
	if t.Kind == "tests" {
		err = fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
			if _, there := t.files[name]; err == nil && !entry.IsDir() && !there && testName.MatchString(name) {
				file = name
			}
			return err
		})
	}
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(data), err
}

// judge tells whether a text at the task's path solves it.
func (r *run) judge(ctx context.Context, t *Task, text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	file := map[string]string{t.Path: text}
	passes, err := r.passes(ctx, t, file, t.hidden)
	if err != nil || !passes || t.Kind != "tests" {
		return passes, err
	}
	killed := 0
	for _, m := range t.Mutants {
		mutant := map[string]string{t.About: strings.Replace(t.files[t.About], m.Old, m.New, 1)}
		passes, err := r.passes(ctx, t, file, mutant)
		if err != nil {
			return false, err
		}
		if !passes {
			killed++
		}
	}
	return float64(killed) >= killedShare*float64(len(t.Mutants)), nil
}

// passes tells whether cf's checks, tests among them, pass in a copy of the project with
// more files over its own.
func (r *run) passes(ctx context.Context, t *Task, more ...map[string]string) (bool, error) {
	dir, err := r.fresh("judge", t, more...)
	if err != nil {
		return false, err
	}
	code, words, err := r.cf(ctx, dir, "validate", ".", "--json")
	switch {
	case err != nil || ctx.Err() != nil:
		return false, errors.Join(err, ctx.Err())
	case code == 0 || code == 3:
		return code == 0, nil
	}
	return false, fmt.Errorf("cf validate ended with %d: %s", code, words)
}
