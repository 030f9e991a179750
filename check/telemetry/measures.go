package telemetry

import (
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// What measures: a call that only an event, a metric or a span has, or a plain one of
// something that is called a metric. A log line that says what has failed measures
// nothing of what goes well; one of each call, at the level of information, does.
var (
	measured = lazyregexp.New(`(?i:\btelemetry[.:]\w+\(|\bopentelemetry\b|\botel\w*\.|\btracer\b|\btracing\.\w|\bstart_?(?:as_?current_?|active_?)?span\b|\bwith_?span\b|\bba_(?:event|telemetry|trace)\w*|\btelemetry_\w+\()` +
		`|\.WithLabelValues\(|\.ObserveDuration\(|\.SetToCurrentTime\(|\.(?:Inc|Dec|Observe|inc|dec|observe|labels|increment|timing)\(` +
		`|\batomic\.Add\w+\(&?[\w.]*(?i:stat|fail|count|total|drop|miss|hits|error|refus)\w*` +
		`|\bNewTimer\(|\bMeasureSince\w*\(|\bIncrCounter\w*\(|\bAddSample\w*\(|\bSetGauge\w*\(` +
		`|\b(?i:log(?:ger|ging)?|slog|glog|level)\.(?:[iI]nfo|[nN]otice)\w*\(`)
	measuredBy = lazyregexp.New(`(\w+)(?:\.With\w*\([^()]*\)|\.labels\([^()]*\))?\.(?:Add|Set|Record|Time|Count|Update|Emit|add|set|record|time|count|update|emit)\w*\(`)
	metricLike = lazyregexp.New(`(?i)metric|counter|gauge|histogram|meter$|instrument|statsd|telemetry`)
	metricCall = lazyregexp.New(`(?i)\bmetrics?\.\w|\b(?:observe|measure|instrument|record_?metric|emit_?(?:metric|event|telemetry)|count_?metric)\w*\(`)
	metricMark = lazyregexp.New(`(?m)^\s*@(?:\w+\.)*(?i:traced?|timed?|measured?|instrumented|counted|metered|span)\w*\b`)
)

// measures tells whether the code of a function measures; known are the variables that
// hold metrics.
func measures(code string, known map[string]bool) bool {
	if measured.MatchString(code) || metricCall.MatchString(code) || metricMark.MatchString(code) {
		return true
	}
	for _, m := range measuredBy.FindAllStringSubmatch(code, -1) {
		if known[m[1]] || metricLike.MatchString(m[1]) {
			return true
		}
	}
	return false
}

// variables are those that hold metrics, in any file.
func (j *judge) variables() map[string]bool {
	out := map[string]bool{}
	for _, e := range j.facts.emitted {
		if e.variable != "" {
			out[e.variable] = true
		}
	}
	return out
}

// withoutComments returns the code of a range.
func withoutComments(parsed *syntax.File, of syntax.Range) string {
	var b strings.Builder
	at := of.Start
	for _, r := range parsed.Regions() {
		if r.Kind != syntax.Comment || r.Range.End <= at || r.Range.Start >= of.End {
			continue
		}
		b.WriteString(parsed.Text(syntax.Range{Start: at, End: max(at, r.Range.Start)}))
		at = r.Range.End
	}
	b.WriteString(parsed.Text(syntax.Range{Start: at, End: max(at, of.End)}))
	return b.String()
}
