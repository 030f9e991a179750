package telemetry

import (
	"context"

	"github.com/bitactor/cf/workspace"
)

// Inventory is how much telemetry a tree holds; of what is emitted, names outside of
// tests, each once.
type Inventory struct {
	Metrics, Events, Spans, LogKeys int
	Alerts                          int // alerting rules
}

// Emitted is how many names are emitted.
func (i Inventory) Emitted() int { return i.Metrics + i.Events + i.Spans + i.LogKeys }

// Count counts what is emitted, and which alerts there are, below paths; none means
// the whole stage. The error is the context's, or that the stage can't be listed.
func Count(ctx context.Context, s *workspace.Stage, paths []string) (Inventory, error) {
	var out Inventory
	t, err := read(ctx, s)
	if err != nil {
		return out, err
	}
	j := judge{paths: paths}
	seen := map[string]bool{}
	for _, e := range t.facts.emitted {
		if key := string(e.kind) + " " + e.name; !e.test && !seen[key] && j.within(e.file) {
			seen[key] = true
			*map[kind]*int{metric: &out.Metrics, event: &out.Events, span: &out.Spans, logKey: &out.LogKeys}[e.kind]++
		}
	}
	for _, a := range t.facts.alerts {
		if j.within(a.file) {
			out.Alerts++
		}
	}
	return out, nil
}
