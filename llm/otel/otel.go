// Package otel reports model calls to OpenTelemetry: a span and three
// histograms for each, by the semantic conventions for generative AI
// (https://opentelemetry.io/docs/specs/semconv/gen-ai/), sent as OTLP over HTTP
// in JSON.
//
// It must never send, or put into an error, any text of a prompt, a reply, a
// schema or a server: numbers, model names and fault codes only. It must never
// print, and never connect unless the user's OTEL_ variables name an endpoint.
//
// The exporters are ours because those of OpenTelemetry link gRPC and Protocol
// Buffers: 11 MB of program, and 0.7 to 1.2 ms of initialisation at every start
// of cf, for what is two small JSON documents.
//
// Invariants:
//  1. Without an endpoint in the environment Start makes nothing, and a
//     Provider need not be wrapped.
//  2. Telemetry never fails or delays a call: what can't be sent is dropped,
//     and shutdown, which says so, takes at most ShutdownMax.
package otel

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// ShutdownMax bounds how long sending the last spans and metrics may take.
const ShutdownMax = 2 * time.Second

// Start reads the OTEL_ variables through getenv and, where they name an
// endpoint, makes the providers that Wrap takes, as OpenTelemetry's global ones.
// on tells whether they do. shutdown, never nil, sends what is left within
// ShutdownMax and makes the global providers idle again; its error names what
// could not be sent. err is a *fault.Error of Kind Usage for variables that
// can't be understood; nothing is made then. Start and shutdown must not run at
// the same time as each other.
func Start(ctx context.Context, getenv func(string) string) (shutdown func(context.Context) error, on bool, err error) {
	idle := func(context.Context) error { return nil }
	s, err := readSettings(getenv)
	if err != nil {
		return idle, false, err
	}
	if s.traces.url == "" && s.metrics.url == "" {
		return idle, false, nil
	}
	// OpenTelemetry logs to stderr by default, and nobody here may.
	losses := &losses{}
	otel.SetErrorHandler(losses)
	otel.SetLogger(logr.Discard())
	stops := []func(context.Context) error{}
	if s.traces.url != "" {
		tracers := sdktrace.NewTracerProvider(
			sdktrace.WithResource(s.resource),
			sdktrace.WithBatcher(&spanExporter{sender: newSender(s.traces)}),
		)
		otel.SetTracerProvider(tracers)
		stops = append(stops, tracers.Shutdown)
	}
	if s.metrics.url != "" {
		meters := sdkmetric.NewMeterProvider(
			sdkmetric.WithResource(s.resource),
			sdkmetric.WithReader(sdkmetric.NewPeriodicReader(&metricExporter{sender: newSender(s.metrics)})),
		)
		otel.SetMeterProvider(meters)
		stops = append(stops, meters.Shutdown)
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, ShutdownMax)
		defer cancel()
		failed := make([]error, len(stops))
		var group sync.WaitGroup
		for i, stop := range stops {
			group.Go(func() { failed[i] = stop(ctx) })
		}
		group.Wait()
		otel.SetTracerProvider(tracenoop.NewTracerProvider())
		otel.SetMeterProvider(noop.NewMeterProvider())
		return errors.Join(append(failed, losses.last())...)
	}, true, nil
}

// losses keeps the latest error of the SDK's background work.
type losses struct {
	mu  sync.Mutex
	err error
}

// Handle implements otel.ErrorHandler.
func (l *losses) Handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *losses) last() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
