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
	"github.com/bitactor/cf/bench/otpbench"
)

// suite measures one part of what cf is made of.
type suite struct {
	title string
	run   func(ctx context.Context, a *App, quick bool, progress func(done, total int)) (*bench.Report, error)
}

// suites are what cf benchmark knows, by name.
var suites = map[string]suite{
	"core": {"measure the core", func(ctx context.Context, _ *App, quick bool, progress func(done, total int)) (*bench.Report, error) {
		o := corebench.Options{Progress: progress}
		if quick {
			o.Rounds, o.Warmup = corebench.QuickRounds, 100*time.Microsecond
		}
		return corebench.Run(ctx, o)
	}},
	"otp": {"measure the generated OTP system", func(ctx context.Context, _ *App, quick bool, progress func(done, total int)) (*bench.Report, error) {
		return otpbench.Run(ctx, otpbench.Options{Quick: quick, Progress: progress})
	}},
	"cli": {"measure the start of cf", startUp},
}

// unnamed are the suites of a run that names none. otp renders, compiles and tests a
// whole project, so it is measured where it is named.
var unnamed = []string{"core", "cli"}

func suiteNames() []string { return slices.Sorted(maps.Keys(suites)) }

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
