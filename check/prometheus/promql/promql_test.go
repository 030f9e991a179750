package promql_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/check/prometheus/promql"
)

var update = flag.Bool("update", false, "rewrite functions.txt")

// TestFunctionsAreCurrent holds functions.txt against the module in go.mod.
func TestFunctionsAreCurrent(t *testing.T) {
	version, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "github.com/prometheus/prometheus").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("# From github.com/prometheus/prometheus %s; go test ./check/prometheus/promql -update\n", strings.TrimSpace(string(version)))
	for _, name := range slices.Sorted(maps.Keys(parser.Functions)) {
		f := parser.Functions[name]
		least, most := len(f.ArgTypes), len(f.ArgTypes)
		if f.Variadic != 0 {
			least, most = least-1, least-1+f.Variadic
		}
		if f.Variadic < 0 {
			most = -1
		}
		state := "stable"
		if f.Experimental {
			state = "experimental"
		}
		want += fmt.Sprintf("%s %s %d %d %s", name, f.ReturnType, least, most, state)
		for _, a := range f.ArgTypes {
			want += " " + string(a)
		}
		want += "\n"
	}
	if *update {
		if err := os.WriteFile("functions.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("functions.txt")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("functions.txt is not what Prometheus says; run go test ./check/prometheus/promql -update")
	}
}

// same fails the test unless Prometheus' parser and ours agree on text.
func same(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string,
) {
	t.Helper()
	expr, theirs := parser.ParseExpr(text)
	typ, ours := promql.Parse(text)
	if (theirs == nil) != (ours == nil) {
		t.Fatalf("%q: Prometheus says %v, ours %v", text, theirs, ours)
	}
	if ours == nil && parser.DocumentedType(expr.Type()) != string(typ) {
		t.Fatalf("%q: Prometheus says type %s, ours %s", text, expr.Type(), typ)
	}
	if e, ok := ours.(*promql.Error); ok && (e.Offset < 0 || e.Offset > len(text)) {
		t.Fatalf("%q: offset %d is outside", text, e.Offset)
	}
}

var examples = []string{
	`up`, `up == 0`, `rate(http_requests_total{job="api",code=~"5.."}[5m]) > 0.1`, `sum by (job) (rate(x[5m]))`, `sum(rate(x[5m])) by (job)`, `sum(x) without (a, b,)`,
	`histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))`, `a / on(x) group_left(y) b`, `a and on() b`, `a unless b`, `a or b`, `topk(3, x)`, `quantile(0.5, x)`, `count_values("v", x)`,
	`absent(up{job="x"})`, `x offset 5m`, `x offset -5m`, `x[5m] offset 1w`, `x @ 1609746000`, `x @ start()`, `x @ start()[5m]`, `x @ end()[5m] @ 3`, `x @ 5[5m]`, `x @ start() @ 5`, `x[5m] @ end()`, `max_over_time(rate(x[5m])[1h:1m])`, `max_over_time(rate(x[5m])[1h:])`,
	`-x ^ 2`, `2 ^ -1`, `1 + 2 * 3`, `1 > bool 2`, `1 > 2`, `x > bool 2`, `x == bool y`, `"string"`, `'it'`, "`raw`", `5m`, `0x1F`, `0x0e`, `0x0e1`, `0x_1`, `0x`, `0xee`, `1e5m`, `1_e5`, `1._5`, `1.e5`, `.5.5`, `1e+`, `08`, `1e3`, `1_000`, `.5`, `5.`, `Inf`, `-inf`, `NaN`, `{__name__="x"}`, `{"x.y"}`,
	`{"x.y", a="b"}`, `{a="b", "c.d"=~"e"}`, `x{a="b",}`, `x{}`, `{}`, `{a=""}`, `{a=~".*"}`, `{a=~".+"}`, `{a!=""}`, `{a!~".*"}`, `x{__name__="y"}`, `x{a=~"("}`, `label_replace(x, "a", "$1", "b", "(.*)")`, `label_join(x, "a", ",")`,
	`time()`, `time() - x`, `vector(1)`, `scalar(x)`, `round(x)`, `round(x, 5)`, `round(x, 5, 6)`, `rate(x)`, `rate(x[5m], 1)`, `nope(x)`, `sum`, `sum{a="b"}`, `by`, `sum by (a)`, `sum(x, y)`, `sum()`, `topk(x)`, `limitk(3, x)`,
	`(x)`, `((x))`, `(x`, `x)`, `x[5m`, `x[]`, `x[0m]`, `x[-5m]`, `x[5]`, `x[5m:1m:1m]`, `(x)[5m]`, `(x)[5m:]`, `x[5m][5m]`, `x[5m][5m:]`, `x offset 5m[5m]`, `x offset 5m offset 5m`, `(x) offset 5m`, `x @ 1 @ 2`, `x @ foo`, `x @ 5m`, `x @ -5m`, `x @ +1`, `x @ Inf`, `x @ 1e30`, `1 @ 2`,
	`a:b:c`, `:a`, `a:b(x)`, `x # comment`, "x # comment\n + y", `x +`, `+ x`, `* x`, `x y`, `x == y == z`, `a * on(x) group_left(x) b`, `a and group_left() b`, `a and on(x) group_left() b`, `1 and 2`, `x and 1`, `x * on(a) 2`, `x * on() 2`,
	`a = b`, `a =~ "b"`, `a ! b`, `x{a}`, `x{a=}`, `x{a=b}`, `x{1="b"}`, `x{a="b"`, `"unclosed`, `'\''`, `"\q"`, `"\x41"`, `"é"`, `é`, `x{é="b"}`, `1h30m`, `30m1h`, `1h1h`, `5x`, `1..2`, `1e`, `1__0`, `sum by ("a.b") (x)`, `sum by (a:b) (x)`, `sum by (sum) (x)`,
	`info(x)`, `mad_over_time(x[5m])`, `x offset 0s`, `x offset 0s offset 5m`, `x smoothed`, `x anchored`, `x[5m] smoothed`, `step()`, `start()`, `x atan2 y`, `atan2`, `on`, `bool`, `x[1e10y]`, `300y`, `a ^ b ^ c`, `-1 ^ 2`, `--x`, `-"a"`, `-x[5m]`, `"a" + 1`, `x[5m] + 1`,
	`predict_linear(x[1h], 4 * 3600)`, `clamp_max(x, 1)`, `days_in_month()`, `hour(x)`, `pi()`, `sgn(x) == 1`, `SUM(x)`, `Sum BY (a) (x)`, `x OFFSET 5m`, `x AND y`, `rate(x{a="b"}[5m:30s] offset 1m)`, ``, ` `, `# only`, `(1)`, `(1 + 2)[5m:]`, `vector(1)[5m:]`,
}

