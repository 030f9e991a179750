package web

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

func needNode(t *testing.T) {
	t.Helper()
	checktest.Need(t, "node", node.Hint)
}

// cart is a project whose tests pass; the cases change some of its files.
var cart = map[string]string{
	"package.json": `{"type": "module", "scripts": {"test": "touch /tmp/never"}}`,
	"cart.js": `export function total(items) {
  return items.reduce((a, b) => a + b, 0);
}

// label names an item.
export function label(item) {
  if (item === 'x') {
    return 'never';
  }
  return item;
}
`,
	"unused.mjs": "export const a = 1;\n",
	"test/cart.test.js": `import test, { describe, it } from 'node:test';
import assert from 'node:assert';
import { total, label } from '../cart.js';

test('sums', () => assert.equal(total([1, 2]), 3));
describe('labels', () => {
  it('plain', () => assert.equal(label('a'), 'a'));
  it('later', { skip: true }, () => {});
});
`,
	"test/fixture.js": "export const x = 1;\n",
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

func instead(files map[string]string, name, old, text string) map[string]string {
	return with(files, name, strings.Replace(files[name], old, text, 1))
}

func TestCanaries(t *testing.T) {
	needNode(t)
	checktest.Canaries(t, NewJavaScript())
	checktest.Canaries(t, NewTypeScript())
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		file, head string
		js, ts     bool
	}{
		{"a.js", "", true, false},
		{"a.cjs", "", true, false},
		{"a.jsx", "", true, false},
		{"a.d.ts", "", false, true},
		{"a.tsx", "", false, true},
		{"a.mts", "", false, true},
		{"a.json", "", false, false},
		{"tool", "#!/usr/bin/env node\n", true, false},
		{"tool", "#!/bin/sh\nnode x\n", false, false},
	} {
		js, ts := NewJavaScript().Match(c.file, []byte(c.head)), NewTypeScript().Match(c.file, []byte(c.head))
		if js != c.js || ts != c.ts {
			t.Errorf("%+v: %v %v", c, js, ts)
		}
	}
}

