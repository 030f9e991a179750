package bench

import (
	"fmt"
	"math"
	"slices"
)

// dotsMax bounds the runs that one row shows.
const dotsMax = 80

// plot is a drawing of rows over one axis. Places are percent of the axis' width, so
// that the page lays it out at any width without scaling the text.
type plot struct {
	About string
	Ticks []tick
	Rows  []plotLine
	One   float64 // where a ratio of 1 lies; 0 where there is none
}

type tick struct {
	At     float64
	Text   string
	Anchor string // of the text: start, middle or end, so that it stays inside
	Minor  bool   // left out where there is little room
}

// plotLine is one row: an interval, a median and the runs themselves.
type plotLine struct {
	Label, Value, About string
	Low, Width, Median  float64
	Dots                []float64
	Class               string
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

// at returns the place of a value in percent; what lies outside is at the edge.
func (a axis) at(v float64) float64 {
	share := (v - a.low) / (a.high - a.low)
	if a.log {
		share = math.Log(max(v, a.low)/a.low) / math.Log(a.high/a.low)
	}
	if math.IsNaN(share) {
		return 0
	}
	return math.Round(min(max(share, 0), 1)*10000) / 100
}

// The least distance of two ticks in percent: where there is room, and on a phone.
const (
	tickApart      = 11
	majorTickApart = 24
	ticksMax       = 100 // tried, whatever the bounds are
)

// ticks are some round values, no two of them so near that their texts touch.
func (a axis) ticks(text func(float64) string) []tick {
	var out []tick
	last, lastMajor := -100.0, -100.0
	for _, v := range a.round() {
		at := a.at(v)
		if v < a.low || v > a.high || at-last < tickApart {
			continue
		}
		t := tick{At: at, Text: text(v), Anchor: "middle", Minor: at-lastMajor < majorTickApart}
		switch {
		case at < 8:
			t.Anchor = "start"
		case at > 92:
			t.Anchor = "end"
		}
		if last = at; !t.Minor {
			lastMajor = at
		}
		out = append(out, t)
	}
	return out
}

// round returns the values 1, 2 and 5 times a power of ten, or the powers alone where
// the axis has many.
func (a axis) round() []float64 {
	var out []float64
	if a.log {
		steps := []float64{1, 2, 5}
		if a.high/a.low > 1000 {
			steps = steps[:1]
		}
		for e := math.Floor(math.Log10(a.low)); e <= math.Log10(a.high) && len(out) < ticksMax; e++ {
			for _, m := range steps {
				out = append(out, m*math.Pow(10, e))
			}
		}
		return out
	}
	step := math.Pow(10, math.Floor(math.Log10((a.high-a.low)/4)))
	for _, m := range []float64{2, 2.5} { // to 2 and 5 times it
		if (a.high-a.low)/step > 8 {
			step *= m
		}
	}
	for i := range ticksMax {
		v := (math.Ceil(a.low/step) + float64(i)) * step
		if !(v <= a.high) {
			break
		}
		out = append(out, v)
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

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

// row lays an interval and its median on the axis.
func (a axis) row(label, value string, low, median, high float64) plotLine {
	r := plotLine{Label: label, Value: value, Low: a.at(low), Median: a.at(median)}
	r.Width = math.Round(max(a.at(high)-r.Low, 0.15)*100) / 100
	return r
}

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
	a, p := axisOver(low, high), &plot{About: "Medians of " + r.Title}
	p.Ticks = a.ticks(nanoseconds)
	for _, m := range shown {
		row := a.row(m.Case, nanoseconds(m.NS.Median), m.NS.Low, m.NS.Median, m.NS.High)
		row.About = fmt.Sprintf("%s: median %s, 95 %% interval %s to %s, of %d runs", m.Case, row.Value, nanoseconds(m.NS.Low), nanoseconds(m.NS.High), m.NS.Runs)
		for _, v := range thinned(m.Samples, dotsMax) {
			if v <= high {
				row.Dots = append(row.Dots, a.at(v))
			}
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

// reached draws which share of its limit each case reaches; nil where none has one.
func reached(r *Report) *plot {
	a := axis{low: 0, high: 1}
	for _, m := range r.Measures {
		a.high = max(a.high, m.Share)
	}
	p := &plot{About: "Shares of the limit, " + r.Title, Ticks: a.ticks(percent), One: a.at(1)}
	for _, m := range r.Measures {
		if m.Share > 0 {
			row := a.row(m.Case, percent(m.Share), 0, m.Share, m.Share)
			row.About, row.Class = fmt.Sprintf("%s: %s of the limit, %s", m.Case, percent(m.Share), m.Limit), "bar"
			p.Rows = append(p.Rows, row)
		}
	}
	if len(p.Rows) == 0 {
		return nil
	}
	return p
}

// ratios draws changes with their intervals around 1; nil where there are none.
func ratios(changes []Change) *plot {
	changes = slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return c.Ratio <= 0 })
	if len(changes) == 0 {
		return nil
	}
	low, high := 0.9, 1.1
	for _, c := range changes {
		low, high = min(low, c.Low), max(high, c.High)
	}
	a, p := axisOver(low, high), &plot{About: "Ratios of time, now over before"}
	p.Ticks, p.One = a.ticks(func(v float64) string { return trimmed(v) + "x" }), a.at(1)
	for _, c := range changes {
		row := a.row(c.Case, fmt.Sprintf("%.3fx", c.Ratio), c.Low, c.Ratio, c.High)
		row.About, row.Class = fmt.Sprintf("%s: %.3f times the time, 95 %% interval %.3f to %.3f, %s", c.Case, c.Ratio, c.Low, c.High, c.Call), class(c.Call)
		p.Rows = append(p.Rows, row)
	}
	return p
}

// class is a call as a name in the page's style.
func class(c Call) string {
	if c == Same {
		return "same"
	}
	return string(c)
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