func TestExamples(t *testing.T) {
	for _, text := range examples {
		same(t, text)
	}
}

// TestTokenSoup feeds both parsers what tokens in any order give.
func TestTokenSoup(t *testing.T) {
	tokens := []string{
		"x", "y", "a:b", "sum", "topk", "count_values", "rate", "time", "abs", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "and", "or", "unless", "atan2", "offset", "@", "start", "end",
		"(", ")", "(", ")", "{", "}", "[", "]", "[5m]", "[5m:1m]", "(a)", "(x)", `{a="b"}`, `=`, `!=`, `=~`, `==`, `>`, `<=`, "+", "-", "*", "/", "^", "%", ",", `"s"`, `"a"`, "1", "0.5", "5m", "Inf", "job", "label_replace",
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(tokens), 1, 9).Draw(rt, "tokens"), " ")
		same(rt, text)
	})
}

// TestGrammar feeds both parsers expressions that are mostly right.
func TestGrammar(t *testing.T) {
	var expr func(rt *rapid.T, depth int) string
	pick := func(rt *rapid.T, list ...string) string { return rapid.SampledFrom(list).Draw(rt, "pick") }
	expr = func(rt *rapid.T, depth int) string {
		if depth == 0 {
			return pick(rt, "x", `x{a="b"}`, "1", "5m", "x[5m]", `"s"`, "x offset 5m", "time()", "sum", `{a!~"b"}`, "x @ 5", "x[5m:]")
		}
		sub := func() string { return expr(rt, depth-1) }
		switch rapid.IntRange(0, 7).Draw(rt, "form") {
		case 0:
			return sub() + pick(rt, " + ", " == ", " > bool ", " and ", " or on(a) ", " ^ ", " * on(a) group_left(b) ", " / ignoring(a) ", " - ", " unless ", " % ", " atan2 ") + sub()
		case 1:
			return "(" + sub() + ")"
		case 2:
			return pick(rt, "-", "+") + sub()
		case 3:
			return pick(rt, "rate", "abs", "scalar", "vector", "round", "absent", "histogram_quantile", "timestamp") + "(" + sub() + pick(rt, "", ", "+sub()) + ")"
		case 4:
			return pick(rt, "sum", "max by (a)", "topk", "count_values", "quantile without (a, b)") + "(" + pick(rt, "", sub()+", ") + sub() + ")" + pick(rt, "", " by (a)")
		case 5:
			return sub() + pick(rt, "[5m]", "[1h:5m]", "[1h:]")
		case 6:
			return sub() + pick(rt, " offset 5m", " offset -1h", " @ start()", " @ 10.5")
		}
		return sub()
	}
	rapid.Check(t, func(rt *rapid.T) { same(rt, expr(rt, rapid.IntRange(0, 3).Draw(rt, "depth"))) })
}

func TestHostileExpressionsAreBounded(t *testing.T) {
	rep := strings.Repeat
	for _, text := range []string{rep("(", 500000), rep("-", 500000) + "x", rep("abs(", 200000), rep("x+", 300000) + "x", rep("x^", 300000) + "x", "x" + rep("[5m:]", 100000), "x{" + rep(`a="b",`, 100000) + "}", rep("1", 900000), `"` + rep(`\x41`, 200000) + `"`, rep("# \n", 300000) + "x"} {
		start := time.Now()
		_, _ = promql.Parse(text)
		if d := time.Since(start); d > 30*time.Second {
			t.Errorf("%.20q... took %s", text, d)
		}
	}
}

// reckoned finds lengths of time that are reckoned, an experiment of Prometheus
// that its parser refuses in part.
var reckoned = regexp.MustCompile(`(?is)\[[^\]]*[-+*/%^(]|(?:offset|\[).*(?:step|min|max)|offset\W*\(`)

func FuzzPromQL(f *testing.F) {
	for _, text := range examples {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Count(text, "(")+strings.Count(text, "-")+strings.Count(text, "+")+strings.Count(text, "^") > 150 || reckoned.MatchString(text) {
			return // deeper than ours goes, or an experiment
		}
		same(t, text)
	})
}
