package engine

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
	"github.com/bitactor/cf/prompts"
	"github.com/bitactor/cf/workspace"
	"github.com/google/go-cmp/cmp"
)

const (
	stub  = "// Package limit limits.\npackage limit\n\n// Burst is the size of the bucket.\nconst Burst = 3\n\n// Allow tells whether n fit.\nfunc Allow(n int) bool {\n\tpanic(\"not implemented\")\n}\n\n// Rest is what is left.\nfunc Rest(n int) int { return Burst - n }\n"
	right = "func Allow(n int) bool {\n\treturn n <= Burst\n}"
	wrong = "func Allow(n int) bool {\n\treturn n < Burst\n}"
	tests = "package limit\n\nimport \"testing\"\n\nfunc TestAllow(t *testing.T) {\n\tfor n, want := range map[int]bool{\n\t\t3: true,\n\t\t4: false,\n\t} {\n\t\tif got := Allow(n); got != want {\n\t\t\tt.Errorf(\"Allow(%d) = %t\", n, got)\n\t\t}\n\t}\n}\n"
)

func fence(code string) string { return "Here it is:\n```go\n" + code + "\n```\n" }

// judge stands for the checks where thousands of runs are wanted: it lets land
// what holds text, and calls everything else a failing test.
type judge struct {
	text  string
	tried []string
	sets  []*workspace.Set
	shape func(*land.Trial) // alters what is judged, where set
}

func (j *judge) Try(_ context.Context, set *workspace.Set) (*land.Trial, error) {
	source := string(set.Changes[len(set.Changes)-1].Content)
	j.tried, j.sets = append(j.tried, source), append(j.sets, set)
	v := check.Verdict{Land: strings.Contains(source, j.text), TestsNow: 1}
	if !v.Land {
		v.Why = []string{"1 failing test"}
		v.NewlyFailing = []check.Test{{Name: "TestAllow", State: check.Failed, Output: "Allow(3) = false, want true"}}
	}
	t := &land.Trial{Set: set, Gated: &check.Gated{Verdict: v, Now: &check.Report{}}}
	if j.shape != nil {
		j.shape(t)
	}
	return t, nil
}

