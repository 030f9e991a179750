package otel

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// sender posts OTLP documents to one target. It tries once: telemetry that a
// collector does not take now is dropped.
type sender struct {
	target target
	client *http.Client
}

func newSender(t target) sender {
	return sender{t, &http.Client{
		Timeout:       t.timeout,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// post sends document. The target's password and headers are in no error.
func (s sender) post(ctx context.Context, document object) error {
	body, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.target.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("telemetry: %s: not an address", s.name())
	}
	request.Header = s.target.headers.Clone()
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		if e, ok := err.(*url.Error); ok { // its text holds the whole URL
			err = e.Err
		}
		return fmt.Errorf("telemetry: %s: %w", s.name(), err)
	}
	defer func() { _ = response.Body.Close() }() // the status says it all
	// Read so that the connection can be used again.
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("telemetry: %s: status %d", s.name(), response.StatusCode)
	}
	return nil
}

func (s sender) name() string {
	u, err := url.Parse(s.target.url)
	if err != nil {
		return "collector"
	}
	return u.Redacted()
}

func (s sender) close() { s.client.CloseIdleConnections() }

// spanExporter is the SDK's exporter of spans.
type spanExporter struct{ sender sender }

// ExportSpans sends spans.
func (e *spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	return e.sender.post(ctx, encodeSpans(spans))
}

// Shutdown frees the connections.
func (e *spanExporter) Shutdown(context.Context) error {
	e.sender.close()
	return nil
}

// metricExporter is the SDK's exporter of metrics.
type metricExporter struct{ sender sender }

// Temporality is cumulative, OTLP's default.
func (e *metricExporter) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

// Aggregation is the instrument's own.
func (e *metricExporter) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

// Export sends metrics.
func (e *metricExporter) Export(ctx context.Context, data *metricdata.ResourceMetrics) error {
	if len(data.ScopeMetrics) == 0 {
		return nil
	}
	return e.sender.post(ctx, encodeMetrics(data))
}

// ForceFlush has nothing to do: Export keeps nothing back.
func (e *metricExporter) ForceFlush(context.Context) error { return nil }

// Shutdown frees the connections.
func (e *metricExporter) Shutdown(context.Context) error {
	e.sender.close()
	return nil
}
