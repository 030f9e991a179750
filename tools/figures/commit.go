package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

const (
	commitRuns  = 9    // of the benchmark
	commitTimes = "9x" // commits in each
)

// metric finds one reported value in a line of a benchmark's output.
var metric = regexp.MustCompile(`([0-9.]+) (over-ms|sync-ms|syncs)\b`)

// measureCommit runs the project's own benchmark: the syncs of a commit are
// timed from inside, in the same run as the whole.
func measureCommit(cf string) ([]figure, error) {
	var figures []figure
	for _, size := range []struct{ bytes, words string }{{"4096", "4 KiB"}, {"65536", "64 KiB"}} {
		cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkCommit$/files=20/^bytes="+size.bytes+"$",
			"-benchtime", commitTimes, "-count", strconv.Itoa(commitRuns), "./workspace")
		cmd.Dir = filepath.Dir(filepath.Dir(cf)) // cf lies in bin/ of the project
		out, err := cmd.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		values := map[string][]float64{}
		for _, m := range metric.FindAllStringSubmatch(string(out), -1) {
			v, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				return nil, err
			}
			values[m[2]] = append(values[m[2]], v)
		}
		if len(values["over-ms"]) != commitRuns {
			return nil, fmt.Errorf("no figures in: %s", out)
		}
		over, syncs := spreadOf(values["over-ms"]), spreadOf(values["sync-ms"])
		figures = append(figures, figure{
			Name: "commit of 20 files of " + size.words, Goal: "under 50 ms over the cost of its fsyncs",
			Measured: over.in("ms over", 1), Pass: over.median < 50,
			Conditions: fmt.Sprintf("20 present files in 5 folders are changed; %.0f fsyncs a commit, %s, timed in the same run; %d runs of %s commits",
				spreadOf(values["syncs"]).median, syncs.in("ms", 1), commitRuns, commitTimes[:len(commitTimes)-1]),
		})
	}
	return figures, nil
}
