package calibrate_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/calibrate"
	"github.com/bitactor/cf/engine/land"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
	"github.com/bitactor/cf/prompts"
	"github.com/bitactor/cf/workspace"
)

const (
	limit   = "package limit\n\n// Burst is the most.\nconst Burst = 3\n\n// Allow tells whether n fit.\nfunc Allow(n int) bool {\n\tpanic(\"not implemented\")\n}\n"
	allowed = "func Allow(n int) bool {\n\treturn n <= Burst\n}\n"
)

// writer answers the engine as a fake model of that ability would.
func (m model) writer(n int, r llm.Request) (string, error) {
	if r.Name != "code" {
		return m.reply(n, r)
	}
	whole := strings.Contains(r.Messages[len(r.Messages)-1].Content, "Write the whole file")
	switch {
	case whole && m.files:
		at := strings.Index(limit, "func Allow")
		return "```go\n" + limit[:at] + allowed + "```\n", nil
	case !whole && m.symbols:
		return "```go\n" + allowed + "```\n", nil
	}
	return "Sure, I will.", nil
}

// judge lets land what is right.
type judge struct{}

func (judge) Try(_ context.Context, set *workspace.Set) (*land.Trial, error) {
	v := check.Verdict{Land: strings.Contains(string(set.Changes[0].Content), "n <= Burst")}
	return &land.Trial{Set: set, Gated: &check.Gated{Now: &check.Report{}, Verdict: v}}, nil
}

// Two models of opposite ability are asked in different ways once they are
// calibrated, and each then does what it could not do in the other's way.
func TestCalibratedModelsAreAskedAsTheyCan(t *testing.T) {
	files := model{files: true, cases: true, headings: true, json: true, finds: 1 << 20}
	symbols := files
	symbols.files, symbols.symbols = false, true
	for name, test := range map[string]struct {
		model, calibrated model
		solves            bool
	}{
		"files, calibrated":                    {files, files, true},
		"symbols, calibrated":                  {symbols, symbols, true},
		"files, asked as the other is":         {files, symbols, false},
		"symbols, asked as the other would be": {symbols, files, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "limit.go"), []byte(limit), 0o644); err != nil {
				t.Fatal(err)
			}
			tree, err := workspace.OpenFolder(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer tree.Close()
			words, err := prompts.Load("")
			if err != nil {
				t.Fatal(err)
			}
			e := &engine.Engine{
				Provider: &llmtest.Script{Reply: test.model.writer}, Model: llm.Model{Name: llmtest.ScriptModel, Parameters: 5e8},
				Window: llm.Window{Context: 8192}, Counter: llmtest.WordCounter{}, Words: words, Tree: tree, Judge: judge{}, Events: event.Discard,
				Profile: calibrate.Profile(run(t, test.calibrated)),
			}
			_, err = e.Implement(t.Context(), engine.Request{Path: "limit.go"})
			if test.solves != (err == nil) || err != nil && fault.CodeOf(err) != engine.CodeNoCandidate {
				t.Errorf("solved: %v", err)
			}
		})
	}
}