func TestJavaScriptGoldens(t *testing.T) {
	needNode(t)
	test := "test/cart.test.js"
	for name, files := range map[string]map[string]string{
		"js-good": cart,
		"js-syntax": {
			"a.cjs": "const a = 1;\nfunction ( {\n", "b.mjs": "import x from 'y';\nlet ä = 1, b b;\n", "c.cjs": "#!/usr/bin/env node\nreturn await 1;\n",
			"d.js": "export const a = await 1;\n", "e.js": "export const a = <div>{1}</div>;\n", "f.jsx": "const a = <div>;\n", "g.js": "let x = ;\n",
			"tool": "#!/usr/bin/env node\nimport 'x'; let a a;\n", "h.js": "const a = <div>{;\n",
		},
		"js-failing":  instead(cart, test, "[1, 2]), 3", "[1, 2]), 4"),
		"js-hook":     instead(cart, test, "describe('labels', () => {", "describe('labels', (t) => {\n  before(() => { throw new Error('no'); });"),
		"js-broken":   instead(cart, "cart.js", "export function", "import './nothing.js';\nexport function"),
		"js-badtest":  instead(cart, test, "test('sums'", "test('sums"),
		"js-notests":  with(cart, test, ""),
		"js-control":  instead(cart, test, "assert.equal(total([1, 2]), 3)", `assert.fail("\x1b[31mred\x1b[0m \x07 bell")`),
		"js-exits":    instead(cart, test, "assert.equal(total([1, 2]), 3)", "process.exit(0)"),
		"js-mocha":    with(cart, "package.json", `{"type": "module", "devDependencies": {"mocha": "1"}}`, "test/m.test.js", "describe('x', () => {});\n"),
		"js-jestgone": with(cart, "package.json", `{"devDependencies": {"jest": "1"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checktest.Golden(t, name, checktest.Check(t, NewJavaScript(), files))
		})
	}
}

func TestTypeScriptGoldens(t *testing.T) {
	needNode(t)
	checktest.Need(t, "tsc", "apt-get install node-typescript")
	project := map[string]string{
		"package.json":  "{}",
		"tsconfig.json": `{"compilerOptions": {"strict": true, "target": "es2020"}, "include": ["src"]}`,
		"src/cart.ts":   "export function total(items: number[]): number {\n  return items.reduce((a, b) => a + b, 0);\n}\n",
		"src/page.tsx":  "export const ä = 1;\n",
	}
	for name, files := range map[string]map[string]string{
		"ts-good":    project,
		"ts-types":   with(project, "src/cart.ts", "import { x } from './nothing';\nconst ü = 1, b: string = ü; export { b };\nexport const f: (a: { b: string }) => void = (a: { b: number }) => {};\n"),
		"ts-syntax":  with(project, "src/cart.ts", "const a: number = 1;\nfunction (: {\n"),
		"ts-leftout": with(project, "other.ts", "export const b: string = 1;\n"),
		"ts-config":  with(project, "tsconfig.json", `{"compilerOptions": {"strict": 1}}`),
		"ts-lone":    {"a.ts": "export const b: string = 1;\n"},
		"ts-tests":   with(project, "src/cart.test.ts", "import test from 'node:test';\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checktest.Golden(t, name, checktest.Check(t, NewTypeScript(), files))
		})
	}
}

func TestTypeScriptWithoutCompiler(t *testing.T) {
	needNode(t)
	path := checktest.Path(checktest.PathWith(t, []string{"tsc"}, nil))
	out := checktest.Check(t, NewTypeScript(), map[string]string{"a.ts": "let a = ;\n"}, path)
	want := []check.Gap{{What: "types", Why: "tsc is not installed", Hint: "npm install --save-dev typescript", Blocks: true}}
	if diff := cmp.Diff(want, out.Gaps); diff != "" || len(out.Diagnostics) != 1 || out.Diagnostics[0].Code != "syntax-error" {
		t.Errorf("%s%+v", diff, out.Diagnostics)
	}
	// The project's own comes first, and is run by node.
	own := map[string]string{"a.ts": "let a;\n", "node_modules/typescript/bin/tsc": "console.log('a.ts(1,5): error TS9999: own'); process.exitCode = 2;\n"}
	if out = checktest.Check(t, NewTypeScript(), own, path); len(out.Diagnostics) != 1 || out.Diagnostics[0].Code != "TS9999" {
		t.Errorf("%+v", out)
	}
}

// report is what jest 30 and vitest 4 write, shortened.
const report = `{"numFailedTests":1,"success":false,"testResults":[
{"assertionResults":[
{"ancestorTitles":["group"],"failureMessages":[],"fullName":"group one","location":{"column":27,"line":1},"status":"passed","title":"one"},
{"ancestorTitles":["group"],"failureMessages":[],"status":"pending","title":"two"},
{"ancestorTitles":[],"failureMessages":["Error: x\n    at Object.<anonymous> (ROOT/a.test.js:1:121)\n    at run (ROOT/node_modules/jest-circus/build/index.js:789:3)"],"location":null,"status":"failed","title":"three"}],
"message":"","name":"ROOT/a.test.js","status":"failed"},
{"assertionResults":[],"message":"Cannot find module","name":"ROOT/b.test.js","status":"failed"}]}`

// TestFrameworks runs stand-ins: they can't be had without a package registry.
func TestFrameworks(t *testing.T) {
	needNode(t)
	standIn := `const args = process.argv.slice(2), at = args.find((a) => a.startsWith('--outputFile=')).slice(13);
require('fs').writeFileSync(at, ` + "`" + strings.ReplaceAll(report, `\n`, `\\n`) + "`" + `.replaceAll('ROOT', process.cwd()));
process.exit(args.includes('./-c.test.js') && args.includes('a.test.js') ? 1 : 9);`
	for name, script := range map[string]string{"jest": "node_modules/jest/bin/jest.js", "vitest": "node_modules/vitest/vitest.mjs"} {
		if name == "vitest" {
			standIn = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);\n" + standIn
		}
		files := map[string]string{
			"package.json": `{"devDependencies": {"` + name + `": "1"}}`, script: standIn,
			"a.test.js": "test();\n", "b.test.js": "test();\n", "-c.test.js": "test();\n",
		}
		t.Run(name, func(t *testing.T) {
			checktest.Golden(t, name, checktest.Check(t, NewJavaScript(), files))
		})
		files[script] = "process.stderr.write('boom'); process.exitCode = 1;\n"
		out := checktest.Check(t, NewJavaScript(), files)
		if len(out.Gaps) != 1 || !out.Gaps[0].Blocks || !strings.Contains(out.Gaps[0].Why, "boom") {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

func TestRunsOnlyTheTestsThatChanged(t *testing.T) {
	needNode(t)
	files := with(cart, "test/more.test.js", "import test from 'node:test';\ntest('more', () => {});\n")
	checker := NewJavaScript()
	target := checktest.Target(t, checker, checktest.Stage(t, files), ".", "test/more.test.js")
	for _, c := range []struct {
		only []string
		want string
	}{{nil, "test/more.test.js > more"}, {[]string{"test/cart.test.js > sums"}, "test/cart.test.js > labels > later"}} {
		if target.Only = c.only; c.only != nil {
			target.Changed = target.Files
		}
		out, err := checker.Check(t.Context(), target)
		if err != nil || len(out.Tests) == 0 || out.Tests[0].Name != c.want {
			t.Errorf("%v %+v", err, out.Tests)
		}
	}
}

func TestMissing(t *testing.T) {
	for _, c := range []check.Checker{NewJavaScript(), NewTypeScript()} {
		out := checktest.Check(t, c, with(cart, "a.ts", "let a;\n"), checktest.Path(t.TempDir()))
		if want := (check.Gap{What: "compile", Why: "node is not installed", Hint: node.Hint, Blocks: true}); len(out.Gaps) != 1 || out.Gaps[0] != want {
			t.Errorf("%s: %+v", c.Name(), out)
		}
	}
}

func TestHangsAndFloods(t *testing.T) {
	needNode(t)
	limited := func(k check.Checker) check.Checker {
		k.(*kind).limits = sandbox.Limits{Wall: 3 * time.Second}
		return k
	}
	hangs := instead(cart, "test/cart.test.js", "assert.equal(total([1, 2]), 3)", "{ for (;;); }")
	out := checktest.Check(t, limited(NewJavaScript()), hangs)
	if len(out.Gaps) != 1 || !out.Gaps[0].Blocks || !strings.Contains(out.Gaps[0].Why, "time limit") || len(out.Diagnostics) > 0 {
		t.Errorf("%+v", out)
	}
	flood := "{ for (let i = 0; i < 20000; i++) console.log('x'.repeat(1000)); assert.equal(total([1, 2]), 3); }"
	out = checktest.Check(t, NewJavaScript(), instead(cart, "test/cart.test.js", "assert.equal(total([1, 2]), 3)", flood))
	if len(out.Tests) != 3 || len(out.Gaps) > 0 {
		t.Errorf("%+v", out)
	}
}

func FuzzParseJest(f *testing.F) {
	f.Add([]byte(report))
	f.Fuzz(func(t *testing.T, data []byte) {
		tests, broken, err := parseJest(data)
		if err != nil && tests != nil {
			t.Error("an error and tests")
		}
		for _, test := range append(tests, broken...) {
			if test.Line < 0 || test.State == "" {
				t.Errorf("%+v", test)
			}
		}
	})
}

func FuzzParseTSC(f *testing.F) {
	f.Add([]byte("a.ts(3,10): error TS1003: Identifier expected.\n  more\nerror TS18003: No inputs.\n/lib/lib.d.ts\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, _ := parseTSC(data)
		for _, d := range found {
			if d.Line < 0 || !strings.HasPrefix(d.Code, "TS") || d.Severity == "" {
				t.Errorf("%+v", d)
			}
		}
	})
}
