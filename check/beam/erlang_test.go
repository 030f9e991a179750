package beam

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/workspace/sandbox"
)

func needErlang(t *testing.T) {
	t.Helper()
	checktest.Need(t, "escript", "apt-get install erlang-base erlang-eunit erlang-tools")
}

// cart is a project whose tests pass; the cases change some of its files.
var cart = map[string]string{
	"rebar.config":     "{erl_opts, [debug_info, warnings_as_errors, {d, 'RATE', 2}]}.\n{deps, []}.\n",
	"src/cart.app.src": "{application, cart, [{vsn, \"1\"}]}.\n",
	"include/cart.hrl": "-record(item, {price}).\n",
	"src/cart.erl": `-module(cart).
-behaviour(cart_rule).
-export([total/1, rate/1]).
-include("cart.hrl").

total(Items) -> lists:sum([I#item.price || I <- Items]).

rate(N) ->
    N * ?RATE.
`,
	"src/cart_rule.erl": "-module(cart_rule).\n-callback rate(number()) -> number().\n",
	"test/cart_tests.erl": `-module(cart_tests).
-include_lib("eunit/include/eunit.hrl").
-include("cart.hrl").

sum_test() ->
    ?assertEqual(3, cart:total([#item{price = 1}, #item{price = 2}])).

more_test_() ->
    [?_assertEqual(0, cart:total([])), {"one", ?_assertEqual(1, cart:total([#item{price = 1}]))}].
`,
}

func changed(files map[string]string, name, old, text string) map[string]string {
	return with(files, name, strings.Replace(files[name], old, text, 1))
}

func TestErlangCanaries(t *testing.T) {
	needErlang(t)
	checktest.Canaries(t, NewErlang())
}

func TestErlangMatch(t *testing.T) {
	for file, want := range map[string]bool{
		"src/a.erl": true, "a.hrl": true, "src/a.app.src": true, "x/rebar.config": true, "a.ex": false, "rebar.config.script": false, "a.src": false,
	} {
		if got := NewErlang().Match(file, nil); got != want {
			t.Errorf("%s: %v", file, got)
		}
	}
}

func TestErlangGoldens(t *testing.T) {
	needErlang(t)
	test := "test/cart_tests.erl"
	for name, files := range map[string]map[string]string{
		"erlang-good":    cart,
		"erlang-bad":     with(cart, "src/cart.erl", strings.Replace(cart["src/cart.erl"], "    N * ?RATE.", "    _ä = 'ö', X = lists:nope(N), nomod:f(N),\n    cart_rule:rate(N) + fun cart:total/1.", 1)),
		"erlang-syntax":  with(cart, "src/cart.erl", "-module(cart).\n\nf(X) -> ö(, X.\n", "src/cart.app.src", "{application, cart\n"),
		"erlang-compile": changed(cart, "src/cart.erl", "total(Items) ->", "totals(Items) ->"),
		"erlang-include": changed(cart, "src/cart.erl", `"cart.hrl"`, `"carts.hrl"`),
		"erlang-header":  with(cart, "include/cart.hrl", "-record(item, {price.\n"),
		"erlang-failing": changed(cart, test, "assertEqual(3", "assertEqual(4"),
		"erlang-fixture": changed(cart, test, "more_test_() ->\n", "more_test_() ->\n    {setup, fun() -> error(no) end, fun(_) -> ok end, [?_assertEqual(1, cart:rate(2))]}.\n\nother_test_() ->\n"),
		"erlang-badtest": changed(cart, test, "cart:total([#item{price = 1}, ", "total([#item{price = 1}, "),
		"erlang-notests": with(cart, test, ""),
		"erlang-deps":    with(cart, "rebar.config", "{deps, [cowboy]}.\n", "src/cart.erl", "-module(cart).\n-include_lib(\"cowboy/include/x.hrl\").\nf( -> 1.\n"),
		"erlang-control": changed(cart, test, "    ?assertEqual(3,", "    io:put_chars(\"\\e[31mred\\e[0m \\a bell\"),\n    ?assertEqual(4,"),
		"erlang-exits":   changed(cart, test, "    ?assertEqual(3,", "    halt(0),\n    ?assertEqual(3,"),
		"erlang-mix":     with(cart, "rebar.config", "", "mix.exs", mixFile, "src/cart.erl", strings.Replace(cart["src/cart.erl"], "?RATE", "'Elixir.Shop':total([])", 1)),
		"erlang-lone": {
			"a/one.erl":   "-module(one).\n-export([f/1]).\nf(X) -> two:g(X) + Y.\n",
			"a/two.erl":   "-module(two).\n-export([f/1]).\nf(X) -> 1.\n",
			"b/other.erl": "-module(other).\n-export([f/1]).\nf(X) -> one:g(X).\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checktest.Golden(t, name, checktest.Check(t, NewErlang(), files))
		})
	}
}

func TestErlangRunsOnlyTheTestsThatChanged(t *testing.T) {
	needErlang(t)
	files := with(cart, "test/other_tests.erl", "-module(other_tests).\n-include_lib(\"eunit/include/eunit.hrl\").\nx_test() -> ok.\n")
	checker := NewErlang()
	out, err := checker.Check(t.Context(), checktest.Target(t, checker, checktest.Stage(t, files), ".", "test/other_tests.erl"))
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Tests) != 1 || out.Tests[0].Name != "other_tests:x_test" || out.Tests[0].Line != 3 {
		t.Errorf("%+v", out.Tests)
	}
}

func TestErlangMissing(t *testing.T) {
	out := checktest.Check(t, NewErlang(), cart, checktest.Path(t.TempDir()))
	want := []check.Gap{{What: "compile", Why: "escript is not installed", Hint: escript.Hint, Blocks: true}}
	if diff := cmp.Diff(want, out.Gaps); diff != "" {
		t.Error(diff)
	}
}

func TestErlangThatHangs(t *testing.T) {
	needErlang(t)
	files := changed(cart, "test/cart_tests.erl", "    ?assertEqual(3,", "    timer:sleep(infinity),\n    ?assertEqual(3,")
	files["test/cart_tests.erl"] = strings.Replace(files["test/cart_tests.erl"], "sum_test() ->", "sum_test_() -> {timeout, 600, fun sum/0}.\n\nsum() ->", 1)
	out := checktest.Check(t, &erlang{limits: sandbox.Limits{Wall: 4 * time.Second}}, files)
	want := []check.Gap{{What: "tests", Why: "eunit did not end within its time limit", Blocks: true}}
	if diff := cmp.Diff(want, out.Gaps); diff != "" || len(out.Diagnostics) > 0 {
		t.Errorf("%s%+v", diff, out.Diagnostics)
	}
}

func TestErlangThatFloods(t *testing.T) {
	needErlang(t)
	files := changed(cart, "test/cart_tests.erl", "    ?assertEqual(3,", "    [io:put_chars(user, lists:duplicate(1000, $x)) || _ <- lists:seq(1, 20000)],\n    ?assertEqual(3,")
	out := checktest.Check(t, NewErlang(), files)
	if len(out.Tests) != 3 || len(out.Gaps) > 0 || len(out.Diagnostics) > 0 {
		t.Errorf("%+v", out)
	}
}
