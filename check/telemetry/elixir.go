package telemetry

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// elixirQuery finds calls, attributes and maps.
const elixirQuery = `
(call target: (dot left: (_) @module right: (identifier) @function) (arguments) @arguments) @call
(call target: (identifier) @function (arguments) @arguments) @call
(unary_operator operator: "@" operand: (call target: (identifier) @attribute (arguments) @value)) @set
(map) @map
(list) @list
`

// elixir reads one file.
type elixir struct {
	*input
	file       *syntax.File
	attributes map[string]string // of the module, as written
	metrics    bool              // the file speaks of Telemetry.Metrics, or is a plugin of PromEx, which imports it
}

func readElixir(ctx context.Context, in *input) error {
	lang := syntax.ByName("elixir")
	file, err := syntax.Parse(ctx, lang, in.data)
	if err != nil {
		return err
	}
	matches, err := syntax.Query(ctx, lang, in.data, elixirQuery)
	if err != nil {
		return err
	}
	e := &elixir{input: in, file: file, attributes: map[string]string{}, metrics: metricModule.Match(in.data)}
	e.defined()
	if promEx.Match(in.data) { // its own plugins name theirs so (hexdocs.pm/prom_ex)
		e.emit(emission{kind: metric, name: "*_prom_ex_*", place: place{in.path, 1}, test: in.test})
	}
	for _, m := range matches {
		if name := e.captured(m, "attribute"); name != "" {
			e.attributes[name] = e.captured(m, "value")
		}
	}
	for _, m := range matches {
		switch at := m[0].Range.Start; {
		case e.captured(m, "list") != "":
			e.passed(at, e.captured(m, "list"))
		case e.captured(m, "map") != "":
			e.described(at, e.captured(m, "map"))
		case e.captured(m, "function") != "":
			e.call(at, e.captured(m, "module"), e.captured(m, "function"), arguments(e.brackets(e.captured(m, "arguments"))))
		}
	}
	return nil
}

// brackets takes the brackets from the arguments of a call, if they stand there.
func (e *elixir) brackets(text string) string {
	if strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		return text[1 : len(text)-1]
	}
	return text
}

func (e *elixir) captured(m []syntax.Capture, name string) string {
	for _, c := range m {
		if c.Name == name {
			return string(e.data[c.Range.Start:c.Range.End])
		}
	}
	return ""
}

// defined notes which functions the modules of the file define.
func (e *elixir) defined() {
	for _, s := range e.file.Symbols() {
		switch s.Kind {
		case syntax.Module:
			name := strings.TrimPrefix(s.Parent+"."+s.Name, ".")
			body := e.file.Text(s.Range)
			if e.modules == nil {
				e.modules = map[string]*module{}
			}
			e.modules[name] = &module{functions: map[string]bool{}, open: strings.Contains(body, "@before_compile") || macroUser(body)}
		case syntax.Function, syntax.Macro:
			if m := e.modules[s.Parent]; m != nil {
				for arity := s.Arity - s.Defaults; arity <= s.Arity; arity++ {
					m.functions[arityName(s.Name, arity)] = true
				}
			}
		}
	}
	if m := appName.FindSubmatch(e.data); m != nil && strings.HasSuffix(e.path, "mix.exs") {
		e.apps = append(e.apps, string(m[1]))
	}
}

var (
	metricModule = lazyregexp.New(`Telemetry\.Metrics|\buse PromEx\.Plugin\b`)
	promEx       = lazyregexp.New(`\buse PromEx\s*,|\bPromEx\.Plugins\.`)

	appName   = lazyregexp.New(`\bapp:\s*:(\w+)`)
	useModule = lazyregexp.New(`(?m)^\s*use\s+([A-Z][\w.]*)`)
)

// macroUser tells whether a module uses another that may define functions in it.
func macroUser(body string) bool {
	for _, m := range useModule.FindAllStringSubmatch(body, -1) {
		if !slices.Contains([]string{"GenServer", "Supervisor", "Agent", "Task", "Application", "Bitwise", "ExUnit.Case"}, m[1]) {
			return true
		}
	}
	return false
}

