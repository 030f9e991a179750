package wire

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
	"strings"
	"syscall"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/llm"
)

const (
	headerBytes  = 64 << 10 // most that response headers may hold
	refusalBytes = 64 << 10 // most that is read of the body of a refusal
)

// transport is the http.RoundTripper below a library.
type transport struct {
	protocol Protocol
	base     *url.URL
	next     *http.Transport
}

var errConnect = errors.New("no connection in time")

// wsaRefused is what dialling a closed port returns on Windows: WSAECONNREFUSED
// (https://learn.microsoft.com/windows/win32/winsock/windows-sockets-error-codes-2).
const wsaRefused = syscall.Errno(10061)

// NewClient returns an HTTP client for the server at base, whose every request
// must carry an Exchange. connect bounds the making of a connection; dial opens
// one, nil means a net.Dialer.
func NewClient(base *url.URL, p Protocol, connect time.Duration, dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
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
		MaxResponseHeaderBytes: headerBytes,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second,
	}
	if !Loopback(base.Hostname()) {
		next.Proxy = http.ProxyFromEnvironment
	}
	return &http.Client{
		Transport:     &transport{protocol: p, base: base, next: next},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip sends a request. Everything but a 200 with a body of the right kind
// comes back as a *fault.Error.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	x, ok := request.Context().Value(exchangeKey{}).(*Exchange)
	if !ok {
		return nil, errors.New(t.protocol.Name + ": a request without an exchange")
	}
	if request.URL.Host != t.base.Host || request.URL.Scheme != t.base.Scheme {
		return nil, x.fail(fault.New(fault.Usage, llm.CodeRemoteHost, "refusing to contact %s", request.URL.Host).On(t.protocol.Name, x.URL))
	}
	caller := request.Context()
	ctx, cancel := context.WithCancelCause(caller)
	request = request.Clone(ctx)
	request.Header.Set("Accept-Encoding", "identity")
	if err := x.overwrite(request); err != nil {
		cancel(nil)
		return nil, x.fail(fault.New(fault.Failed, llm.CodeServer, "%w", err).On(t.protocol.Name, x.URL))
	}
	x.start(t.protocol.Name, cancel)
	response, err := t.next.RoundTrip(request)
	if err != nil {
		f := x.fail(t.refusal(caller, ctx, x, err))
		x.stop()
		return nil, f
	}
	if f := t.check(x, response); f != nil {
		f = x.fail(f)
		_ = response.Body.Close() // the fault is known already
		x.stop()
		return nil, f
	}
	response.Body = &body{caller: caller, ctx: ctx, x: x, p: t.protocol, src: response.Body}
	return response, nil
}

// overwrite puts x.Set into the request's body.
func (x *Exchange) overwrite(request *http.Request) error {
	if x.Set == nil || request.Body == nil {
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
	for name, value := range x.Set {
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

// tornStatus is what package net/http says of a status line that ended too soon: the
// server died in the middle of it.
var tornStatus = lazyregexp.New(`malformed HTTP (?:response "H(?:T(?:T(?:P(?:/(?:1(?:\.1?)?)?)?)?)?)?"|status code "\d{0,2}")`)

// refusal turns an error before the response into a fault.
func (t *transport) refusal(caller, ctx context.Context, x *Exchange, err error) *fault.Error {
	if f := x.interruption(caller, ctx); f != nil {
		return f
	}
	var name *net.DNSError
	var operation *net.OpError
	switch {
	case errors.Is(err, errConnect):
		return fault.New(fault.Unreachable, llm.CodeConnect, "no connection within the time limit").On("connect", x.URL).Hint(t.protocol.Start)
	case errors.As(err, &name):
		return fault.New(fault.Unreachable, llm.CodeNoHost, "the name %q does not resolve", name.Name).On("connect", x.URL).
			Hint("check the spelling of the server's address (OLLAMA_HOST or the config)")
	case errors.As(err, &operation) && operation.Op == "dial":
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaRefused) {
			return fault.New(fault.Unreachable, llm.CodeRefused, "nothing listens there").On("connect", x.URL).Hint(t.protocol.Start)
		}
		return fault.New(fault.Unreachable, llm.CodeConnect, "%w", operation.Err).On("connect", x.URL).Hint(t.protocol.Start)
	case strings.Contains(err.Error(), "response headers exceeded"):
		return fault.New(fault.Unusable, llm.CodeTooManyBytes, "the headers are longer than %d bytes", headerBytes).On(t.protocol.Name, x.URL)
	case strings.Contains(err.Error(), "malformed HTTP") && !tornStatus.MatchString(err.Error()), strings.Contains(err.Error(), "tls:"):
		return fault.New(fault.Unreachable, llm.CodeBadStream, "what listens there does not speak HTTP: %w", err).On(t.protocol.Name, x.URL).Hint(t.protocol.Check)
	}
	return fault.New(fault.Unusable, llm.CodeCut, "no answer: %w", err).On(t.protocol.Name, x.URL)
}

// check returns the fault of a response that is not a body of the expected kind
// under 200.
func (t *transport) check(x *Exchange, response *http.Response) *fault.Error {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch status := response.StatusCode; {
	case status >= 400:
		// Part of a refusal is worth more than the reason why there is no more.
		text, _ := io.ReadAll(io.LimitReader(response.Body, refusalBytes))
		return t.protocol.statusFault(x.URL, response, kind, text)
	case status >= 300:
		return fault.New(fault.Unreachable, llm.CodeServer, "the server redirects to %.200q, which cf does not follow", response.Header.Get("Location")).
			On(t.protocol.Name, x.URL).Hint("give the final address as the server's URL")
	case status != http.StatusOK:
		return fault.New(fault.Failed, llm.CodeServer, "unexpected status %d", status).On(t.protocol.Name, x.URL)
	}
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return fault.New(fault.Unusable, llm.CodeBadStream, "the body is encoded as %.40q, which was not asked for", encoding).On(t.protocol.Name, x.URL)
	}
	// An error in place of a stream may come as plain JSON: its line tells.
	if kind != "" && kind != t.protocol.Whole && !(x.Streams && kind == t.protocol.Stream) {
		return fault.New(fault.Unusable, llm.CodeBadStream, "the body is %.80q, not JSON", kind).On(t.protocol.Name, x.URL).
			Hint("is this address a server that speaks as " + t.protocol.Title + " does? " + t.protocol.Check)
	}
	return nil
}
