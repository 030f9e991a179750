package ollama

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// pipes is a listener in memory: its connections wait on the virtual clock.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestLimitsOnAVirtualClock holds the default limits of minutes and hours
// against servers that stand still in each phase of a call.
func TestLimitsOnAVirtualClock(t *testing.T) {
	every := func(d time.Duration, pieces ...string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			timer := time.NewTicker(d)
			defer timer.Stop()
			w.Header().Set("Content-Type", "application/x-ndjson")
			for i := 0; ; i++ {
				io.WriteString(w, pieces[i%len(pieces)])
				w.(http.Flusher).Flush()
				select {
				case <-timer.C:
				case <-r.Context().Done():
					return
				}
			}
		}
	}
	mute := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	l := DefaultLimits
	words := make([]string, 300)
	for i := range words {
		words[i] = piece(strings.Repeat(string(rune('a'+i%26)), 1+i/26) + " ")
	}
	for _, test := range []struct {
		name        string
		dead        bool             // nobody accepts connections
		chat        http.HandlerFunc // nil: nothing is answered at all
		least, most time.Duration
		kind        fault.Kind
		code        string
	}{
		{"connect", true, nil, l.Connect, l.Connect, fault.Unreachable, llm.CodeConnect},
		{"greeting", false, nil, l.Greet, l.Greet, fault.Unreachable, llm.CodeFirstToken},
		{"first token", false, mute, l.Load, l.Load + time.Minute, fault.Unreachable, llm.CodeFirstToken},
		{"idle", false, every(24*time.Hour, piece("one ")), l.Idle, l.Idle, fault.Unusable, llm.CodeIdle},
		{"a byte a minute", false, every(time.Minute, append([]string{piece("one ")}, strings.Split(piece("two"), "")...)...), l.Idle, l.Idle + time.Minute, fault.Unusable, llm.CodeIdle},
		{"total", false, every(time.Minute, words...), l.Total, l.Total, fault.Unusable, llm.CodeTotal},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				listener := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
				f := &fake{show: chatML + `,"capabilities":["completion"]`, chat: func(w http.ResponseWriter, r *http.Request, _ map[string]any) { test.chat(w, r) }}
				server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if test.chat == nil {
						mute(w, r)
						return
					}
					f.ServeHTTP(w, r)
				})}
				if !test.dead {
					go server.Serve(listener)
				}
				c, err := New(Options{Dial: listener.dial})
				if err != nil {
					t.Fatal(err)
				}
				r := ask()
				r.MaxTokens = 1000
				begin := time.Now()
				reply, err := c.Chat(t.Context(), r, func(llm.Chunk) error { return nil })
				took := time.Since(begin)
				if fault.CodeOf(err) != test.code || fault.KindOf(err) != test.kind || reply.Text != "" {
					t.Errorf("got %v, %q", err, reply.Text)
				}
				if took < test.least || took > test.most {
					t.Errorf("took %v, want %v to %v", took, test.least, test.most)
				}
				c.http.CloseIdleConnections()
				if test.dead {
					listener.Close()
				}
				server.Close()
			})
		})
	}
}

// A wait between tries ends at once when the caller gives up.
func TestCancelEndsTheWaitBetweenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		f := &fake{show: chatML, chat: func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
			w.Header().Set("Retry-After", "10")
			w.WriteHeader(http.StatusServiceUnavailable)
		}}
		server := &http.Server{Handler: f}
		go server.Serve(listener)
		c, err := New(Options{Dial: listener.dial})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		begin := time.Now()
		if _, err := c.Chat(ctx, ask(), nil); fault.CodeOf(err) != llm.CodeCanceled || time.Since(begin) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		if _, err := c.Chat(t.Context(), ask(), nil); fault.CodeOf(err) != llm.CodeBusy || time.Since(begin) != 23*time.Second || len(f.chats) != 4 {
			t.Errorf("after %v and %d chats: %v", time.Since(begin), len(f.chats), err)
		}
		c.http.CloseIdleConnections()
		server.Close()
	})
}
