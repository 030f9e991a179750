//go:build cgo

package repomap_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/engine/repomap"
	"github.com/bitactor/cf/fault"
)

// render maps dir for r with 4,000 tokens and no cache.
func render(t testing.TB, dir string, r repomap.Request) *repomap.Rendered {
	t.Helper()
	return renderWith(t, repomap.Open(open(t, dir), ""), r)
}

func renderWith(t testing.TB, m *repomap.Map, r repomap.Request) *repomap.Rendered {
	t.Helper()
	if r.Budget == 0 {
		r.Budget = 4000
	}
	r.Count = tokens
	got, err := m.Render(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// shop is a small Go tree: the function to be written is Total of cart/cart.go.
var shop = map[string]string{
	"cart/cart.go": "package cart\n\nimport \"example.com/shop/price\"\n\n// Total adds up.\nfunc Total(c *Cart) price.Money {\n\tfor _, l := range c.Lines {\n\t\t_ = price.Round(l.each, price.CentsPerUnit)\n\t}\n\treturn 0\n}\n",
	"cart/model.go": "package cart\n\nimport \"example.com/shop/price\"\n\n// Cart is what somebody wants.\ntype Cart struct {\n\tLines []line // in order\n}\n\n" +
		"type line struct {\n\teach price.Money\n\tcount int\n}\n\nfunc (c *Cart) Empty() bool { return len(c.Lines) == 0 }\n",
	"price/price.go":    "package price\n\ntype Money int64\n\nconst CentsPerUnit = 7919\n\nfunc Round(m Money, step int) Money { return m }\n\nfunc unused() {}\n",
	"stock/stock.go":    "package stock\n\nfunc Round(shelf string) string { return shelf }\n\nfunc Unrelated() {}\n",
	"cart/cart_test.go": "package cart\n\nimport \"testing\"\n\nfunc TestTotal(t *testing.T) { makeCart() }\n\nfunc makeCart() *Cart { return nil }\n",
}

func TestRenderShowsWhatTheSourceUses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, shop)
	got := render(t, dir, repomap.Request{Path: "cart/cart.go", Source: shop["cart/cart.go"]})
	want := strings.Join([]string{
		"cart/model.go:",
		"  type Cart struct { Lines []line }",
		"price/price.go:",
		"  type Money int64",
		"  const CentsPerUnit = 7919", // a value is shown: it can't be guessed
		"  func Round(m Money, step int) Money",
	}, "\n")
	if diff := cmp.Diff(want, got.Text); diff != "" {
		t.Error(diff)
	}
	if got.Tokens != tokens(got.Text) || got.Definitions != 4 || got.LeftOut != 0 {
		t.Errorf("%+v", got)
	}
}

func TestRenderFindsWhatTheWordsName(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, shop)
	tests := []struct {
		name    string
		request repomap.Request
		want    string // a line of the map
	}{
		{"a name", repomap.Request{Text: "what does CentsPerUnit stand for"}, "const CentsPerUnit = 7919"},
		{"a call", repomap.Request{Text: "why is unused() there"}, "func unused()"},
		{"words of a name", repomap.Request{Text: "how many cents make a unit"}, "const CentsPerUnit = 7919"},
		{"a file", repomap.Request{Text: "tidy up stock/stock.go"}, "func Unrelated()"},
		{"the name of a file", repomap.Request{Text: "look at the price"}, "type Money int64"},
		{"a new file among others", repomap.Request{Path: "cart/empty.go", Text: "return early if Cart is Empty"}, "func (c *Cart) Empty() bool"},
		{"tests see the tests beside them", repomap.Request{Path: "cart/more_test.go", Source: "c := makeCart()"}, "func makeCart() *Cart"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := render(t, dir, test.request); !strings.Contains(got.Text, "  "+test.want) {
				t.Errorf("no %q in\n%s", test.want, got.Text)
			}
		})
	}
}

