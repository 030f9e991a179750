package embedded

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"

	"github.com/bitactor/cf/llm/llmtest"
)

// The test binary plays ollama and cf: the first by the name it is called by
// (its environment is filtered), the second by its first argument.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		playOllama(filepath.Base(os.Args[0]))
		return
	}
	if len(os.Args) == 4 && os.Args[1] == "serve-model" {
		idle, _ := time.ParseDuration(os.Args[3])
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := Serve(ctx, ServeOptions{Dir: os.Args[2], Environ: os.Environ(), Idle: idle, Timing: quick}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

var quick = Timing{Healthy: 3 * time.Second, Check: 20 * time.Millisecond, Backoff: 10 * time.Millisecond, Failures: 3}

// playOllama answers as Ollama does. It counts its starts in $HOME/starts.
func playOllama(name string) {
	f, err := os.OpenFile(filepath.Join(os.Getenv("HOME"), "starts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(f, os.Getpid())
	f.Close()
	if name == "ollama-dies" {
		fmt.Println("no such luck")
		os.Exit(3)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version":"0.17.4"}`) })
	mux.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Join(os.Environ(), "\n")) })
	mux.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(4) })
	panic(http.ListenAndServe(os.Getenv("OLLAMA_HOST"), mux))
}

// folder makes a state folder with an install record for the fake called name,
// and ends whatever runs there when the test is over.
func folder(t *testing.T, name string, idle string) StartOptions {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	binary := filepath.Join(root, name)
	if err := os.Symlink(exe, binary); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "server")
	if err := WriteInstall(dir, Install{Binary: binary, Home: root, Models: filepath.Join(root, "models")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := Stop(ctx, dir); err != nil {
			t.Error(err)
		}
	})
	return StartOptions{Dir: dir, Command: []string{exe, "serve-model", dir, idle}, Environ: os.Environ()}
}

func starts(t *testing.T, o StartOptions) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(o.Dir), "starts"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Fields(string(b))
}

func TestTenFirstStartsGiveOneServer(t *testing.T) {
	o := folder(t, "ollama", "1m")
	var wg sync.WaitGroup
	states, errs := make([]State, 10), make([]error, 10)
	for i := range states {
		wg.Go(func() { states[i], errs[i] = Ensure(t.Context(), o) })
	}
	wg.Wait()
	for i, s := range states {
		if errs[i] != nil || s.URL != states[0].URL || s.Pid != states[0].Pid || s.Status != Ready {
			t.Fatalf("start %d: %+v, %v", i, s, errs[i])
		}
	}
	if n := starts(t, o); len(n) != 1 {
		t.Fatalf("%d servers were started: %v", len(n), n)
	}
	info, err := os.Stat(filepath.Join(o.Dir, stateFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("state file: %v, %v", info.Mode(), err)
	}
}

// Ten processes, each with a supervisor of its own: the lock decides.
func TestTenSupervisorsGiveOneServer(t *testing.T) {
	o := folder(t, "ollama", "1m")
	ended := make(chan struct{}, 10)
	for range 10 {
		p, err := process.Detach(process.Command{Path: o.Command[0], Args: o.Command[1:], Env: o.Environ}, filepath.Join(o.Dir, "out"))
		if err != nil {
			t.Fatal(err)
		}
		go func() { <-p.Done(); ended <- struct{}{} }()
	}
	for range 9 {
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatal("more than one supervisor runs")
		}
	}
	if _, err := Ensure(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if n := starts(t, o); len(n) != 1 {
		t.Fatalf("%d servers were started", len(n))
	}
}

func TestServerIsAdoptedAndRestarted(t *testing.T) {
	o := folder(t, "ollama", "1m")
	first, err := Ensure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	notes := 0
	o.Events = event.Func(func(event.Event) { notes++ })
	again, err := Ensure(t.Context(), o)
	if err != nil || again.Pid != first.Pid || notes != 0 {
		t.Fatalf("not adopted: %+v, %v, %d notes", again, err, notes)
	}
	if _, err := http.Get(first.URL + "/die"); err == nil {
		t.Fatal("the fake answered its own death")
	}
	again, err = Ensure(t.Context(), o)
	if err != nil || again.Pid != first.Pid || again.ServerPid == first.ServerPid || again.Restarts != 1 {
		t.Fatalf("not restarted: %+v, %v", again, err)
	}
	if again.URL != first.URL {
		t.Errorf("the URL changed from %s to %s", first.URL, again.URL)
	}
}

func TestServerThatDiesIsGivenUp(t *testing.T) {
	o := folder(t, "ollama-dies", "1m")
	_, err := Ensure(t.Context(), o)
	if fault.KindOf(err) != fault.Unreachable || !strings.Contains(err.Error(), "gave up after 3 failures") {
		t.Fatalf("got %v", err)
	}
	if n := starts(t, o); len(n) != 3 {
		t.Errorf("%d starts", len(n))
	}
	if _, ok := Read(o.Dir); ok {
		t.Error("a supervisor that gave up counts as running")
	}
}

func gone(t *testing.T, what string, still func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); still(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there", what)
		}
	}
}

