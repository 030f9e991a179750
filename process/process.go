// Package process is the one package of cf that starts processes.
//
// It runs a program in a process group of its own, kills the whole group when
// the context ends, keeps the output within a bound, and always returns. It
// must never use a shell, never search the current folder for a program, and
// never hand down an environment that the caller did not write out. Interactive is
// the one exception: a program for a person shares cf's group and terminal.
//
// Invariants:
//  1. Command.Path is absolute when the program starts; Look refuses what only
//     the current folder or a relative PATH entry would give (exec.ErrDot).
//  2. When Wait returns, the program is gone and so is every process left in
//     its group. Only a process that made a session of its own escapes.
//  3. Wait returns within Grace + 2*WaitDelay of the context's end, even when
//     an escaped process holds the output pipe open.
//  4. At most OutputMax bytes of each stream are held in memory.
//
// Platforms: Linux and other Unix systems. ParentDeath works on Linux only.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bitactor/cf/fault"
)

// Defaults of the zero Command.
const (
	DefaultOutputMax = 1 << 20         // bytes kept of each stream
	DefaultGrace     = 2 * time.Second // from SIGTERM to SIGKILL
	DefaultWaitDelay = time.Second     // how long an escaped process may hold a pipe
)

// Codes of the faults this package returns. Stable: the list may only grow.
const (
	CodeNotFound = "program-missing" // not on the PATH, or not executable [Failed]
	CodeStart    = "start-failed"    // the system refused to start it [Failed]
	CodeExit     = "exit-status"     // it ended with another status than 0 [Failed]
	CodeCanceled = "canceled"        // the context ended [Interrupted]
	CodeTimeout  = "timeout"         // the context's deadline passed [Failed]
)

// Command says what to run. Env is the whole environment, nothing is added;
// nil means an empty one. The zero value of each limit means its default.
type Command struct {
	Path        string   // absolute path of the program, see Look
	Args        []string // without the program's own name
	Dir         string   // working folder; must be absolute or empty (the caller's own)
	Env         []string // "KEY=value", as in os.Environ
	Stdin       io.Reader
	OutputMax   int               // bytes kept of each stream, half of the head and half of the tail
	Stdout      func(line string) // when set, gets each line instead of keeping it; called from one goroutine
	Stderr      func(line string) // the same; runs beside Stdout's
	StdoutTo    io.Writer         // when set, gets the raw bytes instead; must not block for good
	StderrTo    io.Writer         // the same
	Grace       time.Duration     // from SIGTERM to SIGKILL of the group
	WaitDelay   time.Duration     // how long the pipes stay open after the end
	ParentDeath syscall.Signal    // sent to the program if cf dies first; 0 = none; Linux only
	Started     func(pid int)     // called once it runs, before any output
	Argv0       string            // the name that the program sees as its own; "" means Path
	Files       *Files            // when set, handed down as they are: Stdin, Stdout... don't count and nothing is kept
	Extra       []*os.File        // handed down as files 3, 4, ...
	// UserNamespace starts the program in a user and a mount namespace of its
	// own, in which the caller's user and group are 0 and it may mount. Linux only.
	UserNamespace bool
}

// Result is what is known after the end.
type Result struct {
	Code    int            // exit status; -1 when a signal ended it
	Signal  syscall.Signal // the signal, or 0
	Stdout  Output
	Stderr  Output
	Elapsed time.Duration
}

// Run starts c and waits for its end. The error is nil for exit status 0; see
// Process.Wait for the others.
func Run(ctx context.Context, c Command) (Result, error) {
	p, err := Start(ctx, c)
	if err != nil {
		return Result{Code: -1}, err
	}
	return p.Wait()
}

// Process is a started program. Safe for concurrent use.
type Process struct {
	pid    int
	done   chan struct{}
	result Result
	err    error
}

// Pid returns the process id, which is also the id of its group.
func (p *Process) Pid() int { return p.pid }

// Done is closed when Wait will not block.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait returns the result after the end. The error is a *fault.Error: CodeExit
// for a status other than 0, CodeCanceled or CodeTimeout when the context ended
// it. The Result is filled in every case.
func (p *Process) Wait() (Result, error) {
	<-p.done
	return p.result, p.err
}

// Start starts c in its own process group. When ctx ends, the group gets
// SIGTERM, and SIGKILL after Grace.
func Start(ctx context.Context, c Command) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, endError(ctx, c)
	}
	if !filepath.IsAbs(c.Path) || (c.Dir != "" && !filepath.IsAbs(c.Dir)) {
		return nil, fault.New(fault.Failed, CodeStart, "program and folder must be absolute paths: %w", exec.ErrDot).On("start", c.Path)
	}
	c.setDefaults()
	stdout, stderr := newCapture(c.OutputMax, c.Stdout, c.StdoutTo), newCapture(c.OutputMax, c.Stderr, c.StderrTo)
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Dir, c.Stdin, stdout, stderr
	cmd.Env = append([]string{}, c.Env...)
	cmd.WaitDelay = c.WaitDelay
	if c.Argv0 != "" {
		cmd.Args[0] = c.Argv0
	}
	if c.Files != nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Files.In, c.Files.Out, c.Files.Err
	}
	cmd.ExtraFiles = c.Extra
	attr, err := startAttr(c)
	if err != nil {
		return nil, fault.New(fault.Failed, CodeStart, "%w", err).On("start", c.Path)
	}
	cmd.SysProcAttr = attr

	p := &Process{done: make(chan struct{})}
	started := make(chan error)
	go p.own(ctx, c, cmd, started, func() (Output, Output) { return stdout.close(), stderr.close() })
	if err := <-started; err != nil {
		return nil, fault.New(fault.Failed, CodeStart, "%w", err).On("start", c.Path)
	}
	return p, nil
}

