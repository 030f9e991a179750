package ollama

import (
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
	"strings"
	"sync"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// errorBytes is the most that is read of the body of a refusal.
const errorBytes = 64 << 10

// exchange is one request and its response as the transport sees them. It
// travels in the request's context, because the api package has no other way
// to hand back what it hides.
type exchange struct {
	url    string        // of the server, for errors
	first  time.Duration // limit until the first byte of the body
	code   string        // fault when that passes
	idle   time.Duration // limit between two reads after that
	total  time.Duration // limit of the whole
	lines  bool          // a stream of JSON lines that needs an end mark
	line   int64         // longest line
	bytes  int64         // longest body
	wire   func()        // called once, at the first byte of the body
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	clock  *time.Timer // runs out at the first byte's limit, then at the idle limit
	end    *time.Timer // runs out at the total limit
	fault  *fault.Error
	ended  bool // the end mark was seen
	opaque bool // some line was not UTF-8: see hide
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

// transport is the http.RoundTripper below the api client.
type transport struct {
	base *url.URL
	next http.RoundTripper
}

func newTransport(base *url.URL, o Options, remote bool) *transport {
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	connect := o.Limits.Connect
	next := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeoutCause(ctx, connect, errConnect)
			defer cancel()
			conn, err := dial(ctx, network, address)
			if err != nil && errors.Is(context.Cause(ctx), errConnect) {
				return nil, errConnect
			}
			return conn, err
		},
		TLSHandshakeTimeout:    connect,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		DisableCompression:     true, // a compressed body has no bound that means anything
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
		ForceAttemptHTTP2:      false,
	}
	if remote {
		next.Proxy = http.ProxyFromEnvironment
	}
	return &transport{base: base, next: next}
}

var errConnect = errors.New("no connection in time")

// RoundTrip sends a request of the api client. Everything but a 200 with a
// JSON body comes back as a *fault.Error.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	x, ok := request.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil, errors.New("ollama: a request without an exchange")
	}
	if request.URL.Host != t.base.Host || request.URL.Scheme != t.base.Scheme {
		return nil, x.fail(fault.New(fault.Usage, llm.CodeRemoteHost, "refusing to contact %s", request.URL.Host).On("ollama", x.url))
	}
	caller := request.Context()
	ctx, cancel := context.WithCancelCause(caller)
	x.start(cancel)
	request = request.Clone(ctx)
	request.Header.Set("Accept-Encoding", "identity")
	response, err := t.next.RoundTrip(request)
	if err != nil {
		x.stop()
		return nil, x.fail(t.refusal(caller, ctx, x, err))
	}
	if f := check(x, response); f != nil {
		response.Body.Close()
		x.stop()
		return nil, x.fail(f)
	}
	response.Body = newBody(caller, ctx, x, response.Body)
	return response, nil
}

// start runs the clocks of the exchange.
func (x *exchange) start(cancel context.CancelCauseFunc) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cancel = cancel
	x.clock = time.AfterFunc(x.first, func() {
		cancel(fault.New(kindOf(x.code), x.code, "nothing came in %v", x.first).On("ollama", x.url).
			Hint("the server may be busy with other work or with loading the model; look at its log"))
	})
	x.end = time.AfterFunc(x.total, func() {
		cancel(fault.New(fault.Unusable, llm.CodeTotal, "not done in %v", x.total).On("ollama", x.url))
	})
}

// moved notes that a byte came.
func (x *exchange) moved() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.wire != nil {
		x.wire()
		x.wire = nil
	}
	x.clock.Stop()
	x.clock = time.AfterFunc(x.idle, func() {
		x.cancel(fault.New(fault.Unusable, llm.CodeIdle, "the stream stood still for %v", x.idle).On("ollama", x.url))
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

// kindOf returns the kind that codes.go gives to a time limit.
func kindOf(code string) fault.Kind {
	if code == llm.CodeIdle || code == llm.CodeTotal {
		return fault.Unusable
	}
	return fault.Unreachable
}

// refusal turns an error before the response into a fault.
func (t *transport) refusal(caller, ctx context.Context, x *exchange, err error) *fault.Error {
	if f := interruption(caller, ctx, x.url); f != nil {
		return f
	}
	const hint = "is the server running? cf status shows what cf finds, cf setup makes a machine ready"
	var name *net.DNSError
	var operation *net.OpError
	switch {
	case errors.Is(err, errConnect):
		return fault.New(fault.Unreachable, llm.CodeConnect, "no connection within the time limit").On("connect", x.url).Hint(hint)
	case errors.As(err, &name):
		return fault.New(fault.Unreachable, llm.CodeNoHost, "the name %q does not resolve", name.Name).On("connect", x.url).
			Hint("check the spelling of the address (OLLAMA_HOST or the config)")
	case errors.As(err, &operation) && operation.Op == "dial":
		if errors.Is(err, connectionRefused) {
			return fault.New(fault.Unreachable, llm.CodeRefused, "nothing listens there").On("connect", x.url).Hint(hint)
		}
		return fault.New(fault.Unreachable, llm.CodeConnect, "%w", operation.Err).On("connect", x.url).Hint(hint)
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "tls:"):
		return fault.New(fault.Unreachable, llm.CodeBadStream, "what listens there does not speak HTTP: %w", err).On("ollama", x.url).
			Hint("check the port: Ollama listens on 11434 unless told otherwise")
	}
	return fault.New(fault.Unusable, llm.CodeCut, "no answer: %w", err).On("ollama", x.url)
}

// interruption returns the fault of a context that ended, or nil.
func interruption(caller, ctx context.Context, url string) *fault.Error {
	if err := caller.Err(); errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unusable, llm.CodeTotal, "not done before the deadline").On("ollama", url)
	} else if err != nil {
		return fault.New(fault.Interrupted, llm.CodeCanceled, "canceled").On("ollama", url)
	}
	var f *fault.Error
	if errors.As(context.Cause(ctx), &f) {
		return f
	}
	return nil
}

