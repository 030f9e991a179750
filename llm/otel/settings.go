package otel

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/bitactor/cf/fault"
)

// settings are what the OTEL_ variables say.
type settings struct {
	traces, metrics target
	resource        *resource.Resource
}

// target is where one signal goes; url "" means nowhere.
type target struct {
	url     string
	headers http.Header
	timeout time.Duration
}

// timeoutDefault is the specification's OTEL_EXPORTER_OTLP_TIMEOUT.
const timeoutDefault = 10 * time.Second

// readSettings reads the variables of
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
func readSettings(getenv func(string) string) (settings, error) {
	if strings.EqualFold(strings.TrimSpace(getenv("OTEL_SDK_DISABLED")), "true") {
		return settings{}, nil
	}
	traces, err := readTarget(getenv, "TRACES", "v1/traces")
	if err != nil {
		return settings{}, err
	}
	metrics, err := readTarget(getenv, "METRICS", "v1/metrics")
	if err != nil || traces.url == "" && metrics.url == "" {
		return settings{}, err
	}
	attributes := []attribute.KeyValue{
		attribute.String("telemetry.sdk.language", "go"), attribute.String("telemetry.sdk.name", "opentelemetry"),
	}
	pairs, err := readPairs("OTEL_RESOURCE_ATTRIBUTES", getenv("OTEL_RESOURCE_ATTRIBUTES"))
	if err != nil {
		return settings{}, err
	}
	name := getenv("OTEL_SERVICE_NAME")
	for _, pair := range pairs {
		if pair[0] == "service.name" {
			name = cmp.Or(name, pair[1])
			continue
		}
		attributes = append(attributes, attribute.String(pair[0], pair[1]))
	}
	attributes = append(attributes, attribute.String("service.name", cmp.Or(name, "cf")))
	return settings{traces, metrics, resource.NewSchemaless(attributes...)}, nil
}

// readTarget reads the variables of one signal; those with its name win.
func readTarget(getenv func(string) string, signal, path string) (target, error) {
	variable := func(name string) (key, value string) {
		key = "OTEL_EXPORTER_OTLP_" + signal + "_" + name
		if value = strings.TrimSpace(getenv(key)); value == "" {
			key = "OTEL_EXPORTER_OTLP_" + name
			value = strings.TrimSpace(getenv(key))
		}
		return key, value
	}
	key, endpoint := variable("ENDPOINT")
	exporter := strings.ToLower(strings.TrimSpace(getenv("OTEL_" + signal + "_EXPORTER")))
	if endpoint == "" || exporter != "" && exporter != "otlp" {
		return target{}, nil
	}
	base, err := url.Parse(endpoint)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return target{}, usage(key, endpoint, "not an http or https address", "write it as http://127.0.0.1:4318")
	}
	if !strings.Contains(key, signal) {
		base = base.JoinPath(path)
	}
	if key, protocol := variable("PROTOCOL"); protocol != "" && !strings.HasPrefix(protocol, "http/") {
		return target{}, usage(key, protocol, "only OTLP over HTTP is spoken", "set it to http/json and the endpoint to the collector's HTTP port, 4318")
	}
	out := target{url: base.String(), headers: http.Header{}, timeout: timeoutDefault}
	if key, value := variable("TIMEOUT"); value != "" {
		milliseconds, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return target{}, usage(key, value, "not a number of milliseconds", "")
		}
		out.timeout = time.Duration(milliseconds) * time.Millisecond
	}
	key, value := variable("HEADERS")
	pairs, err := readPairs(key, value)
	if err != nil {
		return target{}, err
	}
	for _, pair := range pairs {
		out.headers.Set(pair[0], pair[1])
	}
	return out, nil
}

// readPairs reads key=value,key=value with percent-encoded values. The values
// may be secrets: no error shows them.
func readPairs(variable, text string) ([][2]string, error) {
	var out [][2]string
	for part := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		key = strings.TrimSpace(key)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || key == "" || err != nil {
			return nil, usage(variable, "...", "not a list of key=value", "")
		}
		out = append(out, [2]string{key, value})
	}
	return out, nil
}

// usage is the fault of a variable.
func usage(variable, value, why, hint string) error {
	f := fault.New(fault.Usage, "", "%q: %s", value, why).On("telemetry", variable)
	if hint != "" {
		f.Hint(hint)
	}
	return f
}
