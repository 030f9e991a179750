package openai

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// headerBytes is the most that response headers may hold.
const headerBytes = 64 << 10

// exchange is one request and its response as the transport sees them. It
// travels in the request's context, because go-openai has no other way to hand
// back what it hides.
type exchange struct {
	url   string        // of the server, for errors
	first time.Duration // limit until the first byte of the body
	idle  time.Duration // limit between two reads after that
	total time.Duration // limit of the whole
	sse   bool          // a stream of events that needs its mark
	line  int64         // longest line
	bytes int64         // longest body

	// set overwrites fields of the request's JSON body: go-openai leaves out
	// numbers that are 0, and the server then takes 1.0 in their place.
	set map[string]any

	cancel context.CancelCauseFunc

	mu    sync.Mutex
	clock *time.Timer // runs out at the first byte's limit, then at the idle limit
	end   *time.Timer // runs out at the total limit
	fault *fault.Error
	ended bool // the mark was seen
}

type exchangeKey struct{}

// begin puts x into the context of a request.
func (x *exchange) begin(ctx context.Context) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// fail records the first fault of the exchange and returns it.
func (x *exchange) fail(f *fault.Error) *fault.Error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fault == nil {
		x.fault = f
	}
	return x.fault
}

// seen returns the recorded fault and whether the end mark was seen.
func (x *exchange) seen() (*fault.Error, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.fault, x.ended
}

// start runs the clocks of the exchange.
func (x *exchange) start(cancel context.CancelCauseFunc) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cancel = cancel
	x.clock = time.AfterFunc(x.first, func() {
		cancel(fault.New(fault.Unreachable, llm.CodeFirstToken, "nothing came in %v", x.first).On("openai", x.url).
			Hint("the server may be busy with other work or with loading the model; look at its log"))
	})
	x.end = time.AfterFunc(x.total, func() {
		cancel(fault.New(fault.Unusable, llm.CodeTotal, "not done in %v", x.total).On("openai", x.url))
	})
}

// moved notes that an event came.
func (x *exchange) moved() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.clock.Stop()
	x.clock = time.AfterFunc(x.idle, func() {
		x.cancel(fault.New(fault.Unusable, llm.CodeIdle, "the stream stood still for %v", x.idle).On("openai", x.url))
	})
}

// stop ends the clocks and frees the context.
func (x *exchange) stop() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.clock.Stop()
	x.end.Stop()
	x.cancel(nil)
}

// transport is the http.RoundTripper below go-openai.
type transport struct {
	base *url.URL
	next http.RoundTripper
}

var errConnect = errors.New("no connection in time")

func newTransport(base *url.URL, o Options, remote bool) *transport {
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	next := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeoutCause(ctx, o.Limits.Connect, errConnect)
			defer cancel()
			conn, err := dial(ctx, network, address)
			if err != nil && errors.Is(context.Cause(ctx), errConnect) {
				return nil, errConnect
			}
			return conn, err
		},
		TLSHandshakeTimeout:    o.Limits.Connect,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		DisableCompression:     true, // a compressed body has no bound that means anything
		MaxResponseHeaderBytes: headerBytes,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
	}
	if remote {
		next.Proxy = http.ProxyFromEnvironment
	}
	return &transport{base: base, next: next}
}

// RoundTrip sends a request. Everything but a 200 with a body of the right kind
// comes back as a *fault.Error.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	x, ok := request.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil, errors.New("openai: a request without an exchange")
	}
	if request.URL.Host != t.base.Host || request.URL.Scheme != t.base.Scheme {
		return nil, x.fail(fault.New(fault.Usage, llm.CodeRemoteHost, "refusing to contact %s", request.URL.Host).On("openai", x.url))
	}
	caller := request.Context()
	ctx, cancel := context.WithCancelCause(caller)
	request = request.Clone(ctx)
	request.Header.Set("Accept-Encoding", "identity")
	if err := x.overwrite(request); err != nil {
		cancel(nil)
		return nil, x.fail(fault.New(fault.Failed, llm.CodeServer, "%w", err).On("openai", x.url))
	}
	x.start(cancel)
	response, err := t.next.RoundTrip(request)
	if err != nil {
		x.stop()
		return nil, x.fail(refusal(caller, ctx, x.url, err))
	}
	if f := check(x, response); f != nil {
		if i := interruption(caller, ctx, x.url); i != nil && response.StatusCode == http.StatusOK {
			f = i
		}
		_ = response.Body.Close() // the fault is known already
		x.stop()
		return nil, x.fail(f)
	}
	response.Body = &body{caller: caller, ctx: ctx, x: x, src: response.Body}
	return response, nil
}

// overwrite puts x.set into the request's body.
func (x *exchange) overwrite(request *http.Request) error {
	if x.set == nil || request.Body == nil {
		return nil
	}
	raw, err := io.ReadAll(request.Body)
	if err != nil {
		return fmt.Errorf("reading the request's own body: %w", err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return fmt.Errorf("the request's own body: %w", err)
	}
	for name, value := range x.set {
		if fields[name], err = json.Marshal(value); err != nil {
			return fmt.Errorf("request field %s: %w", name, err)
		}
	}
	raw, err = json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("the request's own body: %w", err)
	}
	request.Body = io.NopCloser(bytes.NewReader(raw))
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
	request.ContentLength = int64(len(raw))
	return nil
}

// check returns the fault of a response that is not a body of the expected kind
// under 200.
func check(x *exchange, response *http.Response) *fault.Error {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch status := response.StatusCode; {
	case status >= 400:
		// Part of a refusal is worth more than the reason why there is no more.
		text, _ := io.ReadAll(io.LimitReader(response.Body, refusalBytes))
		return statusFault(x.url, response, kind, text)
	case status >= 300:
		return fault.New(fault.Unreachable, llm.CodeServer, "the server redirects to %.200q, which cf does not follow", response.Header.Get("Location")).
			On("openai", x.url).Hint("give the final address as the server's URL")
	case status != http.StatusOK:
		return fault.New(fault.Failed, llm.CodeServer, "unexpected status %d", status).On("openai", x.url)
	}
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return fault.New(fault.Unusable, llm.CodeBadStream, "the body is encoded as %.40q, which was not asked for", encoding).On("openai", x.url)
	}
	want := "application/json"
	if x.sse {
		want = "text/event-stream"
	}
	if kind != "" && kind != want {
		return fault.New(fault.Unusable, llm.CodeBadStream, "the body is %.80q, not %s", kind, want).On("openai", x.url).
			Hint("does this address speak OpenAI's protocol? its path usually ends in /v1")
	}
	return nil
}
