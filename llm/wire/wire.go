// Package wire is the HTTP transport below the client libraries of model
// servers: it sees what those libraries hide (resets, streams without an end
// mark, error objects, bodies and lines without bound, a server that stands
// still) and gives each a *fault.Error.
//
// It must never contact any host but the one it was made for, never follow a
// redirect, never use a proxy for a server on this machine, never retry, and
// never hand a library a line that its protocol did not accept.
//
// Invariants:
//  1. Every error of a RoundTrip or of a body's Read but io.EOF is recorded in
//     the request's Exchange, where the first one stays.
//  2. A stream's body gives io.EOF only after its end mark; Seen tells so.
//  3. Not more than Exchange.Bytes of a body, and of a line not more than
//     Exchange.Line, are ever kept.
package wire

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// Protocol is what the transport must know of a server's language. Its
// functions are called for one body at a time.
type Protocol struct {
	Name   string // names the faults, such as "ollama"
	Title  string // in words, such as "Ollama"
	Check  string // a hint: what to look at where something else answers
	Start  string // a hint: what to do where nothing listens
	Whole  string // content type of a reply that does not stream
	Stream string // content type of a stream

	// Refusal finds the message in the body of an error; "" if it is none.
	Refusal func(body []byte) string
	// Line reads one line of a stream, without its line end.
	Line func(line []byte) Line
}

// Line is what a line of a stream means. The zero value says that it carries
// nothing.
type Line struct {
	Out     []byte // handed on to the library, a line end added; nil hands on nothing
	Moved   bool   // it is progress: the idle clock starts anew
	End     bool   // the end mark: whatever follows is nobody's business
	Refusal string // the server's words where the line is an error; "" if it is none
	Err     error  // why it is not of this protocol
}

// Exchange is one request and its response as the transport sees them. It
// travels in the request's context, because the libraries have no other way to
// hand back what they hide.
type Exchange struct {
	URL   string        // of the server, for faults
	First time.Duration // limit until the first byte of a body, of a stream the first line that is progress
	Idle  time.Duration // limit between two of them after that
	Total time.Duration // limit of the whole

	Streams bool  // lines that need an end mark
	Line    int64 // longest line
	Bytes   int64 // longest body

	// Set overwrites fields of the request's JSON body: a library may leave out
	// numbers that are 0, and servers then take something else.
	Set map[string]any
	// Began is called once, when First ends; nil is allowed.
	Began func()

	name   string
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	clock  *time.Timer // runs out at First, then at Idle
	end    *time.Timer // runs out at Total
	fault  *fault.Error
	ended  bool // the end mark was seen
	opaque bool // some line was not UTF-8: see hide
}

type exchangeKey struct{}

// Begin puts x into the context of a request.
func (x *Exchange) Begin(ctx context.Context) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// Seen returns the recorded fault and whether the end mark was seen.
func (x *Exchange) Seen() (*fault.Error, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.fault, x.ended
}

// fail records the first fault of the exchange and returns it.
func (x *Exchange) fail(f *fault.Error) *fault.Error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fault == nil {
		x.fault = f
	}
	return x.fault
}

// start runs the clocks.
func (x *Exchange) start(name string, cancel context.CancelCauseFunc) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.name, x.cancel = name, cancel
	x.clock = time.AfterFunc(x.First, func() {
		cancel(fault.New(fault.Unreachable, llm.CodeFirstToken, "nothing came in %v", x.First).On(name, x.URL).
			Hint("the server may be busy with other work or with loading the model; look at its log"))
	})
	x.end = time.AfterFunc(x.Total, func() {
		cancel(fault.New(fault.Unusable, llm.CodeTotal, "not done in %v", x.Total).On(name, x.URL))
	})
}

// moved notes progress.
func (x *Exchange) moved() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.Began != nil {
		x.Began()
		x.Began = nil
	}
	x.clock.Stop()
	x.clock = time.AfterFunc(x.Idle, func() {
		x.cancel(fault.New(fault.Unusable, llm.CodeIdle, "the stream stood still for %v", x.Idle).On(x.name, x.URL))
	})
}

// stop ends the clocks and frees the context.
func (x *Exchange) stop() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.clock.Stop()
	x.end.Stop()
	x.cancel(nil)
}

// Interruption returns the fault of a context of a caller that ended, or nil.
func Interruption(caller context.Context, name, url string) *fault.Error {
	if err := caller.Err(); errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unusable, llm.CodeTotal, "not done before the deadline: %w", err).On(name, url)
	} else if err != nil {
		return fault.New(fault.Interrupted, llm.CodeCanceled, "%w", err).On(name, url)
	}
	return nil
}

// interruption returns the fault of the caller's context, or else of the
// exchange's own, which the clocks end.
func (x *Exchange) interruption(caller, ctx context.Context) *fault.Error {
	if f := Interruption(caller, x.name, x.URL); f != nil {
		return f
	}
	var f *fault.Error
	if errors.As(context.Cause(ctx), &f) {
		return f
	}
	return nil
}

// Loopback tells whether host is this machine. A name is looked at, never
// resolved: what a resolver answers now is not what it answers later.
func Loopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Pause waits for d, or until ctx ends: then it returns why.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
