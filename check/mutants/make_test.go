package mutants

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/syntax"
)

// sources are the files of testdata with a source each; Go's would be compiled
// under its own name.
func sources(t interface{ Fatal(...any) }) map[string][]byte {
	names, err := filepath.Glob("testdata/source.*")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	out := map[string][]byte{}
	for _, name := range names {
		if filepath.Ext(name) == ".golden" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(name), ".txt")] = text
	}
	return out
}

// update tells whether -update was given, a flag of package checktest.
func update() bool { return flag.Lookup("update").Value.String() == "true" }

// TestGoldens lists all mutants of a source of each language.
func TestGoldens(t *testing.T) {
	for name, source := range sources(t) {
		t.Run(name, func(t *testing.T) {
			made, err := Make(t.Context(), name, source, Options{Max: 1000})
			if err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(made, func(a, b Mutant) int {
				return strings.Compare(fmt.Sprintf("%4d%4d", a.Line, a.Column)+a.Operator+a.After, fmt.Sprintf("%4d%4d", b.Line, b.Column)+b.Operator+b.After)
			})
			var b strings.Builder
			for _, m := range made {
				fmt.Fprintf(&b, "%d:%d %s in %q: %q -> %q\n", m.Line, m.Column, m.Operator, m.Symbol, m.Before, m.After)
			}
			golden := filepath.Join("testdata", name+".golden")
			if update() {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestProperties holds for any source of any language: mutants differ from it in
// one place and from each other, parse no worse, and depend on the seed alone.
func TestProperties(t *testing.T) {
	all := sources(t)
	names := slices.Sorted(maps.Keys(all))
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "name")
		source := damaged(t, all[name])
		o := Options{Seed: rapid.Uint64().Draw(t, "seed"), Max: rapid.IntRange(1, 40).Draw(t, "max")}
		made, err := Make(context.Background(), name, source, o)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Make(context.Background(), name, bytes.Clone(source), o)
		if diff := cmp.Diff(made, again, cmp.AllowUnexported(Mutant{})); diff != "" || err != nil {
			t.Fatalf("another run: %v\n%s", err, diff)
		}
		if len(made) > o.Max {
			t.Fatalf("%d mutants, at most %d were asked for", len(made), o.Max)
		}
		sane(t, name, source, made)
	})
}

// damaged cuts bytes out of a source, sometimes.
func damaged(t *rapid.T, source []byte) []byte {
	if !rapid.Bool().Draw(t, "cut") {
		return source
	}
	from := rapid.IntRange(0, len(source)).Draw(t, "from")
	to := rapid.IntRange(from, min(len(source), from+20)).Draw(t, "to")
	return slices.Concat(source[:from], source[to:])
}

type failer interface{ Fatalf(string, ...any) }

func sane(t failer, name string, source []byte, made []Mutant) {
	before, err := syntax.Check(context.Background(), syntax.Of(name, nil), source)
	if err != nil {
		t.Fatalf("%v", err)
	}
	known := map[string]bool{string(source): true}
	for _, m := range made {
		lines := bytes.SplitAfterN(source, []byte("\n"), m.Line+1)
		at := len(bytes.Join(lines[:m.Line-1], nil)) + m.Column - 1
		text := string(m.Apply(source))
		want := string(source[:at]) + m.After + string(source[at+len(m.Before):])
		if !bytes.HasPrefix(source[at:], []byte(m.Before)) || text != want {
			t.Fatalf("%s is not what it says, or changes another place", m)
		}
		if known[text] {
			t.Fatalf("%s is there twice, or changes nothing", m)
		}
		known[text] = true
		after, err := syntax.Check(context.Background(), syntax.Of(name, nil), []byte(text))
		if err != nil || len(after) > len(before) {
			t.Fatalf("%s does not parse: %v %v", m, after, err)
		}
	}
}

func FuzzMake(f *testing.F) {
	for name, source := range sources(f) {
		f.Add(name, source, uint64(1))
	}
	f.Fuzz(func(t *testing.T, name string, source []byte, seed uint64) {
		made, err := Make(t.Context(), name, source, Options{Seed: seed})
		if err != nil {
			if made != nil || !Can(name) != (fault.CodeOf(err) == CodeNoMutants) {
				t.Fatal(made, err)
			}
			return
		}
		sane(t, name, source, made)
	})
}

// TestSeedsChoose: another seed gives another choice, and one line is not mutated
// twice before each has its turn.
func TestSeedsChoose(t *testing.T) {
	source := sources(t)["source.go"]
	list := func(seed uint64) (lines []int, text string) {
		made, err := Make(t.Context(), "source.go", source, Options{Seed: seed, Max: 8})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range made {
			lines = append(lines, m.Line)
			text += m.String() + "\n"
		}
		slices.Sort(lines)
		return lines, text
	}
	lines, one := list(1)
	if _, two := list(2); one == two {
		t.Errorf("seeds 1 and 2 give the same:\n%s", one)
	}
	if len(lines) != 8 || len(slices.Compact(lines)) != 8 {
		t.Errorf("lines %v", lines)
	}
}

func TestSymbols(t *testing.T) {
	source := sources(t)["source.go"]
	made, err := Make(t.Context(), "source.go", source, Options{Symbols: []string{"count", "Cart.First"}})
	if err != nil || len(made) != 3 {
		t.Errorf("%v %v", made, err)
	}
	for _, m := range made {
		if m.Symbol != "count" && m.Symbol != "Cart.First" {
			t.Errorf("%s lies in %q", m, m.Symbol)
		}
	}
	if _, err = Make(t.Context(), "source.go", source, Options{Symbols: []string{"nothing"}}); fault.CodeOf(err) != CodeNoSymbol {
		t.Errorf("%v", err)
	}
}

func TestLanguagesWithoutMutants(t *testing.T) {
	for _, name := range []string{"a.erl", "a.sh", "a.json", "Makefile"} {
		if _, err := Make(t.Context(), name, []byte("1 + 1\n"), Options{}); fault.CodeOf(err) != CodeNoMutants || Can(name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGoReturns: each of these mutants must compile, whatever was used only in
// the value that is given back.
func TestGoReturns(t *testing.T) {
	for _, c := range []struct{ before, after string }{
		{"func f(a int) int { return a }", "_ = a; return 0"},
		{"func f(a int) (n int, err error) { return g(a) }", "_, _ = g(a); return 0, nil"},
		{"func f(a int) (n, m int) { return a, 2 }", "_ = a; return 0, 0"},
		{"func f() (T, []int, [2]int, *T, string, map[string]T) { return t, nil, u, nil, \"x\", v }", "_, _, _ = t, u, v; return *new(T), nil, *new([2]int), nil, \"\", nil"},
		{"func f[T any](t T) T { return t }", "_ = t; return *new(T)"},
		{"func f() func() bool { return func() bool { return g() } }", "_ = func() bool { return g() }; return nil"},
		{"func f() int { return -1 }", "return 0"},
		{"func f() int { return 0 }", ""},
		{"func f() (n int) { return }", ""},
		{"func f() error { return nil }", ""},
	} {
		made, err := Make(t.Context(), "a.go", []byte("package a\n\n"+c.before+"\n"), Options{Max: 1000})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(made, func(m Mutant) bool { return m.Operator == OpReturn && m.After == c.after })
		if i < 0 && c.after != "" || c.after == "" && slices.ContainsFunc(made, func(m Mutant) bool { return m.Operator == OpReturn }) {
			t.Errorf("%s: %v", c.before, made)
		}
	}
}

func TestLogsAreNotMutated(t *testing.T) {
	for call, mutated := range map[string]bool{
		"log.Printf(\"%d\", n+1)": false, "s.logger.Info(\"x\", n+1)": false, "slog.Info(\"x\", n+1)": false,
		"fmt.Println(n + 1)": true, "catalog.Add(n + 1)": true, "s.dialog(n + 1)": true,
	} {
		made, err := Make(t.Context(), "a.go", []byte("package a\n\nfunc f(n int) {\n\t"+call+"\n}\n"), Options{})
		if err != nil || len(made) > 0 != mutated {
			t.Errorf("%s: %v %v", call, made, err)
		}
	}
}