// check returns the fault of a response that is not a JSON body under 200.
func check(x *exchange, response *http.Response) *fault.Error {
	if response.StatusCode >= 300 && response.StatusCode < 400 {
		return fault.New(fault.Unreachable, llm.CodeServer, "the server redirects to %.200q, which cf does not follow", response.Header.Get("Location")).
			On("ollama", x.url).Hint("give the final address as the server's URL")
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode >= 400 {
		body, _ := io.ReadAll(io.LimitReader(response.Body, errorBytes))
		return statusFault(x, response, kind, body)
	}
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return fault.New(fault.Unusable, llm.CodeBadStream, "the body is encoded as %.40q, which was not asked for", encoding).On("ollama", x.url)
	}
	if kind != "" && kind != "application/json" && kind != "application/x-ndjson" {
		return fault.New(fault.Unusable, llm.CodeBadStream, "the body is %.80q, not JSON", kind).On("ollama", x.url).
			Hint("is this address an Ollama server?")
	}
	return nil
}

// statusFault turns a status of 400 or more into a fault.
func statusFault(x *exchange, response *http.Response, kind string, body []byte) *fault.Error {
	var refusal struct{ Error string }
	if json.Unmarshal(body, &refusal) != nil {
		refusal.Error = ""
	}
	status := response.StatusCode
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		f := fault.New(fault.Unreachable, llm.CodeBusy, "%w", &busyError{
			status: status, text: clip(refusal.Error, 200), after: retryAfter(response.Header.Get("Retry-After")),
		})
		return f.On("ollama", x.url).Hint("the server has more requests than it takes; try again when it has worked them off")
	}
	if status == http.StatusNotFound && refusal.Error == "" {
		return fault.New(fault.Unreachable, llm.CodeServer, "what answers there is not Ollama (status 404, %.80q)", kind).On("ollama", x.url).
			Hint("check the port: Ollama listens on 11434 unless told otherwise")
	}
	return messageFault(x.url, status, refusal.Error, body)
}

// messageFault maps the words of the server to a fault. status is 200 for an
// error that came inside a stream.
func messageFault(url string, status int, message string, body []byte) *fault.Error {
	if message == "" {
		message = string(body)
	}
	text := clip(message, 500)
	lower := strings.ToLower(message)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(lower, p) {
				return true
			}
		}
		return false
	}
	switch {
	// Words of github.com/ollama/ollama v0.17.4: server/routes.go, server/sched.go,
	// llm/server.go, runner/*/runner.go.
	case has("exceeds the context length", "exceeds maximum context"):
		return fault.New(fault.Failed, llm.CodeTooLong, "%s", text).On("ollama", url)
	case has("out of memory", "requires more system memory", "allocate memory", "commit memory",
		"memory layout cannot be allocated", "unexpectedly stopped", "runner process", "cudamalloc"):
		return fault.New(fault.Failed, llm.CodeMemory, "%s", text).On("ollama", url).
			Hint("a smaller model or a smaller context needs less memory; the server's log tells more")
	case status == http.StatusNotFound && has("model"):
		return fault.New(fault.ModelMissing, llm.CodeNoModel, "%s", text).On("ollama", url)
	case has("server busy"):
		return fault.New(fault.Unreachable, llm.CodeBusy, "%w", &busyError{status: status, text: text}).On("ollama", url)
	}
	if status == http.StatusOK {
		return fault.New(fault.Failed, llm.CodeServer, "the server says: %s", text).On("ollama", url)
	}
	return fault.New(fault.Failed, llm.CodeServer, "the server says: status %d: %s", status, text).On("ollama", url)
}

// busyError is why a server refused for now.
type busyError struct {
	status int
	text   string
	after  time.Duration // as the server asked; 0 if it did not
}

func (e *busyError) Error() string {
	return fmt.Sprintf("the server is busy (status %d) %s", e.status, e.text)
}

// clip shortens untrusted text to n bytes of valid UTF-8.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "..."
	}
	return strings.ToValidUTF8(strings.TrimSpace(s), "\uFFFD")
}
