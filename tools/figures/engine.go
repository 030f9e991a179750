package main

import (
	"fmt"
	"slices"
	"strings"
)

// What the engine makes of a weak model's chance, and its own time in milliseconds.
const (
	strategyGoal  = 0.95
	ownTimeGoalMs = 150
	ownTimeRuns   = 5
)

// measureEngine runs the benchmarks of package engine; they need no cf and no model.
func measureEngine(string) ([]figure, error) {
	out, err := benchmark("./engine", "^BenchmarkStrategy$", "1x", 1)
	if err != nil {
		return nil, err
	}
	worst, wrong := map[string]float64{}, 0.0
	samples := map[string]float64{}
	var levels []string
	for _, line := range out {
		values := map[string][]float64{}
		addMetrics(values, line)
		_, level, _ := strings.Cut(line, "level=")
		level, _, _ = strings.Cut(level, "/")
		if !slices.Contains(levels, level) {
			levels = append(levels, level)
			worst[level] = values["of-expected"][0]
		}
		worst[level] = min(worst[level], values["of-expected"][0])
		samples[level] = values["samples"][0]
		wrong += values["landed-wrong"][0]
	}
	var figures []figure
	for _, level := range levels {
		figures = append(figures, figure{
			Name: "solved with a model that is right with chance p, " + level, Goal: fmt.Sprintf("at least %.2f of 1-(1-p)^N", strategyGoal),
			Measured: fmt.Sprintf("%.2f where it is least", worst[level]), Pass: worst[level] >= strategyGoal,
			Conditions: fmt.Sprintf("p of 0.05, 0.1, 0.2, 0.35 and 0.5, 667 requests each, N = %.0f; wrong answers are cut, mutated or elided; "+
				"above 1 where unusable replies are asked for anew", samples[level]),
		})
	}
	figures = append(figures, figure{
		Name: "answers taken that are not the right file", Goal: "0 of 10^4", Measured: fmt.Sprintf("%.0f of 10,005", wrong), Pass: wrong == 0,
		Conditions: "the same requests; what comes out as passing is compared byte for byte with the file that a right answer makes",
	})
	own, err := benchmark("./engine", "^BenchmarkOwnTime$", "1s", ownTimeRuns)
	if err != nil {
		return nil, err
	}
	values := map[string][]float64{}
	for _, line := range own {
		addMetrics(values, line)
	}
	for i := range values["ns/op"] {
		values["ns/op"][i] /= 1e6
	}
	s := spreadOf(values["ns/op"])
	return append(figures, figure{
		Name: "the engine's own time for one file", Goal: fmt.Sprintf("under %d ms", ownTimeGoalMs), Measured: s.in("ms", 1), Pass: s.median < ownTimeGoalMs,
		Conditions: fmt.Sprintf("project of 102 Go files; model and checks answer at once; start of cf and commit have figures of their own; %d runs", ownTimeRuns),
	}), nil
}
