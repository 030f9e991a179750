package session

import "github.com/bitactor/cf/event"

// openHint says how an incomplete turn is finished.
const openHint = "cf ultrathink --continue asks for what is missing"

// Events returns the turn as the events that showed it when it ran, without
// those that streamed.
func (t *Turn) Events() []event.Event {
	var out []event.Event
	for _, r := range t.Reads {
		out = append(out, r)
	}
	for _, s := range t.Sections {
		out = append(out, event.Section{ID: s.ID, Title: s.Title, State: event.Begin})
		if s.Text != "" {
			out = append(out, event.Text{Section: s.ID, Text: s.Text})
		}
		out = append(out, event.Section{ID: s.ID, Title: s.Title, State: s.State, Why: s.Why})
	}
	if t.Incomplete {
		return append(out, event.Note{Level: "info", Text: "this turn is not finished: " + openHint})
	}
	if t.Kind != Reasoning {
		return out
	}
	steps := event.Section{ID: "steps", Title: "Steps", State: event.Begin}
	out = append(out, steps)
	if len(t.Steps) == 0 {
		steps.State, steps.Why = event.Missing, "not answered"
		return append(out, steps)
	}
	steps.State = event.Done
	return append(out, event.Plan{Steps: t.Steps}, steps)
}
