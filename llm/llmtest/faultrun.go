package llmtest

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// Limits that a provider must be given for RunFaults, so that no fault takes
// long: until the first token, between two pieces of a stream, and for a whole
// reply. Waits that a server asks for in Retry-After are not among them.
const (
	FaultFirst = 500 * time.Millisecond
	FaultIdle  = 500 * time.Millisecond
	FaultTotal = 2 * time.Second
)

// faultDeadline is the longest that a provider may take over one fault.
const faultDeadline = 10 * time.Second

// HeapMax is the most that the heap may grow over one fault, the fault server's
// own share included.
const HeapMax = 64 << 20

// RunFaults shows every fault of the table to a provider of the protocol
// "native" or "openai" that connect makes for a server's URL (without /v1), and
// checks the outcome, the time and the memory it takes.
func RunFaults(t *testing.T, protocol string, connect func(t testing.TB, url string) llm.Provider) {
	t.Run("apart", func(t *testing.T) {
		for _, f := range append(Faults(), Sound()) {
			if f.Only != "" && f.Only != protocol {
				continue
			}
			t.Run(f.Name, func(t *testing.T) {
				t.Parallel()
				server := NewFaultServer(t, f)
				checkFault(t, server, f, connect(t, server.URL))
			})
		}
	})
	t.Run("memory", func(t *testing.T) {
		for _, f := range limitFaults() {
			t.Run(f.Name, func(t *testing.T) {
				server := NewFaultServer(t, f)
				provider := connect(t, server.URL)
				peak := watchHeap(t)
				checkFault(t, server, f, provider)
				if grown := peak(); grown > HeapMax {
					t.Errorf("the heap grew by %d MiB", grown>>20)
				}
			})
		}
	})
}

// checkFault runs FaultRequest against a server that shows f.
func checkFault(t *testing.T, server *FaultServer, f Fault, provider llm.Provider) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), faultDeadline)
	defer cancel()
	var streamed, mused strings.Builder
	request := FaultRequest()
	if f.Restart {
		request.Restart = func() { streamed.Reset(); mused.Reset() }
	}
	reply, err := provider.Chat(ctx, request, func(c llm.Chunk) error {
		if (c.Text == "") == (c.Thinking == "") {
			t.Errorf("a chunk holds %q and %q: one must be empty", c.Text, c.Thinking)
		}
		if !utf8.ValidString(c.Text + c.Thinking) {
			t.Errorf("a chunk is not UTF-8: %q", c.Text+c.Thinking)
		}
		streamed.WriteString(c.Text)
		mused.WriteString(c.Thinking)
		return nil
	})
	if ctx.Err() != nil {
		t.Fatalf("not done in %v: %v", faultDeadline, err)
	}
	if server.Strays() != 0 {
		t.Errorf("%d requests went to another host", server.Strays())
	}
	if n := server.Calls(); n > MaxTries || f.Want.Calls != 0 && n != f.Want.Calls {
		t.Errorf("%d chat requests, want %d (0 means up to %d)", n, f.Want.Calls, MaxTries)
	}
	if code := fault.CodeOf(err); !slices.Contains(f.Want.Codes, code) || err != nil && code == "" {
		t.Fatalf("%s: got code %q (%v), want one of %q", f.Doc, code, err, f.Want.Codes)
	}
	if err != nil {
		checkError(t, f, reply, err)
		return
	}
	want := f.Want
	if want.Stop == "" {
		want.Stop = llm.StopEnd
	}
	if want.Text != "" && reply.Text != want.Text || want.Thinking != "" && strings.TrimSpace(reply.Thinking) != want.Thinking {
		t.Errorf("text %q, thinking %q; want %q, %q", reply.Text, reply.Thinking, want.Text, want.Thinking)
	}
	if reply.Stop != want.Stop {
		t.Errorf("stop %q, want %q", reply.Stop, want.Stop)
	}
	if reply.Text != streamed.String() || reply.Thinking != mused.String() {
		t.Errorf("the chunks give %q and %q, the reply %q and %q", streamed.String(), mused.String(), reply.Text, reply.Thinking)
	}
}

// checkError checks what every error of a provider must be.
func checkError(t *testing.T, f Fault, reply llm.Reply, err error) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *fault.Error", err)
	}
	// A port where something else listens may also count as no server at all.
	if e.Kind != KindOf(e.Code) && !(f.All && e.Kind == fault.Unreachable) {
		t.Errorf("kind %q with code %q, want %q", e.Kind, e.Code, KindOf(e.Code))
	}
	if reply.Text != "" || reply.Thinking != "" {
		t.Errorf("text came with the error: %q, %q", reply.Text, reply.Thinking)
	}
	if reply.Call.Name != FaultRequest().Name {
		t.Errorf("the ledger line is not filled: %+v", reply.Call)
	}
	if text := err.Error(); strings.ContainsAny(text, "\n\r") || len(text) > 2000 || strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "...") {
		t.Errorf("not one short line without a period: %q", text)
	}
}

// watchHeap samples the live heap until the returned function is called, which
// says by how much it grew at most.
func watchHeap(t testing.TB) func() uint64 {
	t.Helper()
	read := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	// Garbage counts until it is collected: often, so that the peak is what is held.
	often := debug.SetGCPercent(20)
	runtime.GC()
	base := read()
	var peak atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			peak.Store(max(peak.Load(), read()))
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-stopped
		debug.SetGCPercent(often)
		return max(peak.Load(), base) - base
	}
}
