package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// budget bounds one run of cf; it is far over what a task takes.
const budget = "15m"

// refusedCodes are exit codes by which cf says that nothing landed: the checks
// said no, or no reply held code.
var refusedCodes = map[int]bool{3: true, 13: true}

// implement runs cf at a level, with more flags.
func (b *bench) implement(level string, flags ...string) arm {
	return func(ctx context.Context, t *task, dir string) (string, error) {
		target, focus := t.Path+"#"+t.Symbol, "functionality"
		if t.Kind == kindTests {
			target, focus = t.About, "tests"
		}
		args := []string{"implement", target, "--instructions", t.Instructions, "--ai-level", level, "--focus", focus,
			"--seed", "1", "--budget", budget, "--no-memory", "--yes", "--json"}
		cmd := exec.CommandContext(ctx, b.cf, append(args, flags...)...)
		cmd.Dir = dir
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends what it started
		cmd.WaitDelay = 30 * time.Second
		cmd.Env = append(os.Environ(), "CF_HOST="+b.meter.URL, "CF_MODEL="+b.model)
		for _, name := range []string{"CACHE", "STATE", "CONFIG", "DATA"} {
			cmd.Env = append(cmd.Env, "XDG_"+name+"_HOME="+filepath.Join(b.judge.folder, "home", strings.ToLower(name)))
		}
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		err := cmd.Run()
		var failed *exec.ExitError
		if err != nil && (!errors.As(err, &failed) || !refusedCodes[failed.ExitCode()]) {
			return "", fmt.Errorf("%w: %s", err, tail(said.String()+out.String(), 1000))
		}
		if err == nil && t.Kind == kindTests {
			err = gather(t, dir)
		} else {
			err = nil
		}
		return lastWords(out.Bytes(), said.String()), err
	}
}

// lastWords is what cf said at its end.
func lastWords(events []byte, said string) string {
	lines := bytes.Split(bytes.TrimSpace(events), []byte("\n"))
	var exit struct{ Type, Error, Message string }
	if len(lines) > 0 && json.Unmarshal(lines[len(lines)-1], &exit) == nil && exit.Error+exit.Message != "" {
		return exit.Error + exit.Message
	}
	return tail(said, 300)
}

var testName = regexp.MustCompile(`(^|/)(test_[^/]*\.(py|c)|[^/]*_test\.(go|exs|c|py))$`)

// gather moves the test file that cf wrote to where the task has it: cf chooses
// the name itself.
func gather(t *task, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		_, there := t.Files[filepath.ToSlash(rel)]
		if there || rel == filepath.FromSlash(t.Path) || !testName.MatchString(filepath.ToSlash(rel)) {
			return nil
		}
		return os.Rename(path, filepath.Join(dir, filepath.FromSlash(t.Path)))
	})
}
