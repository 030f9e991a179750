package shell

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/workspace/sandbox"
)

func needShellcheck(t *testing.T) {
	t.Helper()
	checktest.Need(t, "shellcheck", shellcheck.Hint)
}

func TestCanaries(t *testing.T) {
	needShellcheck(t)
	checktest.Canaries(t, New())
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		file, head string
		want       bool
	}{
		{"a.sh", "", true},
		{"a.bash", "", true},
		{"t.bats", "", true},
		{"tool", "#!/bin/sh\n", true},
		{"tool", "#!/usr/bin/env bash\n", true},
		{"tool", "#! /usr/bin/env -S bash -e\n", true},
		{"tool", "#!/usr/local/bin/dash -e\n", true},
		{"tool", "#!/usr/bin/env python3\n# sh\n", false},
		{"tool", "#!/usr/bin/fish\n", false},
		{"tool", "echo\n#!/bin/sh\n", false},
		{"tool", "", false},
		{"a.md", "", false},
	} {
		if got := New().Match(c.file, []byte(c.head)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestGoldens(t *testing.T) {
	needShellcheck(t)
	for name, files := range map[string]map[string]string{
		"good": {
			"a.sh":   "#!/usr/bin/env bash\nset -euo pipefail\nlist=(\"$@\")\n[[ ${#list[@]} -gt 0 ]] && echo \"${list[0]}\"\n",
			"b":      "#!/bin/sh\necho \"$1\"\n",
			"c.sh":   "echo \"$1\"\n",
			"t.bats": "@test \"adds\" {\n  run true\n  [ \"$status\" -eq 0 ]\n}\n",
		},
		"bad": {
			"a.sh":     "#!/bin/sh\nä=1; echo $1\n\techo `ls`\nfor f in $(ls *.x); do rm $f; done\n",
			"posix":    "#!/bin/dash\necho ${a[1]}\nlocal x=1\n",
			"b.sh":     "if true; then\n  echo ü; fi fi\n",
			"c.bash":   "echo \"never closed\n",
			"- odd.sh": "cd $1\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			checktest.Golden(t, name, checktest.Check(t, New(), files))
		})
	}
}

func TestOnlyWhatChanged(t *testing.T) {
	checker := New()
	stage := checktest.Stage(t, map[string]string{"a.sh": "if\n", "b.sh": "if\n"})
	out, err := checker.Check(t.Context(), checktest.Target(t, checker, stage, ".", "b.sh", "gone.sh"))
	if err != nil || len(out.Diagnostics) != 1 || out.Diagnostics[0].File != "b.sh" {
		t.Errorf("%v %+v", err, out)
	}
}

func TestTooDeep(t *testing.T) {
	out := checktest.Check(t, New(), map[string]string{"a.sh": strings.Repeat("(", 500_000)})
	want := []check.Gap{{File: "a.sh", What: "syntax", Why: "it is nested too deep", Blocks: true}}
	if diff := cmp.Diff(want, out.Gaps); diff != "" {
		t.Error(diff)
	}
}

// stand is a PATH with a stand-in for shellcheck.
func stand(t *testing.T, script string) checktest.Option {
	t.Helper()
	return checktest.Path(checktest.PathWith(t, nil, map[string]string{"shellcheck": "#!/bin/sh\n" + script + "\n"}))
}

func TestLinterInTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		path checktest.Option
		want check.Gap
	}{
		"missing":   {checktest.Path(t.TempDir()), check.Gap{What: "lint", Why: "shellcheck is not installed", Hint: shellcheck.Hint}},
		"hangs":     {stand(t, "sleep 100"), check.Gap{What: "lint", Why: "shellcheck did not end within its time limit", Blocks: true}},
		"floods":    {stand(t, "yes '{'"), check.Gap{What: "lint", Why: "shellcheck did not end within its time limit", Blocks: true}},
		"too much":  {stand(t, "yes '{' | head -c 9000000"), check.Gap{What: "lint", Why: "shellcheck ended with status 0, its output can't be read:", Blocks: true}},
		"fails":     {stand(t, "echo boom >&2; exit 2"), check.Gap{What: "lint", Why: "shellcheck ended with status 2, its output can't be read: boom", Blocks: true}},
		"is killed": {stand(t, "kill -KILL $$"), check.Gap{What: "lint", Why: "shellcheck was ended", Blocks: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := checktest.Check(t, &checker{limits: sandbox.Limits{Wall: 2 * time.Second}}, map[string]string{"a.sh": "echo\n"}, c.path)
			if len(out.Gaps) != 1 || len(out.Diagnostics) > 0 {
				t.Fatalf("%+v", out)
			}
			got := out.Gaps[0]
			if len(got.Why) > len(c.want.Why) && strings.HasPrefix(got.Why, c.want.Why+":") {
				got.Why = c.want.Why // the reason differs between sandboxes
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestControlCharacters(t *testing.T) {
	out := checktest.Check(t, New(), map[string]string{"a.sh": "echo\n"},
		stand(t, `printf '{"comments":[{"file":"a.sh","line":1,"column":1,"level":"warning","code":7,"message":"a\\u001b[31mb\\u0007"},{"file":"/etc/passwd","line":1}]}'`))
	if len(out.Diagnostics) != 1 || out.Diagnostics[0].Message != "ab\ufffd" || out.Diagnostics[0].Code != "SC0007" {
		t.Errorf("%+v", out)
	}
}

func FuzzParseShellcheck(f *testing.F) {
	f.Add([]byte(`{"comments":[{"file":"a.sh","line":1,"column":2,"level":"error","code":2086,"message":"m","fix":null}]}`))
	f.Add([]byte(`{"comments":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := parse(data)
		if err != nil && found != nil {
			t.Error("an error and findings")
		}
		for _, d := range found {
			if !strings.HasPrefix(d.Code, "SC") || d.Severity == "" {
				t.Errorf("%+v", d)
			}
		}
	})
}

// FuzzParses: no script may end the process.
func FuzzParses(f *testing.F) {
	for _, o := range openings {
		f.Add([]byte(strings.Repeat(o, 40)))
	}
	stage := checktest.Stage(f, nil)
	f.Fuzz(func(t *testing.T, text []byte) {
		for file := range suffixes {
			s := tool.Begin(check.Target{Stage: stage}, "shell", sandbox.Limits{})
			if ok, found := parses(s, "a"+file, text, of(file, text)), s.Outcome(); ok == (len(found.Diagnostics)+len(found.Gaps) > 0) {
				t.Errorf("%s: %v %+v", file, ok, found)
			}
		}
	})
}
