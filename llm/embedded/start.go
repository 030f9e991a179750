package embedded

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
)

// StartOptions says how Ensure starts a supervisor.
type StartOptions struct {
	Dir     string        // the server's state folder
	Command []string      // argv of `cf serve-model`; Command[0] is absolute
	Environ []string      // the environment it gets
	Wait    time.Duration // longest wait for a server to come up; 0 = DefaultStartWait
	Events  event.Sink    // gets a note when a server is being started; nil = none
}

// DefaultStartWait is how long Ensure waits for a server to come up.
const DefaultStartWait = 15 * time.Second

// local talks to loopback only, so no proxy of the environment applies.
var local = &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}

// probeTimeout bounds one health check. A machine whose cores are all busy with
// a model takes its time.
const probeTimeout = 2 * time.Second

func alive(pid int, start string) bool { return process.Alive(pid, start) }

// Ensure returns the state of the running private server, starting it first if
// none runs. Any number of processes may call it at once: one server comes of
// it. Kind Unreachable when nothing was set up (CodeNoServer) or it does not
// come up (CodeStart).
func Ensure(ctx context.Context, o StartOptions) (State, error) {
	if s, ok := adopt(ctx, o.Dir); ok {
		return s, nil
	}
	if _, ok := ReadInstall(o.Dir); !ok {
		return State{}, noServer()
	}
	if o.Wait <= 0 {
		o.Wait = DefaultStartWait
	}
	if o.Events != nil {
		o.Events.Emit(event.Note{Level: "info", Text: "starting the private model server"})
	}
	waiting, cancel := context.WithTimeout(ctx, o.Wait)
	defer cancel()
	s, err := start(waiting, o)
	if err != nil && ctx.Err() != nil {
		return State{}, fault.New(fault.Interrupted, process.CodeCanceled, "%w", context.Cause(ctx)).On("start", "private server")
	}
	return s, err
}

// adopt returns a running, healthy server and marks it as used now.
func adopt(ctx context.Context, dir string) (State, bool) {
	s, ok := Read(dir)
	if !ok || s.Status != Ready {
		return State{}, false
	}
	probe, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if _, err := Version(probe, local, s.URL); err != nil {
		return State{}, false
	}
	touch(dir)
	return s, true
}

// start launches a supervisor unless another cf does so already, and waits for
// the server to be ready.
func start(ctx context.Context, o StartOptions) (State, error) {
	turn := flock.New(filepath.Join(o.Dir, startFile), flock.SetPermissions(0o600))
	if _, err := turn.TryLockContext(ctx, poll); err != nil {
		if errors.Is(err, os.ErrPermission) {
			return State{}, folderError(o.Dir, err)
		}
		return State{}, notReady(o, err)
	}
	defer turn.Close()
	if s, ok := adopt(ctx, o.Dir); ok {
		return s, nil
	}
	return await(ctx, o)
}

// await polls the state file until the server is ready. Once nobody holds the
// supervisor's lock it launches one: at first, or when the one that held it turns
// out to be dying.
func await(ctx context.Context, o StartOptions) (State, error) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	var ended <-chan struct{} // of the supervisor launched here
	for {
		if s, ok := adopt(ctx, o.Dir); ok {
			return s, nil
		}
		if ended == nil && !locked(o.Dir) {
			_ = os.Remove(filepath.Join(o.Dir, stateFile)) // of a supervisor that is gone; its lock says so
			p, err := process.Detach(process.Command{Path: o.Command[0], Args: o.Command[1:], Dir: o.Dir, Env: o.Environ}, filepath.Join(o.Dir, logFile))
			if err != nil {
				return State{}, err
			}
			ended = p.Done()
		}
		select {
		case <-ctx.Done():
			return State{}, notReady(o, ctx.Err())
		case <-ended:
			return State{}, notReady(o, errors.New("its supervisor ended"))
		case <-tick.C:
		}
	}
}

// notReady says why the server is not there: that nothing can be written, or
// what the supervisor wrote last, weighs more than that time ran out.
func notReady(o StartOptions, err error) error {
	probe := filepath.Join(o.Dir, "probe")
	full := writeJSON(probe, "something")
	_ = os.Remove(probe)
	if full != nil {
		return folderError(o.Dir, full)
	}
	var s State
	if readJSON(filepath.Join(o.Dir, stateFile), &s) == nil && s.Status == Failed {
		err = errors.New(s.Reason)
	}
	return fault.New(fault.Unreachable, CodeStart, "%w", err).On("start", "private server").
		Hint("see "+filepath.Join(o.Dir, logFile), "run: cf setup")
}

// Stop ends the private server in dir and waits for it. It reports whether one
// ran.
func Stop(ctx context.Context, dir string) (bool, error) {
	if dir == "" || !locked(dir) {
		return false, nil
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	asked := false
	for locked(dir) {
		// A supervisor that is just starting has not written its state yet.
		if s, ok := Read(dir); ok && !asked {
			asked = process.Terminate(s.Pid, s.PidStart)
		}
		select {
		case <-ctx.Done():
			return true, fault.New(fault.Failed, CodeStop, "%w", context.Cause(ctx)).On("stop", "private server")
		case <-tick.C:
		}
	}
	return true, nil
}