func TestIdleServerEndsButNotWhileHeld(t *testing.T) {
	o := folder(t, "ollama", "150ms")
	release := Hold(o.Dir)
	s, err := Ensure(t.Context(), o)
	// A second user, who will crash: the system frees the lock, nobody touches.
	crashed := flock.New(filepath.Join(o.Dir, clientsFile))
	if err := crashed.RLock(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-time.After(400 * time.Millisecond):
	case <-t.Context().Done():
	}
	if _, ok := Read(o.Dir); !ok {
		t.Fatal("ended although it was in use")
	}
	release()
	select {
	case <-time.After(400 * time.Millisecond):
	case <-t.Context().Done():
	}
	begin := time.Now()
	if err := crashed.Close(); err != nil {
		t.Fatal(err)
	}
	gone(t, "idle server", func() bool { return locked(o.Dir) })
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("ended %v after the last use", took)
	}
	if process.Alive(s.ServerPid, s.ServerStart) {
		t.Error("the server outlived its supervisor")
	}
	if again, err := Ensure(t.Context(), o); err != nil || again.Pid == s.Pid {
		t.Errorf("not started again: %+v, %v", again, err)
	}
}

func TestServerDiesWithItsSupervisor(t *testing.T) {
	o := folder(t, "ollama", "1m")
	s, err := Ensure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gone(t, "server", func() bool { return process.Alive(s.ServerPid, s.ServerStart) })
	// state.json is stale now; it must not be believed.
	if _, ok := Read(o.Dir); ok {
		t.Error("stale state was believed")
	}
	if again, err := Ensure(t.Context(), o); err != nil || again.Pid == s.Pid {
		t.Errorf("got %+v, %v", again, err)
	}
}

