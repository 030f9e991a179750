package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bitactor/cf/commands"
	"github.com/bitactor/cf/llm/embedded"
	"github.com/bitactor/cf/llm/llmtest"
	"github.com/bitactor/cf/process"
)

// The test binary is cf, or the Ollama of the private server, by the name it is
// called by.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "cf":
		os.Exit(commands.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	case "ollama":
		playOllama()
	default:
		os.Exit(m.Run())
	}
}

// playOllama passes everything on to the server whose URL is in $HOME/backend,
// and notes its start in $HOME/starts.
func playOllama() {
	home := os.Getenv("HOME")
	text, err := os.ReadFile(filepath.Join(home, "backend"))
	if err != nil {
		panic(err)
	}
	backend, err := url.Parse(string(text))
	if err != nil {
		panic(err)
	}
	starts, err := os.OpenFile(filepath.Join(home, "starts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(starts, os.Getpid())
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(backend) }}
	panic(http.ListenAndServe(os.Getenv("OLLAMA_HOST"), proxy))
}

// machine is one user's: a home with a private server that set-up has made.
type machine struct {
	home, cf, dir string
	env           []string
}

func newMachine(t *testing.T, binary, backend string) machine {
	t.Helper()
	home := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := machine{home: home, cf: filepath.Join(home, "cf"), dir: filepath.Join(home, "state", "cf", "server")}
	m.env = []string{"HOME=" + home, "PATH=" + home, "XDG_STATE_HOME=" + filepath.Join(home, "state"), "CF_HOST=private"}
	copyProgram(t, self, m.cf)
	if binary == "" {
		binary = filepath.Join(home, "ollama")
		copyProgram(t, self, binary)
	}
	in := embedded.Install{Binary: binary, Home: home, Models: filepath.Join(home, "models")}
	if err := errors.Join(embedded.WriteInstall(m.dir, in), os.WriteFile(filepath.Join(home, "backend"), []byte(backend), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if _, err := embedded.Stop(ctx, m.dir); err != nil {
			t.Error(err)
		}
	})
	return m
}

// copyProgram makes a link: a program finds its own path by the name it was
// started by, which a symbolic link would not change.
func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	if os.Link(from, to) == nil {
		return
	}
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// result is what a run of cf came to.
type result struct {
	code        int
	out, errors string
}

func (m machine) run(args ...string) result {
	cmd := exec.Command(m.cf, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = m.home, m.env, &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return result{-1, "", err.Error()}
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// servers is the URL of each "model" event in JSON lines.
func servers(out string) (urls []string) {
	for line := range strings.Lines(out) {
		var e struct{ Type, Server string }
		if json.Unmarshal([]byte(line), &e) == nil && e.Type == "model" {
			urls = append(urls, e.Server)
		}
	}
	return urls
}

func (m machine) starts(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.home, "starts"))
	if err != nil {
		t.Fatal(err)
	}
	return len(strings.Fields(string(b)))
}

// state is the running supervisor's.
func (m machine) state(t *testing.T) embedded.State {
	t.Helper()
	s, ok := embedded.Read(m.dir)
	if !ok {
		t.Fatal("no supervisor runs")
	}
	return s
}

// ten starts ten cf at once and waits for all.
func (m machine) ten(args ...string) (results [10]result) {
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i] = m.run(args...) })
	}
	wg.Wait()
	return results
}

func TestTenFirstStartsGiveOneServer(t *testing.T) {
	m := newMachine(t, "", llmtest.NewFaultServer(t, llmtest.Sound()).URL)
	for i, r := range m.ten("ask", "what is a supervisor?", "--json") {
		want := m.state(t).URL
		if got := servers(r.out); r.code != 0 || len(got) != 1 || got[0] != want || !strings.Contains(r.out, `"state":"done"`) {
			t.Errorf("start %d: exit code %d, servers %v, want %s\n%s%s", i, r.code, got, want, r.out, r.errors)
		}
	}
	if n := m.starts(t); n != 1 {
		t.Errorf("%d servers were started", n)
	}
}

// The same with the real program, whose store is empty: exit code 12 comes from
// its answer.
func TestTenFirstStartsOfTheRealServer(t *testing.T) {
	binary := llmtest.RealBinary(t)
	m := newMachine(t, binary, "")
	for i, r := range m.ten("ask", "what is a supervisor?") {
		if r.code != 12 {
			t.Errorf("start %d: exit code %d\n%s%s", i, r.code, r.out, r.errors)
		}
	}
	if s := m.state(t); s.Status != embedded.Ready || s.Restarts != 0 {
		t.Errorf("state %+v", s)
	}
}

func TestServerKilledWhileIdle(t *testing.T) {
	m := newMachine(t, "", llmtest.NewFaultServer(t, llmtest.Sound()).URL)
	if r := m.run("ask", "x"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	before := m.state(t)
	if err := syscall.Kill(before.ServerPid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if r := m.run("ask", "x"); r.code != 0 {
		t.Fatalf("after the server was killed: %+v", r)
	}
	after := m.state(t)
	if after.Pid != before.Pid || after.ServerPid == before.ServerPid || after.Restarts != 1 || after.URL != before.URL {
		t.Errorf("state %+v, before %+v", after, before)
	}
	// With its supervisor, which takes the server along.
	if err := syscall.Kill(after.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if r := m.run("ask", "x"); r.code != 0 {
		t.Fatalf("after the supervisor was killed: %+v", r)
	}
	if last := m.state(t); last.Pid == after.Pid || process.Alive(after.ServerPid, after.ServerStart) {
		t.Errorf("state %+v, before %+v", last, after)
	}
}

// A server that is killed in the middle of an answer costs that answer, which is
// not taken for a whole one; the next cf finds a new server.
func TestServerKilledDuringARequest(t *testing.T) {
	m := newMachine(t, "", llmtest.NewFaultServer(t, llmtest.FaultNamed("stands-still")).URL)
	cmd := exec.Command(m.cf, "ask", "x", "--json")
	var errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stderr = m.home, m.env, &errs
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	killed := 0
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		out.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), `"type":"text"`) {
			if s := m.state(t); killed != s.ServerPid {
				killed = s.ServerPid
				if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
					t.Error(err)
				}
			}
		}
	}
	_ = cmd.Wait()
	// 10 when the second try comes before the new server, 13 when that one stands
	// still and is killed too.
	if code := cmd.ProcessState.ExitCode(); code != 10 && code != 13 || killed == 0 {
		t.Errorf("exit code %d, killed %d\n%s%s", code, killed, out.String(), errs.String())
	}
	sound := llmtest.NewFaultServer(t, llmtest.Sound()).URL
	if err := os.WriteFile(filepath.Join(m.home, "backend"), []byte(sound), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := m.state(t); s.ServerPid != killed {
		_ = syscall.Kill(s.ServerPid, syscall.SIGKILL) // it has the old backend
	}
	if r := m.run("ask", "x"); r.code != 0 {
		t.Errorf("the next: %+v", r)
	}
}
