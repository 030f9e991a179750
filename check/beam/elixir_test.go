package beam

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/workspace/sandbox"
)

func needElixir(t *testing.T) {
	t.Helper()
	checktest.Need(t, "mix", "apt-get install elixir")
}

const mixFile = `defmodule Shop.MixProject do
  use Mix.Project
  def project, do: [app: :shop, version: "0.1.0"]
end
`

// shop is a project whose tests pass; tests change some of its files.
var shop = map[string]string{
	"mix.exs":        mixFile,
	".formatter.exs": "[inputs: [\"{lib,test}/**/*.{ex,exs}\"]]\n",
	"lib/shop.ex": `defmodule Shop do
  def total(items), do: Enum.sum(items)

  def label(item) do
    "item #{item}"
  end
end
`,
	"test/test_helper.exs": "ExUnit.start()\n",
	"test/shop_test.exs": `defmodule ShopTest do
  use ExUnit.Case

  test "sums" do
    assert Shop.total([1, 2]) == 3
  end

  @tag :skip
  test "later" do
    assert false
  end
end
`,
}

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

func TestElixirCanaries(t *testing.T) {
	needElixir(t)
	checktest.Canaries(t, NewElixir())
}

func TestElixirGoldens(t *testing.T) {
	needElixir(t)
	for name, files := range map[string]map[string]string{
		"elixir-good": shop,
		"elixir-bad": with(shop, "lib/shop.ex", `defmodule Shop do
  alias Shop.Cart
  def total(items) do
    rest = 1
    Enum.sum(items)
  end

  def never(x), do: x  +  Nope.call(1)
end
`),
		"elixir-syntax":   with(shop, "lib/shop.ex", "defmodule Shop do\n  def ä(, do: 1\nend\n", "lib/more.ex", "defmodule More do\n"),
		"elixir-compile":  with(shop, "lib/shop.ex", "defmodule Shop do\n  def total(items), do: sum(items)\nend\n"),
		"elixir-mixfile":  with(shop, "mix.exs", strings.Replace(mixFile, "def project", "boom()\n  def project", 1)),
		"elixir-failing":  with(shop, "test/shop_test.exs", strings.Replace(shop["test/shop_test.exs"], "== 3", "== 4", 1)),
		"elixir-setup":    with(shop, "test/shop_test.exs", strings.Replace(shop["test/shop_test.exs"], "use ExUnit.Case\n", "use ExUnit.Case\n  setup_all do\n    raise \"no\"\n  end\n", 1)),
		"elixir-badtest":  with(shop, "test/shop_test.exs", strings.Replace(shop["test/shop_test.exs"], "Shop.total", "total", 1)),
		"elixir-notests":  with(shop, "test/test_helper.exs", "", "test/shop_test.exs", ""),
		"elixir-control":  with(shop, "test/shop_test.exs", strings.Replace(shop["test/shop_test.exs"], "assert Shop.total([1, 2]) == 3", `flunk("\e[31mred\e[0m \a bell")`, 1)),
		"elixir-deps":     with(shop, "mix.exs", strings.Replace(mixFile, `"0.1.0"`, `"0.1.0", deps: [{:nope, git: "https://example.invalid/nope.git"}]`, 1)),
		"elixir-umbrella": umbrella(),
		"elixir-lone": {
			"a/one.ex":     "defmodule One do\n  def go(x), do: Two.go(y)\nend\n",
			"b/fine.ex":    "defmodule Fine do\n  def go(x), do: x\nend\n",
			"b/script.exs": "System.halt(9)\n\ndefmodule Inside do\n  def go(x), do: 1\nend\n",
			"c/setup.exs":  "Mix.install([:jason])\nJason.encode!(1)\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checktest.Golden(t, name, checktest.Check(t, NewElixir(), files))
		})
	}
}

func umbrella() map[string]string {
	files := map[string]string{"mix.exs": "defmodule All.MixProject do\n  use Mix.Project\n  def project, do: [apps_path: \"apps\", version: \"0.1.0\"]\nend\n"}
	for name, text := range shop {
		files["apps/shop/"+name] = text
	}
	return files
}

func TestElixirInAnUmbrella(t *testing.T) {
	needElixir(t)
	checker := NewElixir()
	out, err := checker.Check(t.Context(), checktest.Target(t, checker, checktest.Stage(t, umbrella()), "apps/shop"))
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Tests) != 2 || out.Tests[1].File != "apps/shop/test/shop_test.exs" {
		t.Errorf("%+v", out)
	}
}

