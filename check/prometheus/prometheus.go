// Package prometheus checks files of Prometheus rules: their fields, their
// expressions, their templates.
//
// It must never ask a server or evaluate an expression.
//
// Invariants:
//  1. YAML is checked first, by package data; a file that is no YAML goes no
//     further.
//  2. What Prometheus would refuse to load is an error; what it would load and
//     nobody should want is a warning.
package prometheus

import (
	"context"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/prometheus/promql"
	"github.com/bitactor/cf/check/source"
	"github.com/bitactor/cf/lazyregexp"
)

const (
	name = "prometheus"
	tool = "cf prometheus"
)

// New returns the checker "prometheus".
func New() check.Checker { return checker{} }

type checker struct{}

func (checker) Name() string        { return name }
func (checker) Markers() []string   { return nil }
func (checker) Tools() []check.Tool { return nil }

func (checker) Match(name string, head []byte) bool {
	return data.KindOf(name, head) == data.Prometheus
}

func (checker) Canaries() []check.Canary {
	const group = "groups:\n  - name: canary\n    rules:\n      - alert: Canary\n        for: 5m\n"
	return []check.Canary{
		{Files: map[string]string{"canary.yml": group + "        expr: rate(up) > 0\n"}, File: "canary.yml", Line: 6, Code: "promql"},
		{Files: map[string]string{"canary.yml": group + "        expr: up == 0\n        annotations: {a: '{{ .Labels. }}'}\n"}, File: "canary.yml", Line: 7, Code: "template"},
	}
}

// Check looks at the changed files, each alone.
func (checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	r := source.Reader{Checker: name, Tool: tool, ValuesMax: data.YAMLValuesMax}
	return r.Each(ctx, t, t.Changed, func(f *source.File) error {
		for _, doc := range data.CheckYAML(f) {
			if len(doc.Content) == 1 {
				(&rules{f: f, groups: map[string]bool{}, seen: map[string]int{}}).file(doc.Content[0])
			}
		}
		return nil
	})
}

