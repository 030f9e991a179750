package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
)

// The rules.
const (
	codeMetric      = "metric-never-emitted"
	codeEvent       = "event-never-emitted"
	codeSpan        = "span-never-emitted"
	codeLogKey      = "log-key-never-written"
	codeMeasurement = "measurement-never-sent"
	codeDeclared    = "event-declared-only"
	codeHandler     = "handler-missing"
	codeRate        = "rate-of-gauge"
	codeBuckets     = "buckets-of-no-histogram"
	codeUnit        = "unit-mismatch"
	codeLabel       = "unbounded-label"
	codeRunbook     = "alert-without-runbook"
	codeRunbookGone = "runbook-missing"
	codeCounter     = "counter-without-rate"
	codeTotal       = "total-of-no-counter"
	codeType        = "two-types"
	codeReserved    = "event-type-reserved"
	codeHot         = "hot-path-without-telemetry"
	codeUnused      = "emitted-but-unused" // a note
)

// judge makes findings of facts.
type judge struct {
	facts *facts
	tree  *tree
	paths []string
	found []check.Diagnostic
	own   ownNames
	lost  map[lostIn]*lost // uses of what nothing emits, until all are judged
	parts map[string]bool  // of composed names: whether they stand as literals alone, by file and name
	// anchors are those of the documents that were looked into, nil for one that can't be read.
	anchors map[string]map[string]bool
}

// within tells whether a file lies below what was asked about.
func (j *judge) within(file string) bool {
	return len(j.paths) == 0 || slices.ContainsFunc(j.paths, func(p string) bool {
		p = path.Clean(p)
		return p == "." || file == p || strings.HasPrefix(file, p+"/")
	})
}

func (j *judge) add(p place, severity check.Severity, code, format string, args ...any) {
	if j.within(p.file) {
		j.found = append(j.found, check.Diagnostic{
			File: p.file, Line: p.line, Severity: severity, Code: code, Message: fmt.Sprintf(format, args...), Checker: name, Tool: tool,
		})
	}
}

func (j *judge) all(ctx context.Context) error {
	j.own = owned(j.facts)
	for _, f := range j.facts.faults {
		j.add(f.place, f.severity, f.code, "%s", f.message)
	}
	for _, u := range j.facts.used {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !j.within(u.file) {
			continue
		}
		if err := j.use(ctx, u); err != nil {
			return err
		}
	}
	j.settle()
	j.declared()
	j.emissions()
	j.alerts()
	j.handlers()
	j.unused()
	if err := j.ring(ctx); err != nil {
		return err
	}
	if err := j.hot(ctx); err != nil {
		return err
	}
	slices.SortStableFunc(j.found, func(a, b check.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	j.found = slices.Compact(j.found)
	return nil
}

// use judges one use.
func (j *judge) use(ctx context.Context, u use) error {
	answers, unknown := j.own.answers(u)
	if answers = j.standing(u, answers); len(answers) > 0 {
		j.ofFile(u).found[u.name] = true
		if u.kind == metric {
			j.typed(u, answers)
		}
		j.measured(u, answers)
		return nil
	}
	looked, near := wanted{texts: literals(u), core: core(u), rests: rests(u)}, j.own.nearest(u)
	if unknown {
		slip, found := j.own.respelt(u)
		if !found || u.optional {
			return nil // a document may speak of what was once
		}
		near = slip.near
		looked.texts, looked.core = append(looked.texts, slip.pieces()...), ""
		looked.word, looked.beside = slip.apart()
		looked.anywhere = slip.other
	}
	if !j.own.meant(u) || u.kind == event && slices.Contains(j.facts.spoken, u.name) {
		return nil
	}
	if spelt, err := j.tree.spelt(ctx, looked); spelt || err != nil {
		return err
	}
	severity := check.Warning
	if u.rule || u.kind == event && !u.optional {
		severity = check.Error
	}
	words := map[kind][2]string{
		metric: {codeMetric, "nothing here emits the metric"}, event: {codeEvent, "nothing here emits the event"},
		span: {codeSpan, "nothing here starts the span"}, logKey: {codeLogKey, "no log line here has the key"},
	}[u.kind]
	hint := ""
	if near != "" {
		hint = fmt.Sprintf("; %s is emitted", near)
	}
	l := j.ofFile(u)
	l.names[u.name] = true
	l.told = append(l.told, check.Diagnostic{
		File: u.file, Line: u.line, Severity: severity, Code: words[0], Checker: name, Tool: tool,
		Message: fmt.Sprintf("%s %s, which %s uses%s", words[1], u.name, u.by, hint),
	})
	return nil
}

// measured holds what a metric reads of an event against what the event carries.
func (j *judge) measured(u use, answers []emission) {
	if u.kind != event || u.measurement == "" {
		return
	}
	for _, e := range answers {
		if e.open || strings.Contains(e.name, "*") || slices.Contains(e.measurements, u.measurement) {
			return
		}
	}
	j.add(u.place, check.Error, codeMeasurement, "%s reads the measurement %s of the event %s, which is sent without it", u.by, u.measurement, u.name)
}

// declared finds events that a module lists and nothing sends.
func (j *judge) declared() {
	for _, d := range j.facts.declared {
		if answers, unknown := j.own.answers(d); len(answers) == 0 && !unknown && !slices.Contains(j.facts.spoken, d.name) {
			j.add(d.place, check.Error, codeDeclared, "events/0 lists the event %s, and nothing here emits it", d.name)
		}
	}
}

// emissions judges what is emitted by itself.
func (j *judge) emissions() {
	types, chosen := map[string]emission{}, j.dimensions()
	for _, e := range j.facts.emitted {
		if e.kind != metric || e.test {
			continue
		}
		j.bounds(e, chosen)
		j.named(e)
		if strings.Contains(e.name, "*") || e.typ == "" {
			continue
		}
		if first, there := types[e.name]; there && first.typ != e.typ && path.Dir(first.file) == path.Dir(e.file) {
			j.add(e.place, check.Error, codeType, "%s is a %s here and a %s at %s:%d", e.name, e.typ, first.typ, first.file, first.line)
		} else if !there {
			types[e.name] = e
		}
	}
}

// handlers finds functions that are attached and do not exist.
func (j *judge) handlers() {
	for _, h := range j.facts.handlers {
		m := j.facts.modules[h.module]
		if m != nil && !m.open && !m.functions[arityName(h.function, h.arity)] {
			j.add(h.place, check.Error, codeHandler, "the handler %s.%s does not exist: the first event detaches it", h.module, arityName(h.function, h.arity))
		}
	}
}

func arityName(function string, arity int) string { return fmt.Sprintf("%s/%d", function, arity) }

// unused notes metrics that nothing here reads. It is no finding: others may.
func (j *judge) unused() {
	if !slices.ContainsFunc(j.facts.used, func(u use) bool { return u.kind == metric && !u.optional }) {
		return // there are no rules or dashboards to hold them against
	}
	read := map[string]bool{}
	for _, u := range j.facts.used {
		answers, _ := j.own.answers(u)
		for _, e := range answers {
			read[e.name] = true
		}
	}
	for _, e := range j.facts.emitted {
		if e.kind == metric && e.typ != "" && !e.test && !strings.Contains(e.name, "*") && !read[e.name] {
			read[e.name] = true
			j.add(e.place, check.Note, codeUnused, "no rule, dashboard, document or other metric here uses %s", e.name)
		}
	}
}
