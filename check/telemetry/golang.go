package telemetry

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

const goQuery = `
(call_expression function: (selector_expression operand: (_) @receiver field: (field_identifier) @function) arguments: (argument_list) @arguments) @call
(const_spec name: (identifier) @const value: (expression_list . (interpreted_string_literal) @value)) @set
`

// golang reads one file.
type golang struct {
	*input
	constants map[string]string
}

func readGo(ctx context.Context, in *input) error {
	matches, err := syntax.Query(ctx, syntax.ByName("go"), in.data, goQuery)
	if err != nil {
		return err
	}
	g := &golang{in, map[string]string{}}
	for _, m := range matches {
		if name := g.captured(m, "const"); name != "" {
			g.constants[name], _ = literal(g.captured(m, "value"))
		}
	}
	prometheus := bytes.Contains(in.data, []byte("prometheus/client_golang/prometheus"))
	otel := bytes.Contains(in.data, []byte("go.opentelemetry.io/otel"))
	census := bytes.Contains(in.data, []byte("go.opencensus.io/stats"))
	sink := bytes.Contains(in.data, []byte("/go-metrics"))
	for _, m := range matches {
		function := g.captured(m, "function")
		if function == "" {
			continue
		}
		at, receiver, args := m[0].Range.Start, g.captured(m, "receiver"), arguments(inner(g.captured(m, "arguments")))
		switch {
		case prometheus && (receiver == "prometheus" || strings.HasPrefix(receiver, "promauto")):
			g.prometheus(at, function, args)
		case otel && goInstrument.MatchString(function) && len(args) > 0:
			g.instrument(at, function, args)
		case otel && function == "Start" && len(args) >= 2 && goTracer.MatchString(receiver):
			if name, ok := g.value(args[1]); ok {
				g.emit(emission{kind: span, name: name, place: g.at(at), test: g.test})
			}
		case census && receiver == "stats" && (function == "Int64" || function == "Float64") && len(args) > 0:
			if v, ok := g.value(args[0]); ok { // an exporter puts its namespace before it, and _ for all but letters
				g.emit(emission{kind: metric, name: "*" + strings.NewReplacer("/", "_", ".", "_", "-", "_").Replace(v), place: g.at(at), test: g.test})
			}
		case sink && receiver == "metrics" && len(args) > 0 && g.sink(at, function, args):
		case goMetricsOf.MatchString(function) && len(args) > 0 && g.others(at, receiver, args[0]):
		default:
			g.logged(at, function, args)
		}
	}
	if prometheus {
		g.observed(matches)
	}
	return nil
}

var (
	goInstrument = lazyregexp.New(`^(?:Int64|Float64)(?:Observable)?(Counter|UpDownCounter|Histogram|Gauge)$`)
	goTracer     = lazyregexp.New(`(?i)tracer`)
	goTarget     = lazyregexp.New(`(\w+)\s*(?::=|=|:)\s*(?:\w+\()?$`)
	goLabelled   = lazyregexp.New(`\.(?:WithLabelValues|With)\(.*$`)
	goVerb       = lazyregexp.New(`%[-+# 0]*[\d.]*[a-zA-Z]`)
	// goSeconds are buckets of seconds: client_golang's own, from 5 ms to 10 s, and those
	// that begin below a hundredth, which no clock of milliseconds tells apart.
	goSeconds = lazyregexp.New(`^(?:prometheus\.DefBuckets$|(?:prometheus\.ExponentialBuckets\(|\[\]float64\{)\s*0?\.00)`)
	goUnit    = lazyregexp.New(`\bWithUnit\("([^"]*)"\)`)
	// goMetricsOf makes the metrics of a package under a prefix that it is given.
	goMetricsOf = lazyregexp.New(`^New\w*Metrics(?:[A-Z]\w*)?$`)
	goPrefix    = lazyregexp.New(`^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$`)
	goKind      = lazyregexp.New(`^New(Counter|Gauge|Histogram|Summary)(?:Vec|Func)?$`)
)

func (g *golang) captured(m []syntax.Capture, name string) string {
	for _, c := range m {
		if c.Name == name {
			return string(g.data[c.Range.Start:c.Range.End])
		}
	}
	return ""
}

