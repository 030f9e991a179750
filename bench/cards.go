package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The measures of a card: bins of its histogram, runs of its line, in a box of 100
// by 40 that the page stretches.
const (
	cardBins = 32
	cardRuns = 200
	boxTop   = 2.0
	boxLow   = 38.0
)

// card is one case on a scale of its own: how often each time came, and the runs in
// their order.
type card struct {
	Case, Median, Interval string
	Least, Beyond, Most    string
	Heap, Line             string // paths in the box
	At, BandX, BandW, MidY float64
	AboutHeap, AboutLine   string
}

// cards are those of the cases whose runs are there.
func cards(r *Report) []card {
	var out []card
	for _, m := range r.Measures {
		if len(m.Samples) >= minRounds && m.NS.Runs > 0 && m.NS.Median > 0 {
			out = append(out, newCard(m))
		}
	}
	return out
}

// newCard draws a case. Few runs lie far beyond the others: the scale ends at five
// times the distance of the median to the 90th percentile, and says how many do.
func newCard(m Measure) card {
	least, most := slices.Min(m.Samples), slices.Max(m.Samples)
	end, beyond := min(most, max(m.NS.P90, m.NS.Median+5*(m.NS.P90-m.NS.Median))), 0
	for _, v := range m.Samples {
		if v > end {
			beyond++
		}
	}
	a := axis{low: least, high: end}
	if end <= least {
		a = axisOver(least, least)
	}
	c := card{
		Case: m.Case, Median: nanoseconds(m.NS.Median),
		Interval: fmt.Sprintf("95 %%: %s to %s, %d runs", nanoseconds(m.NS.Low), nanoseconds(m.NS.High), m.NS.Runs),
		Least:    nanoseconds(a.low), Most: nanoseconds(a.high),
		Heap: heap(a, m.Samples), Line: through(a, thinned(m.Samples, cardRuns)),
		At: a.at(m.NS.Median), BandX: a.at(m.NS.Low), MidY: height(a, m.NS.Median),
	}
	c.BandW = max(math.Round((a.at(m.NS.High)-c.BandX)*100)/100, 0)
	if m.Disturbed > 0 {
		c.Interval += fmt.Sprintf(", %d left out", m.Disturbed)
	}
	if beyond > 0 {
		c.Beyond = fmt.Sprintf("%d beyond", beyond)
	}
	c.AboutHeap = fmt.Sprintf("%s: distribution of %d runs from %s to %s, median %s", m.Case, len(m.Samples), nanoseconds(least), nanoseconds(most), c.Median)
	c.AboutLine = fmt.Sprintf("%s: the runs in their order, first %s, last %s", m.Case, nanoseconds(m.Samples[0]), nanoseconds(m.Samples[len(m.Samples)-1]))
	return c
}

// heap is the outline of a histogram; what lies beyond the axis is left out.
func heap(a axis, samples []float64) string {
	var bins [cardBins]int
	for _, v := range samples {
		if v <= a.high {
			bins[min(int(a.at(v)/100*cardBins), cardBins-1)]++
		}
	}
	highest := float64(max(slices.Max(bins[:]), 1))
	var b strings.Builder
	b.WriteString("M0 40")
	for i, n := range bins {
		y := boxLow + 2 - (boxLow-boxTop)*float64(n)/highest
		fmt.Fprintf(&b, "L%.2f %.1fL%.2f %.1f", 100*float64(i)/cardBins, y, 100*float64(i+1)/cardBins, y)
	}
	return b.String() + "L100 40Z"
}

// through is the line of values in their order.
func through(a axis, values []float64) string {
	points := make([]string, len(values))
	for i, v := range values {
		points[i] = fmt.Sprintf("%.2f,%.1f", 100*float64(i)/float64(max(len(values)-1, 1)), height(a, v))
	}
	return strings.Join(points, " ")
}

func height(a axis, v float64) float64 {
	return math.Round((boxLow-(boxLow-boxTop)*a.at(v)/100)*10) / 10
}

// pastLine is a case over the runs that a folder keeps.
type pastLine struct{ Label, Points, Change, About, Class, First, Last string }

// historyCases and historyRuns bound the drawing of the past.
const (
	historyCases = 12
	historyRuns  = 60
)

// past draws how each case went over the earlier runs, by its first one; nil for
// fewer than two runs. Quick runs are not drawn beside others.
func past(d *Document) []pastLine {
	runs := slices.DeleteFunc(slices.Clone(d.History), func(p Past) bool { return p.Quick != d.Quick })
	if len(runs) > historyRuns {
		runs = runs[len(runs)-historyRuns:]
	}
	if len(runs) < 2 {
		return nil
	}
	var out []pastLine
	for _, r := range d.Reports {
		for _, m := range r.Measures {
			if l, ok := pastOf(m.Case, runs); ok && len(out) < historyCases {
				out = append(out, l)
			}
		}
	}
	return out
}

// pastOf draws one case; false where fewer than two runs have it. What changed by
// more than a tenth since the first run has the colour of a change.
func pastOf(name string, runs []Past) (pastLine, bool) {
	first, last := 0.0, 0.0
	l := pastLine{Label: name, Class: "same"}
	var points []string
	for i, run := range runs {
		v, ok := run.Medians[name]
		if !ok || v <= 0 {
			continue
		}
		if last = v; first == 0 {
			first, l.First = v, run.Time.UTC().Format("2006-01-02")
		}
		l.Last = run.Time.UTC().Format("2006-01-02")
		x, y := 100*float64(i)/float64(len(runs)-1), 20-20*math.Log2(v/first)
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, min(max(y, 1), 39)))
	}
	if len(points) < 2 {
		return l, false
	}
	switch change := last / first; {
	case change > 1.1:
		l.Class = string(Slower)
	case change < 1/1.1:
		l.Class = string(Faster)
	}
	l.Points, l.Change = strings.Join(points, " "), fmt.Sprintf("%s (%+.1f %%)", nanoseconds(last), 100*(last/first-1))
	l.About = fmt.Sprintf("%s over %d runs, from %s to %s", name, len(points), nanoseconds(first), nanoseconds(last))
	return l, true
}
