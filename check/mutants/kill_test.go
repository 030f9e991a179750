package mutants

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bitactor/cf/check/all"
	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/workspace"
	"github.com/bitactor/cf/workspace/sandbox"
)

// caches is the folder that the tests share: each first build of a language's
// library takes long.
var caches string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mutants-test-")
	if err != nil {
		panic(err)
	}
	caches = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// request lays files out in a new tree; tests are of these.
func request(t *testing.T, files map[string]string, path string, tests ...string) Request {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	box, err := sandbox.Open(t.Context(), sandbox.Options{Environ: os.Environ(), Cache: caches})
	if err != nil {
		t.Fatal(err)
	}
	return Request{Tree: tree, Box: box, Checkers: all.All(), Cache: caches, Path: path, Tests: tests, Options: Options{Seed: 1}}
}

// project is one language's code with a weak and a strong file of tests.
type project struct {
	program            string
	files              map[string]string
	path, weak, strong string // paths
	tests              [2]string
}

var projects = map[string]project{
	"go": {
		program: "go",
		files: map[string]string{
			"go.mod":   "module shop\n\ngo 1.21\n",
			"price.go": "package shop\n\nimport \"errors\"\n\n// Price takes a tenth off above 10.\nfunc Price(items []int, member bool) (int, error) {\n\tif len(items) == 0 {\n\t\treturn 0, errors.New(\"empty\")\n\t}\n\ttotal := 0\n\tfor _, i := range items {\n\t\ttotal += i\n\t}\n\tif member && total > 10 {\n\t\ttotal = total * 9 / 10\n\t}\n\treturn total, nil\n}\n",
		},
		path: "price.go", weak: "weak_test.go", strong: "strong_test.go",
		tests: [2]string{
			"package shop\n\nimport \"testing\"\n\nfunc TestPrice(t *testing.T) {\n\tif _, err := Price([]int{1}, false); err != nil {\n\t\tt.Error(err)\n\t}\n}\n",
			"package shop\n\nimport \"testing\"\n\nfunc TestTable(t *testing.T) {\n\tfor _, c := range []struct {\n\t\titems  []int\n\t\tmember bool\n\t\twant   int\n\t}{{[]int{1, 2}, false, 3}, {[]int{10}, true, 10}, {[]int{20}, true, 18}, {[]int{11}, true, 9}, {[]int{30}, false, 30}, {[]int{200}, true, 180}} {\n\t\tif got, err := Price(c.items, c.member); got != c.want || err != nil {\n\t\t\tt.Errorf(\"%v: %d, %v\", c, got, err)\n\t\t}\n\t}\n\tif _, err := Price(nil, true); err == nil {\n\t\tt.Error(\"nothing has a price\")\n\t}\n}\n",
		},
	},
	"python": {
		program: "python3",
		files: map[string]string{
			"price.py": "def price(items, member=False):\n    if not items:\n        raise ValueError(\"empty\")\n    total = 0\n    for i in items:\n        total += i\n    if member and total > 10:\n        total = total * 9 // 10\n    return total\n",
		},
		path: "price.py", weak: "test_weak.py", strong: "test_strong.py",
		tests: [2]string{
			"import unittest\n\nfrom price import price\n\n\nclass Weak(unittest.TestCase):\n    def test_runs(self):\n        price([1, 2])\n        price([20], True)\n",
			"import unittest\n\nfrom price import price\n\n\nclass Strong(unittest.TestCase):\n    def test_table(self):\n        for items, member, want in [([1, 2], False, 3), ([10], True, 10), ([20], True, 18), ([11], True, 9), ([30], False, 30), ([200], True, 180)]:\n            self.assertEqual(price(items, member), want)\n        self.assertEqual(price([30]), 30)\n\n    def test_empty(self):\n        with self.assertRaises(ValueError):\n            price([])\n",
		},
	},
	"c": {
		program: "gcc",
		files: map[string]string{
			"price.h": "int price(const int *items, int n, int member);\n",
			"price.c": "#include \"price.h\"\n\nint price(const int *items, int n, int member)\n{\n    if (n == 0)\n        return -1;\n    int total = 0;\n    for (int i = 0; i < n; i++)\n        total += items[i];\n    if (member && total > 10)\n        total = total * 9 / 10;\n    return total;\n}\n",
		},
		path: "price.c", weak: "weak_test.c", strong: "strong_test.c",
		tests: [2]string{
			"#include \"price.h\"\n\nint main(void)\n{\n    int items[] = {20};\n    return price(items, 1, 1) == 0;\n}\n",
			"#include \"price.h\"\n\n#include <assert.h>\n\nint main(void)\n{\n    int items[] = {1, 2, 30}, ten[] = {10}, twenty[] = {20}, eleven[] = {11}, many[] = {200};\n    assert(price(items, 2, 0) == 3);\n    assert(price(items, 3, 0) == 33);\n    assert(price(items, 0, 1) == -1);\n    assert(price(ten, 1, 1) == 10);\n    assert(price(twenty, 1, 1) == 18);\n    assert(price(eleven, 1, 1) == 9);\n    assert(price(many, 1, 1) == 180);\n    return 0;\n}\n",
		},
	},
	"elixir": {
		program: "elixir",
		files: map[string]string{
			"mix.exs":              "defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [app: :shop, version: \"0.1.0\"]\nend\n",
			"test/test_helper.exs": "ExUnit.start()\n",
			"lib/shop.ex":          "defmodule Shop do\n  def price([], _member), do: :empty\n\n  def price(items, member) do\n    total = Enum.sum(items)\n\n    if member and total > 10 do\n      div(total * 9, 10)\n    else\n      total\n    end\n  end\nend\n",
		},
		path: "lib/shop.ex", weak: "test/weak_test.exs", strong: "test/strong_test.exs",
		tests: [2]string{
			"defmodule WeakTest do\n  use ExUnit.Case\n\n  test \"runs\" do\n    Shop.price([20], true)\n  end\nend\n",
			"defmodule StrongTest do\n  use ExUnit.Case\n\n  test \"table\" do\n    for {items, member, want} <- [{[1, 2], false, 3}, {[10], true, 10}, {[20], true, 18}, {[11], true, 9}, {[30], false, 30}, {[200], true, 180}, {[], true, :empty}] do\n      assert Shop.price(items, member) == want\n    end\n  end\nend\n",
		},
	},
	"javascript": {
		program: "node",
		files: map[string]string{
			"package.json": "{\"type\": \"module\"}\n",
			"price.js":     "export function price(items, member = false) {\n  if (items.length === 0) throw new Error('empty');\n  let total = 0;\n  for (const i of items) {\n    total += i;\n  }\n  return member && total > 10 ? total * 0.9 : total;\n}\n",
		},
		path: "price.js", weak: "weak.test.js", strong: "strong.test.js",
		tests: [2]string{
			"import test from 'node:test';\nimport { price } from './price.js';\n\ntest('runs', () => {\n  price([1, 2]);\n  price([20], true);\n});\n",
			"import test from 'node:test';\nimport assert from 'node:assert';\nimport { price } from './price.js';\n\ntest('table', () => {\n  for (const [items, member, want] of [[[1, 2], false, 3], [[10], true, 10], [[20], true, 18], [[11], true, 9.9], [[30], false, 30]]) {\n    assert.equal(price(items, member), want);\n  }\n  assert.equal(price([30]), 30);\n  assert.throws(() => price([]));\n});\n",
		},
	},
	"rust": {
		program: "cargo",
		files: map[string]string{
			"Cargo.toml": "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
			"src/lib.rs": "pub fn price(items: &[i32], member: bool) -> Option<i32> {\n    if items.is_empty() {\n        return None;\n    }\n    let mut total = 0;\n    for i in items {\n        total += i;\n    }\n    if member && total > 10 {\n        total = total * 9 / 10;\n    }\n    Some(total)\n}\n",
		},
		path: "src/lib.rs", weak: "tests/weak.rs", strong: "tests/strong.rs",
		tests: [2]string{
			"#[test]\nfn runs() {\n    shop::price(&[1, 2], false);\n    shop::price(&[20], true);\n}\n",
			"use shop::price;\n\n#[test]\nfn table() {\n    for (items, member, want) in [([1, 2], false, 3), ([10, 0], true, 10), ([20, 0], true, 18), ([11, 0], true, 9), ([30, 0], false, 30), ([200, 0], true, 180)] {\n        assert_eq!(price(&items, member), Some(want));\n    }\n    assert_eq!(price(&[], true), None);\n}\n",
		},
	},
}

