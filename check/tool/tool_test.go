package tool_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/check/tool"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace/sandbox"
)

func session(t *testing.T, limits sandbox.Limits, files map[string]string, options ...checktest.Option) *tool.Session {
	t.Helper()
	s := tool.Begin(check.Target{Stage: checktest.Stage(t, files, options...), Project: "."}, "test", limits)
	t.Cleanup(s.Close)
	return s
}

func call(t *testing.T, s *tool.Session, args ...string) tool.Call {
	t.Helper()
	program, found := tool.Look(s.Target.Stage, "sh")
	if !found {
		t.Fatal("no sh")
	}
	return tool.Call{Step: "compile", Tool: "sh", Program: program, Args: args}
}

func TestRunEnds(t *testing.T) {
	for _, c := range []struct {
		script string
		ended  bool
		gap    string
	}{
		{"exit 0", true, ""},
		{"exit 7", true, ""},
		{"kill -KILL $$", false, "was ended"},
		{"sleep 100", false, "time limit"},
	} {
		s := session(t, sandbox.Limits{Wall: 2 * time.Second}, nil)
		_, ended, err := s.Run(t.Context(), call(t, s, "-c", c.script))
		out := s.Outcome()
		if err != nil || ended != c.ended || len(out.Ran) != 1 || (c.gap == "") != (len(out.Gaps) == 0) {
			t.Errorf("%s: %v %v %+v", c.script, ended, err, out)
		}
		for _, g := range out.Gaps {
			if !g.Blocks || !strings.Contains(g.Why, c.gap) {
				t.Errorf("%s: %+v", c.script, g)
			}
		}
	}
}

func TestRunIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := session(t, sandbox.Limits{}, nil)
	if _, _, err := s.Run(ctx, call(t, s, "-c", "exit 0")); fault.KindOf(err) != fault.Interrupted {
		t.Error(err)
	}
}

func TestRunWithoutProgram(t *testing.T) {
	s := session(t, sandbox.Limits{}, nil)
	c := call(t, s)
	c.Program.Path = "/none/such"
	if _, ended, err := s.Run(t.Context(), c); ended || err != nil || len(s.Outcome().Gaps) != 1 || !s.Outcome().Gaps[0].Blocks {
		t.Errorf("%v %+v", err, s.Outcome())
	}
}

func TestLookShowsWhatAProgramNeeds(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "real"), []byte("#!/bin/sh\n"), 0o755))
	must(t, os.Symlink(filepath.Join(dir, "real"), filepath.Join(home, "linked")))
	s := session(t, sandbox.Limits{}, nil, checktest.Path(home), func(env []string) []string { return append(env, "HOME="+home) })
	got, found := tool.Look(s.Target.Stage, "linked")
	want := tool.Program{Path: filepath.Join(home, "linked"), ReadOnly: []string{filepath.Join(home, "linked"), dir}}
	if diff := cmp.Diff(want, got); diff != "" || !found {
		t.Error(diff)
	}
	if _, found := tool.Look(s.Target.Stage, "sh"); found {
		t.Error("found outside the PATH")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestReportIsAFile: what ran may have left anything in the folder.
func TestReportIsAFile(t *testing.T) {
	s := session(t, sandbox.Limits{}, nil)
	dir, err := s.Folder()
	must(t, err)
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("secret\n"), 0o600))
	must(t, os.Symlink(secret, filepath.Join(dir, "link")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("done\n"), 0o600))
	must(t, os.Truncate(filepath.Join(dir, "file"), 17<<20))
	for _, name := range []string{"link", "fifo", "folder", "absent", "../" + filepath.Base(dir) + "/link"} {
		if data := s.Report("tests", name); data != nil {
			t.Errorf("%s: %q", name, data)
		}
	}
	if data := s.Report("tests", "file"); len(data) != 16<<20 || len(s.Outcome().Gaps) != 1 {
		t.Errorf("%d bytes, %+v", len(data), s.Outcome().Gaps)
	}
	s.Close()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Error(err)
	}
	if data, err := os.ReadFile(secret); err != nil || string(data) != "secret\n" {
		t.Error(err)
	}
}

func TestBuildIsHeldByOne(t *testing.T) {
	s := session(t, sandbox.Limits{}, nil)
	_, release, err := s.Build(t.Context(), "x")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := s.Build(ctx, "x"); fault.KindOf(err) != fault.Interrupted {
		t.Errorf("held twice: %v", err)
	}
	release()
	_, release, err = s.Build(t.Context(), "x")
	must(t, err)
	release()
}

