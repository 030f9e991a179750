package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The measures of plots, in units of their own that the page scales.
const (
	plotWidth  = 900
	plotLabels = 300 // left of the axis
	plotRow    = 22
	plotTop    = 26
	dotsMax    = 80 // of one row
)

// plot is a drawing of rows over one axis.
type plot struct {
	Width, Height int
	Ticks         []tick
	Rows          []plotLine
	One           float64 // where a ratio of 1 lies; 0 where there is none
}

type tick struct {
	X    float64
	Text string
}

// plotLine is one row: an interval, a median and the runs themselves.
type plotLine struct {
	Label, Value     string
	Y, X1, X2, XM, W float64
	Dots             []float64
	Class            string
}

// axis maps a value to a place, by logarithm where the values spread far.
type axis struct {
	low, high float64
	log       bool
}

func axisOver(low, high float64) axis {
	if low <= 0 || high/low < 8 {
		pad := (high - low) * 0.05
		if pad == 0 {
			pad = max(high*0.05, 1e-9)
		}
		return axis{low - pad, high + pad, false}
	}
	return axis{low / 1.15, high * 1.15, true}
}

func (a axis) x(v float64) float64 {
	share := (v - a.low) / (a.high - a.low)
	if a.log {
		share = math.Log(max(v, a.low)/a.low) / math.Log(a.high/a.low)
	}
	return math.Round((plotLabels+min(max(share, 0), 1)*(plotWidth-plotLabels-60))*10) / 10
}

// ticks are some round values.
func (a axis) ticks(text func(float64) string) []tick {
	var out []tick
	if a.log {
		for e := math.Floor(math.Log10(a.low)); e <= math.Log10(a.high); e++ {
			for _, m := range []float64{1, 2, 5} {
				if v := m * math.Pow(10, e); v >= a.low && v <= a.high && (m == 1 || a.high/a.low < 200) {
					out = append(out, tick{a.x(v), text(v)})
				}
			}
		}
		return out
	}
	step := math.Pow(10, math.Floor(math.Log10((a.high-a.low)/2)))
	if (a.high-a.low)/step > 8 {
		step *= 5
	}
	for v := math.Ceil(a.low/step) * step; v <= a.high; v += step {
		out = append(out, tick{a.x(v), text(v)})
	}
	return out
}

// nanoseconds writes a time with a unit that fits.
func nanoseconds(v float64) string {
	for _, u := range []struct {
		least float64
		name  string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}} {
		if v >= u.least {
			return trimmed(v/u.least) + " " + u.name
		}
	}
	return trimmed(v) + " ns"
}

func trimmed(v float64) string {
	text := fmt.Sprintf("%.3g", v)
	if v >= 1000 {
		text = fmt.Sprintf("%.0f", v)
	}
	return text
}

func newPlot(rows int) *plot { return &plot{Width: plotWidth, Height: plotTop + rows*plotRow + 8} }

// spread draws how the runs of each case lie; nil where there are none.
func spread(r *Report) *plot {
	var shown []Measure
	low, high := math.Inf(1), 0.0
	for _, m := range r.Measures {
		if m.NS.Runs > 0 && m.NS.Median > 0 {
			shown = append(shown, m)
			low, high = min(low, m.NS.Low, m.NS.Least), max(high, m.NS.High, m.NS.P90)
		}
	}
	if len(shown) == 0 {
		return nil
	}
	a, p := axisOver(low, high), newPlot(len(shown))
	p.Ticks = a.ticks(nanoseconds)
	for i, m := range shown {
		row := plotLine{Label: m.Case, Value: nanoseconds(m.NS.Median), Y: float64(plotTop + i*plotRow), X1: a.x(m.NS.Low), X2: a.x(m.NS.High), XM: a.x(m.NS.Median)}
		row.W = max(row.X2-row.X1, 1)
		for _, v := range thinned(m.Samples, dotsMax) {
			if v <= high {
				row.Dots = append(row.Dots, a.x(v))
			}
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

// reached draws which share of its limit each case reaches; nil where none has one.
func reached(r *Report) *plot {
	var shown []Measure
	for _, m := range r.Measures {
		if m.Share > 0 {
			shown = append(shown, m)
		}
	}
	if len(shown) == 0 {
		return nil
	}
	a := axis{low: 0, high: 1}
	for _, m := range shown {
		a.high = max(a.high, m.Share)
	}
	p := newPlot(len(shown))
	p.Ticks, p.One = a.ticks(func(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }), a.x(1)
	for i, m := range shown {
		p.Rows = append(p.Rows, plotLine{
			Label: m.Case, Value: fmt.Sprintf("%.0f %%", 100*m.Share), Y: float64(plotTop + i*plotRow), X1: plotLabels, X2: a.x(m.Share), XM: a.x(m.Share), W: max(a.x(m.Share)-plotLabels, 1), Class: "bar",
		})
	}
	return p
}

// ratios draws changes with their intervals around 1; nil where there are none.
func ratios(changes []Change) *plot {
	changes = slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return c.Ratio <= 0 })
	if len(changes) == 0 {
		return nil
	}
	low, high := 0.95, 1.05
	for _, c := range changes {
		low, high = min(low, c.Low), max(high, c.High)
	}
	a, p := axisOver(low, high), newPlot(len(changes))
	p.Ticks, p.One = a.ticks(func(v float64) string { return fmt.Sprintf("%.3g", v) }), a.x(1)
	for i, c := range changes {
		row := plotLine{Label: c.Case, Value: fmt.Sprintf("%.3f", c.Ratio), Y: float64(plotTop + i*plotRow), X1: a.x(c.Low), X2: a.x(c.High), XM: a.x(c.Ratio), Class: string(c.Call)}
		row.W = max(row.X2-row.X1, 1)
		p.Rows = append(p.Rows, row)
	}
	return p
}

// line is a case over its runs.
type line struct{ Label, Points, Change string }

// historyCases and historyRuns bound the drawing of the past.
const (
	historyCases = 12
	historyRuns  = 60
)

// past draws how each case went over the earlier runs, by its first one; nil for
// fewer than two runs. Quick runs are not drawn beside others.
func past(d *Document) []line {
	runs := slices.DeleteFunc(slices.Clone(d.History), func(p Past) bool { return p.Quick != d.Quick })
	if len(runs) > historyRuns {
		runs = runs[len(runs)-historyRuns:]
	}
	if len(runs) < 2 {
		return nil
	}
	var out []line
	for _, r := range d.Reports {
		for _, m := range r.Measures {
			first, last := 0.0, 0.0
			var points []string
			for i, run := range runs {
				v, ok := run.Medians[m.Case]
				if !ok || v <= 0 {
					continue
				}
				if first == 0 {
					first = v
				}
				last = v
				x, y := 200*float64(i)/float64(len(runs)-1), 20-20*math.Log2(v/first)
				points = append(points, fmt.Sprintf("%.1f,%.1f", x, min(max(y, 1), 39)))
			}
			if len(points) >= 2 && len(out) < historyCases {
				out = append(out, line{m.Case, strings.Join(points, " "), fmt.Sprintf("%+.1f %%", 100*(last/first-1))})
			}
		}
	}
	return out
}

// thinned returns at most n values, evenly.
func thinned(values []float64, n int) []float64 {
	if len(values) <= n {
		return values
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = values[i*len(values)/n]
	}
	return out
}
