package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// What mapping 50,000 files may take: the goals of the first time, of a time after
// one edit, and the memory of the process.
const (
	mapColdGoalMs = 10_000
	mapEditGoalMs = 300
	mapGoalMiB    = 400
	mapRuns       = 3
)

// measureRepomap runs the benchmark of package engine/repomap; it needs no cf.
func measureRepomap(string) ([]figure, error) {
	cmd := exec.Command("go", "test", "./engine/repomap", "-run", "^$", "-bench", "^BenchmarkRender$",
		"-benchtime", "1x", "-timeout", "30m", "-count", strconv.Itoa(mapRuns))
	cmd.Dir = ".." // go -C tools
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	values := map[string][]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "Benchmark") {
			addMetrics(values, lines.Text())
		}
	}
	if len(values["cold-ms"]) == 0 {
		return nil, fmt.Errorf("no benchmark ran:\n%s", out)
	}
	const tree = "50,000 files of 10 to 25 lines in 8 languages, in folders of 100"
	cold, edit, same, memory, cache := spreadOf(values["cold-ms"]), spreadOf(values["edit-ms"]), spreadOf(values["same-ms"]),
		spreadOf(values["peak-MiB"]), spreadOf(values["cache-MiB"])
	return []figure{
		{
			Name: "repo map of 50,000 files, the first time", Goal: "under 10 s", Measured: cold.in("ms", 0), Pass: cold.median < mapColdGoalMs,
			Conditions: fmt.Sprintf("%s; %d runs; walk, parse, rank, render and write the cache of %.0f MiB", tree, mapRuns, cache.median),
		},
		{
			Name: "repo map after one edit", Goal: "under 300 ms", Measured: edit.in("ms", 0), Pass: edit.median < mapEditGoalMs,
			Conditions: "the same tree, all of it from the cache file, which is written again; the grammar of the edited file was used before in the process; median of 5 edits a run",
		},
		{
			Name: "repo map, nothing edited", Goal: "under 300 ms", Measured: same.in("ms", 0), Pass: same.median < mapEditGoalMs,
			Conditions: "the same tree, all of it from the cache file",
		},
		{
			Name: "peak memory of the repo map", Goal: fmt.Sprintf("under %d MiB", mapGoalMiB), Measured: memory.in("MiB", 0), Pass: memory.median < mapGoalMiB,
			Conditions: "whole test process, the first time included",
		},
	}, nil
}

// addMetrics adds the values of a line of go test to those of their units:
// "BenchmarkX-2  10  123 ns/op  4.5 cold-ms".
func addMetrics(values map[string][]float64, line string) {
	fields := strings.Fields(line)
	for i := 2; i+1 < len(fields); i += 2 {
		if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
			values[fields[i+1]] = append(values[fields[i+1]], v)
		}
	}
}
