package golang

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
)

const mod = "module example.com/m\n\ngo 1.22\n"

// good is a module of three packages that import each other in a row.
func good() map[string]string {
	return map[string]string{
		"go.mod":      mod,
		"a/a.go":      "// Package a is the first.\npackage a\n\n// F says how big n is.\nfunc F(n int) string {\n\tif n > 3 {\n\t\treturn \"big\"\n\t}\n\treturn \"small\"\n}\n",
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) {\n\tif F(1) != \"small\" {\n\t\tt.Error(F(1))\n\t}\n}\n",
		"b/b.go":      "// Package b is the second.\npackage b\n\nimport \"example.com/m/a\"\n\n// G calls F.\nfunc G() string { return a.F(4) }\n",
		"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestG(t *testing.T) {\n\tif G() != \"big\" {\n\t\tt.Error(G())\n\t}\n}\n\nfunc TestLater(t *testing.T) { t.Skip(\"not now\") }\n",
		"c/c.go":      "// Package main is the third.\npackage main\n\nimport \"example.com/m/b\"\n\nfunc main() { println(b.G()) }\n",
	}
}

func with(files map[string]string, more map[string]string) map[string]string {
	for name, text := range more {
		files[name] = text
	}
	return files
}

func TestGoldens(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"good": good(),
		"types": with(good(), map[string]string{
			"a/a.go": "// Package a is the first.\npackage a\n\nimport \"os\"\n\n// F says how big n is.\nfunc F(n int) string {\n\tvar unused int\n\tif n > 3 {\n\t\treturn 7\n\t}\n}\n\nfunc f() { nothing() }\n",
		}),
		"vet":    with(good(), map[string]string{"a/v.go": "package a\n\nimport \"fmt\"\n\nfunc v() { fmt.Printf(\"%d\\n\", \"x\") }\n"}),
		"syntax": with(good(), map[string]string{"a/s.go": "package a\n\nfunc s( {\n"}),
		"format": with(good(), map[string]string{"a/g.go": "package a\n\nvar   x = 1\n\nfunc g() {\n  _ = x\n}\n"}),
		"missing": with(good(), map[string]string{
			"a/m.go":      "package a\n\nimport \"github.com/nobody/invented\"\n\nvar _ = invented.X\n",
			"d/d.go":      "package d\n\nvar D = 1\n",
			"d/d_test.go": "package d\n\nimport (\n\t\"testing\"\n\n\t\"example.org/also/invented\"\n)\n\nfunc TestD(t *testing.T) { invented.Check(t, D) }\n",
		}),
		"tests": with(good(), map[string]string{
			"a/a_test.go": "package a\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestFails(t *testing.T) {\n\tt.Run(\"one\", func(t *testing.T) {\n\t\tif F(5) != \"small\" {\n\t\t\tt.Errorf(\"got %s\", F(5))\n\t\t}\n\t})\n}\n\nfunc TestExits(t *testing.T) { os.Exit(3) }\n",
			"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestPanics(t *testing.T) {\n\tvar p *int\n\t*p = 1\n}\n\nfunc TestAfter(t *testing.T) {}\n",
		}),
		"test-build": with(good(), map[string]string{"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) { G() }\n"}),
		"test-exit":  with(good(), map[string]string{"a/a_test.go": "package a\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) { os.Exit(1) }\n"}),
		"bad-mod":    with(good(), map[string]string{"go.mod": "module example.com/m\n\ngo 1.22\n\nrequier x v1\n"}),
		"future-go":  with(good(), map[string]string{"go.mod": "module example.com/m\n\ngo 1.99\n"}),
		"lone":       {"x/a.go": "package main\n\nfunc main() { println(f()) }\n", "x/b.go": "package main\n\nfunc f() int { return 1 }\n", "y/one.go": "package main\n\nfunc main() {\n\tvar z int\n}\n", "y/two.go": "package main\n\nfunc main() {}\n"},
		"outside":    with(good(), map[string]string{"a/a_plan9.go": "package a\n\nvar P = 1\n", "testdata/x.go": "package nonsense (\n"}),
	} {
		t.Run(name, func(t *testing.T) {
			out := look(t, files)
			for i := range out.Tests { // a trace differs from run to run
				out.Tests[i].Output, _, _ = strings.Cut(out.Tests[i].Output, "[signal ")
			}
			checktest.Golden(t, name, out)
		})
	}
}

