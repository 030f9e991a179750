package otpbench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// bodyMax bounds what the collector reads of one request or answer.
const bodyMax = 64 << 20

// span is what the collector keeps of one (opentelemetry-proto, trace.proto, in its
// JSON form: identifiers in hex, 64-bit integers as decimal strings).
type span struct {
	Trace  string `json:"traceId"`
	ID     string `json:"spanId"`
	Parent string `json:"parentSpanId"`
	Name   string `json:"name"`
	Start  uint64 `json:"startTimeUnixNano,string"`
	End    uint64 `json:"endTimeUnixNano,string"`
}

type traceRequest struct {
	ResourceSpans []struct {
		ScopeSpans []struct {
			Spans []span `json:"spans"`
		} `json:"scopeSpans"`
	} `json:"resourceSpans"`
}

// loaded is what the workload says it did (telemetry.exs).
type loaded struct {
	Port    int               `json:"port"` // of the system's own HTTP listener
	Sent    map[string]uint64 `json:"sent"` // signals, by their result
	Spans   uint64            `json:"spans"`
	Sampled uint64            `json:"sampled"` // calls that the system timed
}

// collector receives spans by OTLP/HTTP and, once the workload is done, reads the
// system's metrics. It listens on the loopback only.
type collector struct {
	mu       sync.Mutex
	spans    []span
	workload *loaded
	metrics  metrics
	err      error
}

// start returns the address and a function that ends the collector.
func (c *collector) start(ctx context.Context) (address string, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", c.traces)
	mux.HandleFunc("POST /loaded", c.loaded)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // until it is closed
	}()
	return "http://" + listener.Addr().String(), func() {
		_ = server.Close()
		<-done
	}, nil
}

func (c *collector) traces(w http.ResponseWriter, r *http.Request) {
	var request traceRequest
	err := json.NewDecoder(io.LimitReader(r.Body, bodyMax)).Decode(&request)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.err = fmt.Errorf("a request of the exporter: %w", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
	_, _ = io.WriteString(w, "{}")
}

func (c *collector) loaded(w http.ResponseWriter, r *http.Request) {
	var said loaded
	err := json.NewDecoder(io.LimitReader(r.Body, bodyMax)).Decode(&said)
	var read metrics
	if err == nil {
		read, err = readMetrics(r.Context(), said.Port)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.err = err
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	c.workload, c.metrics = &said, read
}

// metrics are samples by name and labels, as the text format writes them:
// `name{label="value"}`.
type metrics map[string]float64

func readMetrics(ctx context.Context, port int) (metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(port)+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, bodyMax))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/metrics answers %s", answer.Status)
	}
	return parseMetrics(string(text))
}

// parseMetrics reads the Prometheus text format, version 0.0.4, without time stamps.
func parseMetrics(text string) (metrics, error) {
	m := metrics{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		if at < 0 {
			return nil, fmt.Errorf("/metrics: no value: %q", line)
		}
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("/metrics: %w", err)
		}
		m[line[:at]] = v
	}
	return m, nil
}

// sum adds all series of a metric.
func (m metrics) sum(name string) uint64 {
	total := 0.0
	for series, v := range m {
		if series == name || strings.HasPrefix(series, name+"{") {
			total += v
		}
	}
	return uint64(total)
}
