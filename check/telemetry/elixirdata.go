package telemetry

import (
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
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
	case strings.HasPrefix(name, `"`) && (isWord(fields["type"]) || slices.Contains([]string{"counter", "gauge", "histogram", "summary"}, typ)):
		if isWord(fields["type"]) {
			typ = "" // a variable
		}
		metricName, ok := composed(name)
		if !ok {
			return
		}
		help, _ := literal(fields["help"])
		e.emit(emission{kind: metric, name: metricName, typ: typ, place: e.at(at), labels: atoms(fields["labels"]), composed: strings.Contains(metricName, "*"), help: help, given: givenUnit(fields["unit"]), test: e.test})
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

// notSent is what stands before the name of an event that is not sent there.
var notSent = lazyregexp.New(`(?:\b(?:name|event|event_name):|@\w+|\battach(?:_many)?\([^()]*(?:\([^()]*\)[^()]*)*)\s*$`)

// passed notes the name of an event that stands where it may be passed on to be sent: in
// the arguments of a call that is made later, as of apply.
func (e *elixir) passed(at int, list string) {
	items := arguments(inner(list))
	if e.test || len(items) < 2 || slices.ContainsFunc(items, func(i string) bool { return !atomName.MatchString(i) }) || notSent.Match(e.data[max(0, at-200):at]) {
		return
	}
	if name, known := e.event(list); known {
		e.spoken = append(e.spoken, name)
	}
}

var (
	putIn   = lazyregexp.New(`#\{[^{}]*\}`)
	knownIn = lazyregexp.New(`^[a-zA-Z][\w*]*[a-zA-Z][\w*]*$`)
)

// composed reads a string: "*" stands for each part that is put in at run time.
func composed(text string) (string, bool) {
	if name, ok := literal(text); ok {
		return name, true
	}
	var b strings.Builder
	for piece := range strings.SplitSeq(text, "<>") {
		piece = strings.TrimSpace(piece)
		if len(piece) > 1 && piece[0] == '"' && piece[len(piece)-1] == '"' {
			b.WriteString(putIn.ReplaceAllString(piece[1:len(piece)-1], "*"))
		} else {
			b.WriteByte('*')
		}
	}
	name := strings.ReplaceAll(b.String(), "**", "*")
	return name, knownIn.MatchString(name)
}

// givenUnit reads the unit that a metric is converted to: an atom, or the second of a
// pair (hexdocs.pm/telemetry_metrics, "Converting Units").
func givenUnit(text string) string {
	parts := arguments(strings.Trim(text, "{}"))
	if len(parts) == 0 {
		return ""
	}
	return map[string]string{":second": "seconds", ":millisecond": "milliseconds", ":microsecond": "microseconds", ":nanosecond": "nanoseconds"}[parts[len(parts)-1]]
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
