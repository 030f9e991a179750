// Command solve measures how many of the tasks of testdata/tasks a model solves:
// by one raw shot, by eight of which the visible tests pick one, through aider,
// and through cf at each level. Hidden tests decide.
//
//	solve -cf bin/cf -model NAME [-only PATTERNS] [-arms ARMS | -replay] [-home FOLDER] [-doc FILE] [-figures FILE]
//
// Every run is a line of FOLDER/results/MODEL.jsonl; what is there is not run
// again, so that an ended measurement goes on where it was. docs/solve.md
// describes the tasks and the arms.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bitactor/cf/tools/report"
)

// arm works on a task in a project's folder; note is what it said.
type arm func(ctx context.Context, t *task, dir string) (note string, err error)

// levels of cf, and the parts of its way that can be left out; an arm
// "high-mends" is cf high without mends.
var (
	levels = []string{"normal", "high", "hyper"}
	left   = []string{"layout", "mends", "examples", "samples", "repair", "map", "stop"}
)

const standardArms = "raw raw8 aider normal high hyper"

// bench is what all arms share.
type bench struct {
	cf    string
	model string
	meter *meter
	judge *judge

	fake     *fake  // nil: a real model is asked
	projects string // folder of the arms' projects; "": new ones each time
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "solve:", err)
		os.Exit(1)
	}
}

type options struct {
	cf, model, server, tasks, home, doc, figures string
	only, arms                                   []string
	count, replay                                bool
}

func parse() (options, error) {
	var o options
	cache, err := os.UserCacheDir()
	if err != nil {
		return o, err
	}
	var only, arms string
	flag.StringVar(&o.cf, "cf", "", "the cf program to measure")
	flag.StringVar(&o.model, "model", "", "model, as the server names it")
	flag.StringVar(&o.server, "server", cmp.Or(os.Getenv("OLLAMA_HOST"), "http://127.0.0.1:11434"), "URL of the Ollama server")
	flag.StringVar(&o.tasks, "tasks", "../testdata/tasks", "folder of the tasks")
	flag.StringVar(&only, "only", "", "run tasks whose name (language/name) holds one of these words")
	flag.StringVar(&arms, "arms", "", "arms to run, in this order; none: "+standardArms)
	flag.StringVar(&o.home, "home", filepath.Join(cache, "cf-solve"), "folder for results, caches and aider")
	flag.StringVar(&o.doc, "doc", "", "Markdown file that gets the tables of the model")
	flag.StringVar(&o.figures, "figures", "", "Markdown file that gets the goals")
	flag.BoolVar(&o.count, "count", false, "run nothing, count what is there")
	flag.BoolVar(&o.replay, "replay", false, "ask no model: give its recorded answers to cf, with and without parts of it")
	flag.Parse()
	o.only, o.arms = strings.Fields(only), strings.Fields(cmp.Or(arms, standardArms))
	if flag.NArg() > 0 || o.model == "" || o.cf == "" && !o.count {
		return o, fmt.Errorf("usage: solve -cf PROGRAM -model NAME; see solve -help")
	}
	if !strings.Contains(o.server, "://") {
		o.server = "http://" + o.server
	}
	for _, name := range o.arms {
		level, part, ablated := strings.Cut(name, "-")
		if !slices.Contains(strings.Fields(standardArms), level) || ablated && (!slices.Contains(levels, level) || !slices.Contains(left, part)) {
			return o, fmt.Errorf("no arm is called %q", name)
		}
	}
	o.cf, err = filepath.Abs(o.cf)
	return o, err
}

func run(ctx context.Context) error {
	o, err := parse()
	if err != nil {
		return err
	}
	tasks, err := loadTasks(o.tasks, o.only)
	if err != nil {
		return err
	}
	r, err := openResults(filepath.Join(o.home, "results"), o.model)
	if err != nil {
		return err
	}
	work := measure
	if o.replay {
		work = replayAll
	}
	if !o.count {
		if err := work(ctx, o, tasks, r); err != nil {
			return err
		}
	}
	return tell(o, r)
}

// tell prints and writes what is there for the model, on all tasks.
func tell(o options, r *results) error {
	tasks, err := loadTasks(o.tasks, nil)
	if err != nil {
		return err
	}
	if o.replay {
		return tellReplays(o, r, tasks)
	}
	text := table(r, strings.Fields(standardArms), tasks) + ablation(r, tasks)
	fmt.Printf("\n%s\n", text)
	report.Print(figures(r, o.model, tasks))
	if o.doc != "" {
		if err := document(o.doc, o.model, text); err != nil {
			return err
		}
	}
	if o.figures == "" {
		return nil
	}
	return recordAll(o, tasks)
}

