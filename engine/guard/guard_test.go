package guard

import (
	"strings"
	"testing"

	"github.com/bitactor/cf/syntax"
	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, path, src string) *syntax.File {
	t.Helper()
	if src == "" {
		return nil
	}
	f, err := syntax.Parse(t.Context(), syntax.Of(path, nil), []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func codes(found []Finding) string {
	var out []string
	for _, f := range found {
		out = append(out, f.Code)
	}
	return strings.Join(out, " ")
}

func TestElisions(t *testing.T) {
	for _, remark := range []string{
		"...", "…", "... rest of the code ...", "… existing code …", "rest of the code remains unchanged", "The rest of the file stays the same",
		"existing code here", "keep existing code", "Existing methods remain unchanged.", "omitted for brevity", "same as before", "unchanged",
		"no changes needed", "your code here", "Add your implementation here", "TO" + "DO: implement", "TO" + "DO implement this", "implementation goes here",
		"not implemented yet", "to be implemented", "other functions...", "... and the rest", "Not yet implemented",
	} {
		found := Source(nil, parse(t, "a.go", "package a\n\n// "+remark+"\nfunc F() {}\n"), Options{})
		if len(found) != 1 || found[0].Code != CodeElision || found[0].Line != 3 {
			t.Errorf("%q: %v", remark, found)
		}
	}
	for _, remark := range []string{
		"F skips the rest of the code in the buffer.", "Loading... the previous session comes later", "the same", "existing users keep their code",
		"F tells whether the existing code is valid", "unchanged bytes are copied", "returns -1 if not implemented by the driver",
		"the remaining tokens of the bucket", "rest is what is left", "TO" + "DO(anna): faster", "previous code", // the last stands in the present version
	} {
		before := parse(t, "a.go", "package a\n\n// previous code\nfunc F() {}\n")
		if found := Source(before, parse(t, "a.go", "package a\n\n// "+remark+"\nfunc F() {}\n"), Options{}); len(found) != 0 {
			t.Errorf("%q: %v", remark, found)
		}
	}
}

func TestElisionsInOtherLanguages(t *testing.T) {
	for path, src := range map[string]string{
		"a.py":  "def f():\n    # ... rest of the code ...\n    return 1\n",
		"a.ex":  "defmodule A do\n  # ... existing code ...\n  def f, do: 1\nend\n",
		"a.c":   "int f(void) {\n/* ... rest of the code ... */\nreturn 1; }\n",
		"a.ts":  "const a = 1;\n// ... existing code ...\n",
		"a.rs":  "fn f() {}\n// ... existing code ...\n",
		"a.erl": "-module(a).\n%% ... existing code ...\n",
		"a.sh":  "ls\n# ... existing code ...\n",
	} {
		if found := Source(nil, parse(t, path, src), Options{}); len(found) != 1 || found[0].Line != 2 {
			t.Errorf("%s: %v", path, found)
		}
	}
}

func TestSource(t *testing.T) {
	long := "package a\n\nfunc F() {}\n" + strings.Repeat("\nfunc g() {}\n", 30)
	for name, test := range map[string]struct {
		before, after, want string
		options             Options
	}{
		"same":              {"package a\n\nfunc F() {}\n", "package a\n\nfunc F() {}\n", "", Options{}},
		"private gone":      {"package a\n\nfunc F() {}\n\nfunc g() {}\n", "package a\n\nfunc F() {}\n", "", Options{}},
		"exported gone":     {"package a\n\nfunc F() {}\n\ntype T struct{}\n\nfunc (T) M() {}\n", "package a\n\nfunc G() {}\n\ntype T struct{}\n", "lost-symbol lost-symbol", Options{}},
		"allowed":           {"package a\n\nfunc F() {}\n", "package a\n", "", Options{Removals: true}},
		"elision, allowed":  {"package a\n\nfunc F() {}\n", "package a\n\n// ... existing code ...\n", "elision", Options{Removals: true}},
		"shrunk":            {long, "package a\n\nfunc F() {}\n", "shrunk", Options{}},
		"shrunk and gone":   {long, "package a\n", "lost-symbol shrunk", Options{}},
		"two thirds left":   {long, long[:len(long)*2/3], "", Options{}},
		"not exported now":  {"package a\n\nfunc F() {}\n", "package a\n\nfunc f() {}\n", "lost-symbol", Options{}},
		"new file":          {"", "package a\n", "", Options{}},
		"clause of several": {"package a\n\nvar A, B = 1, 2\n", "package a\n\nvar A = 1\n", "lost-symbol", Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			found := Source(parse(t, "a.go", test.before), parse(t, "a.go", test.after), test.options)
			if got := codes(found); got != test.want {
				t.Errorf("got %v, want %s", found, test.want)
			}
		})
	}
	before := parse(t, "a.ex", "defmodule A do\n  def f(1), do: 1\n  def f(2), do: 2\n  defp g, do: 3\nend\n")
	after := parse(t, "a.ex", "defmodule A do\n  def f(1, _), do: 1\nend\n")
	if diff := cmp.Diff([]Finding{{CodeLostSymbol, 2, "A.f/1"}}, Source(before, after, Options{})); diff != "" {
		t.Error(diff)
	}
}

func TestTests(t *testing.T) {
	const before = "package a\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) { os.Exit(m.Run()) }\n\n" +
		"func TestF(t *testing.T) {\n\tif F() != 1 {\n\t\tt.Error(1)\n\t}\n\tif F() != 2 {\n\t\tt.Fatal(2)\n\t}\n}\n"
	for name, test := range map[string]struct{ from, to, want string }{
		"same":           {"", "", ""},
		"gone":           {"TestF", "TestG", "lost-test"},
		"skipped":        {"\tif F() != 1", "\tt.Skip(\"slow\")\n\tif F() != 1", "test-skipped"},
		"ends early":     {"os.Exit(m.Run())", "os.Exit(0)", "early-exit"},
		"checks less":    {"\t\tt.Fatal(2)\n", "", "fewer-assertions"},
		"in a comment":   {"\t\tt.Fatal(2)\n", "\t\t// t.Fatal(2)\n", "fewer-assertions"},
		"elided":         {"\t\tt.Fatal(2)\n", "\t\tt.Fatal(2)\n\t\t// ... rest of the tests ...\n", "elision"},
		"a string stays": {"t.Error(1)", "t.Error(\"os.Exit(0)\")", ""},
		"main runs none": {"os.Exit(m.Run())", "_ = m", "early-exit"},
		"fewer values":   {"F() != 2", "F() != F()", "fewer-cases"},
		"with itself":    {"F() != 1", "F() != F() && 1 == 1", "weak-test"},
		"never holds":    {"if F() != 1", "if false && F() != 1", "weak-test"},
		"returns":        {"\tif F() != 1", "\treturn\n\tif F() != 1", "weak-test"},
		"recovers":       {"\tif F() != 1", "\tdefer func() { recover() }()\n\tif F() != 1", "weak-test"},
		"other value":    {"F() != 1", "F() != 3", ""},
		"build tag":      {"package a\n", "//go:build never\n\npackage a\n", "test-skipped"},
	} {
		t.Run(name, func(t *testing.T) {
			after := strings.Replace(before, test.from, test.to, 1)
			found := Tests(parse(t, "a_test.go", before), parse(t, "a_test.go", after), Options{Named: []string{"TestF"}})
			if got := codes(found); got != test.want {
				t.Errorf("got %v, want %s", found, test.want)
			}
		})
	}
}

func TestTestsInOtherLanguages(t *testing.T) {
	for path, test := range map[string]struct{ before, after, want string }{
		"a_test.exs": {
			"defmodule ATest do\n  use ExUnit.Case\n  test \"adds\" do\n    assert 1 + 1 == 2\n    refute 1 == 2\n  end\nend\n",
			"defmodule ATest do\n  use ExUnit.Case\n  @tag :skip\n  test \"adds\" do\n    assert 1 + 1 == 2\n  end\nend\n", "test-skipped fewer-assertions",
		},
		"test_a.py": {
			"def test_a():\n    assert f() == 1\n\ndef test_b():\n    assert f() == 2\n",
			"import sys\nsys.exit(0)\n\ndef test_a():\n    assert f() == 1\n", "early-exit lost-test",
		},
		"a.test.js": {
			"test('adds', () => { expect(f()).toBe(1); });\n",
			"test.skip('adds', () => { expect(f()).toBe(1); });\nprocess.exit(0);\n", "test-skipped early-exit",
		},
	} {
		found := Tests(parse(t, path, test.before), parse(t, path, test.after), Options{Removals: true})
		if got := codes(found); got != test.want {
			t.Errorf("%s: got %v, want %s", path, found, test.want)
		}
	}
}

// A test that nobody named stays as it is, but for its comments and its form.
func TestTestsThatNobodyNamed(t *testing.T) {
	const before = "package a\n\nfunc TestF(t *testing.T) {\n\tif F() != 1 {\n\t\tt.Error(1)\n\t}\n}\n"
	for name, test := range map[string]struct {
		after, want string
		options     Options
	}{
		"same":         {before, "", Options{}},
		"another test": {before + "\nfunc TestG(t *testing.T) {\n\tt.Error(F())\n}\n", "", Options{}},
		"its form":     {strings.Replace(before, "\tif F() != 1 {", "\t// one\n\n\tif   F() != 1 {", 1), "", Options{}},
		"a value":      {strings.Replace(before, "F() != 1", "F() != 2", 1), "test-changed", Options{}},
		"a string":     {strings.Replace(before, "t.Error(1)", "t.Error(\"1\")", 1), "test-changed", Options{}},
		"named":        {strings.Replace(before, "F() != 1", "F() != 2", 1), "", Options{Named: []string{"TestF"}}},
		"allowed":      {strings.Replace(before, "F() != 1", "F() != 2", 1), "", Options{Removals: true}},
	} {
		t.Run(name, func(t *testing.T) {
			found := Tests(parse(t, "a_test.go", before), parse(t, "a_test.go", test.after), test.options)
			if got := codes(found); got != test.want {
				t.Errorf("got %v, want %s", found, test.want)
			}
		})
	}
	was := "def test_a():\n    if x:\n        assert f() == 1\n    assert g()\n"
	if found := Tests(parse(t, "test_a.py", was), parse(t, "test_a.py", strings.Replace(was, "    assert g()", "        assert g()", 1)), Options{}); codes(found) != "test-changed" {
		t.Errorf("an indentation that means something: %v", found)
	}
}

func TestHiddenText(t *testing.T) {
	for _, text := range []string{"\x00", "\x1b[2J", "\u202e", "\u2066", "\u200b", "\U000e0041", "\xff", "\xed\xa0\x80", "a\rb", "\u2028", "\u0085", "\ufeff"} {
		found := Source(nil, parse(t, "a.go", "package a\n\n// x"+text+"y\nfunc F() {}\n"), Options{})
		if len(found) != 1 || found[0].Code != CodeHidden || found[0].Line != 3 {
			t.Errorf("%q: %v", text, found)
		}
	}
	for _, text := range []string{"\r", "\t", "é", "👩‍💻", "日本", "\u00a0", "́"} {
		if found := Source(nil, parse(t, "a.go", "package a\n\n// x"+text+"\nfunc F() {}\n"), Options{}); len(found) != 0 {
			t.Errorf("%q: %v", text, found)
		}
	}
	before := parse(t, "a.go", "package a\n\n// \u200b\nfunc F() {}\n")
	if found := Source(before, parse(t, "a.go", "package a\n\n// \u200b\nfunc F() { return }\n"), Options{}); len(found) != 0 {
		t.Errorf("what was there: %v", found)
	}
}

func TestNoLongerExported(t *testing.T) {
	for path, test := range map[string][2]string{
		"a.js": {"export function f() { return 1; }\n", "function f() { return 2; }\n"},
		"a.rs": {"pub fn f() -> i32 { 1 }\n", "fn f() -> i32 { 2 }\n"},
		"a.ex": {"defmodule A do\n  def f, do: 1\nend\n", "defmodule A do\n  defp f, do: 2\nend\n"},
	} {
		if found := Source(parse(t, path, test[0]), parse(t, path, test[1]), Options{}); codes(found) != CodeLostSymbol {
			t.Errorf("%s: %v", path, found)
		}
		if found := Source(parse(t, path, test[0]), parse(t, path, test[0]), Options{}); len(found) != 0 {
			t.Errorf("%s, the same: %v", path, found)
		}
	}
}

func TestText(t *testing.T) {
	long := strings.Repeat("key: value\n", 30)
	for name, test := range map[string]struct {
		before, after, want string
		options             Options
	}{
		"a remark alone":      {"", "# Your code here\n", "elision", Options{}},
		"the rest":            {"", "a: 1\n# ... rest of the file ...\n", "elision", Options{}},
		"in brackets":         {"", "# Title\n\n[rest of the file unchanged]\n", "elision", Options{}},
		"three dots":          {"", "a: 1\n...\nb: 2\n", "elision", Options{}},
		"the end of YAML":     {"", "a: 1\n...\n", "", Options{}},
		"a heading":           {"", "# Limits\n\n## Other functions\n", "", Options{Prose: true}},
		"a comment":           {"", "# Limits\n\n## Other functions\n", "elision", Options{}},
		"a remark in prose":   {"", "# Limits\n\n<!-- the rest of the file unchanged -->\n", "elision", Options{Prose: true}},
		"it was there":        {"# your code here\n", "# your code here\na: 1\n", "", Options{}},
		"a title":             {"", "# Usage\n\nThe rest of the code is explained below.\n", "", Options{}},
		"hidden":              {"", "a: \u202eb\n", "hidden-text", Options{}},
		"shrunk":              {long, "key: value\n", "shrunk", Options{}},
		"shrunk, allowed":     {long, "key: value\n", "", Options{Removals: true}},
		"half is still there": {long, long[:len(long)/2], "", Options{}},
	} {
		if found := Text([]byte(test.before), []byte(test.after), test.options); codes(found) != test.want {
			t.Errorf("%s: %v, want %s", name, found, test.want)
		}
	}
}