func (c *Command) setDefaults() {
	if c.OutputMax <= 0 {
		c.OutputMax = DefaultOutputMax
	}
	if c.Grace <= 0 {
		c.Grace = DefaultGrace
	}
	if c.WaitDelay <= 0 {
		c.WaitDelay = DefaultWaitDelay
	}
}

// own starts cmd and sees it to its end. Linux ties the parent-death signal to
// the starting thread, not to the process (prctl(2), PR_SET_PDEATHSIG), so this
// goroutine keeps its thread until the program is gone.
func (p *Process) own(ctx context.Context, c Command, cmd *exec.Cmd, started chan<- error, outputs func() (Output, Output)) {
	defer keepThread(c.ParentDeath)()
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	if c.Started != nil {
		c.Started(p.pid)
	}
	started <- nil

	cut, waitErr := p.see(ctx, c, cmd)
	p.result.Stdout, p.result.Stderr = outputs()
	p.result.Elapsed = time.Since(begin)
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		p.result.Signal = s.Signal()
	}
	p.result.Code = cmd.ProcessState.ExitCode()
	p.err = p.verdict(ctx, c, cut, waitErr)
	close(p.done)
}

// see waits for the end, kills the group on the way, and reaps. cut tells that
// the context ended first: then even status 0 is no success.
func (p *Process) see(ctx context.Context, c Command, cmd *exec.Cmd) (cut bool, err error) {
	exited, reap := watchExit(cmd)
	select {
	case <-exited:
	case <-ctx.Done():
		cut = true
		signalGroup(p.pid, syscall.SIGTERM)
		timer := time.NewTimer(c.Grace)
		defer timer.Stop()
		select {
		case <-exited:
		case <-timer.C:
			signalGroup(p.pid, syscall.SIGKILL)
			<-exited
		}
	}
	// Whatever is left of the group would hold the pipes and outlive its job.
	signalGroup(p.pid, syscall.SIGKILL)
	return cut, reap()
}

func (p *Process) verdict(ctx context.Context, c Command, cut bool, waitErr error) error {
	switch {
	case cut:
		return endError(ctx, c)
	case p.result.Code == 0:
		return nil
	case p.result.Signal != 0:
		return fault.New(fault.Failed, CodeExit, "ended by signal: %s", p.result.Signal).On("run", c.Path)
	case p.result.Code > 0:
		return fault.New(fault.Failed, CodeExit, "exit status %d", p.result.Code).On("run", c.Path)
	default:
		return fault.New(fault.Failed, CodeExit, "%w", waitErr).On("run", c.Path)
	}
}

func endError(ctx context.Context, c Command) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.New(fault.Failed, CodeTimeout, "%w", ctx.Err()).On("run", c.Path)
	}
	return fault.New(fault.Interrupted, CodeCanceled, "%w", context.Cause(ctx)).On("run", c.Path)
}

// Alive tells whether the process pid that began at start (see StartTime) still
// runs. A pid that now belongs to another process is not alive.
func Alive(pid int, start string) bool {
	if pid <= 0 || start == "" {
		return false
	}
	now, err := StartTime(pid)
	return err == nil && now == start
}

// Terminate sends SIGTERM to the process pid if it still is the one that began
// at start, and reports whether it was.
func Terminate(pid int, start string) bool {
	return Alive(pid, start) && syscall.Kill(pid, syscall.SIGTERM) == nil
}

// KillGroup sends SIGKILL to the group led by pid if pid still is the process
// that began at start, and reports whether it was.
func KillGroup(pid int, start string) bool {
	if !Alive(pid, start) {
		return false
	}
	signalGroup(pid, syscall.SIGKILL)
	return true
}

// signalGroup sends to a group; the error is ESRCH when nobody is left.
func signalGroup(pid int, s syscall.Signal) { _ = syscall.Kill(-pid, s) }

// Describe returns the last line of the error output, or of the output, to say
// why a command failed; "" when it was silent.
func (r Result) Describe() string {
	for _, o := range []Output{r.Stderr, r.Stdout} {
		if l := o.LastLine(); l != "" {
			return l
		}
	}
	return ""
}

// String returns the command for a log: program and arguments, quoted.
func (c Command) String() string {
	s := c.Path
	for _, a := range c.Args {
		s += fmt.Sprintf(" %q", a)
	}
	return s
}
