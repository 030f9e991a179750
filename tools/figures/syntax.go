package main

import (
	"fmt"
	"strconv"
	"strings"
)

// parseGoals are what a thousand lines may take in milliseconds, and what the
// process may hold in MiB.
const (
	parseGoalMs     = 20
	parseGoalMiB    = 128
	parseRuns       = 5
	parseBenchmarks = "^(BenchmarkParse|BenchmarkParseMemory)$"
)

// measureSyntax runs the benchmarks of package syntax; they need no cf.
func measureSyntax(string) ([]figure, error) {
	out, err := benchmark("./syntax", parseBenchmarks, "300ms", parseRuns)
	if err != nil {
		return nil, err
	}
	var order []string
	values := map[string][]float64{}
	for _, line := range out {
		name, value, ok := benchmarkMetric(line)
		if !ok {
			continue
		}
		if values[name] == nil {
			order = append(order, name)
		}
		values[name] = append(values[name], value)
	}
	var figures []figure
	for _, name := range order {
		s := spreadOf(values[name])
		if language, ok := strings.CutPrefix(name, "BenchmarkParse/language="); ok {
			figures = append(figures, figure{
				Name: "parse of 1,000 lines, " + language, Goal: fmt.Sprintf("at most %d ms", parseGoalMs),
				Measured: s.in("ms", 1), Pass: s.median <= parseGoalMs,
				Conditions: fmt.Sprintf("one thread, symbols, references, regions and errors, %d runs", parseRuns),
			})
			continue
		}
		figures = append(figures, figure{
			Name: "peak memory of parsing", Goal: fmt.Sprintf("under %d MiB", parseGoalMiB),
			Measured: s.in("MiB", 0), Pass: s.median < parseGoalMiB,
			Conditions: "whole test process, after Go sources of 1 MiB, the largest that are read, and one that is refused",
		})
	}
	return figures, nil
}

// benchmarkMetric reads the name and the metric of our own from a line of go
// test: "BenchmarkX/a=b-2  10  123 ns/op  4.5 ms/kline".
func benchmarkMetric(line string) (string, float64, bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", 0, false
	}
	name := fields[0]
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		name = name[:i]
	}
	for i := 4; i+1 < len(fields); i += 2 {
		if fields[i+1] == "ms/kline" || fields[i+1] == "peak-MiB" {
			value, err := strconv.ParseFloat(fields[i], 64)
			return name, value, err == nil
		}
	}
	return "", 0, false
}
