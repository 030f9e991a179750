package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bitactor/cf/tools/report"
)

// A replay gives recorded answers of a model to the real engine with the real
// checks, so that parts that do not alter a prompt can be left out without the
// model: the same answers come in the same order, whatever becomes of them.

// pool is an arm whose answers are replayed.
type pool struct {
	name string
	arm  string   // of the results, whose answers are taken in order
	runs []replay // the first is what the others are held against
}

// replay is a run with the answers of a pool.
type replay struct {
	name    string
	title   string
	answers int      // at the most; 0: all
	without []string // parts of the engine
}

var (
	whole = replay{"all", "cf, all answers", 0, nil}
	parts = []replay{
		{"mends", "without mends", 0, []string{"mends"}},
		{"stop", "without early stop: all answers are checked, the best lands", 0, []string{"stop"}},
	}
)

// pools: all eight raw shots were taken, whatever became of them, so that no run
// lacks one. Those of cf end where it landed one: a run that needs more finds none,
// so that what it solves is the least.
var pools = []pool{
	{"raw8", "raw8", append([]replay{
		whole,
		{"4", "cf, the first 4", 4, nil}, {"2", "cf, the first 2", 2, nil}, {"1", "cf, the first alone", 1, nil},
	}, parts...)},
	{"cf high", "high", append([]replay{whole}, parts...)},
}

// as is what a run is called among the results.
func (p pool) as(run replay) string { return "replay-" + p.arm + "-" + run.name }

// answers returns what the pool holds for a task.
func (p pool) answers(r *results, t *task) []string {
	return r.done[[3]string{p.arm, t.Name, t.content()}].Replies
}

// replayParameters is the size of the model as far as it matters: more samples, no
// rounds of repair.
const replayParameters = 500_000_000

// replayAll replays every pool in every way on the tasks that have answers.
func replayAll(ctx context.Context, o options, tasks []*task, r *results) error {
	j, err := newJudge(o.home, true)
	if err != nil {
		return err
	}
	b := &bench{cf: o.cf, model: o.model, judge: j, fake: newFake(o.model, replayParameters), projects: filepath.Join(j.folder, "replay")}
	defer b.fake.Close()
	if b.meter, err = newMeter(b.fake.URL); err != nil {
		return err
	}
	defer b.meter.Close()
	for _, p := range pools {
		for _, t := range tasks {
			if len(p.answers(r, t)) == 0 {
				continue
			}
			for _, run := range p.runs { // a task is done before the next: one that is cut short does not count
				if err := b.all(ctx, p.as(run), b.replay(p, run, r), []*task{t}, r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// replay is the arm of a run: cf gets the recorded answers in order, each once.
func (b *bench) replay(p pool, run replay, r *results) arm {
	return func(ctx context.Context, t *task, dir string) (string, error) {
		answers := p.answers(r, t)
		if run.answers > 0 {
			answers = answers[:min(len(answers), run.answers)]
		}
		b.fake.knows(func(n int) (string, bool) {
			if n >= len(answers) {
				return "", false
			}
			return answers[n], true
		})
		flags := []string{"--samples", strconv.Itoa(len(answers))}
		if len(run.without) > 0 {
			flags = append(flags, "--without", strings.Join(run.without, ","))
		}
		return b.implement("high", flags...)(ctx, t, dir)
	}
}

// project makes the folder in which an arm works. Those of replays lie where they
// lay before, so that cf finds what its checks came to there.
func (b *bench) project(t *task) (string, error) {
	if b.projects == "" {
		return os.MkdirTemp(b.judge.folder, "project-")
	}
	dir := filepath.Join(b.projects, filepath.FromSlash(t.Name))
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// shared returns the tasks on which all runs of a pool were made.
func (p pool) shared(r *results, tasks []*task) []*task {
	var arms []string
	for _, run := range p.runs {
		arms = append(arms, p.as(run))
	}
	return r.shared(arms, tasks)
}

// replayTable shows what the runs came to, beside the same answers without cf.
func replayTable(r *results, tasks []*task) string {
	var b strings.Builder
	for _, p := range pools {
		both := p.shared(r, tasks)
		if len(both) == 0 {
			continue
		}
		row := func(title, arm string) {
			sum := r.tally(arm, both)
			fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %d |\n", p.name, title, sum.tasks, sum.solved, sum.wrong, sum.tasks-sum.solved-sum.wrong, sum.calls)
		}
		if p.arm == "raw8" {
			row("no cf: pasted, the visible tests pick", p.arm)
		}
		for _, run := range p.runs {
			row(run.title, p.as(run))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "| answers of | run | tasks | solved | landed, but fails hidden tests | nothing landed | answers taken |\n| --- | --- | --- | --- | --- | --- | --- |\n" + b.String()
}

// replayFigures holds every part against its goal: to be worth what it costs.
func replayFigures(r *results, model string, tasks []*task) []report.Figure {
	var list []report.Figure
	for _, p := range pools {
		both := p.shared(r, tasks)
		if len(both) == 0 {
			continue
		}
		all := r.tally(p.as(whole), both)
		for _, run := range p.runs[1:] {
			sum := r.tally(p.as(run), both)
			f := report.Figure{
				Name: fmt.Sprintf("%s: answers of %s, %s", model, p.name, run.title), Goal: "solves no more than cf with all",
				Measured: fmt.Sprintf("%d, with all %d", sum.solved, all.solved), Pass: sum.solved <= all.solved,
				Conditions: fmt.Sprintf("%d tasks; landed and fail hidden tests: %d, with all %d; answers taken: %d, with all %d", len(both), sum.wrong, all.wrong, sum.calls, all.calls),
			}
			list = append(list, f)
		}
	}
	return list
}

// tellReplays prints and writes what the replays of a model came to.
func tellReplays(o options, r *results, tasks []*task) error {
	text := replayTable(r, tasks)
	list := replayFigures(r, o.model, tasks)
	fmt.Printf("\n%s\n", text)
	report.Print(list)
	if o.doc != "" {
		if err := document(o.doc, o.model+", replayed", text); err != nil {
			return err
		}
	}
	if o.figures == "" {
		return nil
	}
	return report.Record(o.figures, "replay", list)
}
