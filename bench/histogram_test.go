package bench

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestHistogramQuantiles: a quantile is that of the sorted values, to 1 %, and what is
// written, read and merged keeps them.
func TestHistogramQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.OneOf(rapid.Uint64Range(0, 1000), rapid.Uint64Range(0, 1<<62)), 1, 200).Draw(t, "values")
		half := rapid.IntRange(0, len(values)).Draw(t, "half")
		var a, b, read Histogram
		for i, v := range values {
			if i < half {
				a.Add(v)
			} else {
				b.Add(v)
			}
		}
		text, err := json.Marshal(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		a.Merge(&read)
		slices.Sort(values)
		if a.Count() != uint64(len(values)) || a.Quantile(1) != values[len(values)-1] {
			t.Fatalf("%d values up to %d, want %d up to %d", a.Count(), a.Quantile(1), len(values), values[len(values)-1])
		}
		for _, rank := range []int{1, (len(values) + 1) / 2, len(values)} {
			want := values[rank-1]
			got := a.Quantile((float64(rank) - 0.5) / float64(len(values)))
			if got < want || float64(got-want) > 0.01*float64(want) {
				t.Fatalf("rank %d of %d: %d, want %d", rank, len(values), got, want)
			}
		}
	})
}

func TestHistogramRefuses(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Count() != 0 {
		t.Error("of none")
	}
	for _, bad := range []string{`{}`, `[[1]`, `[[1,-1]]`, `[[1,18446744073709551615]]`} {
		if err := json.Unmarshal([]byte(bad), &h); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

func TestLatencyTable(t *testing.T) {
	l := Latency{Case: "a call", How: "open loop", NS: &Histogram{}}
	for i := range 1000 {
		l.NS.Add(uint64(i+1) * 1000)
	}
	if row := LatencyTable("Latency", []Latency{l}).Rows[0]; strings.Join(row, "|") != "a call|open loop|1000|502 us|991 us|999 us|1 ms" {
		t.Errorf("%q", row)
	}
}
