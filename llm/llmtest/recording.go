package llmtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bitactor/cf/lazyregexp"
)

// Recording is one exchange with a real server.
type Recording struct {
	Name     string // of its file, without the extension
	Request  Message
	Response Message
}

// Message is one side of a Recording.
type Message struct {
	Line   string // "POST /api/chat" or "200 OK"
	Header http.Header
	Body   []byte
}

// recordedHeaders are the headers that a recording keeps; the values of secret
// ones are replaced.
var recordedHeaders = []string{"Content-Type", "Retry-After", "Authorization"}

// recordingMax is the largest body in bytes that is worth a file. A verbose
// /api/show holds a whole vocabulary.
const recordingMax = 128 << 10

// Recorder is an http.RoundTripper that writes each exchange that passes
// through it to a file of its own, as the HTTP messages themselves with bodies
// byte for byte; only secrets and the paths of the server's machine are
// replaced. Exchanges with a body over 128 KiB are not written. Safe for
// concurrent use.
type Recorder struct {
	Next http.RoundTripper
	Dir  string

	mu sync.Mutex
	n  int
}

// NewRecordingProxy starts a loopback server that passes requests on to target
// and records them in dir. A client may be done before its last exchange is
// written: Close waits for that.
func NewRecordingProxy(t testing.TB, target, dir string) *httptest.Server {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = &Recorder{Next: http.DefaultTransport, Dir: dir}
	proxy.FlushInterval = -1
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server
}

// RoundTrip sends the request and records it once the response was read to its
// end.
func (r *Recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(orEmpty(request.Body))
	if err != nil {
		return nil, fmt.Errorf("recorder: reading the request: %w", err)
	}
	// A client hangs up at the end mark, often before the end of the body came
	// here: that must not cut the recording.
	out := request.Clone(context.WithoutCancel(request.Context()))
	out.Body = io.NopCloser(bytes.NewReader(sent))
	response, err := r.Next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	rec := Recording{
		Request:  Message{Line: request.Method + " " + request.URL.Path, Header: request.Header, Body: sent},
		Response: Message{Line: response.Status, Header: response.Header},
	}
	response.Body = &tee{ReadCloser: response.Body, done: func(got []byte) error {
		rec.Response.Body = got
		return r.write(rec)
	}}
	return response, nil
}

func orEmpty(body io.ReadCloser) io.Reader {
	if body == nil {
		return http.NoBody
	}
	return body
}

// tee keeps what is read and reports it at the end of the body, or when it is
// closed, after up to recordingMax bytes more.
type tee struct {
	io.ReadCloser
	got  []byte
	done func([]byte) error
}

// Close reads the rest.
func (t *tee) Close() error {
	_, err := io.CopyN(io.Discard, t, recordingMax)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, t.ReadCloser.Close())
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.got = append(t.got, p[:n]...)
	if err == io.EOF && t.done != nil {
		if failed := t.done(t.got); failed != nil {
			return n, failed
		}
		t.done = nil
	}
	return n, err
}

// write stores rec as NN-last-element.http.
func (r *Recorder) write(rec Recording) error {
	if len(rec.Request.Body) > recordingMax || len(rec.Response.Body) > recordingMax {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	name := fmt.Sprintf("%02d-%s.http", r.n, filepath.Base(rec.Request.Line))
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return err
	}
	var b bytes.Buffer
	rec.Request.write(&b, rec.Request.Line+" HTTP/1.1")
	b.WriteByte('\n') // the empty line before the response is for the reader's eye
	rec.Response.write(&b, "HTTP/1.1 "+rec.Response.Line)
	return os.WriteFile(filepath.Join(r.Dir, name), b.Bytes(), 0o644)
}

func (m Message) write(b *bytes.Buffer, line string) {
	body := redact(m.Body)
	fmt.Fprintf(b, "%s\n", line)
	for _, name := range recordedHeaders {
		if value := m.Header.Get(name); value != "" {
			if name == "Authorization" {
				value = redacted
			}
			fmt.Fprintf(b, "%s: %s\n", name, value)
		}
	}
	fmt.Fprintf(b, "Content-Length: %d\n\n", len(body))
	b.Write(body)
	b.WriteByte('\n')
}

