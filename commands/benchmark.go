package commands

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/bench/cmdbench"
	"github.com/bitactor/cf/bench/corebench"
	"github.com/bitactor/cf/bench/otpbench"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

// onStdout is the value of --report without a file.
const onStdout = "-"

type benchmarkOptions struct {
	suites                        []string
	report, folder, save, compare string
	command, against              string
	quick, dryRun, telemetry      bool
	commandArgv, againstArgv      []string
	unnamed                       bool // the suites are those of a run that names none
}

func newBenchmarkCmd(a *App) *cobra.Command {
	var o benchmarkOptions
	cmd := &cobra.Command{
		Use:   "benchmark [SUITE...]",
		Short: "Measure the core, the generated system, the model, or two commands",
		Long: "Each figure stands beside the machine's own limit, measured in the same run, and with the\n" +
			"conditions without which it means nothing; unfavourable cases are not left out. A figure that\n" +
			"misses its goal is no error. A machine with other work to do measures that too.\n\n" +
			"SUITE is core: what a signal costs in the C core, or in Go where cf was built without cgo; otp:\n" +
			"the project of cf scaffold, rendered into a temporary folder, compiled, tested and put under\n" +
			"load there; llm: the model on its server, tokens a second, the first token, what a call takes\n" +
			"beyond the server's time, what a second turn reuses; solve: how many of 64 small tasks in Go,\n" +
			"Python, Elixir and C the model solves through cf implement, judged by tests that it does not\n" +
			"see, for 30 minutes (--quick: a stub of each language); or cli: what a start of cf costs. Without\n" +
			"one, core, cli and, where a model answers, llm are measured in quick form. --cmd A --vs B times\n" +
			"two commands in turn instead.\n\n" +
			"--compare holds the run against one that --save wrote: medians, a bootstrap interval of their\n" +
			"ratio, and Mann-Whitney on the runs themselves. A case that became slower ends it with 3, and so\n" +
			"does telemetry that does not add up under overload (--validate-telemetry). What was measured when\n" +
			"Ctrl-C came is in the report.",
		Example: "  cf benchmark --report-dir bench-report --validate-telemetry\n  cf benchmark core --quick\n  cf benchmark otp --report=otp.md\n  cf benchmark solve --quick\n" +
			"  cf benchmark core --save base.json\n  cf benchmark core --compare base.json\n  cf benchmark --cmd \"sort big.txt\" --vs \"sort -S 1G big.txt\"",
		Args:        cobra.ArbitraryArgs,
		Annotations: map[string]string{annotEffect: effectWrite},
		ValidArgs:   suiteNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return a.benchmark(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.quick, "quick", false, "few rounds: to see that it works, not to quote")
	f.StringVar(&o.report, "report", "", "write the report to `FILE` (.md, .html, .json); alone: print it as Markdown")
	f.Lookup("report").NoOptDefVal = onStdout
	f.StringVar(&o.folder, "report-dir", "", "write report.html, .md and .json to `DIR`, with the history that it keeps")
	f.StringVar(&o.save, "save", "", "write the runs to `FILE`.json, for --compare")
	f.StringVar(&o.compare, "compare", "", "hold this run against the one in `FILE`; 3 if a case became slower")
	f.BoolVar(&o.telemetry, "validate-telemetry", false, "put the core (and, with otp, the generated system) under overload and check that its telemetry leaves nothing out")
	f.StringVar(&o.command, "cmd", "", "time `COMMAND` (quotes keep words together, no shell reads it)")
	f.StringVar(&o.against, "vs", "", "and this `COMMAND` in turn with it")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be measured and written; do neither")
	cmd.MarkFlagsRequiredTogether("cmd", "vs")
	cmd.MarkFlagsMutuallyExclusive("cmd", "compare")
	return cmd
}

// complete reads the arguments: suites and, behind a --report that names none, its
// file.
func (o *benchmarkOptions) complete(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && o.report == onStdout && reportFormats[filepath.Ext(args[len(args)-1])] != nil {
		o.report, args = args[len(args)-1], args[:len(args)-1]
	}
	for _, name := range args {
		if _, ok := suites[name]; !ok {
			return usageError(cmd, fmt.Errorf("unknown suite %q; there is: %s", name, strings.Join(suiteNames(), ", ")))
		}
		if slices.Contains(o.suites, name) {
			return usageError(cmd, fmt.Errorf("the suite %s is named twice", name))
		}
		o.suites = append(o.suites, name)
	}
	if o.report != "" && o.report != onStdout && reportFormats[filepath.Ext(o.report)] == nil {
		return usageError(cmd, fmt.Errorf("--report %q: the name must end with .md, .html or .json", o.report))
	}
	if o.save != "" && filepath.Ext(o.save) != ".json" {
		return usageError(cmd, fmt.Errorf("--save %q: the name must end with .json", o.save))
	}
	if o.command == "" && !cmd.Flags().Changed("cmd") {
		if len(o.suites) == 0 {
			o.suites, o.quick, o.unnamed = unnamed, true, true
		}
		return nil
	}
	if len(o.suites) > 0 {
		return usageError(cmd, errors.New("--cmd measures commands, not a suite"))
	}
	var err, err2 error
	o.commandArgv, err = words(o.command)
	o.againstArgv, err2 = words(o.against)
	if err = errors.Join(err, err2); err != nil {
		return usageError(cmd, fmt.Errorf("--cmd and --vs: %w", err))
	}
	return nil
}

// targets are the files that a run writes.
func (o *benchmarkOptions) targets() []string {
	var list []string
	if o.report != "" && o.report != onStdout {
		list = append(list, o.report)
	}
	if o.save != "" {
		list = append(list, o.save)
	}
	return list
}

// benchmark measures, reports and judges. What was measured when the context ended is
// reported all the same.
func (a *App) benchmark(ctx context.Context, o benchmarkOptions) error {
	for _, name := range o.targets() {
		if err := checkOut(a.path(name)); err != nil {
			return err
		}
	}
	var before *bench.Document
	if o.compare != "" {
		var err error
		if before, err = a.earlier(ctx, o.compare); err != nil {
			return err
		}
	}
	if o.dryRun {
		a.planned(o)
		return nil
	}
	d := &bench.Document{Quick: o.quick}
	err := a.measure(ctx, o, d)
	if len(d.Reports) == 0 {
		return err
	}
	if before != nil {
		d.Changes, d.Against = bench.Against(d.Reports, before.Reports), "the run in "+filepath.Base(o.compare)
		a.comparable(d, before)
	}
	if o.telemetry && err == nil {
		d.Balances, err = a.balances(ctx, o)
	}
	d.Stopped = err != nil
	v := BenchmarkVerdict{Against: d.Against, Changes: d.Changes, Balances: d.Balances}
	if len(v.Changes)+len(v.Balances) > 0 {
		a.Events().Emit(v)
	}
	if failed := a.written(ctx, o, d); failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	return v.err(before != nil)
}

// balances checks the telemetry of the core and, where it is measured, of the generated
// system.
func (a *App) balances(ctx context.Context, o benchmarkOptions) ([]bench.Balance, error) {
	list, err := corebench.Balances(ctx, 0)
	if err == nil && slices.Contains(o.suites, "otp") {
		step := event.Step{ID: "benchmark.telemetry", Title: "check the telemetry of the generated OTP system", State: event.Begin}
		a.Events().Emit(step)
		var more []bench.Balance
		more, err = otpbench.Balances(ctx, otpbench.Options{Environ: a.Env.Environ})
		list, step.State = append(list, more...), event.Done
		if err == nil {
			a.Events().Emit(step)
		}
	}
	if ctx.Err() != nil {
		return list, ctx.Err()
	}
	if err != nil {
		return list, fault.New(fault.Failed, "benchmark", "%w", err).On("benchmark", "telemetry")
	}
	return list, nil
}

// planned says what would be done.
func (a *App) planned(o benchmarkOptions) {
	detail := ""
	if files := o.targets(); len(files) > 0 {
		detail = "the report would go to " + strings.Join(files, ", ")
	}
	if o.folder != "" {
		detail = strings.TrimPrefix(detail+"; the reports would go to "+o.folder, "; ")
	}
	for _, name := range o.suites {
		a.Events().Emit(event.Step{ID: "benchmark." + name, Title: suites[name].title, State: event.Planned, Detail: detail})
	}
	if o.commandArgv != nil {
		a.Events().Emit(event.Step{ID: "benchmark.cmd", Title: "time " + o.command + " and " + o.against, State: event.Planned, Detail: detail})
	}
}

// comparable warns where a comparison says little.
func (a *App) comparable(d, before *bench.Document) {
	if len(d.Changes) == 0 {
		a.warn("no case of this run is in the earlier one, or that holds no runs")
		return
	}
	if d.Reports[0].Machine.CPU != before.Reports[0].Machine.CPU {
		a.warn("the earlier run was on another processor: " + before.Reports[0].Machine.CPU)
	}
	if d.Quick != before.Quick {
		a.warn("one of the runs was a quick one")
	}
}

// measure fills the document; a suite that fails ends it.
func (a *App) measure(ctx context.Context, o benchmarkOptions, d *bench.Document) error {
	if o.commandArgv != nil {
		return a.commands(ctx, o, d)
	}
	for _, name := range o.suites {
		if err := a.measureSuite(ctx, o, d, name); err != nil {
			return err
		}
	}
	return nil
}

// measureSuite adds one suite's report. The model is left out where it was not asked for
// by name and none answers.
func (a *App) measureSuite(ctx context.Context, o benchmarkOptions, d *bench.Document, name string) error {
	s := suites[name]
	if s.open != nil {
		run, release, err := s.open(ctx, a)
		if err != nil && o.unnamed && ctx.Err() == nil {
			a.warn(name + " is left out: " + err.Error())
			return nil
		}
		if err != nil {
			return err
		}
		defer release()
		s.run = run
	}
	report, err := a.timed(ctx, name, s.title, func(progress func(done, total int)) (*bench.Report, error) { return s.run(ctx, a, o.quick, progress) })
	if report != nil {
		d.Reports = append(d.Reports, report)
	}
	if err != nil {
		return err
	}
	a.Events().Emit(Benchmark{Suite: name, Quick: o.quick, Report: *report, markdown: o.report == onStdout})
	return nil
}

// commands times two commands in turn.
func (a *App) commands(ctx context.Context, o benchmarkOptions, d *bench.Document) error {
	report, err := a.timed(ctx, "cmd", "time two commands", func(progress func(done, total int)) (*bench.Report, error) {
		return cmdbench.Run(ctx, []cmdbench.Program{{Name: "A: " + o.command, Argv: o.commandArgv}, {Name: "B: " + o.against, Argv: o.againstArgv}}, cmdbench.Options{
			Title: "Two commands", Dir: a.Env.Dir, Env: a.Env.Environ, Quick: o.quick, Progress: progress,
		})
	})
	if report != nil {
		d.Reports = append(d.Reports, report)
		d.Against = o.command
		d.Changes = []bench.Change{bench.Compare(o.against, report.Measures[0].Samples, report.Measures[1].Samples)}
	}
	if err != nil {
		return err
	}
	a.Events().Emit(Benchmark{Suite: "cmd", Quick: o.quick, Report: *report, markdown: o.report == onStdout})
	return nil
}

// timed runs one measurement as a step. What was measured until the context ended comes
// with its error.
func (a *App) timed(ctx context.Context, name, title string, run func(progress func(done, total int)) (*bench.Report, error)) (*bench.Report, error) {
	step := event.Step{ID: "benchmark." + name, Title: title, State: event.Begin}
	a.Events().Emit(step)
	report, err := run(func(done, total int) {
		a.Events().Emit(event.Progress{ID: step.ID, Unit: "rounds", Done: int64(done), Total: int64(total)})
	})
	if ctx.Err() != nil {
		return report, ctx.Err()
	}
	if err != nil {
		return nil, fault.New(fault.Failed, "benchmark", "%w", err).On("benchmark", name)
	}
	step.State = event.Done
	a.Events().Emit(step)
	return report, nil
}

// written writes what the flags ask for.
func (a *App) written(ctx context.Context, o benchmarkOptions, d *bench.Document) error {
	if o.report != "" && o.report != onStdout {
		if err := a.writeReport(d, "report", o.report); err != nil {
			return err
		}
	}
	if o.save != "" {
		if err := a.writeReport(d, "runs", o.save); err != nil {
			return err
		}
	}
	if o.folder != "" {
		return a.writeFolder(ctx, d, o.folder)
	}
	return nil
}