// value reads a string: a literal or a constant of the file.
func (g *golang) value(text string) (string, bool) {
	if v, ok := literal(text); ok {
		return v, true
	}
	v, ok := g.constants[text]
	return v, ok && v != ""
}

// name is part, with the place of a constant that another file may define.
func (g *golang) name(text string) string {
	if v := g.part(text); v != "*" {
		return v
	}
	if place, ok := g.shared(text); ok {
		return place
	}
	return "*"
}

// part is value, with "*" for what is not known and "" for what is not given.
func (g *golang) part(text string) string {
	if text == "" || text == `""` {
		return ""
	}
	if v, ok := g.value(text); ok {
		return v
	}
	if format, ok := strings.CutPrefix(text, "fmt.Sprintf("); ok {
		if v, ok := literal(arguments(strings.TrimSuffix(format, ")"))[0]); ok {
			return goVerb.ReplaceAllString(v, "*")
		}
	}
	if !strings.Contains(text, "+") || strings.ContainsAny(text, "({[") {
		return "*"
	}
	var b strings.Builder
	for piece := range strings.SplitSeq(text, "+") {
		if v, ok := g.value(strings.TrimSpace(piece)); ok {
			b.WriteString(v)
		} else {
			b.WriteByte('*')
		}
	}
	return b.String()
}

// prometheus reads a constructor of client_golang.
func (g *golang) prometheus(at int, function string, args []string) {
	e := emission{kind: metric, place: g.at(at), test: g.test}
	m := goKind.FindStringSubmatch(function)
	switch {
	case m != nil && len(args) > 0 && strings.Contains(args[0], "{"):
		e.typ = strings.ToLower(m[1])
		options := pairs(arguments(inner(args[0][strings.IndexByte(args[0], '{'):])), ":")
		e.name = joined(g.name(options["Namespace"]), g.name(options["Subsystem"]), g.name(options["Name"]))
		e.help = strings.Trim(options["Help"], "\"`")
		if e.typ == "histogram" && goSeconds.MatchString(options["Buckets"]) {
			e.given = "seconds"
		}
	case function == "NewDesc" && len(args) >= 3:
		e.name = g.full(args[0])
	case m != nil || function == "NewDesc":
		e.name = "*" // the options are made elsewhere
	default:
		return
	}
	if e.name == "" {
		return // of no name: client_golang registers none such, it only takes values
	}
	if strings.HasSuffix(function, "Vec") && len(args) > 1 || function == "NewDesc" && len(args) > 2 {
		list := args[min(len(args)-1, 1)]
		if function == "NewDesc" {
			list = args[2]
		}
		if at := strings.IndexByte(list, '{'); at >= 0 {
			for _, item := range arguments(inner(list[at:])) {
				e.labels = append(e.labels, g.part(item))
			}
		}
	}
	if t := goTarget.FindSubmatch(g.data[max(0, at-80):at]); t != nil {
		e.variable = string(t[1])
	}
	g.emit(e)
}

// others reads a call that has an imported package make its metrics under a prefix.
func (g *golang) others(at int, receiver, arg string) bool {
	prefix, ok := g.value(arg)
	if !ok || !goPrefix.MatchString(prefix) {
		return false
	}
	for _, m := range goImport.FindAllSubmatch(g.data, -1) {
		if p := string(m[2]); strings.TrimSpace(string(m[1])) == receiver || len(m[1]) == 0 && path.Base(goVersion.ReplaceAllString(p, "")) == receiver {
			g.emit(emission{kind: metric, name: prefix + "_*", place: g.at(at), test: g.test, by: p})
			return true
		}
	}
	return false
}

// full reads the name of a NewDesc: a string, or BuildFQName of three.
func (g *golang) full(text string) string {
	if at := strings.Index(text, "BuildFQName("); at >= 0 {
		var parts []string
		for _, a := range arguments(inner(text[at+len("BuildFQName"):])) {
			parts = append(parts, g.name(a))
		}
		return joined(parts...)
	}
	return g.name(text)
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "_")
}