// A supervisor that was killed may hold its lock a moment longer: whoever comes
// then must not wait for it, but start another.
func TestALockHeldByADyingSupervisor(t *testing.T) {
	o := folder(t, "ollama", "1m")
	lock := flock.New(filepath.Join(o.Dir, lockFile))
	if got, err := lock.TryLock(); !got || err != nil {
		t.Fatal(got, err)
	}
	time.AfterFunc(5*poll, func() { lock.Unlock() })
	if s, err := Ensure(t.Context(), o); err != nil || s.URL == "" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestStopEndsBoth(t *testing.T) {
	o := folder(t, "ollama", "1m")
	if ran, err := Stop(t.Context(), o.Dir); ran || err != nil {
		t.Fatalf("nothing runs: %v, %v", ran, err)
	}
	s, err := Ensure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if ran, err := Stop(t.Context(), o.Dir); !ran || err != nil {
		t.Fatalf("got %v, %v", ran, err)
	}
	if process.Alive(s.Pid, s.PidStart) && locked(o.Dir) || process.Alive(s.ServerPid, s.ServerStart) {
		t.Error("still alive")
	}
}

// A damaged or lying state file costs a start, never a wrong signal.
func TestStaleStateIsReplaced(t *testing.T) {
	for name, text := range map[string]string{
		"garbage":   "\x00{",
		"dead pid":  `{"status":"ready","pid":999999,"pid_start":"x/1","url":"http://127.0.0.1:1"}`,
		"own pid":   fmt.Sprintf(`{"status":"ready","pid":%d,"pid_start":"x/1","server_pid":%d,"server_start":"x/1","url":"http://127.0.0.1:1"}`, os.Getpid(), os.Getpid()),
		"wrong url": `{"status":"ready","url":"://"}`,
	} {
		t.Run(name, func(t *testing.T) {
			o := folder(t, "ollama", "1m")
			if err := os.WriteFile(filepath.Join(o.Dir, stateFile), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if s, err := Ensure(t.Context(), o); err != nil || s.Version != "0.17.4" {
				t.Fatalf("got %+v, %v", s, err)
			}
		})
	}
}

func TestEnsureWithoutSetUp(t *testing.T) {
	for _, dir := range []string{"", t.TempDir(), "/proc/nowhere"} {
		if _, err := Ensure(t.Context(), StartOptions{Dir: dir}); fault.CodeOf(err) != CodeNoServer {
			t.Errorf("%q: got %v", dir, err)
		}
		Hold(dir)()
	}
	for _, dir := range []string{"", "/proc/nowhere"} {
		if err := WriteInstall(dir, Install{}); fault.CodeOf(err) != CodeNoFolder || len(fault.HintsOf(err)) == 0 {
			t.Errorf("%q: got %v", dir, err)
		}
	}
}

func TestServerEnvironment(t *testing.T) {
	env := serverEnv([]string{"PATH=/bin", "HOME=/home/u", "OLLAMA_ORIGINS=*", "OLLAMA_HOST=0.0.0.0", "SECRET_TOKEN=x", "CUDA_VISIBLE_DEVICES=1"},
		Install{Models: "/m", Home: "/h"}, 4711, 10*time.Minute)
	for key, want := range map[string]string{
		"PATH": "/bin", "HOME": "/h", "OLLAMA_ORIGINS": "", "OLLAMA_HOST": "127.0.0.1:4711", "SECRET_TOKEN": "",
		"CUDA_VISIBLE_DEVICES": "1", "OLLAMA_MODELS": "/m", "OLLAMA_KEEP_ALIVE": "10m0s", "OLLAMA_NUM_PARALLEL": "1",
	} {
		if got := process.Getenv(env, key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
}

func TestLogIsCapped(t *testing.T) {
	dir := t.TempDir()
	l, err := openLog(dir, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		fmt.Fprintf(l, "line %d\n", i)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, name := range []string{logFile, logFile + ".1"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > 200 {
		t.Errorf("%d bytes kept", total)
	}
	b, _ := os.ReadFile(filepath.Join(dir, logFile))
	if !strings.HasSuffix(string(b), "line 99\n") {
		t.Errorf("got %q", b)
	}
}

// The same with the real program, where CF_TEST_OLLAMA_BINARY names one.
func TestRealServer(t *testing.T) {
	binary := llmtest.RealBinary(t)
	o := folder(t, "ollama", "1m")
	home := t.TempDir()
	if err := WriteInstall(o.Dir, Install{Binary: binary, Home: home, Models: filepath.Join(home, "models")}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if s, err := Ensure(t.Context(), o); err != nil || s.Status != Ready {
				t.Errorf("got %+v, %v", s, err)
			}
		})
	}
	wg.Wait()
	s, _ := Read(o.Dir)
	if ran, err := Stop(t.Context(), o.Dir); !ran || err != nil || process.Alive(s.ServerPid, s.ServerStart) {
		t.Errorf("not stopped: %v, %v", ran, err)
	}
}

// A state that can't be written: the cf that starts says so, and leaves no
// supervisor behind that nobody could find or stop.
func TestStateThatCannotBeWritten(t *testing.T) {
	o := folder(t, "ollama", "1m")
	// A folder in the state's place refuses the rename, whoever the user is.
	if err := os.MkdirAll(filepath.Join(o.Dir, stateFile, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	o.Wait = 10 * time.Second
	begin := time.Now()
	if _, err := Ensure(t.Context(), o); err == nil || time.Since(begin) > 8*time.Second {
		t.Fatalf("after %v: %v", time.Since(begin), err)
	}
	gone(t, "supervisor", func() bool { return locked(o.Dir) })
	if n := starts(t, o); len(n) != 0 {
		t.Errorf("%d servers were started", len(n))
	}
}
