package prometheus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/check/prometheus"
	"github.com/bitactor/cf/check/source/sourcetest"
)

func TestCanaries(t *testing.T) { sourcetest.Canaries(t, prometheus.New()) }

func TestGoldens(t *testing.T) { sourcetest.Goldens(t, prometheus.New(), "testdata") }

const head = "groups:\n  - name: a\n    rules:\n"

func TestHostileFilesAreBounded(t *testing.T) {
	rep := strings.Repeat
	for _, c := range []struct{ text, code string }{
		{head + "      - {record: a, expr: '" + rep("(", 200000) + "'}\n", "promql"},
		{head + "      - {record: a, expr: '" + rep("-", 200000) + "x'}\n", "promql"},
		{head + "      - {alert: a, for: 1m, expr: x, annotations: {a: '" + rep("{{if x}}", 100000) + "'}}\n", "template"},
		{head + "      - {alert: a, for: 1m, expr: x, annotations: {a: '{{" + rep("(", 200000) + "}}'}}\n", "template"},
		{head + rep("      - {alert: a, for: 1m, expr: x}\n", 20000), "duplicate-rule"},
		{head + "      - &a [*a]\n", "alias-cycle"},
	} {
		out := sourcetest.Bounded(t, prometheus.New(), 10*time.Second, "a.yml", c.text)
		if len(out.Diagnostics) == 0 || out.Diagnostics[0].Code != c.code {
			t.Errorf("%.120q...: want %q, got\n%.300s", c.text, c.code, sourcetest.Render(out))
		}
	}
}

// FuzzRules feeds the checker: no panic, which would be a gap, and no place
// outside the file.
func FuzzRules(f *testing.F) {
	for _, s := range []string{
		"      - {record: a, expr: up}\n", "      - alert: a\n        expr: |\n          up +\n", "      - alert: a\n        expr: >-\n\n          up\n          +\n", "      - alert: a\n        expr: \"up\\n +\"\n", "      - alert: a\n        expr: up\n         + é\n",
		"      - alert: a\n        expr: up\n        annotations: {a: '{{ $x }}'}\n", "      - 1\n      - &a {record: *a}\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rules string) {
		text := head + rules
		out := sourcetest.Check(t, prometheus.New(), map[string]string{"a.yml": text})
		for _, g := range out.Gaps {
			if g.What == "parse" {
				t.Fatalf("%q: %v", text, g)
			}
		}
		sourcetest.Inside(t, text, out)
	})
}
