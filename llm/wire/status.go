package wire

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// statusFault turns a status of 400 or more into a fault.
func (p Protocol) statusFault(url string, response *http.Response, kind string, body []byte) *fault.Error {
	text, status := p.Refusal(body), response.StatusCode
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		return p.busyFault(url, &busyError{status: status, text: Clip(text, 200), after: retryAfter(response.Header.Get("Retry-After"))})
	}
	if status == http.StatusNotFound && text == "" {
		return fault.New(fault.Unreachable, llm.CodeServer, "what answers there does not speak as %s does (status 404, %.80q)", p.Title, kind).On(p.Name, url).Hint(p.Check)
	}
	return p.messageFault(url, status, cmp.Or(text, string(body)))
}

// messageFault maps the words of a server to a fault. status is 200 for an
// error that came inside a stream.
func (p Protocol) messageFault(url string, status int, message string) *fault.Error {
	text, lower := Clip(message, 500), strings.ToLower(message)
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(lower, part) {
				return true
			}
		}
		return false
	}
	switch {
	// Words of github.com/ollama/ollama v0.17.4 (server/routes.go,
	// server/sched.go, llm/server.go, runner/*/runner.go), llama.cpp
	// (tools/server/server.cpp) and vLLM (vllm/entrypoints/openai).
	case has("exceeds the context length", "exceeds maximum context", "exceeds the available context size", "maximum context length"):
		return fault.New(fault.Failed, llm.CodeTooLong, "%s", text).On(p.Name, url)
	case has("out of memory", "requires more system memory", "allocate memory", "commit memory",
		"memory layout cannot be allocated", "unexpectedly stopped", "runner process", "cudamalloc"):
		return fault.New(fault.Failed, llm.CodeMemory, "%s", text).On(p.Name, url).
			Hint("a smaller model or a smaller context needs less memory; the server's log tells more")
	case status == http.StatusNotFound && has("model"):
		return fault.New(fault.ModelMissing, llm.CodeNoModel, "%s", text).On(p.Name, url).
			Hint("the server's own tools load a model; cf status lists those it has")
	case has("server busy"):
		return p.busyFault(url, &busyError{status: status, text: text})
	case status == http.StatusOK:
		return fault.New(fault.Failed, llm.CodeServer, "the server says: %s", text).On(p.Name, url)
	}
	f := fault.New(fault.Failed, llm.CodeServer, "the server says: status %d: %s", status, text).On(p.Name, url)
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		f.Hint("the server wants an API key: cf config set api_key_env NAME tells cf which variable holds it")
	}
	return f
}

func (p Protocol) busyFault(url string, e *busyError) *fault.Error {
	return fault.New(fault.Unreachable, llm.CodeBusy, "%w", e).On(p.Name, url).
		Hint("the server has more requests than it takes; try again when it has worked them off")
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

// The waits between tries of a busy server: 0.5 s, then 2 s, each +-50 %, or
// what the server asks for. One that asks for more than busyMax gets an error
// at once: nobody is served by coming back too early.
const (
	busyTries = 3
	busyWait  = 500 * time.Millisecond
	busyMax   = 15 * time.Second
)

// Again tells whether a request that was refused n times in a row, the last
// time with err, may be sent once more, and after what wait: up to three times
// in all while the server is busy. Every other fault stays.
func Again(err error, n int) (time.Duration, bool) {
	var busy *busyError
	if !errors.As(err, &busy) || n >= busyTries || busy.after > busyMax {
		return 0, false
	}
	if busy.after > 0 {
		return busy.after, true
	}
	wait := busyWait << (2 * (n - 1))
	return wait/2 + rand.N(wait), true
}

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3); 0 means
// that the server asked for nothing that can be understood.
func retryAfter(header string) time.Duration {
	const longest = 366 * 24 * time.Hour
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longest)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(time.Until(at), 0), longest)
	}
	return 0
}

// Clip shortens untrusted text to n bytes of valid UTF-8.
func Clip(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "..."
	}
	return strings.ToValidUTF8(strings.TrimSpace(s), "\uFFFD")
}
