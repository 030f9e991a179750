package corebench

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/bench"
)

var update = flag.Bool("update", false, "rewrite the documents from core/figures.json")

// The lines that hold the summary in README.md.
const (
	begins = "<!-- from core/figures.json; make figures-core -->\n"
	ends   = "<!-- end of the figures -->\n"
)

// TestDocuments keeps the tables of figures equal to the recorded run.
func TestDocuments(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "core", "figures.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r bench.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer
	if err := r.Markdown(&whole); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(readme), begins)
	_, after, also := strings.Cut(rest, ends)
	if !found || !also {
		t.Fatal("README.md has no place for the figures")
	}
	for name, want := range map[string]string{
		"README.md":       before + begins + Summary(&r) + ends + after,
		"core/FIGURES.md": whole.String(),
	} {
		path := filepath.Join(root, name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(path); err != nil || string(have) != want {
			t.Errorf("%s is not what core/figures.json says (%v); make figures-core, or go test ./bench/corebench -run TestDocuments -update", name, err)
		}
	}
}

// TestSummaryHasTheUnfavourableRows: the summary may not leave out what is slow.
func TestSummaryHasTheUnfavourableRows(t *testing.T) {
	var r bench.Report
	for _, name := range summed {
		r.Measures = append(r.Measures, bench.Measure{Case: name, Ticks: bench.Estimate{Median: 8, Runs: 9}})
	}
	names := map[string]bool{}
	for _, row := range rows() {
		names[row.name] = true
	}
	for _, name := range summed {
		if !names[name] && name != goLoop {
			t.Errorf("%q is no row of the suite", name)
		}
	}
	for _, word := range []string{"random kinds", "cold rings", "copied in", "tick per signal", "two cores, batch 1", "MPSC"} {
		if !strings.Contains(Summary(&r), word) {
			t.Errorf("no word of %q", word)
		}
	}
}
