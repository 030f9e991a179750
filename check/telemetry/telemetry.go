// Package telemetry holds what the code of a tree emits (events, metrics, spans,
// keys of logs) against what its rules, dashboards, documents and tests use.
//
// It reads text and runs nothing: no exporter is asked, no rule is evaluated. It
// must never call a name "never emitted" that the tree may emit in a way it does
// not understand.
//
// Invariants:
//  1. A use is a finding only where its name is the project's own: it begins as
//     names do that the tree emits, or is nearly one of them. What other programs
//     emit is unknown here and nothing is said about it.
//  2. A name that is put together at run time stands for all names that fit it;
//     one of which nothing is known silences the findings it might answer, but for
//     misspellings in rules and dashboards: an emitted name is the same but for a word,
//     and no code spells the pieces of the used one that hold the difference, but in names
//     that are known to be others. A word behind the first may be a dependency's part of
//     the system: it must stand nowhere. One whose missing part stands as a
//     literal in its file, for several of the names that are used, stands for such
//     names only.
//  3. A name that stands as a literal anywhere in the tree's code is emitted, as
//     far as this package can tell, whatever the language; so is one whose rest
//     stands in code of a language that is not read and speaks of metrics.
//  4. A function is the hot path where its author says so; a metric, an event, a span or
//     a line of log for each call measures it, in what it calls or is called by.
//  5. Uses are reported below the paths that were asked about; what is emitted is
//     looked for in the whole tree.
package telemetry

import (
	"context"
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
)

const (
	name = "telemetry"
	tool = "cf telemetry"
)

// New returns the checker "telemetry". It looks at the tree as a whole.
func New() check.Checker { return checker{} }

type checker struct{}

func (checker) Name() string              { return name }
func (checker) Match(string, []byte) bool { return false }
func (checker) Markers() []string         { return nil }
func (checker) Tools() []check.Tool       { return nil }
func (checker) Whole() bool               { return true }
func (checker) Across() bool              { return true }

// The kinds of what is emitted and used.
type kind string

const (
	event  kind = "event"
	metric kind = "metric"
	span   kind = "span"
	logKey kind = "log key"
)

// place is where something stands.
type place struct {
	file string
	line int
}

// emission is a name that the code emits. In a name, "*" stands for one unknown
// part, and "**" for any number of parts; of a metric "*" is any text.
type emission struct {
	kind kind
	name string
	place
	typ          string   // of a metric: counter, gauge, histogram, summary; "" unknown
	labels       []string // of a metric
	unit         string   // of a metric, as OpenTelemetry names it: "ms"
	given        string   // of a metric: the unit of time that it's given, "seconds"; "" unknown
	help         string   // of a metric, as it's described
	composed     bool     // of literals of its file and what is put in between, see judge.standing
	otel         bool     // the exporter changes the name, see spellings
	measurements []string // of an event
	open         bool     // its measurements are not all known
	variable     string   // that holds the metric in this file
	test         bool     // in a file of tests
	by           string   // of a metric of Go: the import path of the package that is told to emit it
}

// use is a name that something relies on.
type use struct {
	kind kind
	name string
	place
	by          string // who: `alert "HighLatency"`, "dashboard", "document"
	functions   []string
	rule        bool   // of an alert or a recording rule
	asValue     bool   // it has to be a value that means something by itself
	measurement string // of an event, that a metric reads
	optional    bool   // a document or a test: only what is surely meant counts
}

// alert is an alerting rule.
type alert struct {
	name string
	place
	runbook string
	linked  bool // it names a runbook
	trial   bool // its group is a sample
}

// handler is a function that is attached to events.
type handler struct {
	module, function string
	arity            int
	place
}

// fault is what the reader of a file has found by itself.
type fault struct {
	place
	severity      check.Severity
	code, message string
}

// facts is what is known of some files.
type facts struct {
	emitted  []emission
	used     []use
	declared []use    // events that a module says it emits
	spoken   []string // names of events that code may pass on to be sent
	alerts   []alert
	handlers []handler
	modules  map[string]*module // of Elixir, by name
	apps     []string           // names of the Elixir applications
	ring     ring
	hot      []string // files that speak of a hot path
	faults   []fault
	gaps     []check.Gap
}

// module is what an Elixir module defines.
type module struct {
	functions map[string]bool // "name/arity"
	open      bool            // a macro may define more
}

// join adds what another file says.
func (f *facts) join(o *facts) {
	f.emitted = append(f.emitted, o.emitted...)
	f.used = append(f.used, o.used...)
	f.declared = append(f.declared, o.declared...)
	f.spoken = append(f.spoken, o.spoken...)
	f.alerts = append(f.alerts, o.alerts...)
	f.handlers = append(f.handlers, o.handlers...)
	f.apps = append(f.apps, o.apps...)
	f.ring.join(&o.ring)
	f.hot = append(f.hot, o.hot...)
	f.faults = append(f.faults, o.faults...)
	f.gaps = append(f.gaps, o.gaps...)
	for name, m := range o.modules {
		if f.modules == nil {
			f.modules = map[string]*module{}
		}
		f.modules[name] = m
	}
}

func (f *facts) emit(e emission) { f.emitted = append(f.emitted, e) }

func (f *facts) use(u use) { f.used = append(f.used, u) }

func (f *facts) fault(p place, severity check.Severity, code, message string) {
	f.faults = append(f.faults, fault{p, severity, code, message})
}

// Check reads the tree and judges what stands below the target's paths.
func (checker) Check(ctx context.Context, t check.Target) (check.Outcome, error) {
	var out check.Outcome
	tree, err := read(ctx, t.Stage)
	if err != nil {
		return out, err
	}
	j := judge{facts: tree.facts, tree: tree, paths: t.Paths}
	if err := j.all(ctx); err != nil {
		return out, err
	}
	out.Diagnostics, out.Gaps = j.found, tree.facts.gaps
	slices.SortStableFunc(out.Gaps, func(a, b check.Gap) int { return strings.Compare(a.File+a.Why, b.File+b.Why) })
	out.Gaps = slices.Compact(out.Gaps)
	if len(tree.facts.emitted) == 0 && len(tree.facts.used) == 0 {
		out.Gaps = append(out.Gaps, check.Gap{What: "telemetry", Why: "nothing here emits or uses telemetry that cf can read"})
	}
	return out, nil
}

// Canaries plants one fault for each kind of use.
func (checker) Canaries() []check.Canary {
	const (
		code  = "package p\n\nimport \"github.com/prometheus/client_golang/prometheus\"\n\nvar c = prometheus.NewGauge(prometheus.GaugeOpts{Name: \"canary_queue_length\"})\n"
		rules = "groups:\n  - name: canary\n    rules:\n      - alert: Canary\n        annotations: {runbook_url: 'https://example.org/r'}\n        expr: "
		elix  = "defmodule A do\n  def a, do: :telemetry.execute([:canary, :sent], %{count: 1}, %{})\n  def b, do: :telemetry.attach(\"x\", [:canary, :seen], &A.h/4, nil)\n  def h(_, _, _, _), do: :ok\nend\n"
	)
	return []check.Canary{
		{Files: map[string]string{"c.go": code, "r.yml": rules + "canary_queue_size > 1\n"}, File: "r.yml", Line: 6, Code: codeMetric},
		{Files: map[string]string{"c.go": code, "r.yml": rules + "rate(canary_queue_length[5m]) > 1\n"}, File: "r.yml", Line: 6, Code: codeRate},
		{Files: map[string]string{"a.ex": elix}, File: "a.ex", Line: 3, Code: codeEvent},
	}
}
