// Package sarif writes a report of the checks as SARIF 2.1.0, the form in which
// code hosts and editors read findings (docs.oasis-open.org/sarif/sarif/v2.1.0),
// and reads one as a baseline: what was known before.
//
// It must never leave out what could not be checked: gaps are notifications of the
// run, and a run with blocking ones says that it was not successful.
//
// Invariants:
//  1. The output is valid against the schema of OASIS.
//  2. A fingerprint does not depend on line numbers: code that moves keeps its
//     findings known. Equal findings of one file are told apart by their order.
package sarif

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/bitactor/cf/check"
)

const schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// The parts of a log that are written, named as the specification does.
type (
	log struct {
		Schema  string `json:"$schema"`
		Version string `json:"version"`
		Runs    []run  `json:"runs"`
	}
	run struct {
		Tool        tool                `json:"tool"`
		Invocations []invocation        `json:"invocations"`
		Bases       map[string]artifact `json:"originalUriBaseIds"`
		Results     []result            `json:"results"`
		ColumnKind  string              `json:"columnKind"`
	}
	tool struct {
		Driver driver `json:"driver"`
	}
	driver struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	}
	rule struct {
		ID         string            `json:"id"`
		Properties map[string]string `json:"properties,omitempty"`
	}
	invocation struct {
		Successful    bool           `json:"executionSuccessful"`
		Notifications []notification `json:"toolExecutionNotifications,omitempty"`
	}
	notification struct {
		Level     string     `json:"level"`
		Message   message    `json:"message"`
		Locations []location `json:"locations,omitempty"`
	}
	result struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      message           `json:"message"`
		Locations    []location        `json:"locations,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	message struct {
		Text string `json:"text"`
	}
	location struct {
		Physical physical `json:"physicalLocation"`
	}
	physical struct {
		Artifact artifact `json:"artifactLocation"`
		Region   *region  `json:"region,omitempty"`
	}
	artifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	region struct {
		Line    int      `json:"startLine"`
		Snippet *message `json:"snippet,omitempty"`
	}
)

// base names the root of the tree in URIs.
const base = "ROOT"

// Write writes a report. Control characters of any kind are escaped.
func Write(w io.Writer, r *check.Report) error {
	l := logger{rules: map[string]int{}}
	out := run{
		Tool: tool{driver{Name: "cf"}}, ColumnKind: "unicodeCodePoints",
		Bases: map[string]artifact{base: {URI: (&url.URL{Scheme: "file", Path: strings.TrimSuffix(r.Root, "/") + "/"}).String()}}, Results: []result{},
	}
	seen := map[string]int{}
	for _, p := range r.Parts {
		for _, d := range p.Diagnostics {
			out.Results = append(out.Results, l.diagnostic(d, seen))
		}
		for _, t := range p.Tests {
			if t.State == check.Failed {
				out.Results = append(out.Results, l.test(p.Checker, t, seen))
			}
		}
	}
	inv := invocation{Successful: !r.Stopped}
	for _, g := range r.Gaps() {
		n := notification{Level: "note", Message: message{gapText(g)}}
		if g.Blocks {
			n.Level, inv.Successful = "error", false
		}
		if g.File != "" {
			n.Locations = []location{place(g.File, 0, "")}
		}
		inv.Notifications = append(inv.Notifications, n)
	}
	out.Invocations, out.Tool.Driver.Rules = []invocation{inv}, l.list
	if out.Tool.Driver.Rules == nil {
		out.Tool.Driver.Rules = []rule{}
	}
	body, err := json.MarshalIndent(log{schema, "2.1.0", []run{out}}, "", "  ")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, escaped(string(body))+"\n")
	return err
}

// escaped writes what a terminal might obey, and encoding/json leaves as it is, in
// JSON's own form: all such characters stand in strings.
func escaped(body string) string {
	var b strings.Builder
	for _, r := range body {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) && r <= 0xffff {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// logger gives rules their numbers.
type logger struct {
	rules map[string]int
	list  []rule
}

func (l *logger) rule(id, tool string) int {
	n, known := l.rules[id]
	if !known {
		n = len(l.list)
		l.rules[id] = n
		l.list = append(l.list, rule{ID: id, Properties: map[string]string{"tool": tool}})
	}
	return n
}

func (l *logger) diagnostic(d check.Diagnostic, seen map[string]int) result {
	id := d.Checker + "/" + d.Code
	r := result{RuleID: id, RuleIndex: l.rule(id, d.Tool), Level: string(d.Severity), Message: message{text(d.Message)}, Fingerprints: marks(Print(d), seen)}
	if d.File != "" {
		r.Locations = []location{place(d.File, d.Line, d.Source)}
	}
	return r
}

func (l *logger) test(checker string, t check.Test, seen map[string]int) result {
	id := checker + "/test-failed"
	r := result{RuleID: id, RuleIndex: l.rule(id, checker), Level: "error", Message: message{text("the test " + t.Name + " fails\n" + t.Output)}, Fingerprints: marks(PrintTest(checker, t), seen)}
	if t.File != "" {
		r.Locations = []location{place(t.File, t.Line, "")}
	}
	return r
}

// text is never empty, as the schema asks.
func text(s string) string {
	if s = strings.ToValidUTF8(strings.TrimSpace(s), "?"); s == "" {
		return "no message"
	}
	return s
}

// place leaves out the column: those of diagnostics count bytes.
func place(file string, line int, source string) location {
	p := physical{Artifact: artifact{URI: (&url.URL{Path: file}).EscapedPath(), Base: base}}
	if line > 0 {
		p.Region = &region{Line: line}
		if source != "" {
			p.Region.Snippet = &message{strings.ToValidUTF8(source, "?")}
		}
	}
	return location{p}
}

func gapText(g check.Gap) string {
	parts := []string{"not checked: " + g.What, g.Why}
	if g.Checker != "" {
		parts = slices.Insert(parts, 0, g.Checker)
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}
