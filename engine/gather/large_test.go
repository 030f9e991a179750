package gather_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/engine/gather"
	"github.com/bitactor/cf/workspace"
)

// large makes a project of n Go files of about two kilobytes.
func large(t testing.TB, n int) *workspace.Tree {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, ".git"), 0o755))
	body := strings.Repeat("func handleRequest(ctx context.Context, connection net.Conn) error { return nil }\n", 25)
	for i := range n {
		folder := filepath.Join(dir, fmt.Sprintf("service%03d", i/200), fmt.Sprintf("part%d", i%7))
		if i%200 < 7 {
			must(t, os.MkdirAll(folder, 0o755))
		}
		must(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("file%06d.go", i)), []byte("package part\n"+body), 0o644))
	}
	tree, err := workspace.Open(dir)
	must(t, err)
	t.Cleanup(func() { must(t, tree.Close()) })
	return tree
}

// peak watches the heap from inside a run, through the function that Gather
// calls most often.
type peak struct{ calls, base, most uint64 }

func newPeak() *peak {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return &peak{base: m.HeapAlloc}
}

func (p *peak) count(s string) int {
	if p.calls++; p.calls%16 == 1 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		p.most = max(p.most, m.HeapAlloc-min(p.base, m.HeapAlloc))
	}
	return quarter(s)
}

func TestLargeTree(t *testing.T) {
	tree := large(t, 10_000)
	p := newPeak()
	start := time.Now()
	c, err := gather.Gather(t.Context(), tree, gather.Input{Task: "make the connection of handleRequest in file004242.go safe", Contexts: []string{"@service003"}, Budget: 8000, Count: p.count})
	must(t, err)
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("took %v", took)
	} else {
		t.Logf("took %v, peak heap %d KiB, %d reads", took, p.most>>10, len(c.Reads))
	}
	if p.most > 32<<20 {
		t.Errorf("heap grew by %d MiB", p.most>>20)
	}
	if state(c, "service021/part0/file004242.go") == "" {
		t.Errorf("the named file was not considered: %v", c.Reads)
	}
	if len(c.Reads) > 150 {
		t.Errorf("%d lines of what was read", len(c.Reads))
	}
}

// BenchmarkGather/files=100000 makes its tree first, which takes about a
// minute; its peak-MiB must stay under 64.
func BenchmarkGather(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			tree := large(b, n)
			p := newPeak()
			for b.Loop() {
				_, err := gather.Gather(b.Context(), tree, gather.Input{Task: "make the connection of handleRequest safe", Budget: 8000, Count: p.count})
				must(b, err)
			}
			b.ReportMetric(float64(p.most)/(1<<20), "peak-MiB")
		})
	}
}
