package otel

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/llmtest"
)

// collector keeps what is posted to it, by path.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  map[string]string
	headers http.Header
}

func newCollector(t *testing.T, status int) *collector {
	t.Helper()
	c := &collector{bodies: map[string]string{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		c.bodies[r.URL.Path], c.headers = string(body), r.Header.Clone()
		c.mu.Unlock()
		w.WriteHeader(status)
	}))
	t.Cleanup(c.Close)
	return c
}

func env(pairs ...string) func(string) string {
	values := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

const (
	secretPrompt   = "PROMPT-CANARY"
	secretReply    = "REPLY-CANARY"
	secretThinking = "THINKING-CANARY"
	secretError    = "ERROR-CANARY"
)

// chat asks a wrapped script twice: once for a reply, once for an error whose
// words quote the server.
func chat(t *testing.T) {
	t.Helper()
	script := &llmtest.Script{
		Replies: map[string][]string{"plan": {secretReply + " is text"}}, Thinking: map[string]string{"plan": secretThinking},
		Reply: func(int, llm.Request) (string, error) {
			return "", fault.New(fault.Unusable, llm.CodeBadStream, "a line is no JSON: %s", secretError)
		},
	}
	p, err := Wrap(script, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := llm.Request{Model: llmtest.ScriptModel, Name: "plan", Think: true, MaxTokens: 50, Seed: 7, Messages: []llm.Message{{Role: llm.User, Content: secretPrompt}}}
	if reply, err := p.Chat(t.Context(), r, nil); err != nil || !strings.HasPrefix(reply.Text, secretReply) {
		t.Fatalf("%q, %v", reply.Text, err)
	}
	r.Name = "other"
	if _, err := p.Chat(t.Context(), r, nil); fault.CodeOf(err) != llm.CodeBadStream || !strings.Contains(err.Error(), secretError) {
		t.Fatalf("the error changed on its way: %v", err)
	}
}

func TestCallsAreExported(t *testing.T) {
	c := newCollector(t, http.StatusOK)
	shutdown, on, err := Start(t.Context(), env("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL+"/", "OTEL_EXPORTER_OTLP_HEADERS", "x-token=a%20b,x-more=2", "OTEL_SERVICE_NAME", "cf-test", "OTEL_RESOURCE_ATTRIBUTES", "team=core"))
	if err != nil || !on {
		t.Fatalf("on %v, %v", on, err)
	}
	chat(t)
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	traces, metrics := c.bodies["/v1/traces"], c.bodies["/v1/metrics"]
	for what, body := range map[string]string{"traces": traces, "metrics": metrics} {
		for _, canary := range []string{secretPrompt, secretReply, secretThinking, secretError} {
			if strings.Contains(body, canary) {
				t.Errorf("%s hold %s", what, canary)
			}
		}
		if !strings.Contains(body, `"cf-test"`) || !strings.Contains(body, `"core"`) {
			t.Errorf("%s lack the resource: %s", what, body)
		}
	}
	if got := c.headers.Get("X-Token"); got != "a b" {
		t.Errorf("header %q", got)
	}
	checkTraces(t, traces)
	checkMetrics(t, metrics)
}

// value is an AnyValue as the collector reads it.
type value struct {
	StringValue *string
	IntValue    *string
	BoolValue   *bool
}

type attributes []struct {
	Key   string
	Value value
}

func (a attributes) text(key string) string {
	for _, kv := range a {
		if kv.Key == key {
			switch {
			case kv.Value.StringValue != nil:
				return *kv.Value.StringValue
			case kv.Value.IntValue != nil:
				return *kv.Value.IntValue
			}
		}
	}
	return ""
}

func checkTraces(t *testing.T, body string) {
	t.Helper()
	var document struct {
		ResourceSpans []struct {
			ScopeSpans []struct {
				Spans []struct {
					TraceID, SpanID, Name, StartTimeUnixNano, EndTimeUnixNano string
					Kind                                                      int
					Attributes                                                attributes
					Status                                                    struct {
						Code    int
						Message string
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &document); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	spans := document.ResourceSpans[0].ScopeSpans[0].Spans
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	for i, span := range spans {
		if span.Name != "chat "+llmtest.ScriptModel || span.Kind != 3 || len(span.TraceID) != 32 || len(span.SpanID) != 16 || span.StartTimeUnixNano > span.EndTimeUnixNano {
			t.Errorf("span %d: %+v", i, span)
		}
		for key, want := range map[string]string{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "script", "gen_ai.request.model": llmtest.ScriptModel, "gen_ai.request.max_tokens": "50", "gen_ai.request.seed": "7"} {
			if got := span.Attributes.text(key); got != want {
				t.Errorf("span %d: %s is %q, want %q", i, key, got, want)
			}
		}
	}
	if got := spans[0].Attributes.text("gen_ai.usage.output_tokens"); got != "4" {
		t.Errorf("output tokens %q", got)
	}
	if s := spans[1].Status; s.Code != 2 || s.Message != llm.CodeBadStream || spans[1].Attributes.text("error.type") != llm.CodeBadStream || spans[0].Status.Code != 0 {
		t.Errorf("statuses %+v and %+v", spans[0].Status, s)
	}
}

func checkMetrics(t *testing.T, body string) {
	t.Helper()
	var document struct {
		ResourceMetrics []struct {
			ScopeMetrics []struct {
				Metrics []struct {
					Name, Unit string
					Histogram  struct {
						AggregationTemporality int
						DataPoints             []struct {
							Attributes     attributes
							Count          string
							Sum            float64
							BucketCounts   []string
							ExplicitBounds []float64
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &document); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	points := map[string]int{}
	for _, m := range document.ResourceMetrics[0].ScopeMetrics[0].Metrics {
		for _, p := range m.Histogram.DataPoints {
			if m.Histogram.AggregationTemporality != 2 || p.Count != "1" && p.Count != "2" || len(p.BucketCounts) != len(p.ExplicitBounds)+1 {
				t.Errorf("%s: %+v", m.Name, p)
			}
			points[m.Name+" "+m.Unit+" "+p.Attributes.text("gen_ai.token.type")+p.Attributes.text("error.type")]++
			if p.Attributes.text("gen_ai.token.type") == "output" && p.Sum != 4 {
				t.Errorf("output tokens sum to %v", p.Sum)
			}
		}
	}
	for _, want := range []string{
		"gen_ai.client.token.usage {token} input", "gen_ai.client.token.usage {token} output", "gen_ai.client.operation.duration s ",
		"gen_ai.client.operation.duration s bad-stream", "gen_ai.client.operation.time_to_first_chunk s ",
	} {
		if points[want] == 0 {
			t.Errorf("no point %q among %v", want, points)
		}
	}
}

func TestStartReadsTheEnvironment(t *testing.T) {
	c := newCollector(t, http.StatusOK)
	tests := []struct {
		name    string
		env     []string
		on, bad bool
		paths   string // where something arrives
	}{
		{name: "nothing set"},
		{name: "disabled", env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT", c.URL, "OTEL_SDK_DISABLED", "TRUE"}},
		{name: "exporters none", env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT", c.URL, "OTEL_TRACES_EXPORTER", "none", "OTEL_METRICS_EXPORTER", "none"}},
		{name: "traces only", env: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.URL + "/mine"}, on: true, paths: "/mine"},
		{name: "metrics only", env: []string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", c.URL + "/m"}, on: true, paths: "/m"},
		{name: "a path", env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT", c.URL + "/otlp", "OTEL_METRICS_EXPORTER", "none"}, on: true, paths: "/otlp/v1/traces"},
		{name: "own endpoint wins", env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", "OTEL_METRICS_EXPORTER", "none", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.URL + "/won"}, on: true, paths: "/won"},
		{name: "gRPC", env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT", c.URL, "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, bad: true},
		{name: "no URL", env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"}, bad: true},
		{name: "bad timeout", env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT", c.URL, "OTEL_EXPORTER_OTLP_TIMEOUT", "10s"}, bad: true},
		{name: "bad headers", env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT", c.URL, "OTEL_EXPORTER_OTLP_HEADERS", "SECRET"}, bad: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.mu.Lock()
			c.bodies = map[string]string{}
			c.mu.Unlock()
			before := otel.GetTracerProvider()
			shutdown, on, err := Start(t.Context(), env(tt.env...))
			if on != tt.on || (err != nil) != tt.bad {
				t.Fatalf("on %v, %v", on, err)
			}
			if tt.bad && (fault.KindOf(err) != fault.Usage || strings.Contains(err.Error(), "SECRET")) {
				t.Errorf("error %v", err)
			}
			if !on && otel.GetTracerProvider() != before {
				t.Error("a tracer was made")
			}
			chat(t)
			if err := shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			var paths []string
			for path := range c.bodies {
				paths = append(paths, path)
			}
			if got := strings.Join(paths, " "); got != tt.paths {
				t.Errorf("posted to %q, want %q", got, tt.paths)
			}
		})
	}
}

func TestDeadCollectorsDelayNothing(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, endpoint := range map[string]string{
		"silent": "http://user:SECRET@" + silent.Addr().String(), "closed": strings.Replace(closed.URL, "http://", "http://user:SECRET@", 1), "refusing": newCollector(t, 500).URL,
	} {
		t.Run(name, func(t *testing.T) {
			shutdown, _, err := Start(t.Context(), env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint))
			if err != nil {
				t.Fatal(err)
			}
			chat(t)
			begin := time.Now()
			err = shutdown(context.Background())
			if took := time.Since(begin); took > ShutdownMax+500*time.Millisecond {
				t.Errorf("shutdown took %v", took)
			}
			if err == nil || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("what was lost: %v", err)
			}
		})
	}
}

func TestEachErrorPassesThrough(t *testing.T) {
	p, err := Wrap(&llmtest.Script{Replies: map[string][]string{"a": {"text"}}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	_, err = p.Chat(t.Context(), llm.Request{Model: llmtest.ScriptModel, Name: "a", MaxTokens: 5}, func(llm.Chunk) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}