const redacted = "REDACTED"

var (
	// secrets are tokens by their published prefixes, and private keys.
	secrets = lazyregexp.New(`\b(?:sk-|ghp_|gho_|github_pat_|glpat-|xox[abprs]-|AKIA|hf_|npm_)[A-Za-z0-9_-]{12,}|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]|-[^-])*-----END [A-Z ]*PRIVATE KEY-----`)
	// blobs are paths below the server's folder of models.
	blobs = lazyregexp.New(`(?:[A-Za-z]:)?[/\\][^\s"']*[/\\]blobs[/\\]sha256-`)
)

// redact replaces secrets and the server's own paths.
func redact(body []byte) []byte {
	body = secrets.ReplaceAll(body, []byte(redacted))
	return blobs.ReplaceAll(body, []byte("/models/blobs/sha256-"))
}

// ReadRecordings reads the files of a folder in the order of their names.
func ReadRecordings(dir string) ([]Recording, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.http"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []Recording
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		rec, err := parseRecording(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		rec.Name = strings.TrimSuffix(filepath.Base(name), ".http")
		out = append(out, rec)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no recordings in %s", dir)
	}
	return out, nil
}

// parseRecording reads what Recorder wrote.
func parseRecording(raw []byte) (Recording, error) {
	var rec Recording
	in := bufio.NewReader(bytes.NewReader(raw))
	request, err := http.ReadRequest(in)
	if err != nil {
		return rec, fmt.Errorf("request: %w", err)
	}
	rec.Request = Message{Line: request.Method + " " + request.URL.Path, Header: request.Header}
	if rec.Request.Body, err = io.ReadAll(request.Body); err != nil {
		return rec, fmt.Errorf("request body: %w", err)
	}
	for { // the line ends between the messages
		next, err := in.ReadByte()
		if err != nil {
			return rec, fmt.Errorf("no response: %w", err)
		}
		if next != '\n' {
			break
		}
	}
	if err := in.UnreadByte(); err != nil {
		return rec, err
	}
	response, err := http.ReadResponse(in, request)
	if err != nil {
		return rec, fmt.Errorf("response: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it lies in memory
	rec.Response = Message{Line: response.Status, Header: response.Header}
	if rec.Response.Body, err = io.ReadAll(response.Body); err != nil {
		return rec, fmt.Errorf("response body: %w", err)
	}
	return rec, nil
}

// NewReplay starts a loopback server that answers each request as the first
// recording with its method and path that was not used yet did, the last one
// again from then on, in lines that are flushed one by one, and returns its URL.
// Everything else is answered by a FaultServer without fault.
func NewReplay(t testing.TB, recordings ...Recording) string {
	t.Helper()
	var mu sync.Mutex
	used := map[string]int{}
	sound := &FaultServer{fault: Sound(), done: make(chan struct{})}
	sound.fault.NoVocabulary = true // its byte vocabulary would not fit the recorded counts
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := r.Method + " " + r.URL.Path
		var fits []Recording
		for _, rec := range recordings {
			if rec.Request.Line == line {
				fits = append(fits, rec)
			}
		}
		mu.Lock()
		n := used[line]
		used[line]++
		mu.Unlock()
		if len(fits) == 0 {
			sound.ServeHTTP(w, r)
			return
		}
		replay(w, fits[min(n, len(fits)-1)].Response)
	}))
	t.Cleanup(func() { close(sound.done); server.Close() })
	return server.URL
}

// replay sends m, a line at a time.
func replay(w http.ResponseWriter, m Message) {
	status := 0
	if _, err := fmt.Sscanf(m.Line, "%d", &status); err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", m.Header.Get("Content-Type"))
	w.WriteHeader(status)
	for line := range bytes.Lines(m.Body) {
		if _, err := w.Write(line); err != nil {
			return // the client left
		}
		w.(http.Flusher).Flush()
	}
}
