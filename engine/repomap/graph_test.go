//go:build cgo

package repomap

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/workspace"
)

// graphOf makes a graph of Go files given as "uses: A B defines: C d imports: p".
func graphOf(t *testing.T, files ...[2]string) *graph {
	t.Helper()
	x := &index{}
	for _, f := range files {
		var e entry
		part := ""
		for _, word := range strings.Fields(f[1]) {
			switch {
			case strings.HasSuffix(word, ":"):
				part = word
			case part == "uses:":
				e.uses = append(e.uses, entryUse{word, 1})
			case part == "imports:":
				e.imports = append(e.imports, word)
			default:
				e.defs = append(e.defs, entryDef{name: word, signature: word, exported: strings.ToUpper(word[:1]) == word[:1], parent: -1})
			}
		}
		x.files = append(x.files, file{path: f[0], test: testFile.MatchString(f[0])})
		x.intern(&x.files[len(x.files)-1], e)
	}
	g, err := newGraph(context.Background(), x, defaultBounds)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// weightOf returns the weight of the edges from one file to a definition of another.
func (g *graph) weightOf(from, to, name string) float64 {
	i, sum := g.find(from), 0.0
	for _, e := range g.edges[g.edgeStart[i]:g.edgeStart[i+1]] {
		if g.files[g.fileOf[e.to]].path == to && g.def(e.to).signature == name {
			sum += float64(e.weight)
		}
	}
	return sum
}

func TestWeights(t *testing.T) {
	g := graphOf(t,
		[2]string{"a/a.go", "uses: Plain RateLimiter ctx Twice _hidden imports: b c"},
		[2]string{"a/b.go", "defines: ctx _hidden"},
		[2]string{"b/b.go", "defines: Plain RateLimiter Twice"},
		[2]string{"c/c.go", "defines: Twice"},
	)
	plain := g.weightOf("a/a.go", "b/b.go", "Plain")
	tests := []struct {
		name, file string
		want       float64 // times Plain
	}{
		{"RateLimiter", "b/b.go", weightCompound},
		{"ctx", "a/b.go", weightShort},
		{"_hidden", "a/b.go", weightUnderscore},
		{"Twice", "b/b.go", 0.25}, // a quarter for each of two, half in all
		{"Twice", "c/c.go", 0.25},
	}
	for _, test := range tests {
		if got := g.weightOf("a/a.go", test.file, test.name) / plain; math.Abs(got-test.want) > 1e-6 {
			t.Errorf("%s in %s: %g, want %g", test.name, test.file, got, test.want)
		}
	}
}

func TestTestsPassOnLess(t *testing.T) {
	g := graphOf(t,
		[2]string{"a/a.go", "uses: Plain"},
		[2]string{"a/a_test.go", "uses: Plain Kit"},
		[2]string{"a/kit_test.go", "defines: Kit"},
		[2]string{"a/p.go", "defines: Plain"},
		[2]string{"b/b.go", "uses: Kit imports: a"},
	)
	if got := g.weightOf("a/a.go", "a/p.go", "Plain"); math.Abs(got-1) > 1e-6 {
		t.Errorf("a source passes on %g, want 1", got)
	}
	got := g.weightOf("a/a_test.go", "a/p.go", "Plain") + g.weightOf("a/a_test.go", "a/kit_test.go", "Kit")
	if math.Abs(got-testShare) > 1e-6 {
		t.Errorf("a test passes on %g, want %g", got, testShare)
	}
	if got := g.weightOf("b/b.go", "a/kit_test.go", "Kit"); got != 0 {
		t.Errorf("what a test defines has %g of another package's rank", got)
	}
	start := g.start(map[uint32]float64{}, -1)
	for i := range g.files {
		if g.files[i].test != (start[i] == 0) {
			t.Errorf("%s: a walk starts there with %g", g.files[i].path, start[i])
		}
	}
}

func TestNamesThatMeanTooMuchMeanNothing(t *testing.T) {
	files := [][2]string{{"a/a.go", "uses: New"}}
	for i := range definersMax + 1 {
		files = append(files, [2]string{"a/b" + string(rune('a'+i)) + ".go", "defines: New"})
	}
	if g := graphOf(t, files...); len(g.edges) != 0 {
		t.Errorf("%d edges for a name with %d definitions", len(g.edges), definersMax+1)
	}
	if g := graphOf(t, files[:definersMax+1]...); len(g.edges) != definersMax {
		t.Errorf("%d edges for a name with %d definitions", len(g.edges), definersMax)
	}
}

// TestUnsettledStampsAreNotTrusted: a file just written may change once more within
// one step of the clock.
func TestUnsettledStampsAreNotTrusted(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.go")
	if err := os.WriteFile(name, []byte("package p\n\nfunc Alpha() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	m := Open(tree, "")
	saved, err := m.refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-saved
	if got := m.index.files[0].stamp; got != (workspace.Stamp{}) {
		t.Errorf("a file of %v ago is known by %+v", time.Since(time.Unix(0, got.Modified)), got)
	}
}

// TestAnInterruptionLosesNothing edits the first file of a known tree and stops the
// map before it comes to the others.
func TestAnInterruptionLosesNothing(t *testing.T) {
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "map")
	for _, name := range []string{"a.erl", "b.erl", "c.erl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("-module(m).\nf() -> ok.\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	request := Request{Budget: 100, Count: func(s string) int { return len(s) }}
	if _, err := Open(tree, cache).Render(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.erl"), []byte("-module(m).\ng() -> ok.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(tree, cache).Render(endAfter(t, 1), request); err == nil { // 1: the folder's listing
		t.Fatal("not interrupted")
	}
	if got := len(loadIndex(cache).files); got != 3 {
		t.Errorf("%d of 3 files are known after an interruption", got)
	}
}

// TestNamesOfThePastDoNotCount: an index that followed a tree for long knows names
// that nothing holds any more. The scores must be those of a new one.
func TestNamesOfThePastDoNotCount(t *testing.T) {
	g := graphOf(t, [2]string{"a/a.go", "uses: RateLimiter imports: b"}, [2]string{"b/rate.go", "defines: RateLimiter LimitRate Other"})
	request := Request{Path: "a/a.go", Text: "let the limiter have a rate"}
	before, err := g.choose(t.Context(), request)
	if err != nil || len(before) == 0 {
		t.Fatal(before, err)
	}
	for i := range 1000 {
		g.id('g', "Gone"+strings.Repeat("x", i%50))
	}
	again, err := newGraph(t.Context(), g.index, defaultBounds)
	if err != nil {
		t.Fatal(err)
	}
	after, err := again.choose(t.Context(), request)
	if diff := cmp.Diff(before, after, cmp.AllowUnexported(chosen{})); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
