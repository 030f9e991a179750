package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// meter stands before the model server and counts what the server says of each
// reply, so that all arms are counted by one measure, and keeps the replies.
type meter struct {
	URL string // where it listens

	server *http.Server
	mu     sync.Mutex
	usage  usage
}

// usage is what a run asked of the model.
type usage struct {
	Calls      int      `json:"calls"`
	Prompt     int      `json:"prompt_tokens"`     // the server counts those it had in its cache as well
	Completion int      `json:"completion_tokens"` // of a reply that was broken off: its pieces
	Replies    []string `json:"replies"`
}

// newMeter starts a meter on a loopback port.
func newMeter(server string) (*meter, error) {
	target, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &meter{URL: "http://" + listener.Addr().String()}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		FlushInterval:  -1, // each piece at once
		ModifyResponse: m.watch,
	}
	m.server = &http.Server{Handler: proxy}
	go m.server.Serve(listener) //nolint:errcheck // it ends with Close
	return m, nil
}

func (m *meter) Close() error { return m.server.Close() }

// take returns what was used since the last take.
func (m *meter) take() usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.usage
	m.usage = usage{}
	return u
}

// watch reads along with the replies of the native API's two ways to ask.
func (m *meter) watch(r *http.Response) error {
	path := r.Request.URL.Path
	if r.StatusCode == http.StatusOK && (path == "/api/chat" || path == "/api/generate") {
		r.Body = &watched{ReadCloser: r.Body, meter: m}
	}
	return nil
}

// watched is a body of JSON lines that is being passed on.
type watched struct {
	io.ReadCloser
	meter *meter
	rest  []byte // of a line
	text  strings.Builder
	piece int
	used  usage
	once  sync.Once
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.rest = append(w.rest, p[:n]...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			break
		}
		w.rest = rest
		w.line(line)
	}
	if err != nil {
		w.line(w.rest) // a reply in one piece may end without a newline
		w.rest = nil
		w.end() // a reply that broke off
	}
	return n, err
}

func (w *watched) line(line []byte) {
	var l struct {
		Message    struct{ Content string }
		Response   string
		Done       bool
		Prompt     int `json:"prompt_eval_count"`
		Completion int `json:"eval_count"`
	}
	if json.Unmarshal(line, &l) != nil {
		return
	}
	w.text.WriteString(l.Message.Content + l.Response)
	w.piece++
	if l.Done {
		w.used.Prompt, w.used.Completion = l.Prompt, l.Completion
		w.end() // before the client sees that it has all
	}
}

func (w *watched) Close() error {
	w.end()
	return w.ReadCloser.Close()
}

// end counts the reply, once.
func (w *watched) end() {
	w.once.Do(func() {
		if w.piece == 0 {
			return
		}
		if w.used.Completion == 0 {
			w.used.Completion = w.piece
		}
		w.meter.mu.Lock()
		defer w.meter.mu.Unlock()
		u := &w.meter.usage
		u.Calls++
		u.Prompt += w.used.Prompt
		u.Completion += w.used.Completion
		u.Replies = append(u.Replies, w.text.String())
	})
}
