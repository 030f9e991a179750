package finish_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/finish"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// update tells whether goldens are written anew; package checktest has the flag.
func update() bool { return flag.Lookup("update").Value.String() == "true" }

// planned lays files out and plans the union of all of them.
func planned(t testing.TB, files map[string]string) *finish.Plan {
	t.Helper()
	dir := t.TempDir()
	var names []string
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	slices.Sort(names)
	plan, err := finish.Merge(t.Context(), tree, finish.Find(names, []string{"."}))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// TestGoldens unites the files of each archive; what comes of it stands behind the
// file "== united ==".
func TestGoldens(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("%v, %d archives", err, len(archives))
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			at := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "== united ==" })
			if at < 0 {
				at = len(archive.Files)
			}
			for _, f := range archive.Files[:at] {
				files[f.Name] = string(f.Data)
			}
			got := rendered(planned(t, files))
			if update() {
				archive.Files = append(archive.Files[:at], got...)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(txtar.Format(&txtar.Archive{Files: archive.Files[at:]})), string(txtar.Format(&txtar.Archive{Files: got}))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func rendered(p *finish.Plan) []txtar.File {
	var b strings.Builder
	for _, m := range p.Merged {
		b.WriteString(m.File + " -> " + m.Into + ": ")
		if m.Why != "" {
			b.WriteString("not: " + m.Why + "\n")
			continue
		}
		b.WriteString(strings.TrimSpace(strings.Join([]string{string(rune('0' + m.Cases)), "moved;", strings.Join(m.Dropped, ", ")}, " ")))
		for _, was := range slices.Sorted(maps.Keys(m.Renamed)) {
			b.WriteString("; " + was + " is " + m.Renamed[was])
		}
		b.WriteString("\n")
	}
	out := []txtar.File{{Name: "== united ==", Data: []byte(b.String())}}
	for _, c := range p.Set.Changes {
		if c.Delete {
			out = append(out, txtar.File{Name: c.Path + " (gone)"})
		} else {
			out = append(out, txtar.File{Name: c.Path + " (now)", Data: c.Content})
		}
	}
	return out
}

func TestFind(t *testing.T) {
	files := []string{
		"a/q.go", "a/q_test.go", "a/q_extra_test.go", "a/q_2_test.go", "a/q_linux_test.go", "a/sha_256_test.go", "a/other_new_test.go",
		"t/test_q.py", "t/test_q_generated.py", "t/q_more_test.py", "t/generated/test_q.py", "test/w_test.exs", "test/w_v2_test.exs", "lib/x.ex", "lib/x_auto_test.exs",
	}
	got := map[string][]string{}
	for _, g := range finish.Find(files, []string{"."}) {
		got[g.Canonical] = g.Extras
	}
	want := map[string][]string{
		"a/q_test.go": {"a/q_2_test.go", "a/q_extra_test.go"}, "t/test_q.py": {"t/generated/test_q.py", "t/test_q_generated.py"},
		"test/w_test.exs": {"test/w_v2_test.exs"}, "lib/x_test.exs": {"lib/x_auto_test.exs"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := len(finish.Find(files, []string{"a/q.go"})); n != 2 { // of Go and, by the same stem, of Python
		t.Errorf("of a/q.go: %d groups", n)
	}
	if n := len(finish.Find(files, []string{"docs"})); n != 0 {
		t.Errorf("of docs: %d groups", n)
	}
}

// TestProof plants a case that is lost, one that fails now, and those that may have
// another name.
func TestProof(t *testing.T) {
	plan := &finish.Plan{Merged: []finish.Merged{{Dropped: []string{"test_twin"}, Renamed: map[string]string{"test_a": "test_a_2"}}, {File: "test_q_2.c", Into: "test_q.c"}, {Dropped: []string{"test_other"}, Why: "not united"}}}
	report := func(names ...string) *check.Report {
		p := check.Part{Checker: "python"}
		for _, n := range names {
			name, failed := strings.CutSuffix(n, "!")
			state := check.Passed
			if failed {
				state = check.Failed
			}
			p.Tests = append(p.Tests, check.Test{Name: name, State: state})
		}
		return &check.Report{Parts: []check.Part{p}}
	}
	for _, c := range []struct {
		name        string
		before, now *check.Report
		holds       bool
	}{
		{"the same", report("t.a", "t.b!"), report("t.a", "t.b!"), true},
		{"moved", report("t.test_x", "u.test_y"), report("t.test_x", "t.test_y"), true},
		{"renamed", report("u.test_a"), report("t.test_a_2"), true},
		{"dropped", report("t.test_twin", "u.test_twin"), report("t.test_twin"), true},
		{"lost", report("t.test_x", "u.test_y"), report("t.test_x"), false},
		{"two of one name, one left", report("u.test_y", "v.test_y"), report("t.test_y"), false},
		{"fails now", report("t.a"), report("t.a!"), false},
		{"moved and fails", report("u.test_y"), report("t.test_y!"), false},
		{"dropped twice", report("u.test_twin", "v.test_twin"), report(), false},
		{"dropped where nothing was united", report("u.test_other"), report(), false},
		{"of EUnit, with words", report("q_tests:a_test", "q_2_tests:all_test_ takes 1.5"), report("q_tests:a_test", "q_tests:all_test_ takes 1.5"), true},
		{"of EUnit, with other words", report("q_2_tests:all_test_ takes one"), report("q_tests:all_test_ takes two"), false},
		{"a program of C that another one runs", report("test_q.c", "test_q_2.c"), report("test_q.c"), true},
		{"a program of C that another one runs, which fails now", report("test_q_2.c"), report("test_q.c!"), false},
		{"a program of C that nothing runs", report("test_q.c", "test_q_3.c"), report("test_q.c"), false},
		{"of ExUnit", report("ATest: adds 1.5", "BTest: subtracts"), report("ATest: adds 1.5", "ATest: subtracts"), true},
	} {
		if err := plan.Proof(c.before, c.now); (err == nil) != c.holds || err != nil && fault.CodeOf(err) != finish.CodeLost {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

type folder map[string]string

func (f folder) Read(name string) ([]byte, error) { return []byte(f[name]), nil }

func TestOpen(t *testing.T) {
	todo, fixme := "TO"+"DO", "FIX"+"ME"
	files := folder{
		"a.go":      "package a\n\n// " + todo + ": later\nfunc A() { panic(\"not implemented\") }\n\nfunc B() string { return \"" + todo + "\" } // panic(\"not implemented\")\n",
		"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {\n\tt.Skip(\"later\")\n}\n",
		"a.py":      "class Base:\n    def a(self):\n        raise NotImplementedError\n\n\ndef b():\n    raise NotImplementedError\n",
		"a.ex":      "defmodule A do\n  # " + fixme + " this\n  def a, do: {:error, :not_implemented}\n  def b, do: raise \"not implemented yet\"\nend\n",
		"a.rs":      "fn a() { unimplemented!() }\n",
		"a.md":      "# A\n\nText, `" + todo + "` is a word.\n\n## Empty\n\n## B\n\nLorem ipsum dolor. See [your notes](a.md).\n\n```sh\n# " + todo + "\n```\n\n" + todo + ": more\n\n## Parent\n\n### Child\n\nText\n\n## Last\n",
		"clean.go":  "package a\n\n// A method is to do things.\nfunc A() {}\n",
		"clean.md":  "# A\n\n## B\n\nText\n\n```md\n## C\n```\n\n## D\n\n- a list\n\n### E\n\n| a |\n| - |\n",
	}
	var names []string
	for n := range files {
		names = append(names, n)
	}
	found, err := finish.Open(t.Context(), files, names)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range found {
		got = append(got, d.File+":"+string(rune('0'+d.Line/10))+string(rune('0'+d.Line%10))+" "+d.Code)
	}
	want := []string{
		"a.ex:02 work-left", "a.ex:03 stub", "a.ex:04 stub", "a.go:03 work-left", "a.go:04 stub", "a.md:05 empty-section", "a.md:09 placeholder", "a.md:15 work-left",
		"a.md:23 empty-section", "a.py:07 stub", "a.rs:01 stub", "a_test.go:06 skipped-test",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// FuzzUnite gives two hostile files: no panic, and what is planned parses or is not
// planned.
func FuzzUnite(f *testing.F) {
	f.Add("package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n", "package a\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestB(t *testing.T) { _ = os.Args }\n")
	f.Add("import unittest\n\nclass TestA(unittest.TestCase):\n    def test_a(self): pass\n", "import os\n\nif __name__ == '__main__':\n    pass\n")
	f.Add("defmodule ATest do\n  use ExUnit.Case\n  test \"a\", do: 1\nend\n", "defmodule ATest do\n  use ExUnit.Case\n  alias B\n  test \"b\" do\n  end\nend\n")
	f.Add("-module(q_tests).\na_test() -> ok.\n", "-module(q_2_tests).\n-export([b/0]).\na_test() -> b().\nb() -> ok.\n")
	f.Add("-module(q_SUITE).\nall() -> [a].\na(_) -> ok.\n", "-module(q_2_SUITE).\nall() -> [a, b].\na(_) -> ok.\nb(_) -> 1.\n")
	f.Add("static void test_a(void) {}\nint main(void) { test_a(); return 0; }\n", "#include <stdio.h>\nstatic void test_b(void) {}\nint main(void) { test_b(); return 0; }\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, names := range [][2]string{{"q_test.go", "q_2_test.go"}, {"test_q.py", "test_q_2.py"}, {"q_test.exs", "q_2_test.exs"}, {"q_tests.erl", "q_2_tests.erl"}, {"q_SUITE.erl", "q_2_SUITE.erl"}, {"test_q.c", "test_q_2.c"}} {
			planned(t, map[string]string{names[0]: a, names[1]: b})
		}
	})
}
