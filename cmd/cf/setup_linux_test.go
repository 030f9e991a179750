package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// registry is an Ollama without a model that pulls any: at once, or halfway and
// then never on.
func registry(t *testing.T, hang bool) (url string, pulls *atomic.Int32, closed <-chan struct{}) {
	t.Helper()
	pulls = new(atomic.Int32)
	gone := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/api/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version":"0.17.4"}`) })
	mux.HandleFunc("/api/tags", func(w http.ResponseWriter, _ *http.Request) {
		if pulls.Load() == 0 || hang {
			fmt.Fprint(w, `{"models":[]}`)
			return
		}
		fmt.Fprint(w, `{"models":[{"name":"qwen3:0.6b","model":"qwen3:0.6b","size":523000000}]}`)
	})
	mux.HandleFunc("/api/pull", func(w http.ResponseWriter, r *http.Request) {
		pulls.Add(1)
		fmt.Fprintln(w, `{"status":"pulling manifest"}`)
		fmt.Fprintln(w, `{"status":"pulling a","digest":"sha256:a","total":523000000,"completed":261500000}`)
		w.(http.Flusher).Flush()
		if hang {
			<-r.Context().Done()
			close(gone)
			return
		}
		fmt.Fprintln(w, `{"status":"pulling a","digest":"sha256:a","total":523000000,"completed":523000000}`)
		fmt.Fprintln(w, `{"status":"success"}`)
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/api/pull" {
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, pulls, gone
}

// terminal is cf on a terminal of its own.
type terminal struct {
	cmd  *exec.Cmd
	text strings.Builder
	tty  *os.File
}

func (m machine) terminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	cmd := exec.Command(m.cf, args...)
	cmd.Dir, cmd.Env = m.home, append(m.env, "TERM=xterm-256color")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	keepOutput(t, tty)
	limit := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { limit.Stop(); _ = tty.Close() })
	return &terminal{cmd: cmd, tty: tty}
}

// keepOutput sets NOFLSH: at Ctrl-C the terminal signals the program and then
// throws its output away (isig, n_tty.c), which may be what the program has
// already answered.
func keepOutput(t *testing.T, tty *os.File) {
	t.Helper()
	raw, err := tty.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var setErr error
	err = raw.Control(func(fd uintptr) {
		var state *unix.Termios
		if state, setErr = unix.IoctlGetTermios(int(fd), unix.TCGETS); setErr == nil {
			state.Lflag |= unix.NOFLSH
			setErr = unix.IoctlSetTermios(int(fd), unix.TCSETS, state)
		}
	})
	if err := errors.Join(err, setErr); err != nil {
		t.Fatal(err)
	}
}

// until reads what cf shows up to want; with "" up to cf's end.
func (c *terminal) until(t *testing.T, want string) {
	t.Helper()
	b := make([]byte, 4096)
	for want == "" || !strings.Contains(c.text.String(), want) {
		n, err := c.tty.Read(b)
		c.text.Write(b[:n])
		if err != nil { // EIO: cf is gone
			if want != "" {
				t.Fatalf("cf ended before it showed %q:\n%s", want, c.text.String())
			}
			return
		}
	}
}

func (c *terminal) typed(t *testing.T, keys string) {
	t.Helper()
	if _, err := c.tty.Write([]byte(keys)); err != nil {
		t.Fatal(err)
	}
}

// end returns the exit code.
func (c *terminal) end(t *testing.T) int {
	t.Helper()
	c.until(t, "")
	_ = c.cmd.Wait()
	return c.cmd.ProcessState.ExitCode()
}

func TestSetupAsks(t *testing.T) {
	for name, test := range map[string]struct {
		keys  string
		code  int
		pulls int32
		shown string
	}{
		"yes":          {"y\r", 0, 1, "qwen3:0.6b"},
		"Yes":          {"Yes\r", 0, 1, "qwen3:0.6b"},
		"no":           {"n\r", 1, 0, "nothing was changed"},
		"Enter":        {"\r", 1, 0, "nothing was changed"},
		"another":      {"yikes\r", 1, 0, "nothing was changed"},
		"Ctrl-D":       {"\x04", 1, 0, "nothing was changed"},
		"Ctrl-C":       {"\x03", 130, 0, "interrupted"},
		"half, Ctrl-C": {"y\x03", 130, 0, "interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, pulls, _ := registry(t, false)
			m := newMachine(t, "", "")
			m.env = append(m.env, "CF_HOST="+url, "CF_MODEL=qwen3:0.6b")
			c := m.terminal(t, "setup")
			c.until(t, "[y/N] ")
			if text := c.text.String(); !strings.Contains(text, "pull the model qwen3:0.6b: about 523.0 MB, from the server's model registry") {
				t.Errorf("asked without size and source:\n%s", text)
			}
			c.typed(t, test.keys)
			if code := c.end(t); code != test.code || pulls.Load() != test.pulls || !strings.Contains(c.text.String(), test.shown) {
				t.Errorf("exit code %d, %d pulls:\n%s", code, pulls.Load(), c.text.String())
			}
		})
	}
}

// Ctrl-C in a pull ends the request, and with it the server's download, which
// the server keeps.
func TestInterruptedPull(t *testing.T) {
	url, _, closed := registry(t, true)
	m := newMachine(t, "", "")
	m.env = append(m.env, "CF_HOST="+url, "CF_MODEL=qwen3:0.6b")
	c := m.terminal(t, "setup", "--yes")
	c.until(t, "261.5 MB of 523.0 MB")
	c.typed(t, "\x03")
	if code := c.end(t); code != 130 || !strings.Contains(c.text.String(), "interrupted") {
		t.Errorf("exit code %d:\n%s", code, c.text.String())
	}
	<-closed
}

func TestSetupWithoutATerminal(t *testing.T) {
	url, pulls, _ := registry(t, false)
	for name, test := range map[string]struct {
		host string
		args []string
		code int
		want string
	}{
		"nobody to ask":          {url, nil, 64, "cf setup --yes"},
		"JSON is nobody":         {url, []string{"--json"}, 64, `"id":"needs-yes"`},
		"offline, no model":      {url, []string{"--offline", "--yes"}, 12, "--offline"},
		"offline, no server":     {"private", []string{"--offline", "--yes"}, 10, "--offline"},
		"a dead host":            {"http://127.0.0.1:1", []string{"--yes"}, 10, "127.0.0.1:1"},
		"no place for anything":  {"private", []string{"--yes"}, 1, "XDG_STATE_HOME"},
		"stop, nothing runs":     {url, []string{"--stop"}, 0, "no private server runs"},
		"a plan changes nothing": {url, []string{"--dry-run"}, 0, "pull the model"},
	} {
		t.Run(name, func(t *testing.T) {
			m := machine{home: t.TempDir(), cf: newMachine(t, "", "").cf}
			m.env = []string{"PATH=" + m.home, "HOME=" + m.home, "CF_HOST=" + test.host}
			if test.code == 1 {
				m.env = []string{"PATH=" + m.home, "CF_HOST=" + test.host}
			}
			r := m.run(append([]string{"setup"}, test.args...)...)
			if r.code != test.code || !strings.Contains(r.out+r.errors, test.want) || pulls.Load() != 0 {
				t.Errorf("exit code %d, %d pulls\n%s%s", r.code, pulls.Load(), r.out, r.errors)
			}
		})
	}
}
