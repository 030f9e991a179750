package otel

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

// scope names this instrumentation.
const scope = "github.com/bitactor/cf/llm"

// Bucket boundaries that the conventions ask for
// (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/).
var (
	tokenBounds    = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}
	durationBounds = []float64{0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}
	firstBounds    = []float64{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0}
)

// Wrap returns a Provider that reports each Chat of p: a span "chat MODEL" and
// the histograms gen_ai.client.token.usage, gen_ai.client.operation.duration
// and gen_ai.client.operation.time_to_first_chunk. Nil providers mean
// OpenTelemetry's global ones, which Start sets. Everything else passes
// through. An error means that an instrument could not be made.
func Wrap(p llm.Provider, tracers trace.TracerProvider, meters metric.MeterProvider) (llm.Provider, error) {
	if tracers == nil {
		tracers = otel.GetTracerProvider()
	}
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	meter := meters.Meter(scope)
	w := &wrapped{Provider: p, tracer: tracers.Tracer(scope)}
	var err error
	if w.tokens, err = meter.Int64Histogram("gen_ai.client.token.usage", metric.WithUnit("{token}"),
		metric.WithDescription("Number of input and output tokens used."), metric.WithExplicitBucketBoundaries(tokenBounds...)); err != nil {
		return nil, err
	}
	if w.duration, err = meter.Float64Histogram("gen_ai.client.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("GenAI operation duration."), metric.WithExplicitBucketBoundaries(durationBounds...)); err != nil {
		return nil, err
	}
	w.first, err = meter.Float64Histogram("gen_ai.client.operation.time_to_first_chunk", metric.WithUnit("s"),
		metric.WithDescription("Time to receive the first chunk in a streaming operation."), metric.WithExplicitBucketBoundaries(firstBounds...))
	if err != nil {
		return nil, err
	}
	return w, nil
}

// wrapped is a Provider that reports.
type wrapped struct {
	llm.Provider
	tracer   trace.Tracer
	tokens   metric.Int64Histogram
	duration metric.Float64Histogram
	first    metric.Float64Histogram
}

// Chat runs r and reports it.
func (w *wrapped) Chat(ctx context.Context, r llm.Request, each func(llm.Chunk) error) (llm.Reply, error) {
	common := w.common(r)
	ctx, span := w.tracer.Start(ctx, "chat "+r.Model, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(common...))
	defer span.End()
	begin := time.Now()
	reply, err := w.Provider.Chat(ctx, r, each)
	took := time.Since(begin)
	call := reply.Call
	span.SetAttributes(
		attribute.String("cf.call.name", r.Name),
		attribute.Int("gen_ai.request.max_tokens", r.MaxTokens),
		attribute.Float64("gen_ai.request.temperature", r.Temperature),
		attribute.Int64("gen_ai.request.seed", r.Seed),
		attribute.Bool("gen_ai.request.stream", true),
		attribute.String("gen_ai.output.type", outputType(r)),
		attribute.Int("gen_ai.usage.input_tokens", call.PromptTokens),
		attribute.Int("gen_ai.usage.output_tokens", call.OutputTokens),
		attribute.Int("gen_ai.usage.cache_read.input_tokens", call.ReusedTokens),
		attribute.Float64("gen_ai.response.time_to_first_chunk", call.FirstToken.Seconds()),
		attribute.Int("cf.usage.counted_tokens", call.CountedTokens),
		attribute.Int("cf.usage.thinking_tokens", call.ThinkTokens),
		attribute.Float64("cf.load.duration", call.Load.Seconds()),
		attribute.Bool("cf.load.reloaded", call.Reloaded),
		attribute.Float64("cf.prefill.duration", call.Prefill.Seconds()),
		attribute.Float64("cf.decode.duration", call.Decode.Seconds()),
		attribute.Int("cf.retries", call.Retries),
	)
	if err != nil {
		// The code alone: an error's words may quote the server, and so a reply.
		kind := errorType(err)
		span.SetStatus(codes.Error, kind)
		span.SetAttributes(attribute.String("error.type", kind))
		common = append(common, attribute.String("error.type", kind))
	} else {
		span.SetAttributes(attribute.StringSlice("gen_ai.response.finish_reasons", []string{string(reply.Stop)}))
	}
	w.record(ctx, reply, took, common)
	return reply, err
}

// record fills the histograms.
func (w *wrapped) record(ctx context.Context, reply llm.Reply, took time.Duration, common []attribute.KeyValue) {
	// A cancelled call is reported too.
	ctx = context.WithoutCancel(ctx)
	set := attribute.NewSet(common...)
	w.duration.Record(ctx, took.Seconds(), metric.WithAttributeSet(set))
	if reply.Call.FirstToken > 0 {
		w.first.Record(ctx, reply.Call.FirstToken.Seconds(), metric.WithAttributeSet(set))
	}
	for kind, n := range map[string]int{"input": reply.Call.PromptTokens, "output": reply.Call.OutputTokens} {
		if n > 0 {
			w.tokens.Record(ctx, int64(n), metric.WithAttributeSet(set), metric.WithAttributes(attribute.String("gen_ai.token.type", kind)))
		}
	}
}

// common are the attributes of the span and of every metric.
func (w *wrapped) common(r llm.Request) []attribute.KeyValue {
	out := []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", "chat"),
		attribute.String("gen_ai.provider.name", w.Name()),
		attribute.String("gen_ai.request.model", r.Model),
	}
	if u, err := url.Parse(w.URL()); err == nil && u.Hostname() != "" {
		out = append(out, attribute.String("server.address", u.Hostname()))
		if port, err := strconv.Atoi(u.Port()); err == nil {
			out = append(out, attribute.Int("server.port", port))
		}
	}
	return out
}

func outputType(r llm.Request) string {
	if r.Schema != nil {
		return "json"
	}
	return "text"
}

// errorType is a fault's code, or what the conventions use for the rest.
func errorType(err error) string {
	if code := fault.CodeOf(err); code != "" {
		return code
	}
	return "_OTHER"
}
