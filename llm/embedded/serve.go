package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/bitactor/cf/process"
)

// ServeOptions says how Serve runs the server. Zero durations mean the defaults.
type ServeOptions struct {
	Dir     string        // the server's state folder; holds what WriteInstall wrote
	Environ []string      // only what serverEnv lets through reaches the server
	Idle    time.Duration // end after so long without use; <= 0 = never
	Timing  Timing
}

// Timing holds the waits of the supervisor; tests shorten them.
type Timing struct {
	Healthy  time.Duration // longest wait for a new server's first answer
	Check    time.Duration // between health checks
	Backoff  time.Duration // before the first restart, doubled each time up to backoffMax
	Stable   time.Duration // a server that lived so long clears the count of failures
	Failures int           // so many failures in a row and it gives up
}

const (
	backoffMax  = 30 * time.Second
	stopGrace   = 5 * time.Second // Ollama ends its runners on SIGTERM
	checkMisses = 3               // missed health checks in a row that count as hung
	lockWait    = 2 * time.Second // readers of the lock hold it for an instant
)

func (t *Timing) setDefaults() {
	for _, d := range []struct {
		to  *time.Duration
		def time.Duration
	}{{&t.Healthy, 30 * time.Second}, {&t.Check, 5 * time.Second}, {&t.Backoff, 500 * time.Millisecond}, {&t.Stable, time.Minute}} {
		if *d.to <= 0 {
			*d.to = d.def
		}
	}
	if t.Failures <= 0 {
		t.Failures = 5
	}
}

// Serve is the body of `cf serve-model`: it owns the private server until it is
// idle for long enough, until ctx ends, or until the server failed too often.
// When another supervisor holds the lock Serve returns nil at once.
func Serve(ctx context.Context, o ServeOptions) error {
	if err := makeDir(o.Dir); err != nil {
		return err
	}
	in, ok := ReadInstall(o.Dir)
	if !ok {
		return noServer()
	}
	lock := flock.New(filepath.Join(o.Dir, lockFile), flock.SetPermissions(0o600))
	waiting, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	if got, err := lock.TryLockContext(waiting, poll); !got {
		if waiting.Err() != nil {
			return nil
		}
		return folderError(o.Dir, err)
	}
	defer lock.Close()
	log, err := openLog(o.Dir, logMax)
	if err != nil {
		return folderError(o.Dir, err)
	}
	defer log.Close()
	o.Timing.setDefaults()
	s := &supervisor{o: o, in: in, log: log, say: slog.New(slog.NewTextHandler(log, nil))}
	return s.run(ctx)
}

// supervisor keeps one server running. Used by one goroutine.
type supervisor struct {
	o     ServeOptions
	in    Install
	log   *rotating
	say   *slog.Logger
	state State
}

