package openai

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// refusalBytes is the most that is read of the body of a refusal.
const refusalBytes = 64 << 10

// retryAfterMax is the longest wait a server may ask for; one that wants more
// is busy for longer than a person waits.
const retryAfterMax = 15 * time.Second

// interruption returns the fault of a context that ended, or nil.
func interruption(caller, ctx context.Context, url string) *fault.Error {
	if err := caller.Err(); errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unusable, llm.CodeTotal, "not done before the deadline: %w", err).On("openai", url)
	} else if err != nil {
		return fault.New(fault.Interrupted, llm.CodeCanceled, "%w", err).On("openai", url)
	}
	var f *fault.Error
	if errors.As(context.Cause(ctx), &f) {
		return f
	}
	return nil
}

// refusal turns an error before the response into a fault.
func refusal(caller, ctx context.Context, url string, err error) *fault.Error {
	if f := interruption(caller, ctx, url); f != nil {
		return f
	}
	const hint = "is the server running? cf status shows what cf finds"
	var name *net.DNSError
	var operation *net.OpError
	switch {
	case errors.Is(err, errConnect):
		return fault.New(fault.Unreachable, llm.CodeConnect, "no connection within the time limit").On("connect", url).Hint(hint)
	case errors.As(err, &name):
		return fault.New(fault.Unreachable, llm.CodeNoHost, "the name %q does not resolve", name.Name).On("connect", url).
			Hint("check the spelling of the server's address in the config")
	case errors.As(err, &operation) && operation.Op == "dial":
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaRefused) {
			return fault.New(fault.Unreachable, llm.CodeRefused, "nothing listens there").On("connect", url).Hint(hint)
		}
		return fault.New(fault.Unreachable, llm.CodeConnect, "%w", operation.Err).On("connect", url).Hint(hint)
	case strings.Contains(err.Error(), "response headers exceeded"):
		return fault.New(fault.Unusable, llm.CodeTooManyBytes, "the headers are longer than %d bytes", headerBytes).On("openai", url)
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "tls:"):
		return fault.New(fault.Unreachable, llm.CodeBadStream, "what listens there does not speak HTTP: %w", err).On("openai", url).
			Hint("check the port in the server's address")
	}
	return fault.New(fault.Unusable, llm.CodeCut, "no answer: %w", err).On("openai", url)
}

// wsaRefused is what dialling a closed port returns on Windows: WSAECONNREFUSED
// (https://learn.microsoft.com/windows/win32/winsock/windows-sockets-error-codes-2).
const wsaRefused = syscall.Errno(10061)

// refusalText finds the message in the shapes that servers give an error:
// {"error":{"message":"..."}}, {"error":"..."} and {"message":"..."}. "" means
// that body is none of them.
func refusalText(body []byte) string {
	var outer struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &outer) != nil {
		return ""
	}
	var inner struct {
		Message string `json:"message"`
	}
	var text string
	switch {
	case json.Unmarshal(outer.Error, &inner) == nil && inner.Message != "":
		return inner.Message
	case json.Unmarshal(outer.Error, &text) == nil && text != "":
		return text
	case len(outer.Error) > 0:
		return string(outer.Error)
	}
	return outer.Message
}

// busyError is why a server refused for now.
type busyError struct {
	status int
	text   string
	after  time.Duration // as the server asked; 0 if it did not
}

// Error names the status and the server's words.
func (e *busyError) Error() string {
	return fmt.Sprintf("the server is busy (status %d) %s", e.status, e.text)
}

// statusFault turns a status of 400 or more into a fault.
func statusFault(url string, response *http.Response, kind string, body []byte) *fault.Error {
	text, status := refusalText(body), response.StatusCode
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		return fault.New(fault.Unreachable, llm.CodeBusy, "%w", &busyError{
			status: status, text: clip(text, 200), after: retryAfter(response.Header.Get("Retry-After")),
		}).On("openai", url).Hint("the server has more requests than it takes; try again when it has worked them off")
	}
	if status == http.StatusNotFound && text == "" {
		return fault.New(fault.Unreachable, llm.CodeServer, "what answers there does not speak OpenAI's protocol (status 404, %.80q)", kind).On("openai", url).
			Hint("check the port and the path: the path usually ends in /v1")
	}
	return messageFault(url, status, cmp.Or(text, string(body)))
}

// messageFault maps the words of the server to a fault. status is 200 for an
// error that came inside a stream.
func messageFault(url string, status int, message string) *fault.Error {
	text, lower := clip(message, 500), strings.ToLower(message)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(lower, p) {
				return true
			}
		}
		return false
	}
	switch {
	// Words of Ollama v0.17.4 (llm/server.go, server/routes.go), llama.cpp
	// (tools/server/server.cpp) and vLLM (vllm/entrypoints/openai).
	case has("exceeds the context length", "exceeds the available context size", "maximum context length", "exceeds maximum context"):
		return fault.New(fault.Failed, llm.CodeTooLong, "%s", text).On("openai", url)
	case has("out of memory", "requires more system memory", "allocate memory", "unexpectedly stopped", "runner process", "cudamalloc"):
		return fault.New(fault.Failed, llm.CodeMemory, "%s", text).On("openai", url).
			Hint("a smaller model or a smaller context needs less memory; the server's log tells more")
	case status == http.StatusNotFound && has("model"):
		return fault.New(fault.ModelMissing, llm.CodeNoModel, "%s", text).On("openai", url).
			Hint("the server's own tools load a model; cf status lists those it has")
	case status == http.StatusOK:
		return fault.New(fault.Failed, llm.CodeServer, "the server says: %s", text).On("openai", url)
	}
	f := fault.New(fault.Failed, llm.CodeServer, "the server says: status %d: %s", status, text).On("openai", url)
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		f.Hint("the server wants an API key: set it in your own config")
	}
	return f
}

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3); 0 means
// that the server asked for nothing that can be understood.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// clip shortens untrusted text to n bytes of valid UTF-8.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "..."
	}
	return strings.ToValidUTF8(strings.TrimSpace(s), "\uFFFD")
}
