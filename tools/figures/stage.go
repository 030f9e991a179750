package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// measureStage runs the benchmark of workspace.Stage: there is no verb that
// stages and does nothing else.
func measureStage(cf string) ([]figure, error) {
	const runs = 9
	cmd := exec.Command("go", "test", "./workspace", "-run", "^$", "-bench", "^BenchmarkStage$", "-benchtime", "5x", "-count", strconv.Itoa(runs))
	cmd.Dir = filepath.Dir(filepath.Dir(cf)) // bin/cf lies in the repository
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test: %w: %s", err, out)
	}
	times := map[string][]float64{}
	for _, m := range regexp.MustCompile(`BenchmarkStage/files=(\d+)\S*\s+\d+\s+(\d+) ns/op`).FindAllStringSubmatch(string(out), -1) {
		ns, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, err
		}
		times[m[1]] = append(times[m[1]], ns/1e6)
	}
	if len(times["0"]) != runs || len(times["5000"]) != runs {
		return nil, errors.New("the benchmark printed no figures: " + string(out))
	}
	overlays := !strings.Contains(string(out), "without overlays")
	start, whole := spreadOf(times["0"]), spreadOf(times["5000"])
	conditions := "5,000 changed files of 2 KiB in 250 folders, from the set in memory to the end of a first program that does nothing, 9 x 5 runs"
	if !overlays {
		conditions += "; no overlays on this machine: the tree is copied"
	}
	return []figure{
		{
			Name: "staging 5,000 files", Goal: "under 300 ms where overlayfs works", Measured: whole.in("ms", 0),
			Pass: whole.median < 300, Conditions: conditions,
		},
		{
			Name: "start of a program in the sandbox", Goal: "under 50 ms", Measured: start.in("ms", 0), Pass: start.median < 50,
			Conditions: "the same with no changed file: cf's init, the overlay, bubblewrap, `true`, and the cleaning up",
		},
	}, nil
}
