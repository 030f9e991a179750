package prometheus

import (
	"errors"
	"strings"
	"sync"
	"text/template/parse"

	"go.yaml.in/yaml/v4"

	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/prometheus/promql"
	"github.com/bitactor/cf/check/source"
)

// expression checks the expression of a rule.
func (r *rules) expression(n *yaml.Node) {
	e := value(n, "expr")
	if text(e) == "" {
		at := n
		if e != nil {
			at = e
		}
		r.errorf(at, "no-expr", `a rule needs "expr"`)
		return
	}
	typ, err := promql.Parse(e.Value)
	var fault *promql.Error
	switch {
	case errors.As(err, &fault):
		r.f.Error(inScalar(r.f, e, fault.Offset), "promql", "%s", fault.Message)
	case typ != promql.Vector && typ != promql.Scalar:
		r.errorf(e, "expr-type", "the value of a rule must be an instant vector or a scalar; this is a %s", typ)
	}
}

// inScalar returns where a byte of a scalar's value stands in the file. With
// escapes in quotes, and in folded text with empty lines, it is near.
func inScalar(f *source.File, n *yaml.Node, offset int) int {
	start := data.NodeOffset(f, n)
	offset = min(offset, len(n.Value))
	block := n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if !block && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		start++
	}
	line, _ := f.Position(start)
	if block {
		line++
	}
	// The text is that of the lines without what stands before it, each followed
	// by one character.
	for ; line <= f.Lines(); line++ {
		row := f.Line(line)
		indent := len(row) - len(strings.TrimLeft(row, " "))
		first := f.Offset(line, indent+1)
		if !block && first < start {
			first = start
		}
		length := f.Offset(line, len(row)+1) - first
		if offset <= length {
			return first + offset
		}
		offset -= length + 1
	}
	return start
}

// templateFunctions are those that Prometheus offers to templates:
// NewTemplateExpander in its package template, and those of text/template. Their values
// say nothing here.
var templateFunctions = sync.OnceValue(func() map[string]any {
	all := map[string]any{}
	for name := range strings.FieldsSeq(`query first label value strvalue args reReplaceAll safeHtml match title toUpper toLower graphLink tableLink
		sortByLabel stripPort stripDomain humanize humanize1024 humanizeDuration humanizePercentage humanizeTimestamp toTime toDuration now pathPrefix
		externalURL parseDuration urlQueryEscape and call html index slice js len not or print printf println urlquery eq ge gt le lt ne`) {
		all[name] = true
	}
	return all
})

// templateFault returns in words what is wrong with a template, "" for nothing.
func templateFault(text string) string {
	// What Prometheus puts before every template.
	const before = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"
	if !strings.Contains(text, "{{") {
		return ""
	}
	if strings.Count(text, "(") > nestingMax || strings.Count(text, "{{") > nestingMax {
		return "more brackets than a template needs"
	}
	_, err := parse.Parse("template", before+text, "{{", "}}", templateFunctions())
	if err == nil {
		return ""
	}
	_, why, _ := strings.Cut(err.Error(), "template: template:")
	if _, reason, ok := strings.Cut(why, ": "); ok {
		return reason
	}
	return err.Error()
}

// nestingMax bounds templates, whose parser is recursive.
const nestingMax = 1000
