package telemetry

import (
	"slices"
	"strings"

	"github.com/bitactor/cf/syntax"
)

// described reads a literal map that describes an event or a metric, as the functions
// events/0 and metrics/0 of the scaffold's modules return them.
func (e *elixir) described(at int, text string) {
	if !strings.HasPrefix(text, "%{") || !strings.HasSuffix(text, "}") {
		return
	}
	fields := pairs(arguments(text[2:len(text)-1]), ":")
	name := fields["name"]
	switch typ := strings.TrimPrefix(fields["type"], ":"); {
	case strings.HasPrefix(name, `"`) && slices.Contains([]string{"counter", "gauge", "histogram", "summary"}, typ):
		metricName, ok := literal(name)
		if !ok {
			return
		}
		e.emit(emission{kind: metric, name: metricName, typ: typ, place: e.at(at), labels: atoms(fields["labels"]), test: e.test})
		if named, known := e.event(fields["event"]); known && !strings.Contains(named, "*") {
			u := use{kind: event, name: named, place: e.at(at), by: "metric " + metricName}
			if m := fields["measurement"]; atomName.MatchString(m) {
				u.measurement = m[1:]
			}
			e.use(u)
		}
	case strings.HasPrefix(name, "[") && fields["measurements"] != "" && e.functionAt(at) == "events":
		if named, known := e.event(name); known && !strings.Contains(named, "*") {
			e.declared = append(e.declared, use{kind: event, name: named, place: e.at(at), by: "events/0"})
		}
	}
}

// functionAt returns the name of the function around an offset.
func (e *elixir) functionAt(at int) string {
	for _, s := range e.file.Symbols() {
		if s.Kind == syntax.Function && s.Range.Start <= at && at < s.Range.End {
			return s.Name
		}
	}
	return ""
}

// levels are the functions of Logger that write.
var levels = []string{"debug", "info", "notice", "warning", "warn", "error", "critical", "alert", "emergency", "log"}

// logged records the keys of a log line's metadata.
func (e *elixir) logged(at int, function string, args []string) {
	switch {
	case function == "metadata" && len(args) > 0:
	case slices.Contains(levels, function) && len(args) > 1:
		args = args[1:]
	default:
		return
	}
	if len(args) == 1 && strings.HasPrefix(args[0], "[") {
		args = arguments(inner(args[0]))
	}
	for _, item := range args {
		if key, _, ok := strings.Cut(item, ":"); ok && isWord(key) {
			e.emit(emission{kind: logKey, name: key, place: e.at(at), test: e.test})
		} else if function != "log" {
			e.emit(emission{kind: logKey, name: "*", place: e.at(at), test: e.test}) // keys that are not known here
		}
	}
}

// loggerKeys are those that Logger itself sets (hexdocs.pm/logger, "Metadata"), and
// those that the libraries of nearly every system do.
var loggerKeys = []string{
	"application", "mfa", "file", "line", "pid", "initial_call", "registered_name", "process_label", "domain", "crash_reason", "callers", "ancestors",
	"module", "function", "erl_level", "gl", "time", "node", "request_id", "trace_id", "span_id", "trace_flags", "otel_trace_id", "otel_span_id", "otel_trace_flags", "ansi_color", "report_cb", "conn", "state", "reason",
}

// configured records the metadata that a formatter of Logger is told to show.
func (e *elixir) configured(at int, args []string) {
	for _, item := range args {
		if list, ok := strings.CutPrefix(item, "metadata:"); ok {
			for _, key := range atoms(list) {
				if !slices.Contains(loggerKeys, key) {
					e.use(use{kind: logKey, name: key, place: e.at(at), by: "the logger's configuration"})
				}
			}
		}
	}
}
