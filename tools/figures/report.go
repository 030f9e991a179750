package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bitactor/cf/tools/report"
)

// figure is one measured value beside its goal.
type figure = report.Figure

// spread is what is quoted of repeated measurements.
type spread struct{ min, median, max float64 }

func spreadOf(values []float64) spread {
	v := slices.Clone(values)
	slices.Sort(v)
	return spread{v[0], v[len(v)/2], v[len(v)-1]}
}

func (s spread) in(unit string, digits int) string {
	return fmt.Sprintf("median %.*f %s (%.*f to %.*f)", digits, s.median, unit, digits, s.min, digits, s.max)
}

// target is the target of make that measures a suite.
func target(suite string) string {
	if strings.HasSuffix(suite, "-core") {
		return suite
	}
	return "bench-" + suite
}
