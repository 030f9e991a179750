package bench

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Call is what a comparison of two series says.
type Call string

// The calls. Same means that no difference was shown, not that there is none.
const (
	Slower Call = "slower"
	Faster Call = "faster"
	Same   Call = "no difference shown"
)

// alpha is the error that a call of a difference may have: that of two sides, so that
// a difference is called the wrong way round in at most half of it.
const alpha = 0.01

// Change is a case held against an earlier run of it, or one command against another.
type Change struct {
	Case   string  `json:"case"`
	Before float64 `json:"before"` // median, ns
	Now    float64 `json:"now"`
	Ratio  float64 `json:"ratio"` // of the medians, now over before
	Low    float64 `json:"low"`   // 95 % bootstrap interval of the ratio
	High   float64 `json:"high"`
	P      float64 `json:"p"` // Mann-Whitney, two-sided
	Call   Call    `json:"call"`
}

// regressionLeast is how much slower a case has to be, by the lower end of its
// interval, to be a regression: less is within what a reboot changes.
const regressionLeast = 1.02

// Regressed tells whether the case became slower by more than noise and placement
// in memory explain.
func (c Change) Regressed() bool { return c.Call == Slower && c.Low > regressionLeast }

// Compare holds two series of runs against each other; neither is sorted afterwards.
// A difference is called where Mann-Whitney shows one and the bootstrap interval of
// the ratio of the medians leaves 1 out on the same side. Fewer than minRounds runs
// show nothing.
func Compare(name string, before, now []float64) Change {
	c := Change{Case: name, Before: Estimated(before).Median, Now: Estimated(now).Median, P: 1, Call: Same}
	if len(before) < minRounds || len(now) < minRounds || c.Before <= 0 {
		return c
	}
	c.Ratio = c.Now / c.Before
	c.Low, c.High = ratioInterval(before, now)
	var greater float64
	greater, c.P = MannWhitney(before, now)
	switch {
	case c.P >= alpha:
	case c.Low > 1 && greater > 0.5:
		c.Call = Slower
	case c.High < 1 && greater < 0.5:
		c.Call = Faster
	}
	return c
}

// MannWhitney returns the chance that a run of the second series is greater than one
// of the first (ties count half), and the two-sided p-value of the rank sum test: the
// normal approximation with correction for ties and continuity (W. Conover, Practical
// Nonparametric Statistics, 3rd ed., section 5.1), good from some six runs on.
func MannWhitney(a, b []float64) (greater, p float64) {
	type run struct {
		v      float64
		second bool
	}
	all := make([]run, 0, len(a)+len(b))
	for _, v := range a {
		all = append(all, run{v, false})
	}
	for _, v := range b {
		all = append(all, run{v, true})
	}
	slices.SortFunc(all, func(x, y run) int {
		switch {
		case x.v < y.v:
			return -1
		case x.v > y.v:
			return 1
		}
		return 0
	})
	var ranks, ties float64 // the sum of the second's ranks; of t^3-t over the ties
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].v == all[i].v {
			j++
		}
		t := float64(j - i)
		ties += t*t*t - t
		for ; i < j; i++ {
			if all[i].second {
				ranks += float64(j) - (t-1)/2
			}
		}
	}
	n, m := float64(len(a)), float64(len(b))
	u := ranks - m*(m+1)/2
	mean, total := n*m/2, n+m
	sd := math.Sqrt(n * m / 12 * (total + 1 - ties/(total*(total-1))))
	if sd == 0 {
		return u / (n * m), 1
	}
	z := (math.Abs(u-mean) - 0.5) / sd
	return u / (n * m), min(1, math.Erfc(max(z, 0)/math.Sqrt2))
}

// resamples are enough for two digits of a 95 % interval.
const resamples = 1000

// ratioInterval is the percentile bootstrap of the ratio of two medians (B. Efron, R.
// Tibshirani, An Introduction to the Bootstrap, chapter 13). The random numbers are
// the same each time, so that a report can be made again.
func ratioInterval(before, now []float64) (low, high float64) {
	random := rand.New(rand.NewPCG(uint64(len(before)), uint64(len(now))))
	draw := func(from, into []float64) float64 {
		for i := range into {
			into[i] = from[random.IntN(len(from))]
		}
		slices.Sort(into)
		return (into[(len(into)-1)/2] + into[len(into)/2]) / 2
	}
	b, n := make([]float64, len(before)), make([]float64, len(now))
	ratios := make([]float64, resamples)
	for i := range ratios {
		ratios[i] = draw(now, n) / draw(before, b)
	}
	slices.Sort(ratios)
	return ratios[resamples*25/1000], ratios[resamples*975/1000]
}

// Against holds reports against those of an earlier run, case by case; cases that
// only one side has are left out.
func Against(now, before []*Report) []Change {
	earlier := map[string][]float64{}
	for _, r := range before {
		for _, m := range r.Measures {
			earlier[r.Title+"\x00"+m.Case] = m.Samples
		}
	}
	var out []Change
	for _, r := range now {
		for _, m := range r.Measures {
			if was, ok := earlier[r.Title+"\x00"+m.Case]; ok && len(was) > 0 && len(m.Samples) > 0 {
				out = append(out, Compare(m.Case, was, m.Samples))
			}
		}
	}
	return out
}
