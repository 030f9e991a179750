package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	streamRuns = 9
	question   = "Explain what a supervision tree is and why it helps, in five sentences."
)

// timing is what is seen of one streamed answer from outside.
type timing struct {
	first  time.Duration // from the start of the process to the first piece of text
	pieces int
	rate   float64 // pieces a second after the first
}

// measureStream compares cf with a bare curl that sends the very same request.
func measureStream(cf string) ([]figure, error) {
	server := os.Getenv("CF_TEST_OLLAMA")
	if server == "" {
		return nil, errors.New("CF_TEST_OLLAMA names no server; run this through make")
	}
	dir, err := os.MkdirTemp("", "cf-figures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ask := []string{cf, "ask", "--json", "--temperature", "0", "--seed", "1", question}
	bodies, err := os.MkdirTemp("", "cf-figures-") // apart: cf reads what lies in its folder
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(bodies)
	body, err := captureBody(dir, bodies, server, ask)
	if err != nil {
		return nil, err
	}
	curl := []string{"curl", "-sN", "-H", "Content-Type: application/json", "--data-binary", "@" + body, server + "/api/chat"}
	var ratio, later []float64
	var pieces int
	for i := range streamRuns + 1 { // the first pair warms the model and the caches
		bare, err := timed(dir, server, curl, func(line []byte) bool {
			return bytes.Contains(line, []byte(`"done":false`))
		})
		if err != nil {
			return nil, fmt.Errorf("curl: %w", err)
		}
		ours, err := timed(dir, server, ask, func(line []byte) bool {
			return bytes.HasPrefix(line, []byte(`{"type":"text"`))
		})
		if err != nil {
			return nil, fmt.Errorf("cf: %w", err)
		}
		if ours.pieces != bare.pieces {
			return nil, fmt.Errorf("cf streamed %d pieces and curl %d: not the same request", ours.pieces, bare.pieces)
		}
		if i > 0 {
			ratio = append(ratio, ours.rate/bare.rate)
			later = append(later, float64(ours.first-bare.first)/float64(time.Millisecond))
			pieces = bare.pieces
		}
	}
	conditions := fmt.Sprintf("`cf ask` against curl with the body that cf sends, %d pairs in turn, about %d tokens, prompt in the server's cache", streamRuns, pieces)
	speed, delay := spreadOf(ratio), spreadOf(later)
	return []figure{
		{Name: "tokens per second", Goal: "at least 0.98 of a bare curl", Measured: speed.in("x", 3), Pass: speed.median >= 0.98, Conditions: conditions},
		{Name: "first token", Goal: "at most 20 ms later than a bare curl", Measured: delay.in("ms later", 1), Pass: delay.median <= 20, Conditions: conditions + "; from the start of the process"},
	}, nil
}

// captureBody runs cf once in dir, through a proxy, and returns a file in bodies
// with the body of its chat request.
func captureBody(dir, bodies, server string, ask []string) (string, error) {
	target, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	var mu sync.Mutex
	var body []byte
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/api/chat") {
			data, _ := io.ReadAll(r.Body)
			if !bytes.Contains(data, []byte(`_debug_render_only":true`)) {
				mu.Lock()
				body = data
				mu.Unlock()
			}
			r.Body = io.NopCloser(bytes.NewReader(data))
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	cmd := exec.Command(ask[0], ask[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "OLLAMA_HOST="+front.URL)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(ask, " "), err, out)
	}
	mu.Lock()
	defer mu.Unlock()
	if body == nil {
		return "", errors.New("cf sent no chat request")
	}
	file := filepath.Join(bodies, "body.json")
	return file, os.WriteFile(file, body, 0o600)
}

// timed runs a command and times the lines of its output that isPiece accepts.
func timed(dir, server string, argv []string, isPiece func([]byte) bool) (timing, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "OLLAMA_HOST="+server)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return timing{}, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return timing{}, err
	}
	var t timing
	var last time.Duration
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if isPiece(line) {
			last = time.Since(start)
			if t.pieces == 0 {
				t.first = last
			}
			t.pieces++
		}
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		return timing{}, err
	}
	if t.pieces < 10 {
		return timing{}, fmt.Errorf("only %d pieces of text came", t.pieces)
	}
	t.rate = float64(t.pieces-1) / (last - t.first).Seconds()
	return t, nil
}

// call is the ledger line that cf prints for one model call.
type call struct {
	Type    string        `json:"type"`
	Name    string        `json:"name"`
	Prompt  int           `json:"prompt_tokens"`
	Reused  int           `json:"reused_tokens"`
	Prefill time.Duration `json:"prefill_ns"`
}

// calls runs cf with --json and returns the ledger lines it printed.
func calls(dir string, argv ...string) ([]call, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, stderr.String())
	}
	var list []call
	for line := range bytes.Lines(out) {
		var c call
		if json.Unmarshal(line, &c) == nil && c.Type == "call" {
			list = append(list, c)
		}
	}
	return list, nil
}
