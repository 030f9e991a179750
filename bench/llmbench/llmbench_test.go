package llmbench_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/bench/llmbench"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
)

func scripted(reply func(n int, r llm.Request) (string, error)) llmbench.Options {
	return llmbench.Options{Provider: &llmtest.Script{Reply: reply}, Model: llmtest.ScriptModel, Quick: true}
}

func TestRun(t *testing.T) {
	told := 0
	o := scripted(func(int, llm.Request) (string, error) { return strings.TrimSpace(strings.Repeat("word ", 20)), nil })
	o.Progress = func(done, total int) { told = 100 * done / total }
	r, err := llmbench.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if told != 100 || len(r.Measures) != 3 || len(r.Measures[0].Samples) != 8 {
		t.Fatalf("told %d, %+v", told, r.Measures)
	}
	// 8 answers of 20 words, a piece a word.
	if len(r.Latencies) != 2 || r.Latencies[0].NS.Count() != 8 || r.Latencies[1].NS.Count() != 8*19 {
		t.Errorf("%d first tokens, %d pieces after them", r.Latencies[0].NS.Count(), r.Latencies[1].NS.Count())
	}
	var page bytes.Buffer
	if err := (&bench.Document{Reports: []*bench.Report{r}}).HTML(&page); err != nil || !strings.Contains(page.String(), "Latency by percentile") {
		t.Errorf("the page draws no latencies (%v)", err)
	}
	if last := r.Claims[len(r.Claims)-1]; last.Measured != "0" || !last.Holds {
		t.Errorf("%+v", last)
	}
}

// TestStopped: what was answered until then is in the report, and the error too.
func TestStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	o := scripted(func(n int, r llm.Request) (string, error) {
		if r.Name == "benchmark-answer" && n == 3 {
			stop()
		}
		return "a few words that end", nil
	})
	r, err := llmbench.Run(ctx, o)
	if err == nil || r == nil || len(r.Measures[0].Samples) != 3 {
		t.Fatalf("%v, %+v", err, r)
	}
}

// TestFails: a server that fails gives no report.
func TestFails(t *testing.T) {
	broken := errors.New("broken")
	if r, err := llmbench.Run(t.Context(), scripted(func(int, llm.Request) (string, error) { return "", broken })); r != nil || !errors.Is(err, broken) {
		t.Errorf("%v, %+v", err, r)
	}
}
