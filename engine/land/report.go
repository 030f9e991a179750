package land

import (
	"slices"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/event"
)

// Diagnostic is a diagnostic as an event.
func Diagnostic(d check.Diagnostic) event.Diagnostic {
	return event.Diagnostic{
		File: d.File, Line: d.Line, Column: d.Column, Severity: string(d.Severity), Rule: d.Code, Message: d.Message,
		Checker: d.Checker, Tool: d.Tool, Source: d.Source, Beside: d.Beside,
	}
}

// Test is a test as an event; state says what is worth telling about it.
func Test(t check.Test, state string) event.Test {
	return event.Test{Name: t.Name, File: t.File, Line: t.Line, State: state, Output: t.Output}
}

// Gap is a gap as an event.
func Gap(g check.Gap) event.Gap {
	return event.Gap{File: g.File, Checker: g.Checker, What: g.What, Why: g.Why, Hint: g.Hint, Blocks: g.Blocks}
}

// Checks sums a report up.
func Checks(r *check.Report) event.Checks {
	e := event.Checks{Root: r.Root, Tier: r.Tier, Tests: r.Tests, FilesUnlisted: r.Unlisted, Stopped: r.Stopped, Own: r.Own, Tools: r.Tools}
	seen := map[string]bool{} // file -> some checker checked it
	for _, f := range r.Unmatched {
		seen[f] = false
	}
	for _, p := range r.Parts {
		part := partEvent(p)
		e.Diagnostics += part.Diagnostics
		e.TestsPassed += part.Passed
		e.TestsFailed += part.Failed
		e.Parts = append(e.Parts, part)
		for _, f := range p.Files {
			seen[f] = seen[f] || p.State != check.NotChecked && !blocked(p, f)
		}
	}
	for _, checked := range seen {
		if checked {
			e.FilesChecked++
		} else {
			e.FilesNot++
		}
	}
	e.State = "clean"
	switch {
	case r.Failing():
		e.State = "findings"
	case e.FilesChecked == 0, r.Stopped, r.Unlisted != "", slices.ContainsFunc(r.Gaps(), func(g check.Gap) bool { return g.Blocks }):
		e.State = "not checked"
	}
	return e
}

func blocked(p check.Part, file string) bool {
	return slices.ContainsFunc(p.Gaps, func(g check.Gap) bool { return g.Blocks && (g.File == "" || g.File == file) })
}

func partEvent(p check.Part) event.CheckedPart {
	e := event.CheckedPart{
		Checker: p.Checker, Project: p.Project, Files: len(p.Files), State: string(p.State), Why: p.Why, Hint: p.Hint,
		Diagnostics: p.Findings() + p.Dropped, Cached: p.Cached,
	}
	for _, t := range p.Tests {
		switch t.State {
		case check.Passed:
			e.Passed++
		case check.Failed:
			e.Failed++
		case check.Flaky:
			e.Flaky++
		default:
			e.Skipped++
		}
	}
	for _, ran := range p.Ran {
		e.Ran = append(e.Ran, event.Program{Argv: ran.Argv, Dir: ran.Dir, Code: ran.Code, Elapsed: ran.Elapsed, Version: ran.Version})
	}
	return e
}
