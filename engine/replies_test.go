package engine

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/syntax"
	"github.com/bitactor/cf/workspace"
)

var update = flag.Bool("update", false, "write the verdicts of testdata/replies anew; read the difference before you commit it")

// usable is the verdict of a reply that holds code for what was asked; every
// other is a stable code.
const usable = "code"

// takeAll lets everything land, so that only the engine's own eye is tested.
type takeAll struct{}

func (takeAll) Try(_ context.Context, set *workspace.Set) (*land.Trial, error) {
	return &land.Trial{Set: set, Gated: &check.Gated{Now: &check.Report{}, Verdict: check.Verdict{Land: true}}}, nil
}

// answer returns what the engine makes of an entry. Test files are only ever added
// to (see TestRepliesNeverTouchTests): for them it is what guard would say if an
// answer took the place of what stands there.
func answer(t testing.TB, cases map[string]asked, e entry, streams bool) Candidate {
	t.Helper()
	c, ok := cases[e.head["case"]]
	if !ok {
		t.Fatalf("%s: no case %q", e.name, e.head["case"])
	}
	engine := engineFor(t, project(t, c.files), &replay{entry: e, streams: streams}, nil, 0)
	engine.Judge = takeAll{}
	if IsTest(c.request.Path) {
		return inPlace(t, engine, c)
	}
	out, _ := engine.Implement(t.Context(), c.request) // that nothing could be used is in the candidate
	if out == nil || len(out.Candidates) == 0 {
		t.Fatalf("%s: no candidate", e.name)
	}
	return out.Candidates[0]
}

