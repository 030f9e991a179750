package commands

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/bench/corebench"
	"github.com/bitactor/cf/bench/otpbench"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/spf13/cobra"
)

// suite measures one part of what cf is made of.
type suite struct {
	title string
	run   func(ctx context.Context, quick bool, progress func(done, total int)) (*bench.Report, error)
}

// suites are what cf benchmark knows, by name.
var suites = map[string]suite{
	"core": {"measure the core", func(ctx context.Context, quick bool, progress func(done, total int)) (*bench.Report, error) {
		o := corebench.Options{Progress: progress}
		if quick {
			o.Rounds, o.Warmup = corebench.QuickRounds, 100*time.Microsecond
		}
		return corebench.Run(ctx, o)
	}},
	"otp": {"measure the generated OTP system", func(ctx context.Context, quick bool, progress func(done, total int)) (*bench.Report, error) {
		return otpbench.Run(ctx, otpbench.Options{Quick: quick, Progress: progress})
	}},
}

// reportFormats are the extensions that a report may be written with.
var reportFormats = map[string]func(*bench.Report, *strings.Builder) error{
	".md":   func(r *bench.Report, b *strings.Builder) error { return r.Markdown(b) },
	".html": func(r *bench.Report, b *strings.Builder) error { return r.HTML(b) },
	".json": func(r *bench.Report, b *strings.Builder) error { return r.JSON(b) },
}

// onStdout is the value of --report without a file.
const onStdout = "-"

type benchmarkOptions struct {
	suite, report string
	quick, dryRun bool
}

func newBenchmarkCmd(a *App) *cobra.Command {
	var o benchmarkOptions
	cmd := &cobra.Command{
		Use:   "benchmark [SUITE]",
		Short: "Measure the BitActor core, or the generated OTP system, on this machine",
		Long: "Each figure stands beside the machine's own limit, measured in the same run, and with the\n" +
			"conditions without which it means nothing; unfavourable cases are not left out. A figure that\n" +
			"misses its goal is no error. A machine with other work to do measures that too.\n\n" +
			"SUITE is core: what a signal costs in the C core, or in Go where cf was built without cgo; or\n" +
			"otp: the project of cf scaffold, rendered into a temporary folder, compiled, tested and put\n" +
			"under load there: throughput, latency, memory of an actor, NIF against Elixir, lost leaders.",
		Example:     "  cf benchmark core\n  cf benchmark core --quick\n  cf benchmark otp --report=otp.md\n  cf benchmark core --report=core.html\n  cf benchmark core --json",
		Args:        cobra.MaximumNArgs(2),
		Annotations: map[string]string{annotEffect: effectWrite},
		ValidArgs:   slices.Sorted(maps.Keys(suites)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return a.benchmark(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.quick, "quick", false, "few rounds: to see that it works, not to quote")
	f.StringVar(&o.report, "report", "", "write the report to `FILE` (.md, .html, .json); alone: print it as Markdown")
	f.Lookup("report").NoOptDefVal = onStdout
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be measured and written; do neither")
	return cmd
}

// complete reads the arguments: a suite and, behind a --report that names none, its
// file.
func (o *benchmarkOptions) complete(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && o.report == onStdout && reportFormats[filepath.Ext(args[len(args)-1])] != nil {
		o.report, args = args[len(args)-1], args[:len(args)-1]
	}
	o.suite = "core"
	switch len(args) {
	case 0:
	case 1:
		o.suite = args[0]
	default:
		return usageError(cmd, fmt.Errorf("one suite at a time, not %q", args[1]))
	}
	if _, ok := suites[o.suite]; !ok {
		return usageError(cmd, fmt.Errorf("unknown suite %q; there is: %s", o.suite, strings.Join(slices.Sorted(maps.Keys(suites)), ", ")))
	}
	if o.report != "" && o.report != onStdout && reportFormats[filepath.Ext(o.report)] == nil {
		return usageError(cmd, fmt.Errorf("--report %q: the name must end with .md, .html or .json", o.report))
	}
	return nil
}

func (a *App) benchmark(ctx context.Context, o benchmarkOptions) error {
	toFile := o.report != "" && o.report != onStdout
	if toFile {
		if err := checkOut(a.path(o.report)); err != nil {
			return err
		}
	}
	s, step := suites[o.suite], event.Step{ID: "benchmark." + o.suite, Title: suites[o.suite].title, State: event.Begin}
	if o.dryRun {
		step.State = event.Planned
		if toFile {
			step.Detail = "the report would go to " + o.report
		}
		a.Events().Emit(step)
		return nil
	}
	a.Events().Emit(step)
	report, err := s.run(ctx, o.quick, func(done, total int) {
		a.Events().Emit(event.Progress{ID: step.ID, Unit: "rounds", Done: int64(done), Total: int64(total)})
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fault.New(fault.Failed, "benchmark", "%w", err).On("benchmark", o.suite)
	}
	step.State = event.Done
	a.Events().Emit(step)
	a.Events().Emit(Benchmark{Suite: o.suite, Quick: o.quick, Report: *report, markdown: o.report == onStdout})
	if !toFile {
		return nil
	}
	var b strings.Builder
	if err := reportFormats[filepath.Ext(o.report)](report, &b); err != nil {
		return fault.New(fault.Failed, "benchmark", "%w", err).On("report", o.report)
	}
	if err := writeOut(a.path(o.report), b.String()); err != nil {
		return err
	}
	a.Events().Emit(event.Saved{What: "report", Path: o.report})
	return nil
}