// recordAll writes the goals of every model that was measured: they stand in one
// section.
func recordAll(o options, tasks []*task) error {
	models, err := measured(filepath.Join(o.home, "results"))
	if err != nil {
		return err
	}
	var all []report.Figure
	for _, model := range models {
		r, err := openResults(filepath.Join(o.home, "results"), model)
		if err != nil {
			return err
		}
		all = append(all, figures(r, model, tasks)...)
	}
	return report.Record(o.figures, "solve", all)
}

// measure runs every arm on every task that has no record.
func measure(ctx context.Context, o options, tasks []*task, r *results) error {
	j, err := newJudge(o.home, true)
	if err != nil {
		return err
	}
	b := &bench{cf: o.cf, model: o.model, judge: j}
	if o.model == referenceModel {
		b.fake = newFake(o.model, 1_000_000_000)
		defer b.fake.Close()
		o.server = b.fake.URL
	}
	if b.meter, err = newMeter(o.server); err != nil {
		return err
	}
	defer b.meter.Close()
	for _, name := range o.arms {
		a, err := b.arm(name)
		if err != nil {
			fmt.Printf("%s is left out: %v\n", name, err)
			continue
		}
		if err := b.all(ctx, name, a, tasks, r); err != nil {
			return err
		}
	}
	return nil
}

// failuresMax is how many runs of an arm may fail in a row: then it is not the
// task's doing.
const failuresMax = 3

// all runs one arm on the tasks that have no record.
func (b *bench) all(ctx context.Context, name string, a arm, tasks []*task, r *results) error {
	failures := 0
	for _, t := range tasks {
		if r.has(name, t) {
			continue
		}
		rec := b.one(ctx, a, t)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rec.Arm = name
		if err := r.add(rec); err != nil {
			return err
		}
		fmt.Printf("%-14s %-24s %-9s %6d + %5d tokens %6.1f s  %s\n", name, t.Name, rec.verdict(), rec.Prompt, rec.Completion, rec.Seconds, oneLine(rec.Error))
		if failures++; rec.Error == "" {
			failures = 0
		}
		if failures == failuresMax {
			return fmt.Errorf("%d runs of %s failed in a row, the last with: %s", failures, name, rec.Error)
		}
	}
	return nil
}

// arm returns an arm by name.
func (b *bench) arm(name string) (arm, error) {
	switch name {
	case "raw":
		return b.raw(1), nil
	case "raw8":
		return b.raw(rawShots), nil
	case "aider":
		program, err := b.aiderProgram()
		return b.aider(program), err
	}
	level, part, without := strings.Cut(name, "-")
	if without {
		return b.implement(level, "--without", part), nil
	}
	return b.implement(level), nil
}

// one runs an arm on a task and judges what it left.
func (b *bench) one(ctx context.Context, a arm, t *task) record {
	rec := record{Model: b.model, Task: t.Name, Kind: t.Kind, Content: t.content()}
	fail := func(err error) record {
		rec.Error = err.Error()
		return rec
	}
	dir, err := b.project(t)
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if err := t.write(dir); err != nil {
		return fail(err)
	}
	if b.fake != nil {
		b.fake.knows(reference(t))
	}
	b.meter.take()
	began := time.Now()
	rec.Note, err = a(ctx, t, dir)
	rec.Seconds = time.Since(began).Seconds()
	rec.usage = b.meter.take()
	if b.projects != "" {
		rec.Replies = nil // they are recorded
	}
	if err != nil {
		return fail(err)
	}
	text, err := t.result(dir)
	if err != nil {
		return fail(err)
	}
	rec.Landed = text != t.Files[t.Path]
	v, err := b.judge.verdict(ctx, t, text)
	if err != nil {
		return fail(err)
	}
	rec.Visible, rec.Solved, rec.Output = v.visible, v.solved, v.output
	return rec
}

func (r *record) verdict() string {
	switch {
	case r.Error != "":
		return "error"
	case r.Solved:
		return "solved"
	case r.Landed && r.Visible:
		return "hidden" // it fails hidden tests only
	case r.Landed:
		return "wrong"
	}
	return "refused"
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(tail(text, 200)), " ")
}