// TestWeakAndStrongTests runs real tests of each language on mutants. The code
// is the same, the tests lie in a set over the tree.
func TestWeakAndStrongTests(t *testing.T) {
	for name, p := range projects {
		t.Run(name, func(t *testing.T) {
			checktest.Need(t, p.program, name)
			for i, file := range []string{p.weak, p.strong} {
				r := request(t, p.files, p.path, file)
				r.Max, r.Least = 5, 4
				r.Set = &workspace.Set{Changes: []workspace.Change{{Path: file, Content: []byte(p.tests[i])}}}
				report, err := Kill(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				if want := []Verdict{Weak, Strong}[i]; report.Verdict != want || report.TimedOut > 0 {
					t.Errorf("%s: %s, %s", file, report.Verdict, report.Why)
					for _, m := range report.Mutants {
						t.Logf("%s: %s: %s", m.State, m.Mutant, m.By)
					}
				}
			}
		})
	}
}

// TestOnlyTheNamedTestsCount: the strong tests of the tree do not make weak ones
// look strong.
func TestOnlyTheNamedTestsCount(t *testing.T) {
	checktest.Need(t, "gcc", "apt-get install gcc")
	p := projects["c"]
	files := map[string]string{p.weak: p.tests[0], p.strong: p.tests[1]}
	maps.Copy(files, p.files)
	for file, want := range map[string]Verdict{p.weak: Weak, p.strong: Strong} {
		r := request(t, files, p.path, file)
		r.Max, r.Least = 5, 4
		if report, err := Kill(t.Context(), r); err != nil || report.Verdict != want || report.Tests != 1 {
			t.Errorf("%s: %+v %v", file, report, err)
		}
	}
}

// TestEndlessMutants: a loop that never ends is told apart from a failing test.
func TestEndlessMutants(t *testing.T) {
	checktest.Need(t, "gcc", "apt-get install gcc")
	files := map[string]string{
		"count.h":      "int count(int n);\n",
		"count.c":      "#include \"count.h\"\n\nint count(int n)\n{\n    int left = 0;\n    while (n > 0) {\n        n -= 2;\n        left++;\n    }\n    return left;\n}\n",
		"count_test.c": "#include \"count.h\"\n\n#include <assert.h>\n\nint main(void)\n{\n    assert(count(5) == 3);\n    assert(count(1) == 1);\n    assert(count(0) == 0);\n    return 0;\n}\n",
	}
	r := request(t, files, "count.c", "count_test.c")
	r.Want, r.Limit = 1, 6*time.Second
	report, err := Kill(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(report.Mutants, func(m Result) bool { return m.Before == "n -= 2;" && m.After == ";" })
	if i < 0 || report.Mutants[i].State != TimedOut || report.TimedOut == 0 {
		t.Errorf("%+v", report)
	}
}
