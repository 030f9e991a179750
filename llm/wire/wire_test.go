package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// lines is a protocol of JSON values a line, that "end" ends.
var lines = Protocol{
	Name: "test", Title: "a test", Check: "check it", Start: "start it", Whole: "application/json", Stream: "application/x-ndjson",
	Refusal: func(body []byte) string { return strings.TrimPrefix(string(body), "no: ") },
	Line: func(line []byte) Line {
		switch {
		case string(line) == `"end"`:
			return Line{Out: line, Moved: true, End: true}
		case !json.Valid(line):
			return Line{Err: fmt.Errorf("no JSON: %.20q", line)}
		}
		return Line{Out: line, Moved: true}
	},
}

// get asks url for a stream and reads it whole.
func get(t testing.TB, address string, x *Exchange) (string, *fault.Error, bool) {
	t.Helper()
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	client := NewClient(base, lines, time.Second, nil)
	defer client.CloseIdleConnections()
	x.URL, x.Streams, x.Line, x.Bytes = address, true, 1<<10, 1<<20
	x.First, x.Idle, x.Total = time.Minute, time.Minute, time.Minute
	request, err := http.NewRequestWithContext(x.Begin(t.Context()), http.MethodPost, address, strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	response, err := client.Do(request)
	if err == nil {
		out, err = io.ReadAll(response.Body)
		response.Body.Close()
	}
	f, ended := x.Seen()
	if (err == nil) != (f == nil) {
		t.Fatalf("error %v, recorded %v", err, f)
	}
	return string(out), f, ended
}

func TestFaultsOfTheWire(t *testing.T) {
	status := func(code int, text string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			io.WriteString(w, text)
		}
	}
	body := func(text string) http.HandlerFunc { return status(200, text, "Content-Type", "application/x-ndjson") }
	for name, test := range map[string]struct {
		serve http.HandlerFunc
		kind  fault.Kind
		code  string
	}{
		"sound":          {body("1\n\"end\"\n"), "", ""},
		"no mark":        {body("1\n"), fault.Unusable, llm.CodeCut},
		"half a line":    {body("1\n\"en"), fault.Unusable, llm.CodeCut},
		"after the mark": {body("\"end\"\n{{{\n"), "", ""},
		"no JSON":        {body("{\n\"end\"\n"), fault.Unusable, llm.CodeBadStream},
		"long line":      {body(strings.Repeat("1", 2000)), fault.Unusable, llm.CodeLongLine},
		"long body":      {body(strings.Repeat("1\n", 1<<19) + "\n"), fault.Unusable, llm.CodeTooManyBytes},
		"page":           {status(200, "<html>", "Content-Type", "text/html"), fault.Unusable, llm.CodeBadStream},
		"gzip":           {status(200, "x", "Content-Type", "application/x-ndjson", "Content-Encoding", "gzip"), fault.Unusable, llm.CodeBadStream},
		"redirect":       {status(302, "", "Location", "http://example.com/"), fault.Unreachable, llm.CodeServer},
		"no content":     {status(204, ""), fault.Failed, llm.CodeServer},
		"not found":      {status(404, "no: "), fault.Unreachable, llm.CodeServer},
		"no model":       {status(404, "no: model x not found"), fault.ModelMissing, llm.CodeNoModel},
		"busy":           {status(503, "no: server busy"), fault.Unreachable, llm.CodeBusy},
		"rate":           {status(429, ""), fault.Unreachable, llm.CodeBusy},
		"memory":         {status(500, "no: cudaMalloc failed"), fault.Failed, llm.CodeMemory},
		"too long":       {status(400, "no: the input length exceeds the context length"), fault.Failed, llm.CodeTooLong},
		"key":            {status(401, "no: key"), fault.Failed, llm.CodeServer},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.serve)
			defer server.Close()
			_, f, ended := get(t, server.URL, &Exchange{})
			var code string
			var kind fault.Kind
			if f != nil {
				code, kind = f.Code, f.Kind
			}
			if code != test.code || kind != test.kind || ended != (code == "") {
				t.Errorf("got %v (%s, %s), end mark %v", f, kind, code, ended)
			}
		})
	}
}

func TestNoConnection(t *testing.T) {
	for name, test := range map[string]struct {
		dial func(context.Context, string, string) (net.Conn, error)
		code string
	}{
		"no such host": {func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "nowhere", IsNotFound: true}}
		}, llm.CodeNoHost},
		"no answer": {func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, llm.CodeConnect},
		"no route": {func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: errors.New("no route to host")}
		}, llm.CodeConnect},
	} {
		base, err := url.Parse("http://nowhere:1")
		if err != nil {
			t.Fatal(err)
		}
		x := &Exchange{URL: "http://nowhere:1", First: time.Minute, Idle: time.Minute, Total: time.Minute}
		request, err := http.NewRequestWithContext(x.Begin(t.Context()), http.MethodGet, base.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewClient(base, lines, 20*time.Millisecond, test.dial).Do(request); fault.CodeOf(err) != test.code || fault.KindOf(err) != fault.Unreachable || len(fault.HintsOf(err)) == 0 {
			t.Errorf("%s: got %v, hints %q", name, err, fault.HintsOf(err))
		}
	}
}