func (s *supervisor) run(ctx context.Context) error {
	s.endLeftover()
	start, err := process.StartTime(os.Getpid())
	if err != nil {
		return fmt.Errorf("own start time: %w", err)
	}
	s.state = State{
		Status: Starting, Pid: os.Getpid(), PidStart: start, Binary: s.in.Binary, Models: s.in.Models,
		Started: time.Now().UTC(), IdleMinutes: s.o.Idle.Minutes(),
	}
	clients := flock.New(filepath.Join(s.o.Dir, clientsFile), flock.SetPermissions(0o600))
	if _, err := clients.TryRLock(); err != nil { // makes the file
		return folderError(s.o.Dir, err)
	}
	_ = clients.Unlock()
	touch(s.o.Dir)
	defer clients.Close() // held exclusively while an idle server ends
	if err := s.publish(); err != nil {
		return folderError(s.o.Dir, err) // nobody could find the server, or stop it
	}
	failures := 0
	for {
		begin := time.Now()
		end, why := s.serveOnce(ctx, clients)
		if end {
			s.say.Info("ended", "why", why)
			_ = os.Remove(filepath.Join(s.o.Dir, stateFile))
			return nil
		}
		if time.Since(begin) > s.o.Timing.Stable {
			failures = 0
		}
		failures++
		s.state.Restarts++
		s.say.Warn("server failed", "why", why, "failures", failures)
		if failures >= s.o.Timing.Failures {
			return s.giveUp(why, failures)
		}
		pause := min(s.o.Timing.Backoff<<(failures-1), backoffMax)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (s *supervisor) giveUp(why string, failures int) error {
	s.state.Status, s.state.Reason = Failed, fmt.Sprintf("gave up after %d failures: %s", failures, why)
	s.state.ServerPid, s.state.ServerStart, s.state.URL, s.state.Port = 0, "", "", 0
	_ = s.publish()
	s.say.Error(s.state.Reason)
	return gaveUp(s.state.Reason)
}

// publish writes the state. Once the first one is written an error is only
// logged: a full disk must not end a server that others have found.
func (s *supervisor) publish() error {
	err := writeJSON(filepath.Join(s.o.Dir, stateFile), s.state)
	if err != nil {
		s.say.Error("state not written", "err", err)
	}
	return err
}

// endLeftover kills a server that outlived its supervisor.
func (s *supervisor) endLeftover() {
	var old State
	if readJSON(filepath.Join(s.o.Dir, stateFile), &old) != nil {
		return
	}
	if process.KillGroup(old.ServerPid, old.ServerStart) {
		s.say.Warn("ended a server without supervisor", "pid", old.ServerPid)
	}
	_ = os.Remove(filepath.Join(s.o.Dir, stateFile))
}

// serveOnce runs one server process. end tells that the supervisor is to end
// too, which is so when ctx ended or the server was idle.
func (s *supervisor) serveOnce(ctx context.Context, clients *flock.Flock) (end bool, why string) {
	if ctx.Err() != nil {
		return true, "asked to"
	}
	port, err := freePort(s.state.Port)
	if err != nil {
		return false, err.Error()
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	s.state.Status, s.state.Port, s.state.URL = Starting, port, "http://127.0.0.1:"+strconv.Itoa(port)
	p, err := process.Start(running, process.Command{
		Path: s.in.Binary, Args: []string{"serve"}, Dir: s.o.Dir,
		Env:      serverEnv(s.o.Environ, s.in, port, s.o.Idle),
		StdoutTo: s.log, StderrTo: s.log,
		Grace: stopGrace, ParentDeath: parentDeath,
	})
	if err != nil {
		return false, err.Error()
	}
	defer func() {
		cancel()
		_, _ = p.Wait()
	}()
	s.state.ServerPid = p.Pid()
	s.state.ServerStart, _ = process.StartTime(p.Pid())
	_ = s.publish()
	version, err := s.awaitHealthy(running, p)
	if err != nil {
		return ctx.Err() != nil, err.Error()
	}
	s.state.Status, s.state.Version, s.state.Reason = Ready, version, ""
	_ = s.publish()
	s.say.Info("ready", "url", s.state.URL, "version", version)
	if end, why = s.watch(ctx, p, clients); end {
		// Nobody may adopt a server that is about to go.
		_ = os.Remove(filepath.Join(s.o.Dir, stateFile))
	}
	return end, why
}

// awaitHealthy waits for the first answer of a new server.
func (s *supervisor) awaitHealthy(ctx context.Context, p *process.Process) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timing.Healthy)
	defer cancel()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		version, err := s.probe(ctx)
		select {
		case <-p.Done():
			// Whatever answered is not our server.
			_, err := p.Wait()
			return "", fmt.Errorf("the server ended at its start: %w", orEnded(err))
		default:
		}
		if err == nil {
			return version, nil
		}
		select {
		case <-p.Done():
		case <-ctx.Done():
			return "", fmt.Errorf("no answer from the new server: %w", err)
		case <-tick.C:
		}
	}
}