func TestRel(t *testing.T) {
	s := session(t, sandbox.Limits{}, nil)
	root := s.Target.Stage.Root()
	for _, c := range []struct {
		dir, printed, want string
		inside             bool
	}{
		{".", "a.ex", "a.ex", true},
		{"apps/x", "lib/a.ex", "apps/x/lib/a.ex", true},
		{"apps/x", "../y/a.ex", "apps/y/a.ex", true},
		{"apps/x", root + "/a.ex", "a.ex", true},
		{".", root, "", false},
		{".", root + "2/a.ex", "", false},
		{".", "../a.ex", "", false},
		{".", "/etc/passwd", "", false},
		{".", "", "", false},
		{".", "a\x00b", "", false},
	} {
		got, inside := s.Rel(c.dir, c.printed)
		if inside != c.inside || inside && got != c.want {
			t.Errorf("%s %s: %q %v", c.dir, c.printed, got, inside)
		}
	}
}

func TestColumn(t *testing.T) {
	s := session(t, sandbox.Limits{}, map[string]string{"a": "x\nä€b\n"})
	for _, c := range []struct{ line, characters, want int }{
		{2, 1, 1}, {2, 2, 3}, {2, 3, 6}, {2, 4, 7}, {2, 9, 7}, {1, 1, 1}, {9, 1, 0}, {0, 1, 0}, {1, 0, 0},
	} {
		if got := s.Column("a", c.line, c.characters); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	if s.Column("absent", 1, 1) != 0 {
		t.Error("a file that is not there has a column")
	}
}

func TestOutcomeIsBounded(t *testing.T) {
	s := session(t, sandbox.Limits{}, nil)
	for i := range tool.DiagnosticsMax + 5 {
		s.Diagnose(check.Diagnostic{File: "b", Line: tool.DiagnosticsMax - i, Code: "c"})
	}
	s.Diagnose(check.Diagnostic{File: "b", Line: 1, Code: "c"})
	s.Test(check.Test{Name: "same"})
	s.Test(check.Test{Name: "same"})
	out := s.Outcome()
	if len(out.Diagnostics) != tool.DiagnosticsMax || len(out.Gaps) != 1 || !strings.HasPrefix(out.Gaps[0].Why, "5 more") {
		t.Errorf("%d %+v", len(out.Diagnostics), out.Gaps)
	}
	if out.Diagnostics[0].Line > out.Diagnostics[1].Line || out.Diagnostics[0].Checker != "test" {
		t.Errorf("%+v", out.Diagnostics[0])
	}
	if out.Tests[0].Name != "same" || out.Tests[1].Name != "same #2" {
		t.Errorf("%+v", out.Tests)
	}
}

func TestMessage(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[31mred\x1b[0m":                "red",
		"\x1b]0;title\x07a\x1b]8;;x\x1b\\b": "ab",
		"a\r\nb\tc":                         "a\nb\tc",
		"bell \a":                           "bell \ufffd",
		"not \xff utf-8":                    "not \ufffd utf-8",
		"\n\n  x \n":                        "x",
	} {
		if got := tool.Message(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	if got := tool.Line("a\n b"); got != "a b" {
		t.Error(got)
	}
}

func TestTextIsPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOfN(rapid.Byte(), 0, 6000).Draw(t, "in"))
		got := tool.Message(in)
		if !utf8.ValidString(got) || len(got) > 4<<10 {
			t.Fatalf("%d bytes, valid %v", len(got), utf8.ValidString(got))
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
			t.Fatalf("%q", got[i:])
		}
	})
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte("test\tpassed\ta\\tb\\\\c\\n\n"), "x\ty")
	f.Add([]byte("half\ta\\"), "")
	f.Add([]byte("\n\t\n\\\n"), "\r\n\\t")
	f.Fuzz(func(t *testing.T, data []byte, field string) {
		for _, r := range tool.Records(data) {
			if r.Kind == "" || r.Number(0) < 0 {
				t.Errorf("%+v", r)
			}
		}
		got := tool.Records([]byte("kind\t" + tool.Escape(field) + "\nkind"))
		if len(got) != 1 || got[0].Field(0) != field || got[0].Field(1) != "" {
			t.Errorf("%q came back as %+v", field, got)
		}
	})
}
