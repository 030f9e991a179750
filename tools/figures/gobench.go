package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// benchmark runs benchmarks of a package and returns the lines of their results.
func benchmark(pkg, pattern, benchtime string, count int) ([]string, error) {
	cmd := exec.Command("go", "test", pkg, "-run", "^$", "-bench", pattern, "-benchtime", benchtime, "-timeout", "30m", "-count", strconv.Itoa(count))
	cmd.Dir = ".." // go -C tools
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	var results []string
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "Benchmark") {
			results = append(results, lines.Text())
		}
	}
	if len(results) == 0 {
		return nil, fmt.Errorf("no benchmark ran:\n%s", out)
	}
	return results, nil
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
