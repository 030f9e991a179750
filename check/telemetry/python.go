package telemetry

import (
	"context"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

const pythonQuery = `(call function: (_) @function arguments: (argument_list) @arguments) @call`

var (
	pyImport     = lazyregexp.New(`(?m)^\s*from\s+prometheus_client(?:\.\w+)*\s+import\s+(\([^)]*\)|[^\n]*)`)
	pyModule     = lazyregexp.New(`(?m)^\s*import\s+prometheus_client(?:\s+as\s+(\w+))?`)
	pyInstrument = lazyregexp.New(`\.create_(?:observable_)?(counter|up_down_counter|histogram|gauge)$`)
	pySpan       = lazyregexp.New(`\.start_(?:as_current_)?span$`)
	pyLogger     = lazyregexp.New(`(?i)\blog(?:ger|ging)?\b.*\.(?:debug|info|warning|error|exception|critical|bind|new)$`)
	pyTarget     = lazyregexp.New(`(\w+)\s*=\s*$`)
	pyExtra      = lazyregexp.New(`["'](\w+)["']\s*:`)
	pyTimes1000  = lazyregexp.New(`\*\s*1_?000(?:\.0)?\b`)
)

func readPython(ctx context.Context, in *input) error {
	matches, err := syntax.Query(ctx, syntax.ByName("python"), in.data, pythonQuery)
	if err != nil {
		return err
	}
	constructors := pythonConstructors(string(in.data))
	names := map[string]string{} // variable -> metric
	for _, m := range matches {
		var function, argumentText string
		for _, c := range m {
			switch c.Name {
			case "function":
				function = string(in.data[c.Range.Start:c.Range.End])
			case "arguments":
				argumentText = string(in.data[c.Range.Start:c.Range.End])
			}
		}
		at, args := m[0].Range.Start, arguments(inner(argumentText))
		p := python{in, at, args, pairs(args, "=")}
		switch typ := constructors[function]; {
		case typ != "" && len(args) > 0:
			if v, name := p.client(typ); v != "" {
				names[v] = name
			}
		case pyInstrument.MatchString(function) && len(args) > 0:
			p.instrument(pyInstrument.FindStringSubmatch(function)[1])
		case pySpan.MatchString(function) && len(args) > 0:
			if name, ok := literal(args[0]); ok {
				in.emit(emission{kind: span, name: name, place: in.at(at), test: in.test})
			}
		case pyLogger.MatchString(function):
			p.logged()
		case strings.HasSuffix(function, ".observe") || strings.HasSuffix(function, ".set"):
			p.observed(function, names)
		case strings.HasSuffix(function, ".time") && len(args) == 0:
			p.timed(function, names)
		}
	}
	return nil
}

// pythonConstructors returns the type of metric by the name of its constructor as
// the file may call it.
func pythonConstructors(text string) map[string]string {
	out := map[string]string{}
	types := map[string]string{"Counter": "counter", "Gauge": "gauge", "Histogram": "histogram", "Summary": "summary", "Info": "gauge", "Enum": "gauge"}
	for _, m := range pyImport.FindAllStringSubmatch(text, -1) {
		for item := range strings.SplitSeq(strings.Trim(m[1], "()"), ",") {
			words := strings.Fields(item)
			if len(words) == 0 || types[words[0]] == "" {
				continue
			}
			out[words[len(words)-1]] = types[words[0]] // "Counter" or "Counter as C"
		}
	}
	for _, m := range pyModule.FindAllStringSubmatch(text, -1) {
		name := "prometheus_client"
		if m[1] != "" {
			name = m[1]
		}
		for k, t := range types {
			out[name+"."+k] = t
		}
	}
	return out
}

// python reads one call.
type python struct {
	*input
	offset int
	args   []string
	named  map[string]string
}

// client reads a metric of prometheus_client; it shows a counter with _total. It
// returns the variable that holds the metric, and its name.
func (p python) client(typ string) (variable, shown string) {
	part := func(key string) string {
		if p.named[key] == "" || p.named[key] == "''" || p.named[key] == `""` {
			return ""
		}
		if v, ok := literal(p.named[key]); ok {
			return v
		}
		return "*"
	}
	base, ok := literal(p.args[0])
	if !ok {
		base = "*"
		if p.named["name"] != "" {
			base = part("name")
		}
	}
	name := joined(part("namespace"), part("subsystem"), base)
	if typ == "counter" {
		name = strings.TrimSuffix(name, "_total") + "_total"
	}
	e := emission{kind: metric, name: name, typ: typ, place: p.at(p.offset), test: p.test}
	if e.help = p.named["documentation"]; e.help == "" && len(p.args) > 1 {
		e.help = p.args[1]
	}
	list := p.named["labelnames"]
	if len(p.args) > 2 && list == "" && !strings.Contains(p.args[2], "=") {
		list = p.args[2]
	}
	for _, item := range arguments(inner(list)) {
		if label, ok := literal(item); ok {
			e.labels = append(e.labels, label)
		}
	}
	p.emit(e)
	if m := pyTarget.FindSubmatch(p.data[max(0, p.offset-80):p.offset]); m != nil {
		return string(m[1]), name
	}
	return "", ""
}

func (p python) instrument(typ string) {
	first := p.args[0]
	if v := p.named["name"]; v != "" {
		first = v
	}
	name, ok := literal(first)
	if !ok {
		name = "*"
	}
	if typ == "up_down_counter" {
		typ = "gauge"
	}
	e := emission{kind: metric, name: name, typ: typ, place: p.at(p.offset), otel: true, test: p.test}
	e.unit, _ = literal(p.named["unit"])
	p.emit(e)
}

func (p python) logged() {
	for key := range p.named {
		if key != "extra" && key != "exc_info" && key != "stack_info" && key != "stacklevel" {
			p.emit(emission{kind: logKey, name: key, place: p.at(p.offset), test: p.test})
		}
	}
	for _, m := range pyExtra.FindAllStringSubmatch(p.named["extra"], -1) {
		p.emit(emission{kind: logKey, name: m[1], place: p.at(p.offset), test: p.test})
	}
}

// observed finds milliseconds that are given to a metric of seconds.
func (p python) observed(function string, names map[string]string) {
	name := held(strings.TrimSuffix(strings.TrimSuffix(function, ".observe"), ".set"), names)
	if strings.HasSuffix(name, "_seconds") && len(p.args) == 1 && pyTimes1000.MatchString(p.args[0]) {
		p.fault(p.at(p.offset), "error", codeUnit, name+" is given milliseconds; its name says another unit")
	}
}

// timed finds metrics of another unit that are given seconds, as time() always does
// (prometheus.github.io/client_python, "Histogram").
func (p python) timed(function string, names map[string]string) {
	name := held(strings.TrimSuffix(function, ".time"), names)
	if said := timeOf(name); said != "" && said != "seconds" {
		p.fault(p.at(p.offset), "error", codeUnit, name+" is given seconds by time(); its name says "+said)
	}
}

// held returns the name of the metric that a receiver holds, or "".
func held(receiver string, names map[string]string) string {
	base, _, _ := strings.Cut(receiver, ".labels(")
	return names[base[strings.LastIndexByte(base, '.')+1:]]
}
