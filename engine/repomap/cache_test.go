//go:build cgo

package repomap

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bitactor/cf/workspace"
)

// drawIndex makes an index as encode may get it: its names in the order of use.
func drawIndex(t *rapid.T) *index {
	x := &index{}
	name := rapid.StringMatching(`[a-z_]{2,6}`)
	paths := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}(/[a-z]{1,3})?\.go`), 0, 6, rapid.ID).Draw(t, "paths")
	for _, p := range paths {
		f := file{path: p, language: byte(rapid.IntRange(0, len(families)-1).Draw(t, "language")), test: rapid.Bool().Draw(t, "test")}
		f.stamp = workspace.Stamp{Size: rapid.Int64().Draw(t, "size"), Modified: rapid.Int64().Draw(t, "time"), Inode: rapid.Uint64().Draw(t, "inode")}
		copy(f.sum[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "sum"))
		var e entry
		for i := range rapid.IntRange(0, 4).Draw(t, "definitions") {
			e.defs = append(e.defs, entryDef{
				name: name.Draw(t, "name"), signature: rapid.String().Draw(t, "signature"), line: rapid.IntRange(0, 1<<20).Draw(t, "line"),
				kind: rapid.SampledFrom(kinds).Draw(t, "kind"), exported: rapid.Bool().Draw(t, "exported"), parent: rapid.IntRange(-1, i-1).Draw(t, "parent"),
			})
		}
		for range rapid.IntRange(0, 4).Draw(t, "uses") {
			e.uses = append(e.uses, entryUse{name.Draw(t, "use"), rapid.IntRange(1, 1<<20).Draw(t, "count")})
		}
		e.imports = rapid.SliceOfN(name, 0, 3).Draw(t, "imports")
		x.files = append(x.files, f)
		x.intern(&x.files[len(x.files)-1], e)
	}
	sortFiles(x.files)
	return x
}

func sortFiles(files []file) {
	for i := range files {
		for k := i; k > 0 && files[k].path < files[k-1].path; k-- {
			files[k], files[k-1] = files[k-1], files[k]
		}
	}
}

func TestCacheKeepsAnIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawIndex(t)
		data := x.encode()
		cost := len(cacheMagic) + 4*binary.MaxVarintLen64
		for i := range x.files {
			cost += x.cost(&x.files[i])
		}
		if len(data) > cost {
			t.Fatalf("%d bytes cost %d", len(data), cost)
		}
		got, ok := decode(string(data))
		if !ok {
			t.Fatal("an index is not read back")
		}
		if again := got.encode(); string(again) != string(data) {
			t.Fatal("the same entries give other bytes")
		}
		for i := range x.files {
			if diff := cmp.Diff(named(x, i), named(got, i)); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// named shows a file with names in place of their numbers.
func named(x *index, i int) string {
	f := x.files[i]
	var b strings.Builder
	fmt.Fprintln(&b, f.path, f.stamp, f.sum, f.language, f.test)
	for _, d := range f.defs {
		fmt.Fprintf(&b, "%s %d %d %d %v %q\n", x.names[d.name], d.line, d.parent, d.kind, d.exported, d.signature)
	}
	for _, u := range f.uses {
		fmt.Fprintln(&b, x.names[u.name], u.count)
	}
	for _, n := range f.imports {
		fmt.Fprintln(&b, x.names[n])
	}
	return b.String()
}

// FuzzDecodeCache gives decode bytes with a right checksum: no panic, no more memory
// than the bytes account for, and what it takes it must be able to map.
func FuzzDecodeCache(f *testing.F) {
	x := &index{files: []file{{path: "a.go"}, {path: "b.go", test: true}}}
	x.intern(&x.files[0], entry{defs: []entryDef{{name: "Push", signature: "func Push()", exported: true, parent: -1}, {name: "pop", parent: 0}}, imports: []string{"ring"}})
	x.intern(&x.files[1], entry{uses: []entryUse{{"Push", 3}}})
	f.Add(x.encode()[len(cacheMagic):])
	f.Add((&index{}).encode()[len(cacheMagic):])
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, body []byte) {
		data := append([]byte(cacheMagic), body...)
		if _, ok := decode(string(data)); ok && len(body) < 4 {
			t.Fatal("read without a checksum")
		}
		data = binary.LittleEndian.AppendUint32(data, crc32.ChecksumIEEE(body))
		x, ok := decode(string(data))
		if !ok {
			return
		}
		if n := len(x.names) + len(x.files); n > len(body) {
			t.Fatalf("%d parts of %d bytes", n, len(body))
		}
		again, ok := decode(string(x.encode()))
		if !ok {
			t.Fatal("what was read can't be written")
		}
		for i := range x.files {
			if named(x, i) != named(again, i) {
				t.Fatalf("%q became %q", named(x, i), named(again, i))
			}
		}
		g, err := newGraph(context.Background(), x, defaultBounds)
		if err != nil {
			t.Fatal(err)
		}
		list, err := g.choose(context.Background(), Request{Path: "b.go", Text: "Push it"})
		if err != nil {
			t.Fatal(err)
		}
		g.render(list, 1000, func(s string) int { return len(s) })
	})
}

// TestContentIsReadOnce proves by an entry that no parse would make: touching a file
// and moving it keep its entry, an edit makes a new one.
func TestContentIsReadOnce(t *testing.T) {
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "map")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.go", "package p\n\nfunc Alpha() {}\n")
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	show := func() string {
		t.Helper()
		got, err := Open(tree, cache).Render(t.Context(), Request{Text: "Alpha", Budget: 1000, Count: func(s string) int { return len(s) }})
		if err != nil {
			t.Fatal(err)
		}
		return got.Text
	}
	show()
	x := loadIndex(cache)
	if len(x.files) != 1 {
		t.Fatalf("the cache holds %d files", len(x.files))
	}
	x.files[0].defs[0].signature = "kept"
	x.save(cache)

	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "a.go"), later, later); err != nil {
		t.Fatal(err)
	}
	if got, want := show(), "a.go:\n  kept"; got != want {
		t.Errorf("touched: %q, want %q", got, want)
	}
	if err := os.Rename(filepath.Join(dir, "a.go"), filepath.Join(dir, "b.go")); err != nil {
		t.Fatal(err)
	}
	if got, want := show(), "b.go:\n  kept"; got != want {
		t.Errorf("moved: %q, want %q", got, want)
	}
	write("b.go", "package p\n\nfunc Alpha(n int) {}\n")
	if got, want := show(), "b.go:\n  func Alpha(n int)"; got != want {
		t.Errorf("edited: %q, want %q", got, want)
	}
}

// TestBoundsHold maps more than may be kept, with a new cache and with a filled one.
func TestBoundsHold(t *testing.T) {
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "map")
	for i := range 700 {
		text := fmt.Sprintf("package p\n\nfunc Job%d() { Other%d() }\n", i, i)
		if i == 3 {
			text += strings.Repeat("// long\n", 1000)
		}
		for k := range 10 {
			text += fmt.Sprintf("\nfunc Part%dOf%d() { Use%d(); UseAlso%d() }\n", k, i, k, k)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%03d.go", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	b := bounds{sourceBytes: 4 << 10, indexBytes: 100_000, defs: 5, uses: 3, edges: 100}
	var before *Rendered
	for range 2 {
		m := Open(tree, cache)
		m.bounds = b
		got, err := m.Render(t.Context(), Request{Text: "Job1 Job699", Budget: 1000, Count: func(s string) int { return len(s) }})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(cache); err != nil || info.Size() > int64(b.indexBytes) {
			t.Errorf("the cache has %d bytes, %v; at most %d", info.Size(), err, b.indexBytes)
		}
		n := len(m.index.files)
		if n == 0 || got.LeftOut != 700-n || !strings.Contains(got.Text, "func Job1()") || strings.Contains(got.Text, "Job699") {
			t.Errorf("%d files, %+v", n, got)
		}
		for i := range m.index.files {
			if f := &m.index.files[i]; f.path == "f003.go" || len(f.defs) > b.defs || len(f.uses) > b.uses {
				t.Fatalf("%s: %d definitions, %d uses", f.path, len(f.defs), len(f.uses))
			}
		}
		g, err := newGraph(t.Context(), m.index, b)
		if err != nil || len(g.edges) > b.edges {
			t.Errorf("%d edges, %v", len(g.edges), err)
		}
		if diff := cmp.Diff(before, got); before != nil && diff != "" {
			t.Errorf("with the cache: %s", diff)
		}
		before = got
	}
}

// ending is a context that ends after it was asked n times.
type ending struct {
	context.Context
	left atomic.Int64
}

func endAfter(t *testing.T, n int) *ending {
	e := &ending{Context: t.Context()}
	e.left.Store(int64(n))
	return e
}

func (e *ending) Err() error {
	if e.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestWhatWasReadIsKept stops a map again and again, a little later each time. It
// must come to its end, since each start goes on where the last one stopped.
func TestWhatWasReadIsKept(t *testing.T) {
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "map")
	const files = 40
	for i := range files {
		text := fmt.Sprintf("-module(m%d).\n-export([f%d/0]).\nf%d() -> m%d:f%d().\n", i, i, i, (i+1)%files, (i+1)%files)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("m%02d.erl", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	request := Request{Path: "m01.erl", Budget: 10_000, Count: func(s string) int { return len(s) }}
	want, err := Open(tree, "").Render(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for n := 1; ; n++ {
		if n > 1000 {
			t.Fatalf("no end: %d of %d files", known, files)
		}
		m := Open(tree, cache)
		got, err := m.Render(endAfter(t, n), request)
		if now := len(loadIndex(cache).files); now < known {
			t.Fatalf("%d files were known, now %d", known, now)
		} else {
			known = now
		}
		if err == nil {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			return
		}
	}
}

// TestPageRank compares the ranks with those of a dense matrix on small graphs.
func TestPageRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawIndex(t)
		if len(x.files) == 0 {
			return
		}
		g, err := newGraph(context.Background(), x, defaultBounds)
		if err != nil {
			t.Fatal(err)
		}
		own := rapid.IntRange(-1, len(x.files)-1).Draw(t, "own")
		start := g.start(map[uint32]float64{}, own)
		got, err := g.pageRank(context.Background(), start)
		if err != nil {
			t.Fatal(err)
		}
		want := denseRank(g, start)
		sum, far := 0.0, 0.0
		for i := range got {
			sum += got[i]
			far += math.Abs(got[i] - want[i])
		}
		// What is left to change after the last round: tolerance * damping / (1 - damping).
		if math.Abs(sum-1) > 1e-9 || far > tolerance*damping/(1-damping) {
			t.Fatalf("sum %g, %g from %v: %v", sum, far, want, got)
		}
	})
}

// denseRank iterates over the matrix until nothing changes.
func denseRank(g *graph, start []float64) []float64 {
	n := len(start)
	matrix := make([][]float64, n)
	for i := range matrix {
		matrix[i] = make([]float64, n)
		passed := 0.0
		for _, e := range g.edges[g.edgeStart[i]:g.edgeStart[i+1]] {
			matrix[i][g.fileOf[e.to]] += damping * float64(e.weight)
			passed += damping * float64(e.weight)
		}
		for k := range start {
			matrix[i][k] += (1 - passed) * start[k]
		}
	}
	rank := append([]float64(nil), start...)
	for range 500 {
		next := make([]float64, n)
		for i := range rank {
			for k := range next {
				next[k] += rank[i] * matrix[i][k]
			}
		}
		rank = next
	}
	return rank
}
