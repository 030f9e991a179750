package source_test

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/checktest"
	"github.com/bitactor/cf/check/source"
	"github.com/bitactor/cf/workspace"
)

// TestReaderBoundsFiles: what a parser would need too much memory for becomes a
// gap that blocks, and the parser never sees it.
func TestReaderBoundsFiles(t *testing.T) {
	stage := checktest.Stage(t, map[string]string{
		"fits": strings.Repeat("x", 100), "large": strings.Repeat("x", 101), "dense": strings.Repeat("[", 51), "rows": strings.Repeat("\n", 50),
	})
	r := source.Reader{Checker: "c", Tool: "t", BytesMax: 100, ValuesMax: 50}
	var seen []string
	out, err := r.Each(t.Context(), check.Target{Stage: stage}, []string{"fits", "large", "dense", "rows"}, func(f *source.File) error {
		seen = append(seen, f.Path)
		return nil
	})
	if err != nil || len(seen) != 2 || seen[0] != "fits" || seen[1] != "rows" {
		t.Errorf("read %v, %v", seen, err)
	}
	if len(out.Gaps) != 2 || out.Gaps[0].Why != workspace.CodeTooBig || out.Gaps[1].Why != "more than 50 lines and values" {
		t.Errorf("gaps %v", out.Gaps)
	}
	for _, g := range out.Gaps {
		if !g.Blocks {
			t.Errorf("%s: what was not read must block", g.File)
		}
	}
}

// TestLargeFilesTakeTurns: two of the largest files are never with parsers at the
// same time, whichever Reader they come from.
func TestLargeFilesTakeTurns(t *testing.T) {
	stage := checktest.Stage(t, map[string]string{"a": strings.Repeat("x", 100), "b": strings.Repeat("x", 1000)})
	var inside atomic.Int32
	var together atomic.Bool
	var group sync.WaitGroup
	for range 8 {
		for name, bytes := range map[string]int{"a": 100, "b": 1000} {
			group.Go(func() {
				_, err := source.Reader{BytesMax: bytes}.Each(t.Context(), check.Target{Stage: stage}, []string{name, name}, func(*source.File) error {
					if inside.Add(1) > 1 {
						together.Store(true)
					}
					runtime.Gosched()
					inside.Add(-1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	if together.Load() {
		t.Error("two at one time")
	}
}
