package python

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/process"
	"github.com/bitactor/cf/workspace/sandbox"
)

// bare is a PATH with the system's programs alone.
var bare = checktest.Path("/usr/bin", "/bin")

// isolated is a PATH with a Python that sees its standard library alone.
func isolated(t *testing.T) checktest.Option {
	t.Helper()
	return checktest.Path(checktest.Programs(t, map[string]string{"python3": "#!/bin/sh\nexec /usr/bin/python3 -S \"$@\"\n"}))
}

// need skips without Python, and, where a module is named, without that one
// for the system's Python.
func need(t *testing.T, module string) {
	t.Helper()
	checktest.Need(t, "/usr/bin/python3", "apt-get install python3")
	if module == "" {
		return
	}
	_, err := process.Run(t.Context(), process.Command{Path: "/usr/bin/python3", Args: []string{"-c", "import " + module}})
	if err == nil {
		return
	}
	if os.Getenv("CF_TEST_REQUIRE") == "1" {
		t.Fatalf("CF_TEST_REQUIRE is set and %s is missing: apt-get install python3-%s", module, module)
	}
	t.Skipf("%s is missing: apt-get install python3-%s", module, module)
}

const unittestFile = `import unittest

from shop import cart


class Totals(unittest.TestCase):
    def test_sums(self):
        self.assertEqual(cart.total([1, 2]), 3)

    @unittest.skip("later")
    def test_later(self):
        self.fail()

    def test_parts(self):
        for i in range(2):
            with self.subTest(i=i):
                self.assertEqual(cart.total([i]), i)
`

// shop is a project whose tests pass; the cases change some of its files.
var shop = map[string]string{
	"pyproject.toml":     "[project]\nname = \"shop\"\nversion = \"1\"\n",
	"shop/__init__.py":   "from shop import cart\n",
	"shop/cart.py":       "def total(items):\n    return sum(items)\n\n\ndef label(item):\n    return f\"item {item}\"\n",
	"tests/test_cart.py": unittestFile,
}

// plain is shop for pytest.
var plain = with(shop, "tests/test_cart.py", `import pytest

from shop import cart


@pytest.mark.parametrize("items,sum", [([1, 2], 3), ([], 0)])
def test_sums(items, sum):
    assert cart.total(items) == sum


@pytest.mark.skip
def test_later():
    assert False


@pytest.fixture
def broken():
    raise RuntimeError("no")
`)

// with returns files with others laid over; an empty text takes a file out.
func with(files map[string]string, others ...string) map[string]string {
	all := maps.Clone(files)
	for i := 0; i < len(others); i += 2 {
		if all[others[i]] = others[i+1]; others[i+1] == "" {
			delete(all, others[i])
		}
	}
	return all
}

// instead returns files with the first old text in name replaced.
func instead(files map[string]string, name, old, text string) map[string]string {
	return with(files, name, strings.Replace(files[name], old, text, 1))
}

