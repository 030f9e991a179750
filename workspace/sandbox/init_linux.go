package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bitactor/cf/process"
)

// init is the other half of this package: where the process was started as the
// init of a sandbox, it does that work and ends the process. It stands here, and
// not in main, so that no program or test that uses a Box can forget it and run
// itself again and again; and so that little else of cf is initialised first.
// For every other process it is one comparison.
func init() {
	if len(os.Args) != 2 {
		return
	}
	switch os.Args[0] {
	case reexecName:
		// Not os.Exit, whose hooks are cf's: under the race detector one waits a second.
		syscall.Exit(initMain(os.Args[1]))
	case confineName:
		os.Exit(confineMain(os.Args[1])) //nolint:forbidigo // reached only when the program can't be started
	}
}

// initFailed is the exit code of an init that could not do its work, the one
// that chroot(1) and env(1) use for their own failures.
const initFailed = 125

// setupError is a failure before the program ran.
type setupError struct {
	code string // of this package
	what string
	err  error
}

func (e *setupError) Error() string { return e.what + ": " + e.err.Error() }

func readPolicy(file string) (policy, error) {
	var p policy
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	return p, err
}

// initMain runs the policy in a file and returns the init's own exit code: 0
// when the program ran, whatever became of it.
func initMain(file string) int {
	p, err := readPolicy(file)
	if err != nil {
		return initFailed
	}
	ended, err := p.contain()
	if err != nil {
		ended = status{Fault: CodeSetup, Reason: err.Error()}
		var failed *setupError
		if errors.As(err, &failed) {
			ended.Fault = failed.code
		}
	}
	if p.report(ended) != nil || ended.Fault != "" {
		return initFailed
	}
	return 0
}

// report writes down how the run ended.
func (p *policy) report(ended status) error {
	text, err := json.Marshal(ended)
	if err != nil {
		return err
	}
	return os.WriteFile(scratch(p.Scratch).at(statusFile), text, 0o600)
}

// contain sets everything up, runs the program, and leaves no process behind.
func (p *policy) contain() (status, error) {
	// What cf itself inherited from its parent must not reach the program.
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return status{}, &setupError{CodeSetup, "close files", err}
	}
	// Orphans come to this process, so that it can end them too.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return status{}, &setupError{CodeSetup, "become a reaper", err}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	c, read, err := p.command()
	if err != nil {
		return status{}, err
	}
	if err := p.limit(); err != nil {
		return status{}, &setupError{CodeSetup, "set limits", err}
	}
	c.Files = &process.Files{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	c.ParentDeath, c.Grace = syscall.SIGKILL, time.Millisecond
	program, err := process.Start(ctx, c)
	if err != nil {
		return status{}, &setupError{CodeSetup, "start", err}
	}
	go reapOthers(program)
	r, err := program.Wait()
	endAll()
	if ctx.Err() != nil {
		return status{Code: -1, Signal: syscall.SIGKILL}, nil
	}
	ended, err := read(r, err)
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_CHILDREN, &used) == nil {
		ended.CPU = time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	return ended, err
}

// reapOthers collects the orphans that come to this process while program
// runs, so that they don't count as processes any more.
func reapOthers(program *process.Process) {
	for {
		var info unix.Siginfo
		if err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT, nil); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil {
			return // no child is left
		}
		pid := pidOf(&info)
		if pid == program.Pid() {
			<-program.Done() // reaped by its owner
			return
		}
		_, _ = unix.Wait4(pid, nil, 0, nil)
	}
}

// endMost bounds how long the init tries to end what a program left running.
const endMost = 5 * time.Second

// endAll kills every process below this one and waits for their end. In tier
// Bubblewrap the last to come is the first process of the sandbox's own pid
// namespace, which the kernel hands over only when all in there are gone.
func endAll() {
	self := os.Getpid()
	for deadline := time.Now().Add(endMost); time.Now().Before(deadline); {
		left := below(self)
		for _, pid := range left {
			// Without this a fork bomb could fork faster than it is killed.
			_ = unix.Prlimit(pid, unix.RLIMIT_NPROC, &unix.Rlimit{}, nil)
		}
		for _, pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if errors.Is(err, unix.ECHILD) {
				return
			}
			if pid <= 0 {
				break
			}
		}
		time.Sleep(time.Millisecond)
	}
}
