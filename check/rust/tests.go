package rust

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/lazyregexp"
)

// test runs the tests of the package: those of the changed files alone where
// all of them are integration tests.
func (r *run) test(ctx context.Context) error {
	args := []string{"test", "--offline", "--no-fail-fast"}
	if names, only := r.integration(); only {
		for _, name := range names {
			args = append(args, "--test", name)
		}
	}
	result, ended, err := r.Run(ctx, tool.Call{
		Step: "tests", Tool: "cargo test", Program: r.tools.cargo, Args: args, Dir: r.Target.Project, Env: r.env,
	})
	if err != nil || !ended {
		return err
	}
	tests, complete := parseTests(result.Stdout.String(), result.Stderr.String())
	if !complete || result.Code != 0 && !slices.ContainsFunc(tests, func(t check.Test) bool { return t.State == check.Failed }) {
		r.Gap(check.Gap{What: "tests", Why: fmt.Sprintf("cargo test ended with status %d and its report is not whole: %s", result.Code, result.Describe()), Blocks: true})
	}
	for _, t := range tests {
		if t.File != "" {
			t.File, _ = r.locate(t.File) // a test may fail in the standard library
		}
		if t.File == "" {
			t.Line = 0
		}
		r.Test(t)
	}
	return nil
}

// integration returns the names of the changed files of tests/, and whether
// nothing else changed.
func (r *run) integration() (names []string, only bool) {
	for _, f := range r.Target.Changed {
		if path.Dir(f) != path.Join(r.Target.Project, "tests") {
			return nil, false
		}
		if r.Target.Stage.Kind(f) == "file" {
			names = append(names, strings.TrimSuffix(path.Base(f), ".rs"))
		}
	}
	return names, len(names) > 0
}

var (
	// started matches what cargo says before each test program, on its error
	// output; the programs write to the other one.
	started  = lazyregexp.New(`(?m)^\s+(?:Running (?:unittests )?(\S+) \(.*?([\w-]+)-[0-9a-f]{16}\)|Doc-tests (\S+))$`)
	begins   = lazyregexp.New(`^running (\d+) tests?$`)
	one      = lazyregexp.New(`^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)(?:, .*)?$`)
	ends     = lazyregexp.New(`^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored; `)
	output   = lazyregexp.New(`^---- (.+?)(?: - should panic)? (?:stdout|stderr) ----$`)
	panicked = lazyregexp.New(`panicked at (?:'.*', )?([^\s:]+):(\d+):\d+`)
	threadID = lazyregexp.New(`^(thread '.*') \(\d+\) `) // another one in every run
	docLine  = lazyregexp.New(` \(line \d+\)`)
)

// program is what one test program reported.
type program struct {
	tests []check.Test
	want  [3]int // passed, failed, ignored, by its summary
	ended bool
}

// parseTests reads what cargo test prints, and tells whether each program's
// tests agree with its own summary. A test is named "crate: path", one of the
// documentation "doc crate: file - item".
func parseTests(stdout, stderr string) (tests []check.Test, complete bool) {
	programs := parsePrograms(stdout)
	names := started.FindAllStringSubmatch(stderr, -1)
	complete = len(names) == len(programs)
	for i, p := range programs {
		prefix := ""
		if complete && names[i][3] != "" {
			prefix = "doc " + names[i][3] + ": "
		} else if complete {
			prefix = names[i][2] + ": "
		}
		var got [3]int
		for _, t := range p.tests {
			got[slices.Index([]check.TestState{check.Passed, check.Failed, check.Skipped}, t.State)]++
			t.Name = prefix + t.Name
			tests = append(tests, t)
		}
		complete = complete && p.ended && got == p.want
	}
	return tests, complete
}

func parsePrograms(stdout string) []program {
	var all []program
	at := map[string]int{} // of the last program's tests, by printed name
	failing := -1          // the test whose output is being read
	for line := range strings.Lines(stdout) {
		text := strings.TrimRight(line, "\r\n")
		if begins.MatchString(text) {
			all, at, failing = append(all, program{}), map[string]int{}, -1
			continue
		}
		if len(all) == 0 {
			continue
		}
		p := &all[len(all)-1]
		if m := ends.FindStringSubmatch(text); m != nil {
			p.want, p.ended, failing = [3]int{number(m[1]), number(m[2]), number(m[3])}, true, -1
		} else if m := output.FindStringSubmatch(text); m != nil {
			failing = -1
			if i, known := at[m[1]]; known {
				failing = i
			}
		} else if m := one.FindStringSubmatch(text); m != nil && failing < 0 {
			at[m[1]] = len(p.tests)
			p.tests = append(p.tests, check.Test{Name: docLine.ReplaceAllString(m[1], ""), State: state[m[2]]})
		} else if text == "failures:" {
			failing = -1
		} else if failing >= 0 {
			say(&p.tests[failing], line)
		}
	}
	return all
}

var state = map[string]check.TestState{"ok": check.Passed, "FAILED": check.Failed, "ignored": check.Skipped}

// say adds a line of output to a failed test; the first place that panicked is
// where it failed. The hint about traces stands in the output of whichever test
// panicked first.
func say(t *check.Test, line string) {
	if strings.HasPrefix(line, "note: run with `RUST_BACKTRACE=1`") {
		return
	}
	if m := panicked.FindStringSubmatch(line); m != nil && t.File == "" {
		t.File, t.Line = m[1], number(m[2])
	}
	if len(t.Output) < outputMax {
		t.Output += threadID.ReplaceAllString(line, "$1 ")
	}
}

// outputMax bounds what is kept of a test's output here, in bytes.
const outputMax = 64 << 10
