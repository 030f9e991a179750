//go:build unix && !linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func startAttr(c Command) (*syscall.SysProcAttr, error) {
	if c.UserNamespace {
		return nil, fmt.Errorf("user namespaces: %w", errors.ErrUnsupported)
	}
	return &syscall.SysProcAttr{Setpgid: true}, nil
}

func keepThread(syscall.Signal) (release func()) { return func() {} }

// watchExit reaps at once, for want of a portable way to wait without reaping:
// the group is signalled a moment after its leader's pid was freed.
func watchExit(cmd *exec.Cmd) (exited <-chan struct{}, reap func() error) {
	ch := make(chan struct{})
	var err error
	go func() {
		defer close(ch)
		err = cmd.Wait()
	}()
	return ch, func() error {
		<-ch
		return err
	}
}

// StartTime returns a text that tells this process from any other that has or
// had the same pid: its start as ps(1) prints it, exact to a second.
func StartTime(pid int) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	r, err := Run(ctx, Command{Path: "/bin/ps", Args: []string{"-o", "stat=,lstart=", "-p", strconv.Itoa(pid)}, Env: []string{"LC_ALL=C"}})
	if err != nil {
		return "", err
	}
	state, start, _ := strings.Cut(strings.TrimSpace(r.Stdout.String()), " ")
	if state == "" || strings.HasPrefix(state, "Z") {
		return "", fmt.Errorf("process %d: %w", pid, syscall.ESRCH)
	}
	return strings.TrimSpace(start), nil
}