func orEnded(err error) error {
	if err == nil {
		return os.ErrProcessDone
	}
	return err
}

func (s *supervisor) probe(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return Version(ctx, local, s.state.URL)
}

// watch looks after a healthy server until something ends it.
func (s *supervisor) watch(ctx context.Context, p *process.Process, clients *flock.Flock) (end bool, why string) {
	health := time.NewTicker(s.o.Timing.Check)
	defer health.Stop()
	misses := 0
	for {
		select {
		case <-ctx.Done():
			return true, "asked to"
		case <-p.Done():
			_, err := p.Wait()
			return ctx.Err() != nil, fmt.Sprintf("the server ended: %v", orEnded(err))
		case <-health.C:
		}
		if s.idle(clients) {
			return true, "idle"
		}
		if _, err := s.probe(ctx); err == nil {
			misses = 0
		} else if misses++; misses == checkMisses && ctx.Err() == nil {
			return false, fmt.Sprintf("the server does not answer: %v", err)
		}
	}
}

// idle tells whether nobody used the server for long enough. If so, clients
// stays locked exclusively: a cf that comes now waits in Hold until the server
// is gone, then starts a new one.
func (s *supervisor) idle(clients *flock.Flock) bool {
	if s.o.Idle <= 0 {
		return false
	}
	if got, err := clients.TryLock(); err != nil || !got {
		touch(s.o.Dir) // in use: the idle time begins when that ends
		return false
	}
	if info, err := os.Stat(filepath.Join(s.o.Dir, clientsFile)); err == nil && time.Since(info.ModTime()) < s.o.Idle {
		_ = clients.Unlock()
		return false
	}
	return true
}

// freePort returns a free loopback port, the last one if it is free: then the
// URL stays true over a restart.
func freePort(last int) (int, error) {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(last)))
	if err != nil && last != 0 {
		l, err = net.Listen("tcp4", "127.0.0.1:0")
	}
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// passed lists what the server may inherit: names, and prefixes that end in *.
// Everything else of the environment stays with cf, the user's OLLAMA_*
// settings above all: they are for the user's own server.
var passed = strings.Fields(`PATH HOME USER LOGNAME TMPDIR LANG TZ LD_LIBRARY_PATH DYLD_LIBRARY_PATH
	HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR
	CUDA_* NVIDIA_* HIP_* HSA_* ROCR_* ROCM_* GPU_* GGML_VK_*`)

func inherits(name string) bool {
	for _, p := range passed {
		if prefix, ok := strings.CutSuffix(p, "*"); name == p || ok && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// serverEnv is the whole environment of the server. The OLLAMA names are those
// of envconfig/config.go in github.com/ollama/ollama v0.17.4.
func serverEnv(environ []string, in Install, port int, idle time.Duration) []string {
	var env []string
	for _, e := range environ {
		if name, _, _ := strings.Cut(e, "="); inherits(name) {
			env = append(env, e)
		}
	}
	keep := "-1" // until the server ends
	if idle > 0 {
		keep = idle.String()
	}
	set := []string{
		"OLLAMA_HOST=127.0.0.1:" + strconv.Itoa(port),
		"OLLAMA_NUM_PARALLEL=1",      // one slot: prefix reuse, and num_ctx is not multiplied
		"OLLAMA_MAX_LOADED_MODELS=1", // memory for one
		"OLLAMA_KEEP_ALIVE=" + keep,
		"OLLAMA_NOHISTORY=1",
		"OLLAMA_NO_CLOUD=1", // nothing leaves the machine unasked
		"OLLAMA_NOPRUNE=1",  // a pull that was cut goes on after a restart
	}
	if in.Models != "" {
		set = append(set, "OLLAMA_MODELS="+in.Models)
	}
	if in.Home != "" {
		set = append(set, "HOME="+in.Home)
	}
	return process.Setenv(env, set...)
}
