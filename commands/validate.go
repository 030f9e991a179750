package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/sarif"
	"github.com/bitactor/cf/check/scanner"
	"github.com/bitactor/cf/check/telemetry"
	"github.com/bitactor/cf/check/value"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

// validateFlags are the flags of cf validate.
type validateFlags struct {
	checkFlags
	telemetry, value, runEvidence bool
	readiness                     bool
	mutants                       int
	seed                          int64
	budget                        time.Duration
	changedSince, format          string
	baseline                      string
}

func newValidateCmd(a *App) *cobra.Command {
	var flags validateFlags
	cmd := &cobra.Command{
		Use:   "validate [PATH...]",
		Short: "Check files: compile, vet, format, test, telemetry, readiness",
		Long: "Runs the checkers that know the files at PATH (the current folder if none is given) with the\n" +
			"tools of this machine, in a sandbox, and changes nothing. It ends with 0 only if all that it\n" +
			"was asked about was checked and nothing was found; with 3 if something was found, and also if\n" +
			"code could not be checked: what no tool has looked at is never called clean. Notes are told and\n" +
			"are no findings.\n\n" +
			"--check-telemetry holds what the code emits against what rules, dashboards, documents and tests\n" +
			"use. --check-business-value checks the goals in files named value.yaml: a target that can be\n" +
			"measured, and evidence that is there, not older than the code, and meets it.\n\n" +
			"--readiness does both, runs the security scanners that are installed (govulncheck, staticcheck,\n" +
			"gitleaks, hadolint, zizmor, npm audit, bandit, semgrep, checkov), tries the tests on mutants of\n" +
			"the code, and sums all up in a scorecard: each point passes, fails or could not be checked, with\n" +
			"the figure and the command or file that it rests on. Then it ends with 3 if a point fails.\n" +
			"Fixtures, templates and the code of others do not count. What had no time within --budget is not\n" +
			"checked, and the report says so.",
		Example: "  cf validate\n  cf validate src/queue.go docs --no-tests\n  cf validate test/integration --check-telemetry --check-business-value\n" +
			"  cf validate --readiness\n  cf validate shop --readiness --mutants 40 --format json\n  cf validate --format sarif > known.sarif\n  cf validate --baseline known.sarif --changed-since main\n  cf validate --json | jq -r 'select(.type == \"diagnostic\").file'",
		Args: cobra.ArbitraryArgs, Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(cmd *cobra.Command, args []string) error { return a.validate(cmd, args, flags) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&flags.telemetry, "check-telemetry", false, "hold what is emitted against what rules, dashboards, documents and tests use")
	f.BoolVar(&flags.value, "check-business-value", false, "check the goals in value.yaml: target, evidence, what serves them")
	f.BoolVar(&flags.runEvidence, "run-evidence", false, "run the commands that value.yaml names as evidence, in the sandbox")
	f.BoolVar(&flags.readiness, "readiness", false, "sum up in a scorecard whether it is ready for production")
	f.IntVar(&flags.mutants, "mutants", mutantsUsual, "with --readiness: try the tests on at most so many mutants; 0 tries none")
	f.Int64Var(&flags.seed, "seed", 1, "with --readiness: chooses the mutants; the same seed chooses the same")
	f.DurationVar(&flags.budget, "budget", readinessBudget, "with --readiness: most `TIME` for all of it; what had no time is told")
	f.StringVar(&flags.changedSince, "changed-since", "", "only files that differ from the git commit `REF`")
	f.StringVar(&flags.format, "format", formatText, "text, json (as --json) or sarif (SARIF 2.1.0, on standard output)")
	f.StringVar(&flags.baseline, "baseline", "", "leave out findings that the SARIF `FILE` of an earlier run knows")
	flags.add(cmd, "end with 0 although something could not be checked")
	return cmd
}

// The values of --format.
const (
	formatText  = "text"
	formatJSON  = "json"
	formatSARIF = "sarif"
)

// complete checks the flags against each other.
func (f *validateFlags) complete(cmd *cobra.Command, a *App) error {
	switch {
	case f.format != formatText && f.format != formatJSON && f.format != formatSARIF:
		return usageError(cmd, fmt.Errorf("--format %q: there is text, json and sarif", f.format))
	case a.JSON && f.format == formatSARIF:
		return usageError(cmd, errors.New("--json and --format sarif exclude each other"))
	case f.runEvidence && !f.value && !f.readiness:
		return usageError(cmd, errors.New("--run-evidence goes with --check-business-value"))
	}
	if err := f.checkReadiness(cmd.Flags().Changed); err != nil {
		return usageError(cmd, err)
	}
	a.JSON = a.JSON || f.format == formatJSON
	return nil
}

func (a *App) validate(cmd *cobra.Command, args []string, flags validateFlags) (err error) {
	if err := flags.complete(cmd, a); err != nil {
		return err
	}
	var known sarif.Baseline
	if flags.baseline != "" {
		text, err := a.readInput(cmd.Context(), flags.baseline, baselineBytesMax)
		if err != nil {
			return err
		}
		if known, err = sarif.ReadBaseline(text); err != nil {
			return err
		}
	}
	c, err := a.openChecking(cmd, flags.checkFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.tree.Close()) }()
	paths, err := a.validated(cmd.Context(), c, args, flags)
	if err != nil || paths == nil {
		return err
	}
	stage, err := c.stage(cmd.Context(), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if flags.readiness {
		return a.showReadiness(cmd.Context(), assessing{checking: c, stage: stage, paths: paths, flags: flags})
	}
	p := a.progress("checking")
	report, err := check.Run(cmd.Context(), check.Request{
		Stage: stage, Paths: paths, Checkers: append(c.checkers, a.across(c, flags)...), Tests: !flags.noTests, Cache: a.Env.Paths.Cache, Events: p,
	})
	p.Close()
	if report == nil {
		return err
	}
	if n := known.Apply(report); n > 0 {
		a.Events().Emit(event.Note{Level: "info", Text: count(n, "finding") + " of the baseline left out"})
	}
	if flags.format == formatSARIF {
		if failed := sarif.Write(a.Env.Stdout, report); failed != nil {
			return failed
		}
		if err == nil {
			err = a.verdict(report, flags.allowUnchecked)
		}
		return err
	}
	if err != nil { // interrupted: what was found by then
		a.warn("ended before all was checked; this is what was found by then")
		_ = a.showReport(report, true)
		return err
	}
	return a.showReport(report, flags.allowUnchecked)
}

// baselineBytesMax bounds a baseline.
const baselineBytesMax = 64 << 20

// validated resolves the paths to be checked; nil where a comparison with git leaves
// none.
func (a *App) validated(ctx context.Context, c *checking, args []string, flags validateFlags) ([]string, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	paths := make([]string, len(args))
	var err error
	for i, arg := range args {
		if paths[i], err = c.tree.Resolve(arg); err != nil {
			return nil, err
		}
		if c.tree.Kind(paths[i]) == "" {
			return nil, fault.New(fault.Usage, check.CodeNoPath, "no file or folder is there").On(a.cmd.Name(), paths[i])
		}
	}
	if flags.changedSince == "" {
		return paths, nil
	}
	changed, err := c.tree.ChangedSince(ctx, flags.changedSince, a.Env.Environ)
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(changed, func(file string) bool {
		return !slices.ContainsFunc(paths, func(p string) bool { return p == "." || file == p || strings.HasPrefix(file, p+"/") })
	})
	if len(kept) == 0 {
		a.Events().Emit(event.Note{Level: "info", Text: "nothing there differs from " + flags.changedSince})
		return nil, nil
	}
	return kept, nil
}

// across are the checkers that hold files against each other, where they are asked
// for.
func (a *App) across(c *checking, flags validateFlags) []check.Checker {
	var list []check.Checker
	if flags.readiness {
		list = append(list, scanner.All()...)
	}
	if flags.telemetry || flags.readiness {
		list = append(list, telemetry.New())
	}
	if flags.value || flags.readiness {
		list = append(list, value.New(value.Options{Run: flags.runEvidence, Committed: func(ctx context.Context, paths []string) time.Time {
			when, err := c.tree.Committed(ctx, paths, a.Env.Environ)
			if err != nil {
				return time.Time{} // git is not there, or can't tell: the report says nothing about age
			}
			return when
		}}))
	}
	return list
}

// showReport reports everything and returns the error that the run ends with.
func (a *App) showReport(r *check.Report, allowUnchecked bool) error {
	for _, d := range r.Diagnostics() {
		a.Events().Emit(land.Diagnostic(d))
	}
	for _, p := range r.Parts {
		if p.Dropped > 0 {
			a.warn(fmt.Sprintf("%s: %d more diagnostics than are shown", p.Checker, p.Dropped))
		}
		for _, t := range p.Tests {
			if t.State == check.Failed || t.State == check.Flaky {
				e := land.Test(t, string(t.State))
				e.Checker, e.Project = p.Checker, p.Project
				a.Events().Emit(e)
			}
		}
	}
	a.emitGaps(r.Gaps())
	a.Events().Emit(land.Checks(r))
	return a.verdict(r, allowUnchecked)
}

// verdict is the error that a run with this report ends with.
func (a *App) verdict(r *check.Report, allowUnchecked bool) error {
	sum := land.Checks(r)
	switch {
	case sum.State == "findings":
		return fault.New(fault.Refused, codeFindings, "%s", foundText(sum)).On(a.cmd.Name(), "")
	case sum.State == "not checked" && !allowUnchecked:
		return notChecked(r, sum, a.cmd.Name())
	}
	return nil
}

func foundText(e event.Checks) string {
	var parts []string
	if e.Diagnostics > 0 {
		parts = append(parts, count(e.Diagnostics, "diagnostic"))
	}
	if e.TestsFailed > 0 {
		parts = append(parts, count(e.TestsFailed, "failing test"))
	}
	return strings.Join(parts, " and ")
}

// notChecked is the error for what nobody looked at: "not checked" is never
// "clean".
func notChecked(r *check.Report, sum event.Checks, verb string) error {
	text := "nothing here could be checked"
	if sum.FilesChecked > 0 {
		text = "nothing was found, but not all could be checked"
	}
	e := fault.New(fault.Refused, codeNotChecked, "%s", text).On(verb, "")
	hinted := map[string]bool{}
	for _, g := range r.Gaps() {
		if g.Blocks && g.Hint != "" && !hinted[g.Hint] && len(hinted) < 3 {
			hinted[g.Hint] = true
			_ = e.Hint(g.Hint)
		}
	}
	return e.Hint("--allow-unchecked takes it as it is")
}
