package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// measurePrecision has the drawn findings on code bases of others held against what
// readers said of them.
func measurePrecision(cf string) ([]figure, error) {
	return onCorpora(cf, nil, "claims", "-seed", "11", "-verdicts", filepath.Join("testdata", "precision", "verdicts.jsonl"))
}

// measureRecall plants faults in the same code bases, and in the system that cf
// scaffold makes, which has C and more of Elixir.
func measureRecall(cf string) (figures []figure, err error) {
	folder, err := os.MkdirTemp("", "figures-recall-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	scaffold := exec.Command(cf, "scaffold", "bitactor", "--no-tests", "--yes")
	scaffold.Dir = folder
	if out, err := scaffold.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return onCorpora(cf, []string{"scaffold 1 " + folder}, "plant", "-seed", "12")
}

// onCorpora runs bench/precision over the code bases of others and more, and reads
// its figures.
func onCorpora(cf string, more []string, args ...string) ([]figure, error) {
	root := project(cf)
	listed := exec.Command(filepath.Join(root, "tools", "corpora.sh"))
	listed.Stderr = os.Stderr
	corpora, err := listed.Output()
	if err != nil {
		return nil, err
	}
	args = append([]string{"run", "./bench/precision/cmd"}, args...)
	args = append(args, strings.Split(strings.TrimSpace(string(corpora)), "\n")...)
	args = append(args, more...)
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
