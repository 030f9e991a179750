package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/bitactor/cf/fault"
)

// Detach starts c in a session of its own, so that it outlives cf and gets none
// of the terminal's signals: standard input is empty, output is appended to the
// file log (created with mode 0600), no other file is handed down. Limits,
// callbacks and Stdin of c are ignored. The Process's Done tells of an early
// end while cf still runs.
func Detach(c Command, log string) (*Process, error) {
	if !filepath.IsAbs(c.Path) {
		return nil, fault.New(fault.Failed, CodeStart, "%w", exec.ErrDot).On("start", c.Path)
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fault.New(fault.Failed, CodeStart, "%w", err).On("start", c.Path)
	}
	defer out.Close()
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, out, out
	cmd.Env = append([]string{}, c.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fault.New(fault.Failed, CodeStart, "%w", err).On("start", c.Path)
	}
	p := &Process{pid: cmd.Process.Pid, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		// Reaped here, or by the system once cf is gone.
		if err := cmd.Wait(); err != nil {
			p.err = fault.New(fault.Failed, CodeExit, "%w", err).On("run", c.Path)
		}
		p.result.Code = cmd.ProcessState.ExitCode()
	}()
	return p, nil
}