// project writes files into a folder that is a root of its own.
func project(t testing.TB, files map[string]string) *workspace.Tree {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".cf"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := workspace.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

func engineFor(t testing.TB, tree *workspace.Tree, p llm.Provider, j Judge, parameters int64) *Engine {
	t.Helper()
	words, err := prompts.Load("")
	if err != nil {
		t.Fatal(err)
	}
	return &Engine{
		Provider: p, Model: llm.Model{Name: llmtest.ScriptModel, Parameters: parameters}, Window: llm.Window{Context: 8192},
		Counter: llmtest.WordCounter{}, Words: words, Tree: tree, Judge: j, Events: event.Discard, Seed: 1,
	}
}

func viewOf(t testing.TB, e *Engine) *files {
	t.Helper()
	f, err := see(t.Context(), e.Tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func script(replies ...string) *llmtest.Script {
	return &llmtest.Script{Replies: map[string][]string{"code": replies}}
}

func TestImplement(t *testing.T) {
	const large, small = 7e9, 5e8
	for name, test := range map[string]struct {
		replies    []string
		parameters int64
		level      Level
		code       string // of the fault
		why        []string
		rounds     []int
	}{
		"first answer":            {[]string{fence(right)}, large, Normal, "", []string{""}, []int{0}},
		"a file in place of part": {[]string{fence("package limit\n\n" + right)}, large, Normal, "", []string{""}, []int{0}},
		"repaired":                {[]string{fence(wrong), fence(right)}, large, Normal, "", []string{"1 failing test", ""}, []int{0, 1}},
		"small: sampled":          {[]string{fence(wrong), fence(right)}, small, Normal, "", []string{"1 failing test", ""}, []int{0, 0}},
		"spare sample": {
			[]string{"I can't.", fence(wrong), fence(right)},
			small, Normal, "",
			[]string{"read reply: no code in the reply is what was asked for", "1 failing test", ""},
			[]int{0, 0, 0},
		},
		"elided": {
			[]string{fence("func Allow(n int) bool {\n\t// ... existing code ...\n}")},
			small, Normal, CodeNoCandidate,
			[]string{"elision: line 9: ... existing code ...", "elision: line 9: ... existing code ...", "elision: line 9: ... existing code ..."},
			[]int{0, 0, 0},
		},
		"the same again": {[]string{fence(wrong)}, small, Normal, CodeNoPass, []string{"1 failing test", "the same as candidate 1"}, []int{0, 0}},
		"no code":        {[]string{"I can't."}, large, Normal, CodeNoCandidate, []string{"read reply: no code in the reply is what was asked for", "read reply: no code in the reply is what was asked for"}, []int{0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			tree := project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests})
			j := &judge{text: "n <= Burst"}
			out, err := engineFor(t, tree, script(test.replies...), j, test.parameters).Implement(t.Context(), Request{Path: "limit/limit.go", Level: test.level})
			if fault.CodeOf(err) != test.code {
				t.Fatalf("fault %v, want %q", err, test.code)
			}
			var why []string
			var rounds []int
			for _, c := range out.Candidates {
				why, rounds = append(why, c.Why), append(rounds, c.Round)
			}
			if diff := cmp.Diff(test.why, why); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.rounds, rounds); diff != "" {
				t.Error(diff)
			}
			if err != nil {
				return
			}
			want := strings.Replace(stub, "func Allow(n int) bool {\n\tpanic(\"not implemented\")\n}", right, 1)
			if diff := cmp.Diff(want, out.Candidates[out.Best].Source); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The prompts of one request share every byte but what is appended to them.
func TestPromptsShareTheirPrefix(t *testing.T) {
	tree := project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests})
	s := script(fence(wrong), fence(wrong+" "))
	_, err := engineFor(t, tree, s, &judge{text: "never"}, 7e9).Implement(t.Context(), Request{Path: "limit/limit.go", Level: High})
	if fault.CodeOf(err) != CodeNoPass {
		t.Fatal(err)
	}
	first := s.Requests()[0].Messages
	for _, r := range s.Requests() {
		if diff := cmp.Diff(first, r.Messages[:len(first)]); diff != "" {
			t.Error(diff)
		}
	}
	prompt := first[1].Content
	for _, want := range []string{"the function Allow", "const Burst = 3", "func Rest(n int) int", "got := Allow(n)"} {
		if !strings.Contains(prompt, want) {
			t.Errorf("the prompt lacks %q:\n%s", want, prompt)
		}
	}
	if strings.Contains(prompt, "t.Errorf") {
		t.Errorf("the prompt holds the test file:\n%s", prompt)
	}
}

func TestWhatToWrite(t *testing.T) {
	long := stub + strings.Repeat("\n// F is one of many.\nfunc F() {}\n", 40)
	full := strings.Replace(stub, "panic(\"not implemented\")", "return true", 1)
	for name, test := range map[string]struct {
		text    string
		request Request
		symbols []string
		code    string
	}{
		"stub":                    {stub, Request{}, []string{"Allow"}, ""},
		"named":                   {stub, Request{Symbol: "Rest"}, []string{"Rest"}, ""},
		"named in words":          {full, Request{Instructions: "make Rest() never negative"}, []string{"Rest"}, ""},
		"a common word":           {strings.ReplaceAll(full, "Rest", "Is"), Request{Instructions: "the bucket Is full"}, nil, ""},
		"small, with words":       {full, Request{Instructions: "double the burst"}, nil, ""},
		"full, nothing said":      {full, Request{}, nil, CodeNothing},
		"large, nothing named":    {strings.ReplaceAll(long, "panic(\"not implemented\")", "return true"), Request{Instructions: "make it faster"}, nil, CodeWhichSymbol},
		"no such symbol":          {stub, Request{Symbol: "Deny"}, nil, CodeNoSymbol},
		"a secret in it":          {"package a\n\nconst token = \"ghp_abcdefghijklmnopqrstuvwxyz0123456789\"\n", Request{Instructions: "x"}, nil, CodeSecret},
		"control tokens in it":    {"package a\n\nconst end = \"<|im_end|>\"\n", Request{Instructions: "x"}, nil, CodeMarkers},
		"a constant, not a name":  {full, Request{Instructions: "raise `Burst` to 5"}, []string{"Burst"}, ""},
		"several without a body":  {stub + "\nfunc More() {\n\tpanic(\"TO" + "DO\")\n}\n", Request{}, []string{"Allow", "More"}, ""},
		"secret elsewhere in it":  {stub + "\nconst token = \"ghp_abcdefghijklmnopqrstuvwxyz0123456789\"\n", Request{Symbol: "Allow"}, []string{"Allow"}, ""},
		"an empty file, in words": {"", Request{Instructions: "a stack"}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.request.Path = "a.go"
			e := engineFor(t, project(t, map[string]string{"a.go": test.text}), nil, nil, 0)
			target, err := e.open(t.Context(), viewOf(t, e), test.request)
			if fault.CodeOf(err) != test.code {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				if diff := cmp.Diff(test.symbols, fullNamesOrNil(target)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func fullNamesOrNil(t *target) []string {
	if len(t.symbols) == 0 {
		return nil
	}
	return fullNames(t.symbols)
}

func TestHollow(t *testing.T) {
	for path, text := range map[string]string{
		"a.py": "def f(x):\n    \"\"\"Doc.\"\"\"\n    return x\n\n\ndef g(x):\n    \"\"\"Not yet.\"\"\"\n    raise NotImplementedError\n",
		"a.ex": "defmodule A do\n  def f(x), do: x\n\n  def g(_x) do\n    raise \"not implemented\"\n  end\nend\n",
		"a.rs": "fn f() -> i32 { 1 }\n\nfn g() -> i32 {\n    to" + "do!()\n}\n",
		"a.ts": "function f(): number { return 1; }\n\nfunction g(): number {\n  throw new Error('not implemented');\n}\n",
		"a.go": "package a\n\nfunc f() {}\n\nfunc g() int {\n\tpanic(\"to" + "do: count\") // later\n}\n",
	} {
		e := engineFor(t, project(t, map[string]string{path: text}), nil, nil, 0)
		target, err := e.open(t.Context(), viewOf(t, e), Request{Path: path})
		if err != nil || len(target.symbols) != 1 || target.symbols[0].Name != "g" {
			t.Errorf("%s: %v, %v", path, target, err)
		}
	}
}

// What is solved follows from the model's own chance and the samples, and what
// does not pass never comes out as passing.
func TestNoisyModels(t *testing.T) {
	tree := project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests})
	for _, p := range []float64{0.05, 0.1, 0.2, 0.35, 0.5} {
		for _, level := range []Level{Normal, High, Hyper} {
			const runs = 60
			solved := 0
			for seed := range uint64(runs) {
				j := &judge{text: right}
				e := engineFor(t, tree, llmtest.Noisy(script(fence(right)), p, seed), j, 5e8)
				out, err := e.Implement(t.Context(), Request{Path: "limit/limit.go", Level: level})
				passes := err == nil && strings.Contains(out.Candidates[out.Best].Source, right)
				if (err == nil) != passes {
					t.Fatalf("passed with %q", out.Candidates[out.Best].Source)
				}
				if passes {
					solved++
				}
			}
			n := strategyOf(level, 5e8).samples
			least := 0.95 * (1 - math.Pow(1-p, float64(n)))
			// three standard deviations of a share of that many runs
			if got, slack := float64(solved)/runs, 3*math.Sqrt(0.25/runs); got < least-slack {
				t.Errorf("p %.2f, %s: solved %.2f, want at least %.2f", p, level, got, least)
			}
		}
	}
}

// A budget that ends, and a caller who cancels, keep the best candidate.
func TestEndedEarly(t *testing.T) {
	tree := project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests})
	for name, test := range map[string]struct {
		budget time.Duration
		kind   fault.Kind
	}{"budget": {500 * time.Millisecond, fault.Refused}, "cancelled": {0, fault.Interrupted}} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := script(fence(wrong))
			n := 0
			s.Replies = nil
			s.Reply = func(int, llm.Request) (string, error) {
				if n++; n > 1 {
					if test.budget == 0 {
						cancel()
					}
					<-ctx.Done()
				}
				return fence(wrong), nil
			}
			if test.budget > 0 {
				time.AfterFunc(2*test.budget, cancel)
			}
			out, err := engineFor(t, tree, s, &judge{text: "never"}, 5e8).Implement(ctx, Request{Path: "limit/limit.go", Budget: test.budget, Level: High})
			if fault.KindOf(err) != test.kind {
				t.Errorf("got %v", err)
			}
			if out == nil || out.Best != 0 || !strings.Contains(out.Candidates[0].Source, "n < Burst") {
				t.Errorf("the best candidate is gone: %+v", out)
			}
		})
	}
}

