package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// aiderLimit is how long aider may take for one task, as cf's budget is.
const aiderLimit = 15 * time.Minute

// testCommands are what someone would let aider run in a project.
var testCommands = map[string]string{"go": "go test ./...", "python": "python3 -m unittest", "elixir": "mix test", "c": "make -s test"}

// aiderProgram finds aider, or installs it from PyPI into an environment of its
// own below the judge's folder.
func (b *bench) aiderProgram() (string, error) {
	environment := filepath.Join(b.judge.folder, "aider")
	program := filepath.Join(environment, "bin", "aider")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	for _, argv := range [][]string{
		{"python3", "-m", "venv", environment},
		{filepath.Join(environment, "bin", "pip"), "install", "-q", "aider-chat"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("aider can't be installed: %w: %s", err, tail(string(out), 500))
		}
	}
	return program, nil
}

// aider lets aider work on a task: whole files for answers, as it advises for
// small models, and tests run by itself until they pass, three times at most.
func (b *bench) aider(program string) arm {
	return func(ctx context.Context, t *task, dir string) (string, error) {
		args := []string{
			"--model", "ollama_chat/" + b.model, "--edit-format", "whole", "--message", t.Instructions,
			"--auto-test", "--test-cmd", testCommands[t.Language], "--yes-always", "--no-git", "--no-stream", "--no-pretty",
			"--no-check-update", "--no-show-model-warnings", "--no-analytics", "--no-detect-urls", "--no-suggest-shell-commands", "--map-tokens", "0", t.Path,
		}
		if t.Kind == kindTests {
			args = append(args, "--read", t.About)
		}
		argv := append(append([]string{"bwrap"}, b.judge.confinement(dir, "--share-net")...), program)
		ctx, cancel := context.WithTimeout(ctx, aiderLimit)
		defer cancel()
		cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "OLLAMA_API_BASE="+b.meter.URL, "HOME=/tmp", "GOCACHE="+filepath.Join(b.judge.folder, "go-build"),
			"GOPROXY=off", "GOTOOLCHAIN=local")
		out, err := cmd.CombinedOutput()
		var failed *exec.ExitError
		if err != nil && ctx.Err() == nil && !errors.As(err, &failed) {
			return "", err
		}
		return tail(string(out), 500), nil
	}
}
