package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// largeCorpora are the code bases of tools/corpora.sh that are checked whole. Those of
// Go are not: their compiler needs some hundreds of modules that nobody gets here.
var largeCorpora = []string{"elixir", "airflow", "synapse"}

// What checking a code base may take.
const (
	largeCold   = 60 * time.Second
	largeWarm   = 3 * time.Second
	largeMiB    = 512
	largeAgains = 5
)

// measureValidateLarge checks code bases of others, first with nothing kept from an
// earlier run, then again.
func measureValidateLarge(cf string) ([]figure, error) {
	listed := exec.Command(filepath.Join(project(cf), "tools", "corpora.sh"))
	listed.Stderr = os.Stderr
	text, err := listed.Output()
	if err != nil {
		return nil, err
	}
	var figures []figure
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 || !slices.Contains(largeCorpora, f[0]) {
			continue
		}
		rows, err := validateCorpus(cf, f[0]+" "+f[1], f[2])
		if err != nil {
			return nil, err
		}
		figures = append(figures, rows...)
	}
	return figures, nil
}

func validateCorpus(cf, name, root string) ([]figure, error) {
	home, err := os.MkdirTemp("", "cf-figures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	v := validating{cf: cf, root: root, home: home}
	cold, err := v.whole()
	if err != nil {
		return nil, err
	}
	var again []float64
	for range largeAgains {
		w, err := v.whole()
		if err != nil {
			return nil, err
		}
		again = append(again, w.wall.Seconds())
	}
	lines, err := sourceLines(root)
	if err != nil {
		return nil, err
	}
	warm, what := spreadOf(again), fmt.Sprintf("`cf validate --no-tests` of %s", name)
	conditions := fmt.Sprintf("%d lines of source, %d files checked and %d not (links, kinds that nobody checks, modules that are not here); compilers and canaries included, no tests", lines, cold.checked, cold.not)
	return []figure{
		{
			Name: what + ", cold", Goal: fmt.Sprintf("under %.0f s", largeCold.Seconds()), Measured: fmt.Sprintf("%.1f s", cold.wall.Seconds()),
			Pass: cold.wall < largeCold, Conditions: conditions + ", nothing kept from an earlier run; one run",
		},
		{
			Name: what + ", nothing changed", Goal: fmt.Sprintf("under %.0f s", largeWarm.Seconds()), Measured: warm.in("s", 2),
			Pass: warm.median < largeWarm.Seconds(), Conditions: fmt.Sprintf("the whole process, %d runs", largeAgains),
		},
		{
			Name: what + ": peak memory", Goal: fmt.Sprintf("under %d MiB", largeMiB), Measured: fmt.Sprintf("%.0f MiB", cold.peakMiB),
			Pass: cold.peakMiB < largeMiB, Conditions: "cold; the largest resident set of any one process, cf or a program that it ran",
		},
	}, nil
}

// wholeRun is what a check of everything took.
type wholeRun struct {
	wall         time.Duration
	peakMiB      float64
	checked, not int // files
}

// whole checks all of the code base. That it finds something is no error.
func (v validating) whole() (wholeRun, error) {
	cmd := exec.Command(v.cf, "validate", "--no-tests", "--json")
	cmd.Dir, cmd.Env = v.root, v.environ()
	began := time.Now()
	out, err := cmd.Output()
	wall := time.Since(began)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
		return wholeRun{}, fmt.Errorf("cf validate: %w: %s", err, lastLine(out))
	}
	sum, err := checksOf(out)
	if err != nil {
		return wholeRun{}, err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return wholeRun{}, errors.New("this system reports no peak memory")
	}
	return wholeRun{wall, float64(usage.Maxrss) / 1024, sum.Checked, sum.Not}, nil // KiB on Linux: getrusage(2)
}

// sourceLines counts the lines of the languages that are compiled or parsed.
func sourceLines(root string) (lines int, err error) {
	extensions := []string{".ex", ".exs", ".erl", ".py", ".rs", ".js", ".ts", ".sh", ".c"}
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !slices.Contains(extensions, filepath.Ext(path)) {
			return err
		}
		text, err := os.ReadFile(path)
		lines += bytes.Count(text, []byte("\n"))
		return err
	})
	return lines, err
}