// TestElixirTestsBesideTheProject: what mix.exs names outside of its folder is checked
// with the project, which alone has the modules that the tests use.
func TestElixirTestsBesideTheProject(t *testing.T) {
	needElixir(t)
	files := map[string]string{
		"test/load/test_helper.exs": "ExUnit.start()\n",
		"test/load/load_test.exs":   strings.Replace(shop["test/shop_test.exs"], "ShopTest", "LoadTest", 1),
		"test/other/lone.exs":       "x = 1\nIO.inspect(x)\n",
	}
	for name, text := range shop {
		files["shop/"+name] = strings.Replace(text, `"0.1.0"`, `"0.1.0", test_paths: ["test", "../test/load"]`, 1)
	}
	report, err := check.Run(t.Context(), check.Request{
		Stage: checktest.Stage(t, files), Paths: []string{"test"}, Checkers: []check.Checker{NewElixir()}, Tests: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	var passed []string
	for _, p := range report.Parts {
		got[p.Project] = p.Files
		for _, test := range p.Tests {
			if test.State == check.Passed {
				passed = append(passed, test.File+" "+test.Name)
			}
		}
		if len(p.Diagnostics) > 0 {
			t.Errorf("%s: %+v", p.Project, p.Diagnostics)
		}
	}
	want := map[string][]string{"shop": {"test/load/load_test.exs", "test/load/test_helper.exs"}, ".": {"test/other/lone.exs"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"test/load/load_test.exs LoadTest: test sums", "shop/test/shop_test.exs ShopTest: test sums"}, passed); diff != "" {
		t.Error(diff)
	}
}

// TestElixirCompilesAnew shows why: the second content has the size of the
// first and, as a staged file may, an older time than what was built.
func TestElixirCompilesAnew(t *testing.T) {
	needElixir(t)
	stage := checktest.Stage(t, shop)
	checker := NewElixir()
	target := checktest.Target(t, checker, stage, ".")
	for _, c := range []struct {
		from, to string
		want     check.TestState
	}{{"", "", check.Passed}, {"Enum.sum(items)", "Enum.max(items)", check.Failed}} {
		file := stage.Root() + "/lib/shop.ex"
		checktest.Write(t, file, strings.Replace(shop["lib/shop.ex"], c.from, c.to, 1), time.Now().Add(-time.Hour))
		out, err := checker.Check(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		if got := out.Tests[1]; got.State != c.want {
			t.Errorf("%+v", got)
		}
	}
}

func TestElixirRunsOnlyTheTestsThatChanged(t *testing.T) {
	needElixir(t)
	files := with(shop, "test/more_test.exs", "defmodule MoreTest do\n  use ExUnit.Case\n  test \"more\" do\n    assert true\n  end\nend\n")
	checker := NewElixir()
	target := checktest.Target(t, checker, checktest.Stage(t, files), ".", "test/more_test.exs")
	for _, c := range []struct {
		only []string
		want []string
	}{{nil, []string{"MoreTest: test more"}}, {[]string{"ShopTest: test sums"}, []string{"ShopTest: test sums"}}} {
		if target.Only = c.only; c.only != nil {
			target.Changed = target.Files
		}
		out, err := checker.Check(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, test := range out.Tests {
			if test.State != check.Skipped {
				names = append(names, test.Name)
			}
		}
		if diff := cmp.Diff(c.want, names); diff != "" {
			t.Error(diff)
		}
	}
}

func TestElixirMissing(t *testing.T) {
	for _, missing := range []string{"elixir", "mix"} {
		needElixir(t)
		out := checktest.Check(t, NewElixir(), shop, checktest.Path(checktest.PathWith(t, []string{missing}, nil)))
		if len(out.Gaps) != 1 || !out.Gaps[0].Blocks || out.Gaps[0].Hint == "" || len(out.Tests) > 0 {
			t.Errorf("%s: %+v", missing, out)
		}
	}
}

func TestElixirThatHangs(t *testing.T) {
	needElixir(t)
	files := with(shop, "test/shop_test.exs", strings.Replace(shop["test/shop_test.exs"], "assert Shop.total([1, 2]) == 3", "Process.sleep(:infinity)", 1))
	out := checktest.Check(t, &elixir{limits: sandbox.Limits{Wall: 5 * time.Second}}, files)
	want := []check.Gap{{What: "tests", Why: "mix test did not end within its time limit", Blocks: true}}
	if diff := cmp.Diff(want, out.Gaps); diff != "" || len(out.Diagnostics) > 0 {
		t.Errorf("%s%+v", diff, out.Diagnostics)
	}
}

func TestElixirThatFloods(t *testing.T) {
	needElixir(t)
	flood := `for _ <- 1..30000, do: IO.puts(String.duplicate("x", 1000))` + "\n    assert Shop.total([1, 2]) == 3"
	out := checktest.Check(t, NewElixir(), with(shop, "test/shop_test.exs", strings.Replace(shop["test/shop_test.exs"], "assert Shop.total([1, 2]) == 3", flood, 1)))
	if len(out.Tests) != 2 || out.Tests[1].State != check.Passed || len(out.Gaps) > 0 {
		t.Errorf("%+v", out)
	}
}
