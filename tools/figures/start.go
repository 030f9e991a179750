package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/creack/pty"
)

const startRuns = 41

// measureStart compares the start of cf with that of a Go program that does
// nothing, built by the same compiler: into a pipe and on a terminal.
func measureStart(cf string) ([]figure, error) {
	dir, err := os.MkdirTemp("", "cf-figures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	empty, err := emptyProgram(dir)
	if err != nil {
		return nil, err
	}
	var figures []figure
	for _, arg := range []string{"--version", "--help"} {
		over, err := inTurn(startRuns, empty, cf, arg, runPiped)
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure{
			Name: "start of `cf " + arg + "`", Goal: "at most 10 ms over an empty Go program",
			Measured: over.in("ms over", 1), Pass: over.median <= 10,
			Conditions: fmt.Sprintf("whole process, output into a pipe, %d pairs in turn", startRuns),
		})
	}
	over, err := inTurn(startRuns, empty, cf, "--version", runOnTerminal)
	if err != nil {
		return nil, err
	}
	said, err := onTerminal(cf, "--version")
	if err != nil {
		return nil, err
	}
	escapes := bytes.Count(said, []byte{0x1b})
	return append(figures, figure{
		Name: "start of `cf --version` on a terminal", Goal: "at most 10 ms over an empty Go program, no escape sequence",
		Measured: fmt.Sprintf("%s, %d escape bytes", over.in("ms over", 1), escapes), Pass: over.median <= 10 && escapes == 0,
		Conditions: fmt.Sprintf("on a pty that answers no query, %d pairs in turn", startRuns),
	}), nil
}

func emptyProgram(dir string) (string, error) {
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		return "", err
	}
	program := filepath.Join(dir, "empty")
	out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, source).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the empty program: %w: %s", err, out)
	}
	return program, nil
}

// inTurn runs the empty program and cf in turn and returns by how many
// milliseconds cf took longer, pair by pair.
func inTurn(runs int, empty, cf, arg string, run func(string, ...string) (time.Duration, error)) (spread, error) {
	var over []float64
	for i := range runs + 2 { // the first two pairs warm the caches
		base, err := run(empty)
		if err != nil {
			return spread{}, err
		}
		took, err := run(cf, arg)
		if err != nil {
			return spread{}, err
		}
		if i >= 2 {
			over = append(over, float64(took-base)/float64(time.Millisecond))
		}
	}
	return spreadOf(over), nil
}

func runPiped(program string, args ...string) (time.Duration, error) {
	cmd := exec.Command(program, args...)
	cmd.Stdout = io.Discard
	start := time.Now()
	err := cmd.Run()
	return time.Since(start), err
}

func runOnTerminal(program string, args ...string) (time.Duration, error) {
	start := time.Now()
	_, err := onTerminal(program, args...)
	return time.Since(start), err
}

// onTerminal runs a program on a pseudo-terminal and returns what it wrote.
func onTerminal(program string, args ...string) ([]byte, error) {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "CI=") // with CI set the terminal library keeps quiet
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	said, _ := io.ReadAll(terminal) // ends with EIO when the program's side closes
	return said, cmd.Wait()
}
