package commands

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

func newValidateCmd(a *App) *cobra.Command {
	var flags checkFlags
	cmd := &cobra.Command{
		Use:   "validate [PATH...]",
		Short: "Check files: compile, vet, format, test",
		Long: "Runs the checkers that know the files at PATH (the current folder if none is given) with the\n" +
			"tools of this machine, in a sandbox, and changes nothing. It ends with 0 only if all that it\n" +
			"was asked about was checked and nothing was found; with 3 if something was found, and also if\n" +
			"code could not be checked: what no tool has looked at is never called clean.",
		Example: "  cf validate\n  cf validate src/queue.go docs --no-tests\n  cf validate --test \"./run-tests --fast\"\n  cf validate --json | jq -r 'select(.type == \"diagnostic\").file'",
		Args:    cobra.ArbitraryArgs, Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(cmd *cobra.Command, args []string) error { return a.validate(cmd, args, flags) },
	}
	cmd.Flags().SortFlags = false
	flags.add(cmd, "end with 0 although something could not be checked")
	return cmd
}

func (a *App) validate(cmd *cobra.Command, args []string, flags checkFlags) (err error) {
	c, err := a.openChecking(cmd, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.tree.Close()) }()
	if len(args) == 0 {
		args = []string{"."}
	}
	paths := make([]string, len(args))
	for i, arg := range args {
		if paths[i], err = c.tree.Resolve(arg); err != nil {
			return err
		}
	}
	stage, err := c.stage(cmd.Context(), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	p := a.progress("checking")
	report, err := check.Run(cmd.Context(), check.Request{
		Stage: stage, Paths: paths, Checkers: c.checkers, Tests: !flags.noTests, Cache: a.Env.Paths.Cache, Events: p,
	})
	p.Close()
	if err != nil {
		return err
	}
	return a.showReport(report, flags.allowUnchecked)
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
	sum := land.Checks(r)
	a.Events().Emit(sum)
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