func TestCanariesAreFound(t *testing.T) {
	for i, c := range New().Canaries() {
		out := look(t, c.Files)
		found := slices.ContainsFunc(out.Diagnostics, func(d check.Diagnostic) bool {
			return d.File == c.File && d.Line == c.Line && d.Code == c.Code
		})
		if c.Test != "" {
			found = slices.ContainsFunc(out.Tests, func(d check.Test) bool { return d.Name == c.Test && d.State == check.Failed })
		}
		if !found {
			t.Errorf("canary %d was missed:\n%s", i, checktest.Render(out))
		}
	}
}

// TestWhatAChangeReaches keeps the narrow set: what changed, its importers for
// compiling, its direct importers for tests.
func TestWhatAChangeReaches(t *testing.T) {
	out := look(t, good(), "a/a.go")
	build, test := argv(out, "build"), argv(out, "test")
	if !strings.HasSuffix(build, "-- example.com/m/a example.com/m/b example.com/m/c") {
		t.Errorf("a change of a builds %s", build)
	}
	if !strings.Contains(test, "-coverpkg=example.com/m/a ") || !strings.HasSuffix(test, " example.com/m/a example.com/m/b") {
		t.Errorf("a change of a tests %s", test)
	}
	out = look(t, good(), "c/c.go")
	if build, test = argv(out, "build"), argv(out, "test"); !strings.HasSuffix(build, "-- example.com/m/c") || !strings.HasSuffix(test, " example.com/m/c") {
		t.Errorf("a change of c builds %s and tests %s", build, test)
	}
}

// argv returns the words of the go command's run of a verb.
func argv(out check.Outcome, verb string) string {
	for _, r := range out.Ran {
		if r.Argv[1] == verb {
			return strings.Join(r.Argv, " ")
		}
	}
	return ""
}

func TestOnlyTheNamedTestsRunAgain(t *testing.T) {
	target := checktest.Target(t, New(), stage(t, good(), nil), ".")
	target.Only = []string{"example.com/m/b.TestG"}
	out, err := New().Check(t.Context(), target)
	must(t, err)
	if len(out.Tests) != 1 || out.Tests[0].Name != "example.com/m/b.TestG" || argv(out, "build") != "" {
		t.Errorf("%s", checktest.Render(out))
	}
}

func TestTheUsersSettingsDoNotReachTheGoCommand(t *testing.T) {
	environ := append(os.Environ(), "GOFLAGS=-nonsense", "GOOS=plan9", "GOWORK=/nowhere/go.work", "GO111MODULE=off")
	target := checktest.Target(t, New(), stage(t, good(), environ), ".")
	out, err := New().Check(t.Context(), target)
	must(t, err)
	if len(out.Diagnostics)+len(out.Gaps) > 0 || len(out.Tests) != 3 {
		t.Errorf("%s", checktest.Render(out))
	}
}

// TestBadTools replaces the go command by programs that misbehave: nothing that
// they do may look like a clean file.
func TestBadTools(t *testing.T) {
	fake := func(script string) []string {
		dir := t.TempDir()
		if script != "" {
			must(t, os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+script), 0o755))
		}
		return []string{"PATH=" + dir, "HOME=" + home()}
	}
	for _, c := range []struct{ name, script, why string }{
		{"missing", "", "go is not installed"},
		{"killed", "kill -9 $$\n", "signal"},
		{"floods", "while :; do echo 'a/a.go:1:1: flood flood flood flood flood'; done 2>/dev/null | /usr/bin/head -c 40000000\n", "too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := checktest.Target(t, New(), stage(t, good(), fake(c.script)), ".")
			out, err := New().Check(t.Context(), target)
			must(t, err)
			if len(out.Gaps) == 0 || !out.Gaps[0].Blocks || !strings.Contains(out.Gaps[0].Why, c.why) {
				t.Errorf("no gap says %q:\n%s", c.why, checktest.Render(out))
			}
		})
	}
	t.Run("hangs", func(t *testing.T) {
		target := checktest.Target(t, New(), stage(t, good(), fake("exec /bin/sleep 1000\n")), ".")
		limits.Wall = 200 * time.Millisecond
		defer func() { limits.Wall = 10 * time.Minute }()
		out, err := New().Check(t.Context(), target)
		must(t, err)
		if len(out.Gaps) == 0 || !strings.Contains(out.Gaps[0].Why, "time limit") {
			t.Errorf("%s", checktest.Render(out))
		}
	})
	t.Run("fails and says nothing", func(t *testing.T) {
		target := checktest.Target(t, New(), stage(t, good(), fake("exit 7\n")), ".")
		out, err := New().Check(t.Context(), target)
		must(t, err)
		if len(out.Diagnostics) == 0 {
			t.Errorf("%s", checktest.Render(out))
		}
	})
}