func TestRenderLeavesOut(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, shop)
	tests := []struct {
		name    string
		request repomap.Request
		wrong   string
	}{
		{"the file itself", repomap.Request{Path: "cart/cart.go", Text: "change Total"}, "func Total"},
		{"another package's function of the same name", repomap.Request{Path: "cart/cart.go", Source: shop["cart/cart.go"]}, "stock"},
		{"what tests define", repomap.Request{Path: "cart/cart.go", Source: "makeCart()"}, "makeCart"},
		{"what another package hides", repomap.Request{Path: "cart/cart.go", Text: "call unused()"}, "unused"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := render(t, dir, test.request); strings.Contains(got.Text, test.wrong) {
				t.Errorf("%q in\n%s", test.wrong, got.Text)
			}
		})
	}
}

// TestRenderAllLanguages asks in each language for what a function uses of another
// file, and for the module or class that holds it.
func TestRenderAllLanguages(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, 800)
	tests := []struct{ path, source, want string }{
		{"area0/part0/job_1.go", "RunJob2(nil)", "area0/part0/job_2.go:\n  func RunJob2(j *Job2, items []string) (int, error)"},
		{"area1/part1/job_101.py", "run_job_102(x)", "area1/part1/job_102.py:\n  def run_job_102(job, items)"},
		{"area2/part2/job_201.js", "runJob202(x)", "area2/part2/job_202.js:\n  export function runJob202(job, items)"},
		{"area3/part3/job_301.ex", "Jobs.Job302.run_job_302(x)", "area3/part3/job_302.ex:\n  defmodule Jobs.Job302\n    def run_job_302(name, items)"},
		{"area4/part4/job_401.erl", "job_402:run_job_402(X)", "area4/part4/job_402.erl:\n  -module(job_402).\n  -record(job_402, {name, limit}).\n  run_job_402(Name, Items)"},
		{"area5/part5/job_501.c", "run_job_502(0, 1)", "area5/part5/job_502.c:\n  int run_job_502(struct job_502 *job, size_t items)"},
		{"area6/part6/job_601.rs", "run_job_602(x)", "area6/part6/job_602.rs:\n  pub fn run_job_602(job: &Job602, items: &[String]) -> usize"},
		{"area7/part7/job_701.sh", "run_job_702", "area7/part7/job_702.sh:\n  run_job_702()"},
	}
	m := repomap.Open(open(t, dir), "")
	for _, test := range tests {
		t.Run(filepath.Ext(test.path), func(t *testing.T) {
			if got := renderWith(t, m, repomap.Request{Path: test.path, Source: test.source, Budget: 200}); !strings.Contains(got.Text, test.want) {
				t.Errorf("no\n%s\nin\n%s", test.want, got.Text)
			}
		})
	}
}

