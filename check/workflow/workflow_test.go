package workflow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/check/source/sourcetest"
	"github.com/bitactor/cf/check/workflow"
)

func TestCanaries(t *testing.T) { sourcetest.Canaries(t, workflow.New()) }

func TestGoldens(t *testing.T) { sourcetest.Goldens(t, workflow.New(), "testdata") }

func TestHostileFilesAreBounded(t *testing.T) {
	rep := strings.Repeat
	const job = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
	laughs := "x0: &x0 [a, a, a, a, a, a, a, a, a]\n"
	for i := 1; i < 9; i++ {
		one := "*x" + string(rune('0'+i-1))
		laughs += "x" + string(rune('0'+i)) + ": &x" + string(rune('0'+i)) + " [" + rep(one+", ", 8) + one + "]\n"
	}
	for _, c := range []struct{ text, code string }{
		{laughs + job, "alias-bomb"},
		{job + "      - run: ${{ " + rep("(", 100000) + " }}\n", "nesting"},
		{job + "      - run: ${{ " + rep("! ", 100000) + " }}\n", "nesting"},
		{job + "      - run: ${{ a" + rep("[a", 100000) + " }}\n", "nesting"},
		{job + "      - if: " + rep("(", 100000) + "\n", "nesting"},
		{job + "      - run: ${{ 1" + rep("&&1", 100000) + " }}\n", ""},
		{job + "      - run: ${{ a" + rep(".a", 100000) + " }}\n", "expression"},
		{job + rep("      - run: echo ${{ x }}\n", 10000), "expression"},
		{rep("[", 50000), "nesting"},
	} {
		out := sourcetest.Bounded(t, workflow.New(), 10*time.Second, ".github/workflows/a.yml", c.text)
		code := ""
		if len(out.Diagnostics) > 0 {
			code = out.Diagnostics[0].Code
		}
		if code != c.code {
			t.Errorf("%.120q...: want %q, got\n%.300s", c.text, c.code, sourcetest.Render(out))
		}
	}
}

func FuzzWorkflow(f *testing.F) {
	for _, s := range []string{
		"on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ github.sha }}\n", "on: [push]\njobs: {}\n", "on: push\njobs:\n  a: *x\n", "é: ${{ ü }}\n",
		"name: x\nruns:\n  using: composite\n  steps: [1, {run: x}]\n", "- 1\n", "on:\r\n  push:\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{".github/workflows/a.yml", "action.yml"} {
			out := sourcetest.Check(t, workflow.New(), map[string]string{name: text})
			if len(out.Gaps) > 0 && out.Gaps[0].What == "parse" {
				t.Fatalf("%q: %v", text, out.Gaps)
			}
			sourcetest.Inside(t, text, out)
		}
	})
}
