package custom

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/workspace"
)

// program writes a script to be found as prog on the PATH.
func program(t *testing.T, script string) checktest.Option {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "prog"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return checktest.Path(dir, "/usr/bin", "/bin")
}

var files = map[string]string{"a.rb": "one\ntwo\n", "sub/b.rb": "three\n", "c.txt": ""}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		name, script string
		tests        bool
		want         string // of checktest.Render, from the second line on
	}{
		{"all is well", "echo a.rb:1:1: error: but it says 0\n", false, ""},
		{
			"findings", "echo 'a.rb:2:3: warning: odd [odd-name]'; echo 'sub/b.rb:1: worse' >&2; exit 3\n", false,
			"a.rb:2:3: warning [odd-name] (prog) odd\nsub/b.rb:1:0: error [exit-3] (prog) worse\n",
		},
		{
			"it only fails", "echo it broke; exit 2\n", false,
			"a.rb:0:0: error [exit-2] (prog) the command ended with status 2:\n    it broke\n",
		},
		{"tests pass", "exit 0\n", true, "test passed :0: mine \n"},
		{"tests fail", "echo 'sub/b.rb:1: expected 3'; exit 1\n", true, "test failed sub/b.rb:1: mine sub/b.rb:1: expected 3\n"},
		{"it is killed", "kill -9 $$\n", false, "gap check  (blocks: true): mine was ended: run: PROG: ended by signal: killed\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			checker := New(Options{Name: "mine", Argv: []string{"prog", "x y", "$HOME"}, Files: []string{"*.rb"}, Tests: c.tests})
			out := checktest.Check(t, checker, files, program(t, c.script))
			_, got, _ := strings.Cut(checktest.Render(out), "\n")
			if len(out.Ran) > 0 && strings.Contains(got, "run: /") {
				at := strings.Index(got, "run: /") + 5
				got = got[:at] + "PROG" + got[at+strings.IndexByte(got[at:], ':'):]
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestNoShellReadsTheArguments(t *testing.T) {
	checker := New(Options{Name: "mine", Argv: []string{"prog", "x y", "$HOME", ";", "*"}, Files: []string{"*.rb"}})
	out := checktest.Check(t, checker, files, program(t, "for a in \"$@\"; do echo \"<$a>\"; done; exit 1\n"))
	if m := out.Diagnostics[0].Message; !strings.Contains(m, "<x y>\n<$HOME>\n<;>\n<*>") {
		t.Errorf("it got %s", m)
	}
}

func TestMissingAndLocalPrograms(t *testing.T) {
	missing := New(Options{Name: "m", Argv: []string{"cf-no-such-program"}})
	stage := checktest.Stage(t, files)
	report, err := check.Run(t.Context(), check.Request{Stage: stage, Checkers: []check.Checker{missing}})
	if err != nil || report.Parts[0].State != check.NotChecked {
		t.Errorf("%v, %+v", err, report)
	}
	local := New(Options{Name: "l", Argv: []string{"./t.sh", "arg"}})
	set := &workspace.Set{Changes: []workspace.Change{{Path: "t.sh", Content: []byte("#!/bin/sh\necho \"got $1\"\nexit 1\n"), Mode: 0o755}}}
	report, err = check.Run(t.Context(), check.Request{Stage: checktest.StageSet(t, files, set), Checkers: []check.Checker{local}})
	if err != nil || len(report.Parts[0].Diagnostics) != 1 || !strings.Contains(report.Parts[0].Diagnostics[0].Message, "got arg") {
		t.Errorf("%v, %+v", err, report)
	}
	gone := New(Options{Name: "g", Argv: []string{"./gone.sh"}})
	report, err = check.Run(t.Context(), check.Request{Stage: stage, Checkers: []check.Checker{gone}})
	if err != nil || report.Parts[0].State != check.NotChecked {
		t.Errorf("%v, %+v", err, report)
	}
}

func TestMatch(t *testing.T) {
	c := New(Options{Name: "m", Argv: []string{"x"}, Files: []string{"*.rb", "lib/*.y", "./top"}})
	for file, want := range map[string]bool{"a.rb": true, "d/e/a.rb": true, "lib/g.y": true, "other/lib/g.y": false, "g.y": false, "top": true, "d/top": false} {
		if c.Match(file, nil) != want {
			t.Errorf("%s: %v", file, !want)
		}
	}
}

// TestAProgramThatFloods keeps a user's check within bounds.
func TestAProgramThatFloods(t *testing.T) {
	checker := New(Options{Name: "mine", Argv: []string{"prog"}, Files: []string{"*.rb"}})
	out := checktest.Check(t, checker, files, program(t, "head -c 30000000 /dev/zero | tr '\\0' x; exit 1\n"))
	if len(out.Diagnostics) != 1 || len(out.Diagnostics[0].Message) > 8<<10 {
		t.Errorf("%d diagnostics, the first of %d bytes", len(out.Diagnostics), len(out.Diagnostics[0].Message))
	}
}
