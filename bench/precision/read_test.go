package precision_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bitactor/cf/bench/precision"
	"github.com/bitactor/cf/clean"
)

// TestPatternsSayWhatReadersSaid holds that how often a pattern says that it is right is
// what two readers said of it in code that it had not been tried on.
func TestPatternsSayWhatReadersSaid(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "precision", "unread-*.jsonl"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	read, right := map[string]int{}, map[string]int{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		samples, err := precision.ReadSamples(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(name, err)
		}
		for _, s := range samples {
			read[s.Rule]++
			if s.Verdict1 == precision.True && s.Verdict2 == precision.True {
				right[s.Rule]++
			}
		}
	}
	patterns, err := clean.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range patterns {
		if p.Read != read[p.ID] || p.Right != right[p.ID] {
			t.Errorf("%s says %d of %d, the readers %d of %d", p.ID, p.Right, p.Read, right[p.ID], read[p.ID])
		}
	}
}
