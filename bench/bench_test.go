package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestEstimated(t *testing.T) {
	runs := make([]float64, 101)
	for i := range runs {
		runs[i] = float64((i * 37) % 101)
	}
	got := Estimated(runs)
	want := Estimate{Median: 50, Low: 40, High: 61, Least: 0, P90: 90, Runs: 101}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if e := Estimated([]float64{4, 1}); e.Median != 2.5 || e.Low != 1 || e.High != 4 {
		t.Errorf("of two: %+v", e)
	}
	if e := Estimated(nil); e != (Estimate{}) {
		t.Errorf("of none: %+v", e)
	}
	if !got.Overlap(Estimate{Low: 60, High: 70}) || got.Overlap(Estimate{Low: 62, High: 70}) {
		t.Error("Overlap")
	}
}

// TestIntervalCoversTheMedian draws from a skewed distribution of median ln 2.
func TestIntervalCoversTheMedian(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	covered, trials := 0, 4000
	for range trials {
		runs := make([]float64, 41)
		for i := range runs {
			runs[i] = random.ExpFloat64()
		}
		if e := Estimated(runs); e.Low <= math.Ln2 && math.Ln2 <= e.High {
			covered++
		}
	}
	if share := float64(covered) / float64(trials); share < 0.94 {
		t.Errorf("the 95 %% interval covers the median in %.1f %% of the trials", 100*share)
	}
}

func TestRunInterleaves(t *testing.T) {
	var order strings.Builder
	counting := func(name string) Case {
		return Case{name, 10, func(n int) (Sample, error) {
			order.WriteString(name)
			return Sample{Operations: n, Ticks: 50, NS: 100, Disturbed: order.Len() == 2}, nil
		}}
	}
	var told []int
	plan := Plan{Rounds: 6, Progress: func(done, total int) { told = append(told, done, total) }}
	results, err := Run(t.Context(), plan, []Case{counting("a"), counting("b")})
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != 12 || told[0] != 1 || told[1] != 6 || told[10] != 6 {
		t.Errorf("progress %v", told)
	}
	if order.String() != strings.Repeat("ab", 6) {
		t.Errorf("order %s", order.String())
	}
	if r := results[1]; r.Name != "b" || r.Ticks.Median != 5 || r.NS.Median != 10 || r.NS.Runs != 5 || r.Disturbed != 1 || r.Enough() || !results[0].Enough() {
		t.Errorf("%+v", r)
	}
}

func TestRunRefuses(t *testing.T) {
	failing := Case{"broken", 1, func(int) (Sample, error) { return Sample{}, errors.New("no ring") }}
	if _, err := Run(t.Context(), Plan{Rounds: 6}, []Case{failing}); err == nil || err.Error() != "bench: broken: no ring" {
		t.Errorf("%v", err)
	}
	if _, err := Run(t.Context(), Plan{Rounds: 5}, nil); err == nil {
		t.Error("5 rounds give no interval")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Plan{Rounds: 6}, []Case{failing}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestReportFormats(t *testing.T) {
	r := Report{
		Title: "A <suite>", Time: time.Unix(0, 0), Machine: ThisMachine(), Noise: Watch(time.Millisecond)(),
		Conditions: []string{"warm"},
		Tables:     []Table{{"Rows", []string{"case", "ns"}, [][]string{{"push", "1.0"}}}},
		Claims:     []Claim{{"push", "at most 2 ns", "1 ns", "warm", true}, {"push", "at most 0 ns", "1 ns", "warm", false}},
	}
	var markdown, page, text bytes.Buffer
	if err := errors.Join(r.Markdown(&markdown), r.HTML(&page), r.JSON(&text)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| push | 1.0 |", "| yes | push | at most 2 ns | 1 ns | warm |", "| no | push | at most 0 ns", "- warm"} {
		if !strings.Contains(markdown.String(), want) {
			t.Errorf("Markdown lacks %q", want)
		}
	}
	for _, want := range []string{"A &lt;suite&gt;", "<td>push</td>", `class="no"`} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("HTML lacks %q", want)
		}
	}
	var back Report
	if err := json.Unmarshal(text.Bytes(), &back); err != nil || back.Machine != r.Machine || len(back.Claims) != 2 {
		t.Errorf("JSON: %v", err)
	}
}