// call reads one call.
func (e *elixir) call(at int, mod, function string, args []string) {
	last := mod[strings.LastIndexByte(mod, '.')+1:]
	ofTelemetry := last == ":telemetry" || strings.HasSuffix(last, "Telemetry")
	switch {
	case mod == "" && function == "execute" && len(args) >= 2 && strings.HasSuffix(e.moduleAt(at), "Telemetry"):
		if _, known := e.event(args[0]); known { // else it is the function's own head, or passes an event on
			e.emission(at, function, args)
		}
	case ofTelemetry && (function == "execute" || function == "span") && len(args) >= 2:
		e.emission(at, function, args)
	case ofTelemetry && function == "attach" && len(args) >= 3:
		e.attach(at, args[1:2], args[2])
	case ofTelemetry && function == "attach_many" && len(args) >= 3:
		if text := e.resolve(args[1]); strings.HasPrefix(text, "[") {
			e.attach(at, arguments(inner(text)), args[2])
		}
	case mod == ":telemetry_test" && function == "attach_event_handlers" && len(args) == 2:
		e.attach(at, arguments(inner(e.resolve(args[1]))), "")
	case last == "Logger":
		e.logged(at, function, args)
	case e.metrics && (mod == "" || strings.HasSuffix(mod, "Metrics")) && slices.Contains(reporters, function) && len(args) >= 1:
		e.reported(at, function, args)
	case slices.Contains(prometheusTypes, last) && (function == "new" || function == "declare") && len(args) >= 1 && bytes.Contains(e.data, []byte("Prometheus")):
		e.registered(at, strings.ToLower(last), args)
	case mod == "" && function == "config" && len(args) >= 2 && args[0] == ":logger":
		e.configured(at, args[1:])
	case strings.HasSuffix(last, "Tracer") && (function == "with_span" || function == "start_span") && len(args) >= 1:
		if name, ok := literal(args[0]); ok {
			e.emit(emission{kind: span, name: name, place: e.at(at), test: e.test})
		}
	case sends.MatchString(function) && len(args) >= 1 && !e.test:
		e.wrapped(at, args[0])
	}
}

// sends is how functions are named that send the event that they are given.
var sends = lazyregexp.New(`telemetry|execute|emit|measure|report|record`)

// wrapped reads the first argument of such a function: the name of an event, as a list or
// as an attribute that is one.
func (e *elixir) wrapped(at int, arg string) {
	name, known := e.event(arg)
	switch {
	case !known || !strings.HasPrefix(e.resolve(arg), "["):
	case strings.Contains(name, "*"):
		e.emit(emission{kind: event, name: name, place: e.at(at), open: true})
	default:
		e.spoken = append(e.spoken, name)
	}
}

// reporters are the functions of Telemetry.Metrics, with the type of what a
// Prometheus reporter makes of each (hexdocs.pm/telemetry_metrics).
var reporters = []string{"counter", "sum", "last_value", "summary", "distribution"}

var reporterTypes = map[string]string{"counter": "counter", "sum": "counter", "last_value": "gauge", "summary": "summary", "distribution": "histogram"}

// prometheusTypes are the modules of prometheus.ex whose new/1 and declare/1 register a
// metric (hexdocs.pm/prometheus_ex).
var prometheusTypes = []string{"Counter", "Gauge", "Histogram", "Summary"}

// registered reads what prometheus.ex is told of a metric, with or without brackets.
func (e *elixir) registered(at int, typ string, args []string) {
	if len(args) == 1 && strings.HasPrefix(args[0], "[") {
		args = arguments(inner(args[0]))
	}
	fields := pairs(args, ":")
	if name := fields["name"]; atomName.MatchString(name) {
		help, _ := literal(fields["help"])
		e.emit(emission{kind: metric, name: strings.Trim(name, `:"`), typ: typ, labels: atoms(fields["labels"]), help: help, place: e.at(at), test: e.test})
	}
}

// emission records execute and span. A span emits three events under its name;
// some libraries' spans also emit the name itself.
func (e *elixir) emission(at int, function string, args []string) {
	name, known := e.event(args[0])
	if !known {
		if e.parameter(at, args[0]) {
			return // a wrapper: its callers name the event
		}
		name = "**"
	}
	em := emission{kind: event, name: name, place: e.at(at), test: e.test, open: true}
	if function == "execute" {
		em.measurements, em.open = keysOf(e.resolve(args[1]))
		e.emit(em)
		return
	}
	for _, end := range []string{"", ".start", ".stop", ".exception"} {
		em.name = name + end
		e.emit(em)
	}
}

// keysOf returns the keys of a literal map, and whether there may be others.
func keysOf(text string) (keys []string, open bool) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "%{") || !strings.HasSuffix(text, "}") || strings.Contains(text, "|") {
		return nil, true
	}
	for _, item := range arguments(text[2 : len(text)-1]) {
		key, _, ok := strings.Cut(item, ":")
		if !ok || !isWord(key) {
			return nil, true
		}
		keys = append(keys, key)
	}
	return keys, false
}

