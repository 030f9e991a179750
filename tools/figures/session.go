package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const task = "design a job queue with retries, back-off and a dead-letter store"

// measureReuse holds a session and follows it up in a second process: how much
// of the second prompt did the server have to read again?
func measureReuse(cf string) ([]figure, error) {
	dir, err := os.MkdirTemp("", "cf-figures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := plantProject(dir, 40); err != nil {
		return nil, err
	}
	const runs = 5
	var share []float64
	var prompt int
	for i := range runs {
		// Another task each time, so that the first turn reads its prompt anew.
		first, err := calls(dir, cf, "ultrathink", "--json", "--temperature", "0", fmt.Sprintf("%s, variant %c", task, 'a'+i))
		if err != nil {
			return nil, err
		}
		second, err := calls(dir, cf, "ultrathink", "--json", "--temperature", "0", "--continue", "which part fails first under load?")
		if err != nil {
			return nil, err
		}
		if len(first) == 0 || len(second) == 0 || first[0].Prefill <= 0 {
			return nil, errors.New("cf printed no ledger lines to compare")
		}
		rate := float64(first[0].Prompt-first[0].Reused) / first[0].Prefill.Seconds()
		read := second[0].Prefill.Seconds() * rate
		share = append(share, 100*(1-read/float64(second[0].Prompt)))
		prompt = second[0].Prompt
	}
	s := spreadOf(share)
	return []figure{{
		Name: "prompt reused by a second turn", Goal: "at least 95 %", Measured: s.in("%", 1), Pass: s.median >= 95,
		Conditions: fmt.Sprintf("`cf ultrathink` then `--continue` in a new process, %d sessions, second prompt about %d tokens; share = 1 - prefill time x prefill rate of the first turn / prompt tokens", runs, prompt),
	}}, nil
}

// measureMemory takes the peak resident size of a whole session over a large tree.
func measureMemory(cf string) ([]figure, error) {
	dir, err := os.MkdirTemp("", "cf-figures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	const files, runs = 10_000, 5
	if err := plantProject(dir, files); err != nil {
		return nil, err
	}
	var peak []float64
	for range runs {
		cmd := exec.Command(cf, "ultrathink", "--json", "--temperature", "0", task, "--context", "@.")
		cmd.Dir = dir
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("cf ultrathink: %w: %s", err, stderr.String())
		}
		usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			return nil, errors.New("this system reports no peak memory")
		}
		peak = append(peak, float64(usage.Maxrss)/1024) // KiB on Linux: getrusage(2)
	}
	s := spreadOf(peak)
	return []figure{{
		Name: "peak memory", Goal: "under 64 MiB", Measured: s.in("MiB", 1), Pass: s.max < 64,
		Conditions: fmt.Sprintf("`cf ultrathink` with --context @. over %d files, maximum resident set of the process, %d runs", files, runs),
	}}, nil
}

// plantProject writes a small Go project of n files into dir.
func plantProject(dir string, n int) error {
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("# Queue\n\nA job queue that keeps its jobs on disk.\n"), 0o644); err != nil {
		return err
	}
	for i := range n {
		folder := filepath.Join(dir, fmt.Sprintf("part%02d", i%50))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		text := fmt.Sprintf("package part\n\n// Job%d waits until %s and then runs once.\nfunc Job%d(attempt int) error { return nil }\n", i, time.Duration(i)*time.Second, i)
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("job%05d.go", i)), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