func TestOnlyTheOneHostIsAsked(t *testing.T) {
	base, err := url.Parse("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	x := &Exchange{}
	request, err := http.NewRequestWithContext(x.Begin(t.Context()), http.MethodGet, "http://127.0.0.1:2", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := NewClient(base, lines, time.Second, nil)
	if _, err := client.Do(request); fault.CodeOf(err) != llm.CodeRemoteHost {
		t.Errorf("another port: %v", err)
	}
	if client.Transport.(*transport).next.Proxy != nil {
		t.Error("a server on this machine may be asked through a proxy")
	}
	base.Host = "example.com"
	if NewClient(base, lines, time.Second, nil).Transport.(*transport).next.Proxy == nil {
		t.Error("a server elsewhere can't be asked through a proxy")
	}
}

func TestAgain(t *testing.T) {
	busy := func(after time.Duration) error {
		return lines.busyFault("u", &busyError{status: 503, after: after})
	}
	for _, test := range []struct {
		err         error
		n           int
		least, most time.Duration
		again       bool
	}{
		{busy(0), 1, 250 * time.Millisecond, 750 * time.Millisecond, true},
		{busy(0), 2, time.Second, 3 * time.Second, true},
		{busy(0), 3, 0, 0, false},
		{busy(7 * time.Second), 1, 7 * time.Second, 7 * time.Second, true},
		{busy(busyMax), 1, busyMax, busyMax, true},
		{busy(busyMax + 1), 1, 0, 0, false}, // at once: nobody is served by coming back too early
		{errors.New("x"), 1, 0, 0, false},
	} {
		wait, again := Again(test.err, test.n)
		if again != test.again || wait < test.least || wait > test.most {
			t.Errorf("%v, refusal %d: wait %v, again %v", test.err, test.n, wait, again)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "1e9": 0, "99999999999999999999": 0, "Wed, 21 Oct 2015 07:28:00 GMT": 0, "2147483647": 366 * 24 * time.Hour,
	} {
		if got := retryAfter(header); got != want {
			t.Errorf("%q: got %v, want %v", header, got, want)
		}
	}
	if got := retryAfter(time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)); got < 55*time.Second || got > time.Minute {
		t.Errorf("a time: got %v", got)
	}
}

// FuzzReadStream gives a stream in pieces to the body reader: what it hands on
// is whole lines that the protocol accepts, the same for every cut, and it ends
// well only after an end mark.
func FuzzReadStream(f *testing.F) {
	f.Add([]byte("1\n\"end\"\n"), uint8(3))
	f.Add([]byte("\"\xe2\"\n\"\x82\xac\"\n\"end\"\n"), uint8(1))
	f.Add([]byte("[]\n{}\n\n{"), uint8(2))
	f.Add([]byte(strings.Repeat("1", 5000)), uint8(9))
	f.Fuzz(func(t *testing.T, stream []byte, n uint8) {
		read := func(size int) (string, string, bool) {
			x := &Exchange{URL: "u", First: time.Hour, Idle: time.Hour, Total: time.Hour, Streams: true, Line: 1 << 12, Bytes: 1 << 16}
			ctx, cancel := context.WithCancelCause(context.Background())
			x.start("test", cancel)
			b := &body{caller: ctx, ctx: ctx, x: x, p: lines, src: io.NopCloser(&pieces{stream, size})}
			out, err := io.ReadAll(b)
			b.Close()
			f, ended := x.Seen()
			if (err == nil) != ended || (f == nil) != ended {
				t.Fatalf("error %v, fault %v, end mark %v", err, f, ended)
			}
			for line := range strings.Lines(string(out)) {
				if !json.Valid([]byte(line)) || !strings.HasSuffix(line, "\n") {
					t.Fatalf("handed on %q", line)
				}
			}
			code := ""
			if f != nil {
				code = f.Code
			}
			return x.Reveal(string(out)), code, ended
		}
		out, bad, ended := read(int(n) + 1)
		again, worse, also := read(len(stream) + 1)
		if out != again || ended != also || bad != worse {
			t.Fatalf("in pieces of %d: %q %v, at once: %q %v", n+1, out, bad, again, worse)
		}
	})
}

// pieces reads at most size bytes at a time.
type pieces struct {
	data []byte
	size int
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(to, p.data[:min(p.size, len(p.data))])
	p.data = p.data[n:]
	return n, nil
}