// inPlace writes a file of tests as if it were code.
func inPlace(t testing.TB, e *Engine, c asked) Candidate {
	t.Helper()
	f, err := see(t.Context(), e.Tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := &run{Engine: e, request: c.request, files: f, seen: map[string]int{}, out: &Outcome{Path: c.request.Path, Best: -1}}
	if r.target, err = r.open(t.Context(), f, c.request); err != nil {
		t.Fatal(err)
	}
	if err := r.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.siblings, err = f.goSiblings(t.Context(), r.target); err != nil {
		t.Fatal(err)
	}
	got, err := r.sample(t.Context(), 0, 0, 1, r.questions)
	if err != nil {
		t.Fatal(err)
	}
	if got.Source == r.target.present {
		got.Source = ""
		got.refuse(CodeNoChange, "it changes nothing")
	}
	return *got
}

// Whatever a model answers, a file of tests keeps every byte that it had: tests are
// added in one place, or nothing is.
func TestRepliesNeverTouchTests(t *testing.T) {
	cases := readCases(t)
	added := 0
	for _, e := range append(readCorpus(t, "real"), readCorpus(t, "made")...) {
		c := cases[e.head["case"]]
		if !IsTest(c.request.Path) {
			continue
		}
		engine := engineFor(t, project(t, c.files), &replay{entry: e, streams: true}, nil, 0)
		engine.Judge = takeAll{}
		out, err := engine.Implement(t.Context(), c.request)
		if out == nil {
			t.Fatalf("%s: %v", e.name, err)
		}
		was := c.files[c.request.Path]
		for _, candidate := range out.Candidates {
			is := candidate.Source
			if is == "" {
				continue
			}
			added++
			same := 0
			for same < len(was) && same < len(is) && was[same] == is[same] {
				same++
			}
			if len(is) <= len(was) || !strings.HasSuffix(is[same:], was[same:]) {
				t.Errorf("%s: more than one place of the tests differs:\n%s", e.name, is)
			}
		}
	}
	if added == 0 {
		t.Error("no reply added a test: this shows nothing")
	}
}

// badMin is how many replies of real models that must not be used the corpus holds.
const badMin = 200

// TestReplies holds the verdict of every reply of the corpus: what comes of it in
// Extract, guard and mend.
func TestReplies(t *testing.T) {
	cases := readCases(t)
	bad := 0
	for _, folder := range []string{"real", "made"} {
		for _, e := range readCorpus(t, folder) {
			t.Run(e.name, func(t *testing.T) {
				got := answer(t, cases, e, false)
				verdict, result := got.Code, ""
				if got.Source != "" {
					verdict, result = usable, fmt.Sprintf("%x", sha256.Sum256([]byte(got.Source)))[:12]
				}
				if folder == "real" && verdict != usable {
					bad++
				}
				if *update {
					e.head["verdict"], e.head["result"] = verdict, result
					e.write(t)
				}
				if verdict != e.head["verdict"] || result != e.head["result"] {
					t.Errorf("verdict %s %s, want %s %s\n%s\nsource:\n%s", verdict, result, e.head["verdict"], e.head["result"], got.Why, got.Source)
				}
				t.Logf("%s\nthe file then:\n%s", got.Why, got.Source)
			})
		}
	}
	if bad < badMin {
		t.Errorf("%d bad replies of real models, want at least %d", bad, badMin)
	}
}

// A reply that is read as it comes, and ended once its answer is there, is never
// worse than the whole: what the engine refuses of the code is refused so too.
func TestRepliesAsTheyCome(t *testing.T) {
	cases := readCases(t)
	for _, e := range append(readCorpus(t, "real"), readCorpus(t, "made")...) {
		got := answer(t, cases, e, true)
		if e.head["verdict"] == usable && got.Source == "" {
			t.Errorf("%s: usable, but as it comes: %s", e.name, got.Why)
		}
		if strings.HasPrefix(e.head["verdict"], "reply-") || got.Source == "" {
			continue // an answer that came before what spoilt the reply
		}
		if e.head["verdict"] != usable && e.head["verdict"] != llm.CodeLoop {
			t.Errorf("%s: %s, but as it comes it is taken:\n%s", e.name, e.head["verdict"], got.Source)
		}
	}
}

func TestStillHollow(t *testing.T) {
	for name, test := range map[string]struct {
		path, before, after string
		found               int
	}{
		"asked for, still a stub":   {"a.py", "def f():\n    raise NotImplementedError\n", "def f():\n    pass\n", 1},
		"had a body":                {"a.py", "def f():\n    return 1\n\n\ndef g():\n    raise NotImplementedError\n", "def f():\n    ...\n\n\ndef g():\n    return 2\n", 1},
		"new, and says so":          {"a.go", "", "package a\n\nfunc F() {\n\tpanic(\"not implemented\")\n}\n", 1},
		"new, and empty on purpose": {"a.py", "", "class Base:\n    def f(self):\n        pass\n", 0},
		"was a stub, not asked for": {"a.py", "def f():\n    raise NotImplementedError\n", "def f():\n    raise NotImplementedError\n\n\ndef h():\n    return 1\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			request := Request{Path: test.path, Instructions: "x"}
			if test.before != "" {
				files[test.path] = test.before
			}
			e := engineFor(t, project(t, files), nil, nil, 0)
			target, err := e.open(t.Context(), viewOf(t, e), request)
			if err != nil {
				t.Fatal(err)
			}
			if name == "was a stub, not asked for" {
				target.symbols = nil
			}
			after, err := syntax.Parse(t.Context(), target.lang, []byte(test.after))
			if err != nil {
				t.Fatal(err)
			}
			if found := target.stillHollow(after); len(found) != test.found {
				t.Errorf("got %v, want %d", found, test.found)
			}
		})
	}
}

// A definition stays as visible as it was where the model leaves the mark out.
func TestWhatWasVisibleStaysSo(t *testing.T) {
	for path, test := range map[string]struct{ present, answer, want string }{
		"a.js": {"export function f() {\n  throw new Error('not implemented');\n}\n", "```js\nfunction f() {\n  return 1;\n}\n```", "export function f() {\n  return 1;\n}\n"},
		"a.ts": {"export function f(): number {\n  throw new Error('not implemented');\n}\n", "```ts\nexport function f(): number {\n  return 1;\n}\n```", "export function f(): number {\n  return 1;\n}\n"},
		"a.rs": {"/// One.\npub fn f() -> i32 {\n    unimplemented!()\n}\n", "```rust\n/// One.\nfn f() -> i32 {\n    1\n}\n```", "/// One.\npub fn f() -> i32 {\n    1\n}\n"},
		"b.rs": {"fn f() -> i32 {\n    unimplemented!()\n}\n", "```rust\nfn f() -> i32 {\n    1\n}\n```", "fn f() -> i32 {\n    1\n}\n"},
	} {
		engine := engineFor(t, project(t, map[string]string{path: test.present}), script(test.answer), nil, 0)
		engine.Judge = takeAll{}
		out, err := engine.Implement(t.Context(), Request{Path: path})
		if err != nil || out.Candidates[0].Source != test.want {
			t.Errorf("%s: %v\n%+v", path, err, out)
		}
	}
}
