// Package witness watches what passes between cf and a model server, and says
// from that record alone whether a stored answer is the model's own text.
//
// It shares no code with cf on purpose: a check that used cf's parser or its
// idea of an echo would be wrong wherever cf is wrong.
package witness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// Exchange is one chat call as it passed.
type Exchange struct {
	Prompt string // contents of the messages sent, without the model's own
	Reply  string // contents of all chunks received
	Done   bool   // the server said that the reply was whole
}

// Proxy forwards everything to a model server and records the chat calls.
type Proxy struct {
	URL    string
	server *httptest.Server
	mu     sync.Mutex
	seen   []Exchange
}

// Watch starts a proxy in front of the model server at target.
func Watch(target string) (*Proxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	p := &Proxy{}
	forward := httputil.NewSingleHostReverseProxy(u)
	forward.FlushInterval = -1
	forward.ModifyResponse = p.record
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		forward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), asked{}, promptOf(body))))
	}))
	p.URL = p.server.URL
	return p, nil
}

// Close stops the proxy.
func (p *Proxy) Close() { p.server.Close() }

// Take returns the exchanges since the last Take.
func (p *Proxy) Take() []Exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen
	p.seen = nil
	return seen
}

// asked is the context key under which a request's prompt travels to record.
type asked struct{}

// promptOf returns what a chat request says to the model without the replies
// that came before, or "" for a request of another kind.
func promptOf(body []byte) string {
	var request struct {
		Messages []struct{ Role, Content string } `json:"messages"`
	}
	if json.Unmarshal(body, &request) != nil {
		return ""
	}
	var said []string
	for _, m := range request.Messages {
		if m.Role != "assistant" {
			said = append(said, m.Content)
		}
	}
	return strings.Join(said, "\n\n")
}

// record tees the body of a chat call.
func (p *Proxy) record(r *http.Response) error {
	prompt, _ := r.Request.Context().Value(asked{}).(string)
	if !strings.HasSuffix(r.Request.URL.Path, "/api/chat") || prompt == "" {
		return nil
	}
	var buffer bytes.Buffer
	r.Body = &teeBody{ReadCloser: r.Body, to: &buffer, closed: func() {
		e := Exchange{Prompt: prompt}
		lines := bufio.NewReader(&buffer)
		for {
			line, err := lines.ReadBytes('\n')
			var chunk struct {
				Message struct {
					Content string `json:"content"`
				} `json:"message"`
				Done bool `json:"done"`
			}
			if json.Unmarshal(line, &chunk) == nil {
				e.Reply += chunk.Message.Content
				e.Done = e.Done || chunk.Done
			}
			if err != nil {
				break
			}
		}
		p.mu.Lock()
		p.seen = append(p.seen, e)
		p.mu.Unlock()
	}}
	return nil
}

type teeBody struct {
	io.ReadCloser
	to     *bytes.Buffer
	once   sync.Once
	closed func()
}

func (b *teeBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.to.Write(p[:n])
	return n, err
}

func (b *teeBody) Close() error {
	b.once.Do(b.closed)
	return b.ReadCloser.Close()
}
