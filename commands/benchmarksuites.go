package commands

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/bench/cmdbench"
	"github.com/bitactor/cf/bench/corebench"
	"github.com/bitactor/cf/bench/llmbench"
	"github.com/bitactor/cf/bench/otpbench"
	"github.com/bitactor/cf/bench/solvebench"
)

// suite measures one part of what cf is made of.
type suite struct {
	title string
	run   suiteRun
	// open, if not nil, reaches what is measured and returns what takes run's place.
	open func(ctx context.Context, a *App) (run suiteRun, release func(), err error)
}

type suiteRun func(ctx context.Context, a *App, quick bool, progress func(done, total int)) (*bench.Report, error)

// suites are what cf benchmark knows, by name.
var suites = map[string]suite{
	"core": {title: "measure the core", run: func(ctx context.Context, _ *App, quick bool, progress func(done, total int)) (*bench.Report, error) {
		o := corebench.Options{Progress: progress}
		if quick {
			o.Rounds, o.Warmup = corebench.QuickRounds, 100*time.Microsecond
		}
		return corebench.Run(ctx, o)
	}},
	"otp": {title: "measure the generated OTP system", run: func(ctx context.Context, _ *App, quick bool, progress func(done, total int)) (*bench.Report, error) {
		return otpbench.Run(ctx, otpbench.Options{Quick: quick, Progress: progress})
	}},
	"cli":   {title: "measure the start of cf", run: startUp},
	"llm":   {title: "measure the model on its server", open: openModel},
	"solve": {title: "put tasks to the model", open: openTasks},
}

// unnamed are the suites of a run that names none: in quick form they take under five
// minutes, whatever the model (llmbench.QuickBudget). otp renders, compiles and tests a
// whole project, and solve asks the model for minutes, so they are measured where they are
// named.
var unnamed = []string{"core", "cli", "llm"}

func suiteNames() []string { return slices.Sorted(maps.Keys(suites)) }

// openModel connects to the model that every verb would ask.
func openModel(ctx context.Context, a *App) (suiteRun, func(), error) {
	b, err := a.Connect(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	a.Events().Emit(b.Event)
	return func(ctx context.Context, _ *App, quick bool, progress func(done, total int)) (*bench.Report, error) {
		return llmbench.Run(ctx, llmbench.Options{Provider: b.Provider, Model: b.Model.Name, Quick: quick, Progress: progress})
	}, b.Release, nil
}

// openTasks connects to the model that every verb would ask: cf is run on its server.
func openTasks(ctx context.Context, a *App) (suiteRun, func(), error) {
	list, err := solvebench.Load()
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	b, err := a.Connect(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	a.Events().Emit(b.Event)
	environ := append(slices.Clone(a.Env.Environ), "CF_HOST="+b.Provider.URL(), "CF_MODEL="+b.Model.Name)
	return func(ctx context.Context, _ *App, quick bool, progress func(done, total int)) (*bench.Report, error) {
		return solvebench.Run(ctx, solvebench.Options{Tasks: list, Self: self, Environ: environ, Model: b.Model.Name, Quick: quick, Progress: progress})
	}, b.Release, nil
}

// startUp times cf itself beside a program that does nothing.
func startUp(ctx context.Context, a *App, quick bool, progress func(done, total int)) (*bench.Report, error) {
	// As it was called, not the file behind it: a link may say which program it is.
	self := os.Args[0]
	if strings.ContainsRune(self, filepath.Separator) {
		var err error
		if self, err = filepath.Abs(self); err != nil {
			return nil, err
		}
	}
	return cmdbench.Run(ctx, []cmdbench.Program{
		{Name: "a program that does nothing", Argv: []string{"true"}},
		{Name: "cf --version", Argv: []string{self, "--version"}},
		{Name: "cf --help", Argv: []string{self, "--help"}},
		{Name: "cf config list", Argv: []string{self, "config", "list"}},
	}, cmdbench.Options{Title: "What a start of cf costs", Dir: a.Env.Dir, Env: a.Env.Environ, Quick: quick, Budget: 20 * time.Second, Progress: progress})
}
