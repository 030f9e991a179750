package process

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/bitactor/cf/fault"
)

// Files are a program's standard files, handed down as they are.
type Files struct{ In, Out, Err *os.File }

// Interactive runs a program that a person works in, such as an editor, and
// returns its end: CodeStart or CodeExit, as Run does. Unlike Run it leaves the
// program in cf's own process group, with the terminal's own files: a program in
// another group is stopped by SIGTTIN as soon as it reads the terminal, and only
// in the same group does Ctrl-Z stop both (tcsetpgrp(3)). The person ends it, so
// there is no context; of c only Path, Args, Dir and Env count.
func Interactive(c Command, files Files) error {
	if !filepath.IsAbs(c.Path) || (c.Dir != "" && !filepath.IsAbs(c.Dir)) {
		return fault.New(fault.Failed, CodeStart, "program and folder must be absolute paths: %w", exec.ErrDot).On("start", c.Path)
	}
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.Env = c.Dir, append([]string{}, c.Env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files.In, files.Out, files.Err
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return fault.New(fault.Failed, CodeStart, "%w", err).On("start", c.Path)
	}
	if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return fault.New(fault.Failed, CodeExit, "ended by signal: %s", s.Signal()).On("run", c.Path)
	}
	return fault.New(fault.Failed, CodeExit, "exit status %d", exit.ExitCode()).On("run", c.Path)
}