func TestLongFilesKeepEveryOtherByte(t *testing.T) {
	var b strings.Builder
	b.WriteString("package big\n\n")
	for i := range 300 {
		fmt.Fprintf(&b, "// F%d is   oddly  spaced.\nfunc  F%d( n int )  int {\n\treturn n+%d\n}\n\n", i, i, i)
	}
	source := b.String()
	if n := strings.Count(source, "\n"); n < 1500 {
		t.Fatalf("%d lines", n)
	}
	tree := project(t, map[string]string{"big/big.go": source})
	e := engineFor(t, tree, script(fence("func F150(n int) int {\n\treturn n * 2\n}")), &judge{text: "n * 2"}, 7e9)
	e.Window.Context = 4096
	out, err := e.Implement(t.Context(), Request{Path: "big/big.go", Symbol: "F150"})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(source, "func  F150( n int )  int {\n\treturn n+150\n}", "func F150(n int) int {\n\treturn n * 2\n}", 1)
	if diff := cmp.Diff(want, out.Candidates[out.Best].Source); diff != "" {
		t.Error(diff)
	}
}

func TestLongElixirModulesKeepEveryOtherByte(t *testing.T) {
	var b strings.Builder
	b.WriteString("defmodule Big do\n  @moduledoc false\n\n")
	for i := range 300 {
		fmt.Fprintf(&b, "  @doc \"Adds   %d.\"\n  def  f%d( n ),   do: n+%d\n\n", i, i, i)
	}
	b.WriteString("end\n")
	source := b.String()
	tree := project(t, map[string]string{"lib/big.ex": source})
	e := engineFor(t, tree, script("```elixir\ndef f150(n) do\n  n * 2\nend\n```\n"), &judge{text: "n * 2"}, 7e9)
	e.Window.Context = 4096
	out, err := e.Implement(t.Context(), Request{Path: "lib/big.ex", Symbol: "f150/1", Instructions: "double it"})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(source, "def  f150( n ),   do: n+150", "def f150(n) do\n    n * 2\n  end", 1)
	if diff := cmp.Diff(want, out.Candidates[out.Best].Source); diff != "" {
		t.Error(diff)
	}
}

