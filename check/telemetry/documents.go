package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// readDashboard reads a dashboard of Grafana: the expressions of its panels and
// the queries of its variables.
func readDashboard(_ context.Context, in *input) error {
	var v any
	if err := json.Unmarshal(in.data, &v); err != nil {
		return nil //nolint:nilerr // package data says what is wrong with it
	}
	root, ok := v.(map[string]any)
	if !ok || root["panels"] == nil && root["templating"] == nil && root["dashboard"] == nil && root["rows"] == nil {
		return nil
	}
	d := &dashboard{input: in}
	d.walk(v, false)
	return nil
}

// dashboard reads one. Go's maps have no order, so a place is looked for by the
// text itself.
type dashboard struct{ *input }

var variableQuery = lazyregexp.New(`^\s*(?:label_values|metrics|query_result)\(\s*([a-zA-Z_:][\w:]*)\s*[,{)]`)

// walk looks for expressions; graph tells that a panel around it shows values over time.
func (d *dashboard) walk(v any, graph bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			d.walk(item, graph)
		}
	case map[string]any:
		if v["targets"] != nil {
			title, _ := v["title"].(string)
			graph = (v["type"] == "timeseries" || v["type"] == "graph") && !allOfIt.MatchString(title)
		}
		for key, item := range v {
			text, ok := item.(string)
			switch {
			case !ok:
				d.walk(item, graph)
			case key == "expr" && text != "":
				d.expression(text, use{place: d.placeOf(text), by: "dashboard", asValue: graph && v["instant"] != true})
			case key == "query" || key == "definition":
				if m := variableQuery.FindStringSubmatch(text); m != nil && strings.Contains(text, ",") {
					d.use(use{kind: metric, name: m[1], place: d.placeOf(text), by: "dashboard"})
				}
			}
		}
	}
}

// allOfIt is in the title of a panel that means to show a counter as it stands.
var allOfIt = lazyregexp.New(`(?i)\b(?:total|overall|cumulative|so far)\b`)

// placeOf finds the line of a string by the form that JSON gives it.
func (d *dashboard) placeOf(text string) place {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text)
	if at := bytes.Index(d.data, bytes.TrimSpace(b.Bytes())); at >= 0 {
		return d.at(at)
	}
	return place{d.path, 1}
}

var (
	quotedName = lazyregexp.New("`([a-z][a-z0-9]*(?:_[a-z0-9]+)+)(?:\\{[^`]*\\})?`")
	metricEnd  = lazyregexp.New(`_(?:total|seconds|bytes|ratio|info|bucket|count|sum|celsius|volts)$`)
	// otherTimes are lists of changes and notes of a version, which speak of what was, and
	// designs, which speak of what may come.
	otherTimes = lazyregexp.New(`(?i)(?:^|/)(?:(?:change|history|news|releas|upgrad|migrat)[^/]*|(?:designs?|proposals?|rfcs?|adrs?|keps?|enhancements|(?:release[-_])?notes|changelogs?)/.*)$|[-_]v?\d+\.\d+(?:\.\d+)?\.\w+$`)
	// gone are words of what is there no longer.
	gone        = lazyregexp.New(`(?i)\b(?:deprecated|obsolete|renamed|replaced (?:by|with)|superseded|no longer|formerly|used to be|previously|(?:was|were|been) removed)\b`)
	eventName   = lazyregexp.New("`\\[((?:\\s*:[a-z_]\\w*\\s*,)+\\s*:[a-z_]\\w*)\\s*\\]`")
	promqlFence = lazyregexp.New("(?m)^```(?:promql|prometheus)[ \\t]*\\n((?s:.*?))^```")
)

// readDocument reads what a Markdown file names in backquotes: metrics with the
// endings that the naming conventions give them, and events; neither in a document of
// other times nor in a paragraph or list of what is gone.
func readDocument(_ context.Context, in *input) error {
	if otherTimes.MatchString(in.path) {
		return nil
	}
	for _, m := range quotedName.FindAllSubmatchIndex(in.data, -1) {
		if name := string(in.data[m[2]:m[3]]); metricEnd.MatchString(name) && !gone.Match(around(in.data, m[0])) {
			in.use(use{kind: metric, name: name, place: in.at(m[0]), by: "document", optional: true})
		}
	}
	for _, m := range eventName.FindAllSubmatchIndex(in.data, -1) {
		if gone.Match(around(in.data, m[0])) {
			continue
		}
		var parts []string
		for item := range strings.SplitSeq(string(in.data[m[2]:m[3]]), ",") {
			parts = append(parts, strings.TrimPrefix(strings.TrimSpace(item), ":"))
		}
		in.use(use{kind: event, name: strings.Join(parts, "."), place: in.at(m[0]), by: "document", optional: true})
	}
	for _, m := range promqlFence.FindAllSubmatchIndex(in.data, -1) {
		in.expression(string(in.data[m[2]:m[3]]), use{place: in.at(m[2]), by: "document", optional: true})
	}
	return nil
}

// around is the paragraph or list of a place, from the blank line before it (the one
// before that, for a list that has a blank line under the sentence that leads to it) up
// to the end of its line.
func around(data []byte, at int) []byte {
	start := max(0, bytes.LastIndex(data[:at], []byte("\n\n")))
	if lead := bytes.TrimSpace(data[:start]); bytes.HasSuffix(lead, []byte(":")) {
		start = max(0, bytes.LastIndex(lead, []byte("\n\n")))
	}
	end := len(data)
	if n := bytes.IndexByte(data[at:], '\n'); n >= 0 {
		end = at + n
	}
	return data[start:end]
}
