package engine

import (
	"strings"
	"testing"

	"github.com/bitactor/cf/engine/guard"
	"github.com/bitactor/cf/engine/reply"
	"github.com/bitactor/cf/llm"
)

// The corpus must not shrink, and shows every way to be refused.
func TestTheCorpusIsWhole(t *testing.T) {
	cases, real, made := readCases(t), readCorpus(t, "real"), readCorpus(t, "made")
	if len(real) < 200 {
		t.Errorf("%d recorded replies, want at least 200", len(real))
	}
	verdicts, rows, bytes := map[string]int{}, map[string]int{}, 0
	for _, e := range append(real, made...) {
		bytes += len(e.text)
		verdicts[e.head["verdict"]]++
		for row := range strings.FieldsSeq(cases[e.head["case"]].row + " " + e.head["row"]) {
			rows[row]++
		}
	}
	for _, code := range []string{
		usable, CodeNoChange, llm.CodeLoop, llm.CodeEmpty, reply.CodeNoCode, reply.CodeAmbiguous, reply.CodeOther, reply.CodeCut,
		guard.CodeElision, guard.CodeShrunk, guard.CodeLostSymbol, guard.CodeLostTest, guard.CodeNewSkip, guard.CodeEarlyExit, guard.CodeAssertions,
	} {
		if verdicts[code] == 0 {
			t.Errorf("no reply with the verdict %s", code)
		}
	}
	for _, row := range []string{"O1", "O2", "O3", "O4", "O5", "O6", "O8", "O9", "O10"} {
		if rows[row] < 3 {
			t.Errorf("%d replies for row %s of the list of faults, want at least 3", rows[row], row)
		}
	}
	if bytes > 2<<20 {
		t.Errorf("%d bytes of replies, want at most 2 MiB", bytes)
	}
	t.Logf("%d recorded, %d made, %d bytes\nverdicts %v\nrows %v", len(real), len(made), bytes, verdicts, rows)
}
