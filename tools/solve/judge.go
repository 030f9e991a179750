package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What one run of a task's tests may take: a model writes loops without an end.
// Processor time is what counts, so that a busy machine changes no verdict; the
// other limit ends tests that wait.
const (
	testSeconds = 30 // of processor time, of each process
	testLimit   = 5 * time.Minute
)

// killedShare is what share of a task's mutants tests must kill, as cf asks of
// tests that it lands.
const killedShare = 0.7

// judge runs tests.
type judge struct {
	folder  string // of its own, for build caches
	python  string // the interpreter; a shim of pyenv would need the home folder
	seconds int    // of processor time that each process of a test may take
	confine bool   // run in bubblewrap, without a network and with all but the project read-only

	known map[string]verdict // by task and text: arms often leave the same
}

// verdict is what the tests say of a text at a task's path.
type verdict struct {
	visible, solved bool
	output          string
}

// verdict runs the visible tests, then the hidden ones.
func (j *judge) verdict(ctx context.Context, t *task, text string) (v verdict, err error) {
	key := t.content() + text
	if v, found := j.known[key]; found {
		return v, nil
	}
	if v.visible, v.output, err = j.visible(ctx, t, text); err == nil && v.visible {
		v.solved, v.output, err = j.hidden(ctx, t, text)
	}
	if err == nil {
		j.known[key] = v
	}
	return v, err
}

// newJudge makes a judge that keeps its caches in a folder. Code that a model
// wrote must be confined; the project's own need not be.
func newJudge(folder string, confine bool) (*judge, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(folder, "go-build"), 0o755); err != nil {
		return nil, err
	}
	j := &judge{folder: folder, seconds: testSeconds, confine: confine, known: map[string]verdict{}}
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err == nil {
		j.python = strings.TrimSpace(string(out))
	}
	if confine {
		if err := exec.Command("bwrap", append(j.confinement(folder), "true")...).Run(); err != nil {
			return nil, fmt.Errorf("bubblewrap does not work here, and what a model wrote is not run without: %w", err)
		}
	}
	return j, nil
}

// confinement are the arguments of bubblewrap: more, and what holds always.
func (j *judge) confinement(dir string, more ...string) []string {
	cache := filepath.Join(j.folder, "go-build")
	return append([]string{
		"--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--bind", dir, dir, "--bind", cache, cache,
		"--chdir", dir, "--unshare-all", "--die-with-parent", "--new-session",
	}, append(more, "--")...)
}

// command returns the program that runs all tests in a project's folder.
func (j *judge) command(language, dir string) ([]string, error) {
	switch language {
	case "go":
		return []string{"go", "test", "-vet=off", "./..."}, nil
	case "python":
		if j.python == "" {
			return nil, errors.New("there is no python3")
		}
		return []string{j.python, "-m", "unittest"}, nil
	case "c":
		return []string{"make", "-s", "test"}, nil
	case "elixir": // without mix, which would build a project for each run
		args := []string{"elixir"}
		for _, pattern := range []string{"lib/*.ex", "test/test_helper.exs", "test/*_test.exs"} {
			files, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				return nil, err
			}
			for _, f := range files {
				args = append(args, "-r", f)
			}
		}
		return args, nil
	}
	return nil, fmt.Errorf("no tests are known for the language %q", language)
}

// passes runs the tests of a project and tells whether all pass; if not, output
// is the end of what they printed. An error means that they could not be run.
func (j *judge) passes(ctx context.Context, language, dir string) (ok bool, output string, err error) {
	argv, err := j.command(language, dir)
	if err != nil {
		return false, "", err
	}
	argv = append([]string{"prlimit", "--cpu=" + strconv.Itoa(j.seconds)}, argv...)
	if j.confine {
		argv = append(append([]string{"bwrap"}, j.confinement(dir)...), argv...)
	}
	ctx, cancel := context.WithTimeout(ctx, testLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOCACHE="+filepath.Join(j.folder, "go-build"), "GOFLAGS=-ldflags=-s", "GOPROXY=off", "GOTOOLCHAIN=local", "GOWORK=off",
		"PYTHONDONTWRITEBYTECODE=1", "MIX_ENV=test", "ERL_FLAGS=+S 1:1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var failed *exec.ExitError
	switch {
	case err == nil:
		return true, "", nil
	case ctx.Err() != nil || errors.As(err, &failed):
		return false, tail(out.String(), 2000), nil
	}
	return false, "", err
}

func tail(text string, n int) string {
	return text[max(0, len(text)-n):]
}

// try makes the project with more files over its own and runs its tests.
func (j *judge) try(ctx context.Context, t *task, more ...map[string]string) (ok bool, output string, err error) {
	dir, err := os.MkdirTemp(j.folder, "try-")
	if err != nil {
		return false, "", err
	}
	defer os.RemoveAll(dir)
	if err := t.write(dir, more...); err != nil {
		return false, "", err
	}
	return j.passes(ctx, t.Language, dir)
}

// visible tells whether the visible tests pass with a text at the task's path.
// Of kind tests it is the written tests that must pass.
func (j *judge) visible(ctx context.Context, t *task, text string) (bool, string, error) {
	if text == "" {
		return false, "there is no file " + t.Path, nil
	}
	return j.try(ctx, t, map[string]string{t.Path: text})
}

// hidden tells whether a text at the task's path solves it.
func (j *judge) hidden(ctx context.Context, t *task, text string) (bool, string, error) {
	if t.Kind != kindTests {
		return j.try(ctx, t, map[string]string{t.Path: text}, t.Hidden)
	}
	ok, output, err := j.visible(ctx, t, text)
	if err != nil || !ok {
		return false, output, err
	}
	killed, survivors, err := j.kills(ctx, t, text)
	if err != nil {
		return false, "", err
	}
	if float64(killed) < killedShare*float64(len(t.Mutants)) {
		return false, fmt.Sprintf("%d of %d mutants killed; alive: %q", killed, len(t.Mutants), survivors), nil
	}
	return true, "", nil
}

// kills counts the mutants that tests find, and returns those that they do not.
func (j *judge) kills(ctx context.Context, t *task, tests string) (killed int, survivors []string, err error) {
	mutants, err := t.mutated()
	if err != nil {
		return 0, nil, err
	}
	for i, m := range mutants {
		ok, _, err := j.try(ctx, t, map[string]string{t.Path: tests, t.About: m})
		if err != nil {
			return 0, nil, err
		}
		if ok {
			survivors = append(survivors, t.Mutants[i].New)
			continue
		}
		killed++
	}
	return killed, survivors, nil
}
