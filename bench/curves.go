package bench

import (
	"fmt"
	"math"
	"strings"
)

// curve is a plot of latency by percentile: the tail takes as much room as the rest.
type curve struct {
	Title, About, Said string
	X, Y               []tick
	Lines              []curveLine
}

type curveLine struct{ Label, Points string }

// curveLines bounds the lines of one plot: as many as can be told apart.
const curveLines = 4

// percentiles are the marks of the x axis: 1 in 10^n operations takes longer.
var percentiles = []struct {
	share float64
	text  string
}{{0, "0"}, {0.9, "90 %"}, {0.99, "99 %"}, {0.999, "99.9 %"}, {0.9999, "99.99 %"}}

// curves draws the latencies of a report.
func curves(r *Report) []curve {
	var shown []Latency
	for _, l := range r.Latencies {
		if l.NS != nil && l.NS.Count() > 0 && len(shown) < curveLines {
			shown = append(shown, l)
		}
	}
	if len(shown) == 0 {
		return nil
	}
	c := curve{Title: "Latency by percentile", About: "How long single operations take: read off at 99 % what one in a hundred exceeds."}
	low, high, most := math.Inf(1), 1.0, uint64(0)
	for _, l := range shown {
		low, high = min(low, max(float64(l.NS.Quantile(0)), 1)), max(high, float64(l.NS.Quantile(1)))
		most = max(most, l.NS.Count())
	}
	// The last tenth of a decade shows the largest.
	decades := min(max(math.Log10(float64(most)), 1), 4)
	a := axisOver(low, high)
	for _, t := range a.ticks(nanoseconds) {
		t.At = 100 - t.At
		c.Y = append(c.Y, t)
	}
	for _, p := range percentiles {
		at := 100 * -math.Log10(1-p.share) / decades
		if at > 100.01 {
			break
		}
		t := tick{At: math.Round(at*100) / 100, Text: p.text, Anchor: "middle"}
		if at < 8 {
			t.Anchor = "start"
		} else if at > 92 {
			t.Anchor = "end"
		}
		c.X = append(c.X, t)
	}
	var said []string
	for _, l := range shown {
		row := l.Row()
		c.Lines = append(c.Lines, curveLine{Label: l.Case + ", " + l.How, Points: curvePoints(a, l.NS, decades)})
		said = append(said, fmt.Sprintf("%s: p50 %s, p99 %s, p99.9 %s, largest %s", l.Case, row[3], row[4], row[5], row[6]))
	}
	c.Said = strings.Join(said, "; ")
	return []curve{c}
}

// curveSteps is how many points a line has.
const curveSteps = 120

func curvePoints(a axis, h *Histogram, decades float64) string {
	points := make([]string, curveSteps+1)
	for i := range points {
		x := float64(i) / curveSteps
		share := 1 - math.Pow(10, -x*decades)
		points[i] = fmt.Sprintf("%.1f,%.1f", 100*x, 100-a.at(float64(h.Quantile(share))))
	}
	return strings.Join(points, " ")
}