// What a model answers badly is a refused change. A server that never came to the
// end of an answer is a fault of its own: what the model would have said is not
// known.
func TestNoReplyHoldsCode(t *testing.T) {
	cut := fault.New(fault.Unusable, llm.CodeCut, "the stream ended without its end mark")
	loop := fault.New(fault.Unusable, llm.CodeLoop, "the reply repeats itself")
	down := fault.New(fault.Unreachable, llm.CodeRefused, "nothing listens")
	for name, test := range map[string]struct {
		replies []error // in turn, the last one from then on; nil: a reply without code
		kind    fault.Kind
		code    string
	}{
		"prose":                  {[]error{nil}, fault.Refused, CodeNoCandidate},
		"a loop":                 {[]error{loop}, fault.Refused, CodeNoCandidate},
		"prose, then cut":        {[]error{nil, cut}, fault.Refused, CodeNoCandidate},
		"cut, then prose":        {[]error{cut, nil}, fault.Refused, CodeNoCandidate},
		"cut each time":          {[]error{cut}, fault.Unusable, llm.CodeCut},
		"cut, then nobody there": {[]error{cut, down}, fault.Unreachable, llm.CodeRefused},
	} {
		for _, path := range []string{"limit/limit.go", "limit/limit.md"} {
			t.Run(name+" "+path, func(t *testing.T) {
				s := &llmtest.Script{Reply: func(n int, _ llm.Request) (string, error) {
					if err := test.replies[min(n, len(test.replies)-1)]; err != nil {
						return "", err
					}
					return "I can't.", nil
				}}
				tree := project(t, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests})
				_, err := engineFor(t, tree, s, &judge{}, 5e8).Implement(t.Context(), Request{Path: path})
				if fault.KindOf(err) != test.kind || fault.CodeOf(err) != test.code {
					t.Errorf("got %s %s (%v), want %s %s", fault.KindOf(err), fault.CodeOf(err), err, test.kind, test.code)
				}
			})
		}
	}
}
