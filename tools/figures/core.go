package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// readCore takes the figures from the report that make bench-core has just written:
// the core is measured by a program of its own, with other libraries linked in.
func readCore(cf string) ([]figure, error) {
	return readClaims(filepath.Join(project(cf), "core", "figures.json"))
}

// readClaims takes the figures from a report of cf benchmark.
func readClaims(path string) ([]figure, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var report struct {
		Claims []struct {
			Figure, Goal, Measured, Conditions string
			Holds                              bool
		}
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, err
	}
	if len(report.Claims) == 0 {
		return nil, fmt.Errorf("%s holds no claims", path)
	}
	var figures []figure
	for _, c := range report.Claims {
		figures = append(figures, figure{Name: c.Figure, Goal: c.Goal, Measured: c.Measured, Pass: c.Holds, Conditions: c.Conditions})
	}
	return figures, nil
}

// project is the folder that bin/cf lies in.
func project(cf string) string { return filepath.Dir(filepath.Dir(cf)) }

var soaked = regexp.MustCompile(`(\d+) checks, (\d+) failed`)

// soakCore sends SOAK_SIGNALS (10^10) through one ring between two threads; the
// consumer checks each one's sequence and payload.
func soakCore(cf string) ([]figure, error) {
	signals := uint64(10_000_000_000)
	if s := os.Getenv("SOAK_SIGNALS"); s != "" {
		var err error
		if signals, err = strconv.ParseUint(s, 10, 64); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	out, err := exec.Command(filepath.Join(project(cf), "bin", "core", "soak"), "soak", strconv.FormatUint(signals, 10)).CombinedOutput()
	took := time.Since(start)
	m := soaked.FindSubmatch(out)
	if m == nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return []figure{{
		Name: "signals lost, doubled, torn or out of order", Goal: "0 of 10^10", Pass: string(m[2]) == "0" && signals >= 10_000_000_000,
		Measured:   fmt.Sprintf("%s of %g", m[2], float64(signals)),
		Conditions: fmt.Sprintf("two threads, SPSC, 512 slots, batches of 1 to 7 sent and up to 16 taken, counters that begin 9 before their wrap; %.0f s", took.Seconds()),
	}}, nil
}

var fuzzed = regexp.MustCompile(`elapsed: (\S+), execs: (\d+) .*\(total: (\d+)\)`)

// fuzzCore lets Go's fuzzer choose the operations for FUZZ_TIME (5m).
func fuzzCore(cf string) ([]figure, error) {
	length := os.Getenv("FUZZ_TIME")
	if length == "" {
		length = "5m"
	}
	cmd := exec.Command("go", "test", "-run", "^$", "-fuzz", "^FuzzRingOps$", "-fuzztime", length, "./core")
	cmd.Dir = project(cf)
	out, err := cmd.CombinedOutput()
	all := fuzzed.FindAllSubmatch(out, -1)
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	last := all[len(all)-1]
	found := "0"
	if err != nil {
		found = "1"
	}
	return []figure{{
		Name: "sequences of operations on which C and Go differ", Goal: "0", Pass: err == nil,
		Measured:   fmt.Sprintf("%s of %s", found, last[2]),
		Conditions: fmt.Sprintf("FuzzRingOps for %s: up to 4096 operations a sequence, SPSC and MPSC, 2 to 16 slots, every byte compared after each; %s inputs that reach new code", last[1], last[3]),
	}}, nil
}