func TestCanaries(t *testing.T) {
	need(t, "pytest")
	checktest.Canaries(t, New(), bare)
	checktest.Canaries(t, New(), isolated(t))
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		file, head string
		want       bool
	}{
		{"a/b.py", "", true},
		{"b.pyi", "", true},
		{"tool", "#!/usr/bin/env python3\n", true},
		{"tool", "#!/bin/sh\npython\n", false},
		{"tool", "", false},
		{"b.pyc", "", false},
	} {
		if got := New().Match(c.file, []byte(c.head)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestGoldens(t *testing.T) {
	test := "tests/test_cart.py"
	for name, c := range map[string]struct {
		module string
		files  map[string]string
	}{
		"unittest-good":    {"", with(shop, "lone.py", "import os\n\n\ndef f():\n    return os.name\n")},
		"syntax":           {"", with(shop, "shop/cart.py", "def ä(x): return (ö +\n", "b.py", "if x:\npass\n", "c.py", "x = '\\d'\nif x is 'a':\n    pass\n")},
		"unittest-failing": {"", instead(shop, test, "1, 2]), 3", "1, 2]), 4")},
		"unittest-setup":   {"", instead(shop, test, "    def test_sums", "    @classmethod\n    def setUpClass(cls):\n        raise RuntimeError('no')\n\n    def test_sums")},
		"unittest-broken":  {"", instead(shop, "shop/cart.py", "def total", "import nothing_such\n\n\ndef total")},
		"no-tests":         {"", with(shop, test, "")},
		"control":          {"", instead(shop, test, "self.assertEqual(cart.total([1, 2]), 3)", `self.fail("\x1b[31mred\x1b[0m \a bell")`)},
		"ends-early":       {"", instead(shop, test, "self.assertEqual(cart.total([1, 2]), 3)", "__import__('os')._exit(0)")},
		"venv-gone":        {"", with(shop, ".venv/pyvenv.cfg", "version = 3.1.4\n")},
		"format-missing":   {"", with(shop, "pyproject.toml", "[tool.black]\n")},
		"pyflakes":         {"pyflakes", with(shop, "shop/cart.py", "import os\nimport re  # noqa\n\n\ndef total(items):\n    ä = 1; return summe(items)\n")},
		"pytest-good":      {"pytest", plain},
		"pytest-failing":   {"pytest", instead(plain, test, "assert cart.total(items) == sum", "raise ValueError(items)")},
		"pytest-fixture":   {"pytest", instead(plain, test, "def test_later():", "def test_later():\n    pass\n\n\ndef test_broken(broken):")},
		"pytest-broken":    {"pytest", instead(plain, test, "from shop import cart", "from shop import carts")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need(t, c.module)
			path := isolated(t)
			if c.module != "" {
				path = bare
			}
			checktest.Golden(t, name, checktest.Check(t, New(), c.files, path))
		})
	}
}

func TestRunsOnlyTheTestsThatChanged(t *testing.T) {
	need(t, "")
	checker := New()
	files := with(shop, "tests/test_more.py", "import unittest\n\n\nclass More(unittest.TestCase):\n    def test_more(self):\n        pass\n")
	target := checktest.Target(t, checker, checktest.Stage(t, files, isolated(t)), ".", "tests/test_more.py")
	for _, c := range []struct{ only, want []string }{
		{nil, []string{"tests/test_more.py::More::test_more"}},
		{[]string{"tests/test_cart.py::Totals::test_sums"}, []string{"tests/test_cart.py::Totals::test_sums"}},
	} {
		if target.Only = c.only; c.only != nil {
			target.Changed = target.Files
		}
		out, err := checker.Check(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, test := range out.Tests {
			names = append(names, test.Name)
		}
		if diff := cmp.Diff(c.want, names); diff != "" {
			t.Error(diff)
		}
	}
}

func TestMissing(t *testing.T) {
	out := checktest.Check(t, New(), shop, checktest.Path(t.TempDir()))
	want := []check.Gap{{What: "compile", Why: "python3 is not installed", Hint: python3.Hint, Blocks: true}}
	if diff := cmp.Diff(want, out.Gaps); diff != "" {
		t.Error(diff)
	}
}

func TestPytestMissing(t *testing.T) {
	need(t, "")
	out := checktest.Check(t, New(), plain, isolated(t))
	want := check.Gap{What: "tests", Why: "pytest is not installed", Hint: "python3 -m pip install pytest", Blocks: true}
	if !slices.Contains(out.Gaps, want) {
		t.Errorf("%+v", out.Gaps)
	}
}

func TestHangs(t *testing.T) {
	need(t, "")
	files := instead(shop, "tests/test_cart.py", "self.assertEqual(cart.total([1, 2]), 3)", "__import__('time').sleep(1000)")
	out := checktest.Check(t, &checker{limits: sandbox.Limits{Wall: 3 * time.Second}}, files, isolated(t))
	for _, g := range out.Gaps {
		if g.What == "tests" && g.Blocks && strings.Contains(g.Why, "time limit") && len(out.Diagnostics) == 0 {
			return
		}
	}
	t.Errorf("%+v", out)
}

func TestFloods(t *testing.T) {
	need(t, "")
	flood := "[print('x' * 1000) for _ in range(20000)]\n        self.assertEqual(cart.total([1, 2]), 3)"
	out := checktest.Check(t, New(), instead(shop, "tests/test_cart.py", "self.assertEqual(cart.total([1, 2]), 3)", flood), isolated(t))
	if len(out.Tests) != 3 || slices.ContainsFunc(out.Gaps, func(g check.Gap) bool { return g.Blocks }) {
		t.Errorf("%+v", out)
	}
}

// TestVirtualEnvironment: its packages are used, its interpreter is not.
func TestVirtualEnvironment(t *testing.T) {
	need(t, "")
	version, err := process.Run(t.Context(), process.Command{Path: "/usr/bin/python3", Args: []string{"-c", "import sys; print('%d.%d' % sys.version_info[:2])"}})
	if err != nil {
		t.Fatal(err)
	}
	minor := version.Stdout.LastLine()
	files := with(instead(shop, "shop/cart.py", "def total", "from dependency import x\n\nprint(x)\n\n\ndef total"),
		".venv/pyvenv.cfg", "home = /none\nversion = "+minor+".9\n",
		".venv/bin/python3", "#!/bin/sh\nexit 9\n",
		".venv/lib/python"+minor+"/site-packages/dependency.py", "x = 1\n")
	out := checktest.Check(t, New(), files, bare)
	if len(out.Tests) != 3 || len(out.Diagnostics) > 0 {
		t.Errorf("%+v", out)
	}
}

// TestPyenv: a shim is a shell script that needs the user's home folder.
func TestPyenv(t *testing.T) {
	need(t, "")
	root := t.TempDir()
	for file, text := range map[string]string{
		"shims/python3": "#!/bin/sh\nexit 9\n", "version": "9.9.9\n",
	} {
		full := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, version := range []string{"9.9.9", "8.8.8"} {
		bin := filepath.Join(root, "versions", version, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/usr/bin/python3", filepath.Join(bin, "python3")); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ local, want string }{{"", "9.9.9"}, {"8.8.8\n", "8.8.8"}, {"../../escape\n", "9.9.9"}, {"7.7.7\n", "9.9.9"}} {
		files := with(shop, "apps/x/setup.cfg", "")
		if c.local != "" {
			files[".python-version"] = c.local
		}
		stage := checktest.Stage(t, files, checktest.Path(filepath.Join(root, "shims")), func(e []string) []string { return process.Setenv(e, "PYENV_VERSION=") })
		got, found := find(stage, "apps/x")
		prefix := filepath.Join(root, "versions", c.want)
		if !found || got.Path != filepath.Join(prefix, "bin", "python3") || !slices.Contains(got.ReadOnly, prefix) {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

// TestRuff runs a stand-in: the real one is not packaged everywhere. Its output
// was taken from ruff 0.14.
func TestRuff(t *testing.T) {
	need(t, "")
	const output = `[{"cell":null,"code":"F401","end_location":{"column":10,"row":1},"filename":"shop/cart.py","fix":null,"location":{"column":8,"row":1},"message":"` + "`os`" + ` imported but unused","noqa_row":1,"url":"https://docs.astral.sh/ruff/rules/unused-import"}]`
	const diff = "--- shop/cart.py\n+++ shop/cart.py\n@@ -1,4 +1,4 @@\n import os\n-def total(items): return sum(items)\n+def total(items):\n+    return sum(items)\n"
	ruff := "#!/bin/sh\nif [ \"$1\" = format ]; then cat <<'END'\n" + diff + "END\nexit 1; fi\ncat <<'END'\n" + output + "\nEND\n"
	dir := checktest.PathWith(t, []string{"python3"}, map[string]string{"ruff": ruff})
	files := with(shop, "shop/cart.py", "import os\ndef total(items): return sum(items)\n", "pyproject.toml", "[tool.ruff.format]\n")
	out := checktest.Check(t, New(), files, checktest.Path(dir, "/usr/bin"))
	var got []check.Diagnostic
	for _, d := range out.Diagnostics {
		if strings.HasPrefix(d.Tool, "ruff") {
			got = append(got, d)
		}
	}
	want := []check.Diagnostic{
		{File: "shop/cart.py", Line: 1, Column: 8, Severity: check.Warning, Code: "F401", Message: "`os` imported but unused", Checker: "python", Tool: "ruff"},
		{File: "shop/cart.py", Line: 2, Severity: check.Warning, Code: "not-formatted", Message: "the file is not formatted as ruff format would", Checker: "python", Tool: "ruff format"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseRuff(f *testing.F) {
	f.Add([]byte(`[{"code":"F401","filename":"a.py","location":{"row":1,"column":2},"message":"m"}]`))
	f.Add([]byte(`[{"code":null}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if found, err := parseRuff(data); err != nil && found != nil {
			t.Error("an error and findings")
		}
	})
}

func FuzzFirstDifferences(f *testing.F) {
	f.Add([]byte("--- a\tx\n+++ b\n@@ -3,4 +3,4 @@\n same\n-old\n+new\n--- c\n+++ c\n@@ -1 +1 @@\n-x\n+y\n"))
	f.Fuzz(func(t *testing.T, diff []byte) {
		if n := len(firstDifferences(diff)); n > strings.Count(string(diff), "--- ") {
			t.Errorf("%d places", n)
		}
	})
}