// instrument reads an instrument of OpenTelemetry.
func (g *golang) instrument(at int, function string, args []string) {
	e := emission{kind: metric, name: g.part(args[0]), place: g.at(at), otel: true, test: g.test}
	e.typ = strings.ToLower(goInstrument.FindStringSubmatch(function)[1])
	if e.typ == "updowncounter" {
		e.typ = "gauge"
	}
	if m := goUnit.FindStringSubmatch(strings.Join(args[1:], ",")); m != nil {
		e.unit = m[1]
	}
	g.emit(e)
}

// sinkKeys are functions of go-metrics whose first argument is a key in parts.
var sinkKeys = []string{"SetGauge", "SetGaugeWithLabels", "SetPrecisionGauge", "EmitKey", "IncrCounter", "IncrCounterWithLabels", "AddSample", "AddSampleWithLabels", "MeasureSince", "MeasureSinceWithLabels"}

// sinkUsers are the first parts of the keys that libraries report to the go-metrics
// of the whole program: raft, serf, memberlist, and go-metrics itself.
var sinkUsers = []string{"raft", "serf", "memberlist", "runtime"}

// sink reads go-metrics, which puts the service's name, and maybe that of the host,
// before each key. It tells whether the call was one of its.
func (g *golang) sink(at int, function string, args []string) bool {
	switch {
	case function == "DefaultConfig":
		service := g.part(args[0])
		if service != "*" {
			service += "_*"
		}
		for _, user := range sinkUsers {
			g.emit(emission{kind: metric, name: service + user + "_*", place: g.at(at), test: g.test})
		}
	case slices.Contains(sinkKeys, function):
		parts := []string{"*"}
		if _, list, ok := strings.Cut(args[0], "{"); ok {
			for _, item := range arguments(strings.TrimSuffix(list, "}")) {
				parts = append(parts, strings.NewReplacer(".", "_", "-", "_", " ", "_").Replace(g.part(item)))
			}
			g.emit(emission{kind: metric, name: joined(parts...), place: g.at(at), test: g.test})
		}
	default:
		return false
	}
	return true
}

var goFields = []string{"String", "Int", "Int64", "Uint64", "Float64", "Bool", "Time", "Duration", "Any", "Str", "Dur", "Interface", "Stringer", "Err", "NamedError"}

// logged records the keys that slog, zap and zerolog write. A key too many silences
// a finding; it makes none.
func (g *golang) logged(at int, function string, args []string) {
	switch {
	case slices.Contains(goFields, function) && len(args) > 0:
		args = args[:1]
	case slices.Contains([]string{"Debug", "Info", "Warn", "Error", "DebugContext", "InfoContext", "WarnContext", "ErrorContext", "With", "Log"}, function):
	default:
		return
	}
	for _, a := range args {
		if key, ok := g.value(a); ok && isWord(key) {
			g.emit(emission{kind: logKey, name: key, place: g.at(at), test: g.test})
		}
	}
}

var (
	shortTime = lazyregexp.New(`\.(Milliseconds|Microseconds|Nanoseconds)\(\)`)
	longTime  = lazyregexp.New(`\.Seconds\(\)`)
)

// observed finds times that are given to a metric in another unit than its name
// says.
func (g *golang) observed(matches [][]syntax.Capture) {
	names := map[string]string{}
	for _, e := range g.emitted {
		if e.kind == metric && e.variable != "" {
			names[e.variable] = e.name
		}
	}
	for _, m := range matches {
		function, receiver := g.captured(m, "function"), g.captured(m, "receiver")
		if !slices.Contains([]string{"Observe", "Set", "Add", "SetToCurrentTime"}, function) {
			continue
		}
		base := goLabelled.ReplaceAllString(receiver, "")
		metricName := names[base[strings.LastIndexByte(base, '.')+1:]]
		arg := g.captured(m, "arguments")
		got := ""
		switch {
		case strings.ContainsAny(arg, "/*"):
		case strings.HasSuffix(metricName, "_seconds") && shortTime.MatchString(arg):
			got = strings.ToLower(shortTime.FindStringSubmatch(arg)[1])
		case timeOf(metricName) == "milliseconds" && (longTime.MatchString(arg) || function == "SetToCurrentTime"):
			got = "seconds"
		}
		if got != "" {
			g.fault(g.at(m[0].Range.Start), check.Error, codeUnit, metricName+" is given "+got+"; its name says another unit")
		}
	}
}
