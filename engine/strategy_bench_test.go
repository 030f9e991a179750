package engine

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/bitactor/cf/llm/llmtest"
)

// strategyRuns is how many requests of each chance and level are made: 10,005 in all.
const strategyRuns = 667

// BenchmarkStrategy measures what the levels make of a model that is right with
// chance p: "of-expected" is the share solved over that of as many independent
// samples, 1-(1-p)^N, and "landed-wrong" how many answers came out as passing whose
// file is not byte for byte the right one.
func BenchmarkStrategy(b *testing.B) {
	tree := project(b, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests})
	want := wholeFile(b)
	for _, level := range []Level{Normal, High, Hyper} {
		for _, p := range []float64{0.05, 0.1, 0.2, 0.35, 0.5} {
			b.Run(fmt.Sprintf("level=%s/p=%.2f", level, p), func(b *testing.B) {
				solved, wrong, samples := 0, 0, strategyOf(level, 5e8).samples
				for range b.N {
					solved, wrong = 0, 0
					for seed := range uint64(strategyRuns) {
						e := engineFor(b, tree, llmtest.Noisy(script(fence(right)), p, seed), &judge{text: right}, 5e8)
						out, err := e.Implement(b.Context(), Request{Path: "limit/limit.go", Level: level})
						if err != nil {
							continue
						}
						if solved++; out.Candidates[out.Best].Source != want {
							wrong++
						}
					}
				}
				b.ReportMetric(float64(solved)/strategyRuns/(1-math.Pow(1-p, float64(samples))), "of-expected")
				b.ReportMetric(float64(wrong), "landed-wrong")
				b.ReportMetric(float64(samples), "samples")
			})
		}
	}
}

// wholeFile is the file that a right answer makes.
func wholeFile(b *testing.B) string {
	b.Helper()
	tree := project(b, map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests})
	out, err := engineFor(b, tree, script(fence(right)), &judge{text: right}, 5e8).Implement(b.Context(), Request{Path: "limit/limit.go"})
	if err != nil || !strings.Contains(out.Candidates[out.Best].Source, right) {
		b.Fatal(out, err)
	}
	return out.Candidates[out.Best].Source
}

// BenchmarkOwnTime measures a request whose answer and checks take no time: what is
// left is the engine's own.
func BenchmarkOwnTime(b *testing.B) {
	files := map[string]string{"limit/limit.go": stub, "limit/limit_test.go": tests}
	for i := range 100 {
		files[fmt.Sprintf("other/p%d/a.go", i)] = fmt.Sprintf("package p%d\n\n// F adds.\nfunc F(n int) int { return n + %d }\n", i, i)
	}
	tree := project(b, files)
	for b.Loop() {
		e := engineFor(b, tree, script(fence(right)), &judge{text: right}, 5e8)
		if _, err := e.Implement(b.Context(), Request{Path: "limit/limit.go"}); err != nil {
			b.Fatal(err)
		}
	}
}
