package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// measurePrecision has the drawn findings on code bases of others held against what
// readers said of them.
func measurePrecision(cf string) ([]figure, error) {
	root := project(cf)
	listed := exec.Command(filepath.Join(root, "tools", "corpora.sh"))
	listed.Stderr = os.Stderr
	corpora, err := listed.Output()
	if err != nil {
		return nil, err
	}
	args := []string{"run", "./bench/precision/cmd", "claims", "-verdicts", filepath.Join("testdata", "precision", "verdicts.jsonl")}
	args = append(args, strings.Split(strings.TrimSpace(string(corpora)), "\n")...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, stderr.Bytes())
	}
	report, err := os.CreateTemp("", "figures-precision-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(report.Name())
	if _, err := report.Write(out); err != nil {
		return nil, err
	}
	if err := report.Close(); err != nil {
		return nil, err
	}
	return readClaims(report.Name())
}
