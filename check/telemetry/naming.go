package telemetry

import (
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/lazyregexp"
)

// unitEnds and secondsEnd name units: of OpenTelemetry, and as ends of names.
var (
	unitEnds   = map[string]string{"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes"}
	secondsEnd = map[string]string{"seconds": "seconds", "milliseconds": "milliseconds", "ms": "milliseconds", "microseconds": "microseconds", "nanoseconds": "nanoseconds", "bytes": "bytes"}
)

// named holds the end of a metric's name against its unit and its type.
func (j *judge) named(e emission) {
	if end := unitEnds[e.unit]; e.otel && end != "" && !strings.Contains(e.name, "_") {
		if last := e.name[strings.LastIndexByte(e.name, '.')+1:]; secondsEnd[last] != "" && secondsEnd[last] != end {
			j.add(e.place, check.Error, codeUnit, "%s has the unit %q; its name says %s", e.name, e.unit, secondsEnd[last])
		}
	}
	said := timeOf(e.name)
	if said != "" && e.given != "" && e.given != said {
		j.add(e.place, check.Error, codeUnit, "%s is given %s; its name says %s", e.name, e.given, said)
	}
	if m := helpUnit.FindStringSubmatch(e.help); said != "" && m != nil && m[1] != said && (e.given == "" || e.given == said) {
		j.add(e.place, check.Error, codeUnit, "%s is described as %s; its name says %s", e.name, m[1], said)
	}
	// Prometheus' documentation, "Metric and label naming": an accumulating count has
	// total as a suffix. An exporter of OpenTelemetry makes its names itself.
	if strings.HasSuffix(e.name, "_total") && !e.otel && e.typ != "" && e.typ != "counter" {
		j.add(e.place, check.Warning, codeTotal, "%s is a %s; _total is how the name of a counter ends, and who reads it takes its rate", e.name, e.typ)
	}
}

// helpUnit is how a description names the unit of a time.
var helpUnit = lazyregexp.New(`(?i)(?:\bin |\()((?:milli|micro|nano)?seconds)\b`)

// timeEnds are the ends of names that say a unit of time.
var timeEnds = map[string]string{"seconds": "seconds", "milliseconds": "milliseconds", "ms": "milliseconds", "millis": "milliseconds", "msec": "milliseconds", "microseconds": "microseconds", "us": "microseconds", "nanoseconds": "nanoseconds", "ns": "nanoseconds"}

// timeOf returns the unit of time that a metric's name says, or "".
func timeOf(name string) string {
	name = strings.TrimSuffix(name, "_total")
	return timeEnds[name[strings.LastIndexByte(name, '_')+1:]]
}
