package otel

import (
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// The JSON encoding of OTLP: names in lowerCamelCase, 64-bit integers as
// decimal strings, trace and span ids in hex, enums as numbers
// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding; the names
// come from https://github.com/open-telemetry/opentelemetry-proto).

type object = map[string]any

// encodeSpans is an ExportTraceServiceRequest.
func encodeSpans(spans []sdktrace.ReadOnlySpan) object {
	var res *resource.Resource
	scopes := map[instrumentation.Scope][]object{}
	for _, span := range spans {
		res = span.Resource() // one provider, one resource
		scopes[span.InstrumentationScope()] = append(scopes[span.InstrumentationScope()], encodeSpan(span))
	}
	list := []object{}
	for scope, spans := range scopes {
		list = append(list, object{"scope": object{"name": scope.Name, "version": scope.Version}, "spans": spans})
	}
	return object{"resourceSpans": []object{{"resource": encodeResource(res), "scopeSpans": list}}}
}

func encodeSpan(span sdktrace.ReadOnlySpan) object {
	out := object{
		"traceId": span.SpanContext().TraceID().String(), "spanId": span.SpanContext().SpanID().String(),
		"name": span.Name(), "kind": int(span.SpanKind()), // trace.SpanKind has OTLP's numbers
		"flags":             int(span.SpanContext().TraceFlags()),
		"startTimeUnixNano": nanos(span.StartTime()), "endTimeUnixNano": nanos(span.EndTime()),
		"attributes": encodeAttributes(span.Attributes()), "status": encodeStatus(span.Status()),
	}
	if parent := span.Parent(); parent.SpanID().IsValid() {
		out["parentSpanId"] = parent.SpanID().String()
	}
	return out
}

// encodeStatus maps codes.Code, which numbers error 1 and ok 2, to OTLP's
// ok 1 and error 2.
func encodeStatus(status sdktrace.Status) object {
	switch status.Code {
	case codes.Error:
		return object{"code": 2, "message": status.Description}
	case codes.Ok:
		return object{"code": 1}
	}
	return object{}
}

// encodeMetrics is an ExportMetricsServiceRequest. Instruments that this
// package does not make are left out.
func encodeMetrics(data *metricdata.ResourceMetrics) object {
	scopes := []object{}
	for _, scope := range data.ScopeMetrics {
		metrics := []object{}
		for _, m := range scope.Metrics {
			out := object{"name": m.Name, "description": m.Description, "unit": m.Unit}
			switch h := m.Data.(type) {
			case metricdata.Histogram[int64]:
				out["histogram"] = encodeHistogram(h)
			case metricdata.Histogram[float64]:
				out["histogram"] = encodeHistogram(h)
			default:
				continue
			}
			metrics = append(metrics, out)
		}
		scopes = append(scopes, object{"scope": object{"name": scope.Scope.Name, "version": scope.Scope.Version}, "metrics": metrics})
	}
	return object{"resourceMetrics": []object{{"resource": encodeResource(data.Resource), "scopeMetrics": scopes}}}
}

func encodeHistogram[N int64 | float64](h metricdata.Histogram[N]) object {
	points := []object{}
	for _, p := range h.DataPoints {
		counts := make([]string, len(p.BucketCounts))
		for i, n := range p.BucketCounts {
			counts[i] = strconv.FormatUint(n, 10)
		}
		point := object{
			"attributes": encodeAttributes(p.Attributes.ToSlice()), "startTimeUnixNano": nanos(p.StartTime), "timeUnixNano": nanos(p.Time),
			"count": strconv.FormatUint(p.Count, 10), "sum": float64(p.Sum), "bucketCounts": counts, "explicitBounds": p.Bounds,
		}
		if least, ok := p.Min.Value(); ok {
			point["min"] = float64(least)
		}
		if most, ok := p.Max.Value(); ok {
			point["max"] = float64(most)
		}
		points = append(points, point)
	}
	// AGGREGATION_TEMPORALITY_CUMULATIVE is 2 in metrics.proto.
	return object{"aggregationTemporality": 2, "dataPoints": points}
}

func encodeResource(res *resource.Resource) object {
	if res == nil {
		return object{}
	}
	return object{"attributes": encodeAttributes(res.Attributes())}
}

func encodeAttributes(list []attribute.KeyValue) []object {
	out := make([]object, 0, len(list))
	for _, kv := range list {
		out = append(out, object{"key": string(kv.Key), "value": encodeValue(kv.Value)})
	}
	return out
}

// encodeValue is an AnyValue; kinds that this package does not use become text.
func encodeValue(v attribute.Value) object {
	switch v.Type() {
	case attribute.BOOL:
		return object{"boolValue": v.AsBool()}
	case attribute.INT64:
		return object{"intValue": strconv.FormatInt(v.AsInt64(), 10)}
	case attribute.FLOAT64:
		return object{"doubleValue": v.AsFloat64()}
	case attribute.STRINGSLICE:
		values := []object{}
		for _, s := range v.AsStringSlice() {
			values = append(values, object{"stringValue": s})
		}
		return object{"arrayValue": object{"values": values}}
	}
	return object{"stringValue": v.String()}
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
