package main

import "fmt"

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
	out, err := benchmark("./engine/repomap", "^BenchmarkRender$", "1x", mapRuns)
	if err != nil {
		return nil, err
	}
	values := map[string][]float64{}
	for _, line := range out {
		addMetrics(values, line)
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
