package data_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/source/sourcetest"
)

func byName(t *testing.T, name string) check.Checker {
	t.Helper()
	for _, c := range data.New() {
		if c.Name() == name {
			return c
		}
	}
	t.Fatalf("no checker %q", name)
	return nil
}

func TestCanaries(t *testing.T) {
	for _, c := range data.New() {
		sourcetest.Canaries(t, c)
	}
}

func TestGoldens(t *testing.T) {
	for _, c := range data.New() {
		t.Run(c.Name(), func(t *testing.T) { sourcetest.Goldens(t, c, "testdata/"+c.Name()) })
	}
}

func TestKindOf(t *testing.T) {
	manifest := "# a comment\napiVersion: apps/v1\nkind: Deployment\n"
	rules := "groups:\n  - name: a\n    rules:\n      - alert: A\n"
	for _, c := range []struct {
		path, head string
		want       data.Kind
	}{
		{"a.json", "{}", data.JSON},
		{"a.JSON", "{}", data.JSON},
		{"a.jsonl", "{}", data.JSONLines},
		{"tsconfig.json", "{}", data.JSONC},
		{"web/tsconfig.build.json", "{}", data.JSONC},
		{".vscode/settings.json", "{}", data.JSONC},
		{"notvscode/settings.json", "{}", data.JSON},
		{"a.toml", "", data.TOML},
		{"Cargo.lock", "", data.TOML},
		{"a.yaml", "", data.YAML},
		{"a.yml", manifest, data.Kubernetes},
		{"a.json", `{"apiVersion": "v1", "kind": "Pod"}`, data.Kubernetes},
		{"a.yml", "x:\n  apiVersion: v1\n  kind: Pod\n", data.YAML},
		{"a.yml", "apiVersion: v1\n", data.YAML},
		{"a.yml", rules, data.Prometheus},
		{"a.yml", "groups:\n  - name: admins\n", data.YAML},
		{".github/workflows/ci.yml", manifest, data.Workflow},
		{"sub/.github/workflows/ci.yaml", "", data.Workflow},
		{".github/workflows/sub/ci.yaml", "", data.YAML},
		{"my-action/action.yml", "", data.Action},
		{"main.go", manifest, ""},
		{"json", "{}", ""},
	} {
		if got := data.KindOf(c.path, []byte(c.head)); got != c.want {
			t.Errorf("KindOf(%q, %q) = %q, want %q", c.path, c.head, got, c.want)
		}
	}
}

// TestHostileFilesAreBounded gives each parser what other parsers have died of.
// The limits are ten times what a slow machine needs.
func TestHostileFilesAreBounded(t *testing.T) {
	rep := strings.Repeat
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 10; i++ {
		one := "*a" + string(rune('0'+i-1))
		laughs += "a" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " [" + rep(one+", ", 8) + one + "]\n"
	}
	for _, c := range []struct{ checker, file, text, code string }{
		{"json", "a.json", rep("[", 100000), "nesting"},
		{"json", "a.json", rep(`{"a":`, 100000), "nesting"},
		{"json", "a.json", "[" + rep("1,", 500000) + "1]", ""},
		{"json", "a.json", "{" + rep(`"a":1,`, 100000) + `"b":1}`, "duplicate-key"},
		{"json", "tsconfig.json", "/*" + rep(" *", 400000), "unexpected-end"},
		{"json", "a.jsonl", rep("{}\n", 300000), ""},
		{"json", "a.jsonl", rep("{\n", 300000), "unexpected-end"},
		{"yaml", "a.yaml", laughs, "alias-bomb"},
		{"yaml", "a.yaml", "a: &a [*a]\n", "alias-cycle"},
		{"yaml", "a.yaml", rep("[", 100000), "nesting"},
		{"yaml", "a.yaml", rep("{a: ", 100000), "nesting"},
		{"yaml", "a.yaml", rep("- ", 100000) + "a", "nesting"},
		{"yaml", "a.yaml", rep("[", 9000), "syntax"},
		{"yaml", "a.yaml", rep("- abc\n", 150000), ""},
		{"yaml", "a.yaml", rep("---\n", 250000), ""},
		{"yaml", "a.yaml", rep("? ", 20000), "nesting"},
		{"yaml", "a.yaml", rep("a: 1\n", 200000), "duplicate-key"},
		{"yaml", "a.yaml", rep("&a ", 300000), "syntax"},
		{"toml", "a.toml", "a = " + rep("[", 100000), "nesting"},
		{"toml", "a.toml", "a = " + rep("{a=", 19000), "nesting"},
		{"toml", "a.toml", "[" + rep("a.", 100000) + "a]\n", ""},
		{"toml", "a.toml", rep("[[a]]\n", 150000), ""},
		{"toml", "a.toml", rep("a = 1\n", 15000), "duplicate-key"},
	} {
		out := sourcetest.Bounded(t, byName(t, c.checker), 5*time.Second, c.file, c.text)
		code := ""
		if len(out.Diagnostics) > 0 {
			code = out.Diagnostics[0].Code
		}
		if code != c.code {
			t.Errorf("%s of %.20q...: code %q, want %q", c.file, c.text, code, c.code)
		}
	}
}

func TestTooLargeIsAGap(t *testing.T) {
	out := sourcetest.Check(t, byName(t, "json"), map[string]string{"a.json": "[" + strings.Repeat(" ", 1<<20) + "]"})
	if len(out.Gaps) != 1 || out.Gaps[0].Why != "file-too-big" || !out.Gaps[0].Blocks || len(out.Diagnostics) != 0 {
		t.Errorf("got %s", sourcetest.Render(out))
	}
}

func TestManyFindingsAreCut(t *testing.T) {
	out := sourcetest.Check(t, byName(t, "json"), map[string]string{"a.json": "{" + strings.Repeat(`"a":1,`, 500) + `"a":1}`})
	if len(out.Diagnostics) != 100 || len(out.Gaps) != 1 || out.Gaps[0].What != "report" {
		t.Errorf("%d findings, gaps %v", len(out.Diagnostics), out.Gaps)
	}
}

// TestCrowdedFilesAreGaps: files that the parsers need too much time or memory for,
// and their neighbours, which are read.
func TestCrowdedFilesAreGaps(t *testing.T) {
	list := func(n int) string { return "[" + strings.Repeat("1,", n) + "1]\n" }
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "k%d = 1\n", i)
		}
		return b.String()
	}
	for name, text := range map[string]string{"many.yaml": list(data.YAMLValuesMax), "few.yaml": list(1000), "many.toml": keys(20_001), "few.toml": keys(1000), "tables.toml": strings.Repeat("[[t]]\n"+keys(10), 3000)} {
		for _, c := range data.New() {
			if !c.Match(name, nil) {
				continue
			}
			out := sourcetest.Check(t, c, map[string]string{name: text})
			if gap := strings.HasPrefix(name, "many"); gap != (len(out.Gaps) == 1 && out.Gaps[0].Blocks) || len(out.Diagnostics) > 0 {
				t.Errorf("%s: gaps %v, findings %v", name, out.Gaps, out.Diagnostics)
			}
		}
	}
}