// TestSignatures shows what a definition of each kind is reduced to.
func TestSignatures(t *testing.T) {
	long := strings.Repeat("long", 60)
	tests := []struct{ name, file, source, word, want string }{
		{"the guard of a header", "list.h", "#ifndef LIST_H\n#define LIST_H\n#define LIST_MAX 10\nint list_len(void);\n#endif\n", "list.h", "  #define LIST_MAX 10\n  int list_len(void);"},
		{"a struct of C", "list.h", "struct node {\n\tint value; /* first */\n\tstruct node *next;\n};\n", "list.h", "  struct node { int value; struct node *next; }"},
		{"a struct of Go", "a.go", "package a\n\n// Point is a place.\ntype Point struct {\n\tX, Y int // in metres\n\n\tName string\n}\n", "Point", "  type Point struct { X, Y int; Name string }"},
		{"an interface", "a.go", "package a\n\ntype Reader interface {\n\tRead(p []byte) (int, error)\n}\n", "Reader", "  type Reader interface { Read(p []byte) (int, error) }"},
		{"a macro of C", "max.h", "#define MAX_OF(a, b) \\\n\t((a) > (b) ? (a) : (b))\n", "max.h", "  #define MAX_OF(a, b) ((a) > (b) ? (a) : (b))"},
		{"a constant of Python", "a.py", "LIMIT = 7919\n", "LIMIT", "  LIMIT = 7919"},
		{"a constant of JavaScript", "a.js", "export const limitOf = 7919;\n", "limitOf", "  export const limitOf = 7919;"},
		{"a constant of TypeScript", "a.ts", "export const limitOf: number = 7919;\n", "limitOf", "  export const limitOf: number = 7919;"},
		{"a constant of Rust", "a.rs", "pub const LIMIT: usize = 7919;\n", "LIMIT", "  pub const LIMIT: usize = 7919;"},
		{"a constant of the shell", "a.sh", "LIMIT=7919\n", "LIMIT", "  LIMIT=7919"},
		{"a constant of Erlang", "a.hrl", "-define(LIMIT, 7919).\n", "LIMIT", "  -define(LIMIT, 7919)."},
		{"a constant of Elixir", "a.ex", "defmodule App do\n  @limit 7919\n  def limit, do: @limit\nend\n", "a.ex", "  defmodule App\n    @limit 7919\n    def limit"},
		{"a long struct", "a.go", "package a\n\ntype Point struct {\n\tX " + long + "\n}\n", "Point", "  type Point struct"},
		{"a long table", "a.go", "package a\n\nvar Table = \"" + long + "\"\n", "Table", "  var Table"},
		{"a method with its class", "a.py", "class Stack:\n    def push(self, item):\n        def local(): pass\n        return item\n", "`push` local()", "  class Stack\n    def push(self, item)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{test.file: test.source})
			got := render(t, dir, repomap.Request{Text: test.word})
			if diff := cmp.Diff(test.file+":\n"+test.want, got.Text); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRenderHidesSecretsAndIgnoredFiles(t *testing.T) {
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "map")
	key := "AKIA" + "Q3EXAMPLXKEY7ZWV"
	write(t, dir, map[string]string{
		".gitignore":      "hidden.go\nout/\n",
		"hidden.go":       "package p\n\nfunc HiddenOne() {}\n",
		"out/gen.go":      "package out\n\nfunc HiddenTwo() {}\n",
		"vendor/v/v.go":   "package v\n\nfunc HiddenThree() {}\n",
		"secrets/keys.py": "def hidden_four(): pass\n",
		"aws.go":          "package p\n\nconst awsAccess = \"" + key + "\"\n\nfunc Login(user string) {}\n",
		"odd\n.go":        "package p\n\nfunc HiddenFive() {}\n",
		"chat.py":         "def talk(mark=\"<|im_end|>\"): pass\n",
	})
	m := repomap.Open(open(t, dir), cache)
	got := renderWith(t, m, repomap.Request{Text: "HiddenOne HiddenTwo HiddenThree hidden_four HiddenFive awsAccess Login `talk`"})
	kept, err := os.ReadFile(cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{got.Text, string(kept)} {
		for _, wrong := range []string{"HiddenOne", "HiddenTwo", "HiddenThree", "HiddenFive", key} {
			if strings.Contains(text, wrong) {
				t.Errorf("%q in\n%q", wrong, text)
			}
		}
	}
	if strings.Contains(got.Text, "<|im_end|>") {
		t.Errorf("a chat marker in\n%s", got.Text)
	}
	for _, want := range []string{"func Login(user string)", "awsAccess", "def talk("} {
		if !strings.Contains(got.Text, want) {
			t.Errorf("no %q in\n%s", want, got.Text)
		}
	}
	if info, err := os.Stat(cache); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the cache: %v, %v; want 0600", info.Mode(), err)
	}
}

// TestRenderStaysInBudget counts in tokens of its own making, which don't add up
// line by line.
func TestRenderStaysInBudget(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, 300)
	m := repomap.Open(open(t, dir), "")
	rapid.Check(t, func(t *rapid.T) {
		perByte := rapid.Float64Range(0.1, 2).Draw(t, "tokens per byte")
		more := rapid.IntRange(0, 9).Draw(t, "more than its lines")
		count := func(text string) int { return int(float64(len(text))*perByte) + more*strings.Count(text, "\n") }
		budget := rapid.IntRange(-5, 800).Draw(t, "budget")
		got, err := m.Render(context.Background(), repomap.Request{
			Path: "area0/part0/job_3.go", Source: "RunJob1(CheckJob2(RunJob9))", Text: "job limits", Budget: budget, Count: count,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.Text != "" && (count(got.Text) != got.Tokens || got.Tokens > budget) || got.Text == "" && got.Tokens+got.Definitions > 0 {
			t.Fatalf("%d tokens, counted %d, of %d:\n%s", got.Tokens, count(got.Text), budget, got.Text)
		}
		if budget > 400 && perByte < 0.3 && more == 0 && got.Definitions < 3 {
			t.Fatalf("only %d definitions in %d tokens", got.Definitions, budget)
		}
	})
}

// TestRenderIsStable edits a tree at random and compares a map that followed it
// through its cache with one that reads all of it anew.
func TestRenderIsStable(t *testing.T) {
	names := []string{"a/one.go", "a/two.go", "b/three.go", "b/one.go", "c/four.py", "c/one_test.go", "c/five.py"}
	words := []string{"Alpha", "Beta", "gamma", "Delta", "epsilonLong", "Zeta_value"}
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		cache := filepath.Join(dir, ".cf", "map")
		tree := open(t, dir)
		m := repomap.Open(tree, cache)
		for range rapid.IntRange(1, 5).Draw(r, "edits") {
			name := rapid.SampledFrom(names).Draw(r, "file")
			uses := rapid.SliceOfN(rapid.SampledFrom(words), 0, 4).Draw(r, "uses")
			defines := rapid.SampledFrom(words).Draw(r, "defines")
			switch {
			case rapid.IntRange(0, 4).Draw(r, "delete") == 0:
				_ = os.Remove(filepath.Join(dir, name)) // it need not be there
			case strings.HasSuffix(name, ".go"):
				write(t, dir, map[string]string{name: "package p\n\nimport \"x/a\"\n\nfunc " + defines + "() {\n\t" + strings.Join(append(uses, ""), "()\n\t") + "}\n"})
			default:
				write(t, dir, map[string]string{name: "import a\n\ndef " + defines + "():\n    return [" + strings.Join(uses, ", ") + "]\n"})
			}
			request := repomap.Request{Path: "a/one.go", Text: "call Beta with gamma", Budget: 300}
			if rapid.Bool().Draw(r, "restart") {
				m = repomap.Open(tree, cache)
			}
			got, want := renderWith(t, m, request), renderWith(t, repomap.Open(tree, ""), request)
			if diff := cmp.Diff(want, got); diff != "" {
				r.Fatalf("with a cache (+) and without (-): %s", diff)
			}
		}
	})
}

// TestRenderSurvivesItsCache damages the cache in many ways.
func TestRenderSurvivesItsCache(t *testing.T) {
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "map")
	write(t, dir, shop)
	tree, request := open(t, dir), repomap.Request{Path: "cart/cart.go", Source: shop["cart/cart.go"]}
	want := renderWith(t, repomap.Open(tree, cache), request)
	whole, err := os.ReadFile(cache)
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string]func([]byte) []byte{
		"empty":         func([]byte) []byte { return nil },
		"half":          func(b []byte) []byte { return b[:len(b)/2] },
		"a byte":        func(b []byte) []byte { b[len(b)/2] ^= 0x10; return b },
		"the last byte": func(b []byte) []byte { b[len(b)-1]++; return b },
		"more":          func(b []byte) []byte { return append(b, 0) },
		"a later cf":    func(b []byte) []byte { return append([]byte("cf repomap 9\n"), b[13:]...) },
		"text":          func([]byte) []byte { return []byte(strings.Repeat("not a map\n", 100)) },
	}
	for name, change := range damage {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(cache, change(slices.Clone(whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, renderWith(t, repomap.Open(tree, cache), request)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("a folder", func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "map")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, renderWith(t, repomap.Open(tree, folder), request)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRenderStopsWhenItIsTold(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, shop)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := repomap.Open(open(t, dir), "")
	if _, err := m.Render(ctx, repomap.Request{Budget: 100, Count: tokens}); fault.KindOf(err) != fault.Interrupted {
		t.Errorf("%v, want an interruption", err)
	}
	if got := renderWith(t, m, repomap.Request{Path: "cart/cart.go", Source: shop["cart/cart.go"]}); got.Definitions == 0 {
		t.Error("nothing after an interruption")
	}
}