// parameter tells whether text is an argument of the function around at.
func (e *elixir) parameter(at int, text string) bool {
	if !isWord(text) {
		return false
	}
	for _, s := range e.file.Symbols() {
		if (s.Kind == syntax.Function || s.Kind == syntax.Macro) && s.Range.Start <= at && at < s.Range.End {
			// Of several clauses only the first has a signature, so all of the text
			// before the call is looked at for a head that names it.
			return headWith(e.file.Text(syntax.Range{Start: s.Range.Start, End: at}), text)
		}
	}
	return false
}

var definition = lazyregexp.New(`\bdef(?:p|macro|macrop)?\s+[\w?!]+\(([^)]*)\)`)

func headWith(text, parameter string) bool {
	for _, m := range definition.FindAllStringSubmatch(text, -1) {
		for _, word := range strings.FieldsFunc(m[1], func(r rune) bool { return !isWord(string(r)) }) {
			if word == parameter {
				return true
			}
		}
	}
	return false
}

// resolve replaces an attribute of the module by what it stands for.
func (e *elixir) resolve(text string) string {
	text = strings.TrimSpace(text)
	if name, ok := strings.CutPrefix(text, "@"); ok {
		if value, set := e.attributes[name]; set {
			return strings.TrimSpace(value)
		}
	}
	return text
}

// event reads the name of an event: a list of atoms, with "*" for an element that is
// not one, and lists put together by ++.
func (e *elixir) event(text string) (string, bool) {
	var parts []string
	for piece := range strings.SplitSeq(text, "++") {
		piece = e.resolve(piece)
		if !strings.HasPrefix(piece, "[") || !strings.HasSuffix(piece, "]") {
			parts = append(parts, "**")
			continue
		}
		list, rest, open := strings.Cut(inner(piece), "|")
		for _, item := range arguments(list) {
			item = e.resolve(item)
			if atomName.MatchString(item) {
				parts = append(parts, strings.Trim(item[1:], `"`))
			} else {
				parts = append(parts, "*")
			}
		}
		if open && strings.TrimSpace(rest) != "[]" {
			parts = append(parts, "**")
		}
	}
	if len(parts) == 0 || !slices.ContainsFunc(parts, func(p string) bool { return p[0] != '*' }) {
		return "", false
	}
	return strings.Join(parts, "."), true
}

// attach records handlers: which events they wait for, and which function it is.
func (e *elixir) attach(at int, events []string, handle string) {
	for _, text := range events {
		name, known := e.event(text)
		if known && !strings.Contains(name, "*") {
			e.use(use{kind: event, name: name, place: e.at(at), by: "handler", optional: e.test})
		}
	}
	m := captured.FindStringSubmatch(handle)
	if m == nil {
		return
	}
	h := handler{module: m[1], function: m[2], arity: int(m[3][0] - '0'), place: e.at(at)}
	if h.module == "" || h.module == "__MODULE__" {
		h.module = e.moduleAt(at)
	}
	e.handlers = append(e.handlers, h)
}

var captured = lazyregexp.New(`^&(?:([A-Z][\w.]*|__MODULE__)\.)?([a-z_]\w*[?!]?)/(\d)$`)

// moduleAt returns the module around an offset.
func (e *elixir) moduleAt(at int) string {
	name := ""
	for _, s := range e.file.Symbols() {
		if s.Kind == syntax.Module && s.Range.Start <= at && at < s.Range.End {
			name = strings.TrimPrefix(s.Parent+"."+s.Name, ".")
		}
	}
	return name
}

// reported records a metric of Telemetry.Metrics: it reads a measurement of an
// event, and is shown under a name with underscores. The name is text or, as an event's,
// a list, of which a part may not be known here.
func (e *elixir) reported(at int, function string, args []string) {
	name, ok := literal(args[0])
	if !ok {
		name, ok = e.event(args[0])
		name = strings.ReplaceAll(name, "**", "*")
	}
	if !ok || !strings.Contains(name, ".") {
		return
	}
	options := pairs(args[1:], ":")
	e.emit(emission{kind: metric, name: strings.ReplaceAll(name, ".", "_"), typ: reporterTypes[function], place: e.at(at), otel: true, test: e.test, labels: atoms(options["tags"])})
	cut := strings.LastIndexByte(name, '.')
	u := use{kind: event, name: name[:cut], place: e.at(at), by: "metric " + name, measurement: name[cut+1:]}
	if text, set := options["event_name"]; set {
		if u.name, ok = e.event(text); !ok || strings.Contains(u.name, "*") {
			return
		}
	}
	if strings.Contains(u.name, "*") {
		return
	}
	if _, set := options["measurement"]; set || function == "counter" {
		u.measurement = "" // counted, whatever is measured; or computed
	}
	e.use(u)
}

func atoms(text string) []string {
	var out []string
	for _, item := range arguments(inner(text)) {
		if atomName.MatchString(item) {
			out = append(out, item[1:])
		}
	}
	return out
}
