package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/fault"
)

// Main runs cf and returns its exit code. The first SIGINT, SIGTERM or SIGHUP
// cancels the work and lets it clean up; the second ends the process at once.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return run(args, realEnv(stdin, stdout, stderr), notify)
}

// run is Main in a given environment. watch starts the delivery of signals and
// returns what stops it.
func run(args []string, env *Env, watch func(chan<- os.Signal) (stop func())) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	out := &pipe{w: env.Stdout, broken: func() { cancel(errBrokenPipe) }}
	env.Stdout = out
	a := &App{Env: env, asJSON: wantsJSON(args)}

	signals := make(chan os.Signal, 2)
	stop := watch(signals)
	defer stop()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for first := true; ; first = false {
			select {
			case s := <-signals:
				if !first {
					a.endAtOnce(s)
				}
				cancel(signalFault(s))
			case <-done:
				return
			}
		}
	}()

	err := a.execute(ctx, args)
	if cause := context.Cause(ctx); cause != nil && (err != nil || errors.Is(cause, errBrokenPipe)) {
		err = cause // why it failed: the signal, or the reader that went away
	}
	return a.finish(err)
}

// execute runs the verb; a panic becomes an error of its own kind.
func (a *App) execute(ctx context.Context, args []string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = a.panicked(v, debug.Stack())
		}
	}()
	root := newRoot(a)
	root.SetArgs(slices.Concat(args)) // never nil: cobra would take os.Args
	cmd, err := root.ExecuteContextC(ctx)
	var f *fault.Error
	if err != nil && !errors.As(err, &f) && a.cmd == nil {
		return usageError(cmd, plainly(err)) // cobra's own checks fail before any verb runs
	}
	return err
}

// finish writes how the run ended and returns its exit code.
func (a *App) finish(err error) int {
	a.close()
	if errors.Is(err, errBrokenPipe) {
		return 1 // nobody reads: nothing to say, and nothing to say it to
	}
	end := exitOf(err)
	if a.JSON || a.asJSON {
		a.emitJSON(end)
	} else {
		end.report(a.Env.Stderr)
	}
	return end.Code
}

// kindPanic is the kind of a fault in cf itself.
const kindPanic fault.Kind = "panic"

// panicked keeps the stack for a report and returns the error to show.
func (a *App) panicked(v any, stack []byte) error {
	err := fault.New(kindPanic, "panic", "cf itself failed: %v", v)
	text := fmt.Sprintf("cf %s\n%v\n\n%s", buildVersion().Version, v, stack)
	if dir := a.Env.Paths.State; dir != "" {
		path := filepath.Join(dir, "crash-"+a.Env.Now().UTC().Format("20060102T150405.000")+".txt")
		if os.MkdirAll(dir, 0o700) == nil && os.WriteFile(path, []byte(text), 0o600) == nil {
			return err.Hint("please report it with " + path)
		}
	}
	fmt.Fprintln(a.Env.Stderr, view.Sanitize(text))
	return err.Hint("please report it with the lines above")
}

// wantsJSON tells whether --json stands on the command line, so that a command
// line that can't be parsed is answered in JSON too.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		switch {
		case arg == "--":
			return false
		case arg == "--json", strings.HasPrefix(arg, "--json=") && arg != "--json=false":
			return true
		}
	}
	return false
}

// notify delivers the signals that end cf. SIGPIPE is ignored so that a write
// to a pipe without a reader returns EPIPE and cf can stop the model first.
func notify(c chan<- os.Signal) func() {
	signal.Ignore(syscall.SIGPIPE)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	return func() { signal.Stop(c) }
}

func signalFault(s os.Signal) error {
	if s == os.Interrupt {
		return fault.New(fault.Interrupted, "signal", "interrupted")
	}
	return fault.New(fault.Terminated, "signal", "terminated")
}

// endAtOnce ends the process on the second signal; the exit event gets a
// moment, as standard output may be stuck.
func (a *App) endAtOnce(s os.Signal) {
	end := exitOf(signalFault(s))
	written := make(chan struct{})
	go func() {
		defer close(written)
		if a.asJSON {
			_, _ = a.Env.Stdout.Write(view.Line(end))
		}
	}()
	select {
	case <-written:
	case <-time.After(50 * time.Millisecond):
	}
	os.Exit(end.Code) //nolint:forbidigo // the second signal: nothing more is waited for
}

var errBrokenPipe = errors.New("the reader of standard output went away")

// pipe is standard output; the first write that finds no reader cancels the run.
type pipe struct {
	w      io.Writer
	broken func()
	once   sync.Once
}

func (p *pipe) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		p.once.Do(p.broken)
	}
	return n, err
}

// terminal returns what standard output really is: a terminal interface needs the
// file itself, for its size and to hear of a new one.
func (a *App) terminal() io.Writer {
	if p, ok := a.Env.Stdout.(*pipe); ok {
		return p.w
	}
	return a.Env.Stdout
}
