package bench

import (
	"math"
	"slices"
)

// minRounds is the least for which order statistics give a 95 % interval of the
// median: 2 * 0.5^6 = 3.1 %.
const minRounds = 6

// Estimate is a median with the 95 % confidence interval of the median, and the
// least and the 90th percentile of the runs.
type Estimate struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Least  float64 `json:"least"`
	P90    float64 `json:"p90"`
	Runs   int     `json:"runs"`
}

// Estimated summarises runs; it sorts a copy. The interval is that of order
// statistics with the normal approximation of the binomial (W. Conover, Practical
// Nonparametric Statistics, 3rd ed., section 3.2), so it assumes no distribution.
// Of no runs it is zero.
func Estimated(runs []float64) Estimate {
	n := len(runs)
	if n == 0 {
		return Estimate{}
	}
	sorted := slices.Clone(runs)
	slices.Sort(sorted)
	half := 1.96 * math.Sqrt(float64(n)) / 2
	low := int(math.Floor(float64(n)/2 - half))
	high := int(math.Ceil(float64(n)/2 + half))
	median := sorted[n/2]
	if n%2 == 0 {
		median = (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return Estimate{
		Median: median, Low: sorted[max(low, 0)], High: sorted[min(high, n-1)],
		Least: sorted[0], P90: sorted[min(n*9/10, n-1)], Runs: n,
	}
}

// Overlap tells whether two medians cannot be told apart.
func (e Estimate) Overlap(o Estimate) bool { return e.Low <= o.High && o.Low <= e.High }
