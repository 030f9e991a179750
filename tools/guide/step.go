package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/bitactor/cf/tools/witness"
)

// guide is one run through the commands.
type guide struct {
	cf, root string
	proxy    *witness.Proxy
}

// result is what one command did.
type result struct {
	args           []string // after "cf"
	code           int
	stdout, stderr string
	before, after  map[string][32]byte // hashes of all files by path
	seen           []witness.Exchange  // what passed to and from the model
	root           string
}

// step runs one line and checks what must be true after it.
func (g *guide) step(ctx context.Context, line string) error {
	args, err := split(line)
	if err != nil {
		return err
	}
	if len(args) < 2 || args[0] != "cf" {
		return fmt.Errorf("not a cf command: %s", line)
	}
	check, ok := checks[args[1]]
	if !ok {
		return fmt.Errorf("no check for cf %s", args[1])
	}
	r := result{args: args[1:], root: g.root}
	if r.before, err = snapshot(g.root); err != nil {
		return err
	}
	if err := g.execute(ctx, &r); err != nil {
		return err
	}
	r.seen = g.proxy.Take()
	if r.after, err = snapshot(g.root); err != nil {
		return err
	}
	return check(&r)
}

// execute runs cf as a person in a pipe would: no input, a group of its own so
// that nothing is left behind.
func (g *guide) execute(ctx context.Context, r *result) error {
	ctx, cancel := context.WithTimeout(ctx, perCommand)
	defer cancel()
	cmd := exec.CommandContext(ctx, g.cf, r.args...)
	cmd.Dir = g.root
	budget := perChange
	if r.assesses() {
		budget = perAssessment
	}
	cmd.Env = append(os.Environ(), "OLLAMA_HOST="+g.proxy.URL, "CF_BUDGET_SECONDS="+budget)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("still running after %v", perCommand)
	}
	r.code, r.stdout, r.stderr = cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
	return nil
}

// split cuts a line of the guide into words: blanks, double quotes, and a
// comment after " #". The guide uses no other shell syntax.
func split(line string) ([]string, error) {
	var args []string
	var word strings.Builder
	inWord, quoted := false, false
	for i, c := range line {
		switch {
		case c == '"':
			quoted, inWord = !quoted, true
		case quoted:
			word.WriteRune(c)
		case c == ' ' && inWord:
			args = append(args, word.String())
			word.Reset()
			inWord = false
		case c == ' ':
		case c == '#' && !inWord:
			return args, nil
		case strings.ContainsRune("$`\\'|&;<>(){}*?", c):
			return nil, fmt.Errorf("column %d: %q needs a shell", i+1, c)
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if quoted {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		args = append(args, word.String())
	}
	return args, nil
}

// snapshot hashes every file below root.
func snapshot(root string) (map[string][32]byte, error) {
	files := map[string][32]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		files[name] = sha256.Sum256(data)
		return err
	})
	return files, err
}
