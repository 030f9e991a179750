package telemetry

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/prometheus/promql"
	"github.com/bitactor/cf/check/source"
	"github.com/bitactor/cf/lazyregexp"
)

var (
	variable = lazyregexp.New(`\$__\w+|\$\{[^}]*\}|\$\w+|\[\[\w+\]\]`)
	logQL    = lazyregexp.New(`\|\s*(?:json|logfmt)\b`)
	logLabel = lazyregexp.New("\\|\\s*([a-zA-Z_]\\w*)\\s*(?:=~|!~|!=|==|=|>=|<=|>|<)\\s*[\"`0-9]")
)

// earlier is in an expression that holds a value against one of another time. difference
// is in one that takes a value from another: where none is a rate, it is what waits, of
// what came and what was done, which a graph may show.
var (
	earlier    = lazyregexp.New(`\boffset\b|@|\bunless\b`)
	rated      = lazyregexp.New(`\b(?:rate|irate|increase)\(`)
	difference = lazyregexp.New(`[\w)}]\s+-\s+`)
)

// expression records the metrics that an expression of PromQL reads. In a
// dashboard its variables are filled in first.
func (in *input) expression(text string, u use) {
	plain := text
	if strings.Contains(text, "$") || strings.Contains(text, "[[") {
		plain = filled(text)
	}
	selectors, err := promql.Selectors(plain)
	if err != nil {
		if logQL.MatchString(text) {
			in.logs(text, u)
			return
		}
		if !u.rule { // package prometheus reports what is wrong with a rule
			in.gaps = append(in.gaps, check.Gap{File: u.file, What: "telemetry", Why: "an expression could not be read: " + err.Error()})
		}
		return
	}
	for _, s := range selectors {
		at := u
		at.kind, at.name, at.functions = metric, s.Name, s.Functions
		at.asValue = u.asValue && !earlier.MatchString(plain) && (u.rule || rated.MatchString(plain) || !difference.MatchString(plain))
		if s.Name != "" {
			in.use(at)
		}
		for _, m := range s.Matchers {
			if m.Label == "span_name" && m.Operator == "=" {
				in.use(use{kind: span, name: m.Value, place: u.place, by: u.by, rule: u.rule})
			}
		}
	}
}

// filled puts values in the place of a dashboard's variables: a length of time
// behind "[" and ":", else a number, which is also a word in a string.
func filled(text string) string {
	var b strings.Builder
	last := 0
	for _, m := range variable.FindAllStringIndex(text, -1) {
		before := strings.TrimRight(text[:m[0]], " ")
		b.WriteString(text[last:m[0]])
		switch {
		case strings.HasSuffix(before, "[") || strings.HasSuffix(before, ":"), strings.HasSuffix(before, "offset"):
			b.WriteString("5m")
		case strings.HasSuffix(before, "(") && grouping.MatchString(before), strings.HasSuffix(before, ",") && grouping.MatchString(before):
			b.WriteString("variable")
		default:
			b.WriteString("1")
		}
		last = m[1]
	}
	b.WriteString(text[last:])
	return b.String()
}

var grouping = lazyregexp.New(`\b(?:by|without|on|ignoring)\s*\([^()]*$`)

// logs records the keys that an expression of LogQL takes out of log lines.
func (in *input) logs(text string, u use) {
	at := logQL.FindStringIndex(text)
	for _, m := range logLabel.FindAllStringSubmatch(text[at[0]:], -1) {
		u.kind, u.name = logKey, m[1]
		in.use(u)
	}
}

// readYAML reads rules of Prometheus, the queries of KEDA's scalers, and what
// kube-state-metrics is told to make of custom resources.
func readYAML(_ context.Context, in *input) error {
	if strings.Contains(string(in.data), "{{-") {
		return nil // a template of YAML
	}
	f := source.New(name, tool, in.path, in.data)
	rules := isRules(in)
	if !rules && !strings.Contains(string(in.data), "prometheus") && !strings.Contains(string(in.data), "CustomResourceStateMetrics") {
		return nil
	}
	for _, doc := range data.CheckYAML(f) {
		in.walk(doc, rules, "")
	}
	if f.Failed() {
		return errors.New("not read to its end: it is no YAML")
	}
	return nil
}

// walk looks for rules below a node, which is in a group of that name.
func (in *input) walk(n *yaml.Node, rules bool, group string) {
	if n.Kind == yaml.MappingNode {
		switch fields := mapping(n); {
		case rules && fields["expr"] != nil && (fields["alert"] != nil || fields["record"] != nil):
			in.rule(fields, group)
			return
		case fields["rules"] != nil && fields["name"] != nil:
			group = fields["name"].Value
		case fields["metricNamePrefix"] != nil && fields["metrics"] != nil:
			in.stateMetrics(fields["metricNamePrefix"].Value, fields["metrics"].Content)
		case fields["type"] != nil && fields["type"].Value == "prometheus" && fields["metadata"] != nil:
			if q := mapping(fields["metadata"])["query"]; q != nil {
				in.expression(q.Value, use{place: place{in.path, q.Line}, by: "a scaler", rule: true})
			}
		}
	}
	for _, c := range n.Content {
		in.walk(c, rules, group)
	}
}

// stateMetrics records what kube-state-metrics makes of one resource: the prefix and each
// name (docs/metrics/extend/customresourcestate-metrics.md of kube-state-metrics).
func (in *input) stateMetrics(prefix string, metrics []*yaml.Node) {
	for _, m := range metrics {
		if n := mapping(m)["name"]; n != nil {
			in.emit(emission{kind: metric, name: prefix + "_" + n.Value, place: place{in.path, n.Line}, test: in.test})
		}
	}
}

func mapping(n *yaml.Node) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		out[n.Content[i].Value] = n.Content[i+1]
	}
	return out
}

// runbookKeys are the annotations that name what to do.
var runbookKeys = []string{"runbook_url", "runbook", "runbookUrl", "runbook_link"}

// sampleGroup is the name of a group that shows how rules are written.
var sampleGroup = lazyregexp.New(`(?i)\b(?:samples?|examples?|demo)\b`)

// rule reads one rule: what it records is emitted by it, with the type of a gauge
// unless its name says otherwise.
func (in *input) rule(fields map[string]*yaml.Node, group string) {
	expr := fields["expr"]
	u := use{place: place{in.path, expr.Line}, rule: true, asValue: true}
	if r := fields["record"]; r != nil {
		u.by = "rule " + r.Value
		in.emit(emission{kind: metric, name: r.Value, place: place{in.path, r.Line}})
	} else {
		u.by = "alert " + fields["alert"].Value
		a := alert{name: fields["alert"].Value, trial: sampleGroup.MatchString(group), place: place{in.path, fields["alert"].Line}}
		if notes := fields["annotations"]; notes != nil {
			for key, v := range mapping(notes) {
				if slices.Contains(runbookKeys, key) && strings.TrimSpace(v.Value) != "" {
					a.runbook, a.linked = v.Value, true
				}
			}
		}
		in.alerts = append(in.alerts, a)
	}
	in.expression(expr.Value, u)
}