// The fields of a rule file: RuleGroups, RuleGroup and Rule of model/rulefmt in
// Prometheus.
var (
	fileKeys  = []string{"groups"}
	groupKeys = []string{"name", "interval", "query_offset", "limit", "rules", "labels"}
	ruleKeys  = []string{"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
)

// rules checks one document.
type rules struct {
	f      *source.File
	groups map[string]bool
	seen   map[string]int // line of each rule, by name and labels
}

func (r *rules) file(root *yaml.Node) {
	if !r.mapping(root, "a rule file", fileKeys) {
		return
	}
	for _, g := range r.list(root, "groups") {
		r.group(g)
	}
}

func (r *rules) group(g *yaml.Node) {
	if !r.mapping(g, "a group", groupKeys) {
		return
	}
	switch group := value(g, "name"); {
	case group == nil || group.Value == "":
		r.errorf(g, "no-name", "a group needs a name")
	case r.groups[group.Value]:
		r.errorf(group, "duplicate-group", "group %q stands in this file already", group.Value)
	default:
		r.groups[group.Value] = true
	}
	r.duration(g, "interval")
	r.duration(g, "query_offset")
	if limit := value(g, "limit"); limit != nil && limit.ShortTag() != "!!int" {
		r.errorf(limit, "wrong-type", "limit must be an integer")
	}
	r.labels(g)
	for _, rule := range r.list(g, "rules") {
		if r.mapping(rule, "a rule", ruleKeys) {
			r.rule(rule)
		}
	}
}

func (r *rules) rule(n *yaml.Node) {
	record, alert := value(n, "record"), value(n, "alert")
	switch {
	case text(record) == "" && text(alert) == "":
		r.errorf(n, "no-name", `a rule needs "record" or "alert"`)
	case text(record) != "" && text(alert) != "":
		r.errorf(n, "two-names", `a rule has "record" or "alert", not both`)
	case text(record) != "":
		r.recording(n, record)
	default:
		r.alerting(n)
	}
	r.duration(n, "for")
	r.duration(n, "keep_firing_for")
	r.labels(n)
	r.expression(n)
	r.twice(n, text(record), text(alert))
}

var plainName = lazyregexp.New(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)

func (r *rules) recording(n, record *yaml.Node) {
	for _, key := range []string{"annotations", "for", "keep_firing_for"} {
		if v := value(n, key); v != nil {
			r.errorf(v, "alert-field", "a recording rule has no %q", key)
		}
	}
	switch {
	case strings.ContainsAny(record.Value, "{}"):
		r.errorf(record, "record-name", "braces in the name %q; do they belong into expr?", record.Value)
	case !plainName.MatchString(record.Value):
		r.warnf(record, "record-name", "the name %q needs quotes wherever it is used", record.Value)
	}
}

func (r *rules) alerting(n *yaml.Node) {
	if value(n, "for") == nil {
		r.warnf(value(n, "alert"), "no-for", `alert %s has no "for": one bad sample makes it fire`, text(value(n, "alert")))
	}
	for _, key := range []string{"labels", "annotations"} {
		r.members(n, key, func(k, v *yaml.Node) {
			if why := templateFault(v.Value); why != "" {
				r.errorf(v, "template", "%s %s: %s", strings.TrimSuffix(key, "s"), k.Value, why)
			}
		})
	}
}

func (r *rules) labels(n *yaml.Node) {
	r.members(n, "labels", func(k, _ *yaml.Node) {
		if k.Value == "__name__" || k.Value == "" {
			r.errorf(k, "label-name", "a rule can't set the label %q", k.Value)
		}
	})
}

// members visits the members of the mapping at key; their values are scalars.
func (r *rules) members(n *yaml.Node, key string, visit func(k, v *yaml.Node)) {
	m := value(n, key)
	if m == nil {
		return
	}
	if m.Kind != yaml.MappingNode {
		r.errorf(m, "wrong-type", "%s must be a mapping", key)
		return
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		k, v := m.Content[i], deref(m.Content[i+1])
		if v.Kind != yaml.ScalarNode {
			r.errorf(v, "wrong-type", "%s.%s must be a string", key, k.Value)
			continue
		}
		visit(k, v)
	}
}

func (r *rules) duration(n *yaml.Node, key string) {
	v := value(n, key)
	if v == nil {
		return
	}
	if _, ok := promql.Duration(v.Value); !ok || v.Kind != yaml.ScalarNode {
		r.errorf(v, "duration", "%s: %q is not a duration, such as 30s, 5m or 1h30m", key, v.Value)
	}
}

// twice records a rule that has the name and the labels of one before it.
func (r *rules) twice(n *yaml.Node, record, alert string) {
	var labels []string
	if m := value(n, "labels"); m != nil {
		for i := 0; i+1 < len(m.Content); i += 2 {
			labels = append(labels, m.Content[i].Value+"\x00"+deref(m.Content[i+1]).Value)
		}
	}
	slices.Sort(labels)
	key := record + "\x00" + alert + "\x00" + strings.Join(labels, "\x00")
	if line, ok := r.seen[key]; ok && record+alert != "" {
		r.warnf(n, "duplicate-rule", "the rule on line %d has the same name and labels", line)
		return
	}
	r.seen[key] = n.Line
}

// mapping wants n to be a mapping with known keys.
func (r *rules) mapping(n *yaml.Node, what string, known []string) bool {
	n = deref(n)
	if n.Kind != yaml.MappingNode {
		r.errorf(n, "wrong-type", "%s must be a mapping", what)
		return false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; !slices.Contains(known, k.Value) && k.ShortTag() != "!!merge" {
			r.errorf(k, "unknown-field", "unknown field %q of %s; known are %s", k.Value, what, strings.Join(known, ", "))
		}
	}
	return true
}

// list returns the items at key, which must be a list.
func (r *rules) list(n *yaml.Node, key string) []*yaml.Node {
	v := value(n, key)
	if v == nil {
		return nil
	}
	if v.Kind != yaml.SequenceNode {
		r.errorf(v, "wrong-type", "%s must be a list", key)
		return nil
	}
	return v.Content
}

func (r *rules) errorf(n *yaml.Node, code, format string, args ...any) {
	r.f.Error(data.NodeOffset(r.f, n), code, format, args...)
}

func (r *rules) warnf(n *yaml.Node, code, format string, args ...any) {
	r.f.Warn(data.NodeOffset(r.f, n), code, format, args...)
}

func deref(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// value returns what key has in a mapping, nil where there is none or it is
// null.
func value(n *yaml.Node, key string) *yaml.Node {
	n = deref(n)
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if v := deref(n.Content[i+1]); n.Content[i].Value == key && (v.Kind != yaml.ScalarNode || v.ShortTag() != "!!null") {
			return v
		}
	}
	return nil
}

func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}
